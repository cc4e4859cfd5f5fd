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

/** A sign of life, every few seconds. */
export interface ObservedBeat extends ObservedRun {
  /** The stage at work; empty between stages. */
  readonly stage: string;
  /** Of that stage. */
  readonly records: number;
  readonly bytes: number;
}

/** How a run begins. */
export interface ObservedStart extends ObservedRun {
  /** The average duration of earlier runs of a named job, in milliseconds; null without history. */
  readonly usualMs: number | null;
  /** When the run has to be done, in milliseconds since the epoch; null without a deadline. */
  readonly deadlineMs: number | null;
}

/**
 * Is told of the runs of an engine; see `alerts` and `openTelemetry`. What an observer throws is a warning and never fails a run, and the run
 * waits at most ten seconds for `finished`.
 */
export interface RunObserver {
  /** For warnings. */
  readonly name: string;
  started?(run: ObservedStart): void;
  heartbeat?(run: ObservedBeat): void;
  /** The run is still at work although its deadline has passed. */
  deadlineMissed?(run: ObservedRun): void;
  progress?(run: ObservedProgress): void;
  finished?(report: RunReport): void | Promise<void>;
}
