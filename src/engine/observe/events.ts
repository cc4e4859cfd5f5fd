import type { ErrorData } from "../../common/errors.js";
import type { AttemptMetrics, RunStatus } from "../../report/model.js";
import type { RejectRecord } from "../../task/protocol.js";

/** What a run tells while it goes. Plain data; times are milliseconds since the epoch. */
export type RunEvent = { readonly time: number; readonly runId: string } & RunEventBody;

export type RunEventBody =
  | { readonly kind: "run-started"; readonly job: string; readonly stages: number }
  | { readonly kind: "stage-started"; readonly stage: string; readonly stageId: number; readonly partitions: number }
  | {
      readonly kind: "task-finished";
      readonly stage: string;
      readonly partition: number;
      readonly attempt: number;
      readonly rows: number;
      readonly bytes: number;
      readonly durationMs: number;
    }
  /** An earlier process had begun the run. `tasks`: how many results it left that may still count. */
  | { readonly kind: "run-resumed"; readonly tasks: number; readonly earlierProcesses: number }
  /** A partition's result is taken over from an earlier process. */
  | {
      readonly kind: "task-reused";
      readonly stage: string;
      readonly partition: number;
      readonly rows: number;
      readonly bytes: number;
    }
  /** An earlier process had done this, but its result does not count any more. `task`: stage and partition, `2/17`. */
  | { readonly kind: "task-redone"; readonly task: string; readonly reason: string }
  /** The run is alive, also where no task ends for a while. */
  | { readonly kind: "heartbeat"; readonly stage: string; readonly rows: number; readonly bytes: number; readonly rate: number }
  /** A task failed in a way that may pass: it is tried again after `delayMs`, for the `retry`-th time. */
  | {
      readonly kind: "retry";
      readonly stage: string;
      readonly partition: number;
      readonly retry: number;
      readonly delayMs: number;
      readonly code: string;
      readonly message: string;
    }
  /** A task takes much longer than the others did: a second attempt begins on an idle worker. */
  | {
      readonly kind: "straggler";
      readonly stage: string;
      readonly partition: number;
      readonly runningMs: number;
      /** Of the tasks that are done. */
      readonly medianMs: number;
      /** What the partition is of its input. */
      readonly where: string;
    }
  /** An attempt ended; told of every one but a first that was good. */
  | ({ readonly kind: "attempt"; readonly stage: string; readonly partition: number } & AttemptMetrics)
  | { readonly kind: "reject"; readonly stage: string; readonly count: number; readonly samples: readonly RejectRecord[] }
  | {
      readonly kind: "stage-finished";
      readonly stage: string;
      readonly stageId: number;
      readonly rows: number;
      readonly durationMs: number;
    }
  | {
      readonly kind: "progress";
      readonly stage: string;
      readonly rows: number;
      readonly bytes: number;
      readonly totalBytes: number;
      /** Records per second since the run began. */
      readonly rate: number;
      /** null until it can be estimated. */
      readonly etaMs: number | null;
    }
  /** The run is not done although its deadline (milliseconds since the epoch) has passed. */
  | { readonly kind: "deadline-missed"; readonly deadlineMs: number; readonly stopping: boolean }
  | { readonly kind: "published"; readonly path: string; readonly rows: number; readonly files: number }
  | { readonly kind: "run-finished"; readonly status: RunStatus; readonly error: ErrorData | null; readonly resumable: boolean };

const mostBuffered = 10_000;

/** Events for one consumer. Past the bound the oldest are dropped, so that a handle nobody iterates costs no memory. */
export class EventQueue implements AsyncIterableIterator<RunEvent> {
  private readonly buffered: RunEvent[] = [];
  private waiting: ((result: IteratorResult<RunEvent>) => void)[] = [];
  private ended = false;

  push(event: RunEvent): void {
    const consumer = this.waiting.shift();
    if (consumer !== undefined) consumer({ value: event, done: false });
    else if (this.buffered.push(event) > mostBuffered) this.buffered.shift();
  }

  end(): void {
    this.ended = true;
    for (const consumer of this.waiting) consumer({ value: undefined, done: true });
    this.waiting = [];
  }

  next(): Promise<IteratorResult<RunEvent>> {
    const event = this.buffered.shift();
    if (event !== undefined) return Promise.resolve({ value: event, done: false });
    if (this.ended) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
