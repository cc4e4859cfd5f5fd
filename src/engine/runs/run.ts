import { MillraceError } from "../../common/errors.js";
import type { JsonValue } from "../../expr/nodes.js";
import type { RunStatus } from "../../report/model.js";
import type { RunReport } from "../../report/report.js";
import type { EventQueue, RunEvent } from "../observe/events.js";
import type { RunRejects } from "../rejects/runRejects.js";

/** Options of `engine.run`. */
export interface RunOptions {
  /** Stops the run at the next batch; nothing is published then. */
  readonly signal?: AbortSignal;
  /** Name of the job in reports and history. Default `job`. */
  readonly job?: string;
  /** Kept in the report. */
  readonly parameters?: { readonly [name: string]: JsonValue };
  /** A file for the run report, beside the one in the state folder: a page where its name ends in `.html`, else JSON. */
  readonly report?: string;
  /**
   * Goes on with a run that was cut off instead of beginning one: a run's id, or `"auto"`: the latest unfinished run of the same job, targets,
   * engine options and plan (apart from its functions), if there is one. Work whose functions and inputs are unchanged is not done again.
   * Default false. See docs/RESUME.md.
   */
  readonly resume?: "auto" | (string & {}) | false;
  /**
   * When the run has to be done: a time from its beginning (`"90s"`, `"2h"`, milliseconds) or a moment (a Date, or text such as
   * `"2026-01-31T06:00:00Z"`). A run that is late says so in its report, and in an alert at that moment. Default: none.
   */
  readonly deadline?: string | number | Date;
  /**
   * What happens when the deadline passes: `"report"` (default) goes on; `"stop"` ends the run after the tasks under way with DEADLINE_EXCEEDED,
   * resumable, unless it is publishing already.
   */
  readonly onDeadline?: "report" | "stop";
  /** The file that the plan came from, kept so that a command line can find it again. */
  readonly planFile?: string;
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
    private readonly stopping: AbortController = new AbortController(),
  ) {
    // A caller that only iterates learns of a failure by the last event; that must not end the process.
    result.catch(() => undefined);
  }

  /** Stops the run once the tasks under way are done; nothing is published. The run can be resumed: the result rejects with RUN_STOPPED. */
  stop(): void {
    this.stopping.abort(
      new MillraceError("Cancelled", "RUN_STOPPED", `run ${this.runId} was stopped; nothing was published`, {
        hint: `Go on with it: millrace resume ${this.runId}, or engine.run(plan, { resume: "${this.runId}" }).`,
      }),
    );
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
