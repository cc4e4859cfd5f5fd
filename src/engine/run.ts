import type { JsonValue } from "../expr/nodes.js";
import type { RunStatus } from "../report/model.js";
import type { RunReport } from "../report/report.js";
import type { EventQueue, RunEvent } from "./events.js";
import type { RunRejects } from "./runRejects.js";

/** Options of `engine.run`. */
export interface RunOptions {
  /** Stops the run at the next batch; nothing is published then. */
  readonly signal?: AbortSignal;
  /** Name of the job in reports and history. Default `job`. */
  readonly job?: string;
  /** Kept in the report. */
  readonly parameters?: { readonly [name: string]: JsonValue };
  /** A file for the JSON run report, beside the one in the state folder. */
  readonly report?: string;
}

/** What a sink has published. */
export interface RunOutput {
  readonly path: string;
  readonly format: string;
  readonly rows: number;
  readonly bytes: number;
  readonly files: number;
}

export interface RunResult {
  readonly runId: string;
  readonly status: RunStatus;
  readonly report: RunReport;
  readonly outputs: readonly RunOutput[];
  /** What was rejected: counts, an async iterable of the records, and a dataset. */
  readonly rejects: RunRejects;
}

/**
 * A run at work: an async iterable of its events, and a promise of its result (`await run.result`, or just `await run`).
 * The result rejects with a MillraceError when the run fails; nothing is published then.
 */
export class RunHandle implements PromiseLike<RunResult>, AsyncIterable<RunEvent> {
  constructor(
    readonly runId: string,
    readonly result: Promise<RunResult>,
    private readonly events: EventQueue,
  ) {
    // A caller that only iterates learns of a failure by the last event; that must not end the process.
    result.catch(() => undefined);
  }

  [Symbol.asyncIterator](): AsyncIterator<RunEvent> {
    return this.events;
  }

  // biome-ignore lint/suspicious/noThenProperty: the handle is awaitable by design
  then<A = RunResult, B = never>(
    onResult?: ((result: RunResult) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.result.then(onResult, onError);
  }
}
