import type { RunReport } from "./report.js";

export interface ObservedRun {
  readonly runId: string;
  readonly job: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
}

export interface ObservedProgress extends ObservedRun {
  readonly records: number;
  readonly recordsPerSecond: number;
}

/**
 * Is told of the runs of an engine; see `alerts` and `openTelemetry`. What an observer throws is a warning and never fails a run, and the run
 * waits at most ten seconds for `finished`.
 */
export interface RunObserver {
  /** For warnings. */
  readonly name: string;
  started?(run: ObservedRun): void;
  progress?(run: ObservedProgress): void;
  finished?(report: RunReport): void | Promise<void>;
}
