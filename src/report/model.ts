import type { ErrorData } from "../common/errors.js";
import type { JsonValue } from "../expr/nodes.js";
import type { QualityReport } from "../quality/results.js";
import type { Percentiles } from "../runtime/percentiles.js";
import type { FileWritten, RejectRecord } from "../task/protocol.js";

export const reportSchemaVersion = 1;

export type RunStatus = "success" | "partial" | "failed";

/** One attempt of a task. Times are milliseconds since the epoch. */
export interface AttemptMetrics {
  /** From 1. */
  readonly attempt: number;
  /**
   * Why it was made: the task's first; again from an exact `border`, where a guessed one was wrong; a `retry` after a failure; a second attempt
   * beside a `straggler`; a `probe` for a record that ends its worker.
   */
  readonly reason: "first" | "border" | "retry" | "straggler" | "probe";
  /** The thread that had it; null where none took it. */
  readonly worker: number | null;
  readonly queuedMs: number;
  readonly startMs: number;
  readonly endMs: number;
  /** `lost`: another attempt was faster. */
  readonly outcome: "done" | "failed" | "lost";
  /** Of the error that ended it. */
  readonly code: string | null;
  readonly message: string | null;
}

/** An attempt and its task. */
export interface TaskAttempt extends AttemptMetrics {
  readonly stage: string;
  readonly partition: number;
}

/** What one task (one partition of a worker stage) did. */
export interface TaskMetrics {
  readonly partition: number;
  readonly rows: number;
  readonly bytes: number;
  readonly rejected: number;
  readonly attempts: number;
  /** What the partition is of its input, such as `sales.csv, bytes 0 to 33554432`. */
  readonly where?: string;
  /** From when it could have started until a thread took it. */
  readonly waitMs?: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly readMs: number;
  readonly computeMs: number;
  readonly writeMs: number;
  /** CPU time of the worker's thread. */
  readonly cpuMs: number;
}

export interface StepMetrics {
  readonly name: string;
  readonly rowsIn: number;
  readonly rowsOut: number;
  readonly filtered: number;
  readonly rejected: number;
}

/** What the coordinator keeps of a stage while it runs; the report reads nothing else. */
export interface StageMetrics {
  readonly id: number;
  readonly name: string;
  readonly kind: "worker" | "duckdb" | "ingest";
  readonly startMs: number;
  readonly endMs: number;
  /** Of `recordsIn`, those that come from sources of the plan and not from an earlier stage. */
  readonly recordsRead: number;
  readonly recordsIn: number;
  readonly recordsOut: number;
  readonly filtered: number;
  readonly rejected: number;
  /** Bytes of the sources that were read. */
  readonly bytes: number;
  readonly tasks: readonly TaskMetrics[];
  readonly steps: readonly StepMetrics[];
  /** The run ended before the stage did: its figures are those of the partitions that were settled. */
  readonly unfinished?: boolean;
  /** The most bytes that DuckDB had in its spill files at a time; absent where it was not asked. */
  readonly spillBytes?: number;
}

export interface OutputMetrics {
  readonly path: string;
  readonly format: string;
  readonly mode: string;
  readonly rows: number;
  readonly bytes: number;
  readonly partitions: number;
  readonly files: readonly FileWritten[];
}

export interface RejectMetrics {
  readonly count: number;
  readonly byCode: { readonly [code: string]: number };
  readonly byFile: { readonly [file: string]: number };
  /** Rejects that name a column. */
  readonly byColumn: { readonly [column: string]: number };
  readonly samples: readonly RejectRecord[];
  /** Where all of them stand: one Parquet file, then the raw records of each text file. */
  readonly files: readonly string[];
}

/** A source of the plan as a stage reads it. */
export interface FlowSource {
  readonly format: string;
  /** As the plan names them. */
  readonly paths: readonly string[];
  readonly files: number;
  readonly bytes: number;
  /** The most records that the planner counted on; null where nothing bounds them. */
  readonly estimatedRecords: number | null;
}

/** Where a stage's rows come from and go to. */
export interface StageFlow {
  readonly id: number;
  readonly name: string;
  readonly kind: "worker" | "duckdb" | "ingest";
  /** Why it runs where it does. */
  readonly reason: string;
  readonly sources: readonly FlowSource[];
  /** Ids of stages whose rows it reads. */
  readonly reads: readonly number[];
  /** Of those, stages that only say which rows a check sets aside. */
  readonly verdicts?: readonly number[];
  /** Numbers of the plan's outputs that it writes. */
  readonly outputs: readonly number[];
  /** Whether it feeds checks of the whole dataset. */
  readonly checks: boolean;
  /** Its steps whose rows go to checks alone. */
  readonly checkSteps?: readonly number[];
}

/** A stretch of the run that is no stage: `prepare`, `publish`. */
export interface PhaseMetrics {
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
}

/** What a run that was gone on with took over from the processes before. */
export interface ResumeMetrics {
  readonly earlierProcesses: number;
  /** Tasks and queries whose results were taken over. */
  readonly reusedTasks: number;
  readonly reusedStages: number;
  /** Tasks that had been done and were done again, as `stage/partition`, and why. */
  readonly redone: readonly { readonly task: string; readonly reason: string }[];
}

/** Everything a run leaves for its report. */
export interface RunMetrics {
  readonly job: string;
  readonly runId: string;
  readonly parameters: { readonly [name: string]: JsonValue };
  readonly planFingerprint: string;
  readonly plan: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly stages: readonly StageMetrics[];
  readonly outputs: readonly OutputMetrics[];
  readonly rejects: RejectMetrics;
  readonly inputs: readonly { readonly path: string; readonly bytes: number; readonly modifiedMs: number }[];
  readonly peakMemoryBytes: number;
  readonly cpuMs: number;
  readonly workers: number;
  readonly memoryBytes: number;
  /** null for a plan without checks, and for a run that failed before they were decided. */
  readonly quality: QualityReport | null;
  /** Absent where no process had begun the run before. */
  readonly resume?: ResumeMetrics;
  readonly error: ErrorData | null;
  /** Attempts of tasks but for firsts that were good, as they ended. */
  readonly attempts?: readonly TaskAttempt[];
  readonly phases: readonly PhaseMetrics[];
  /** When the run had to be done, in milliseconds since the epoch; absent or null without a deadline. */
  readonly deadlineMs?: number | null;
  readonly flow: readonly StageFlow[];
  /** Options of the engine that the run had. */
  readonly settings: { readonly [name: string]: JsonValue };
  readonly versions: { readonly [name: string]: string };
}

/** What history keeps of a run. Times are milliseconds. */
export interface PastRun {
  readonly schemaVersion: 1;
  readonly runId: string;
  readonly job: string;
  readonly status: RunStatus;
  readonly start: string;
  readonly durationMs: number;
  readonly recordsRead: number;
  readonly recordsWritten: number;
  readonly recordsFailed: number;
  readonly successRate: number;
  /** Quality score in percent; null without checks. */
  readonly score: number | null;
  readonly recordsPerSecond: number;
  readonly megabytesPerSecond: number;
  readonly peakMemoryBytes: number;
  readonly cpuMs: number;
  readonly workers: number;
  readonly inputs: { readonly files: number; readonly bytes: number };
  readonly outputs: readonly { readonly path: string; readonly rows: number; readonly bytes: number }[];
  readonly stages: readonly { readonly label: string; readonly durationMs: number; readonly recordsIn: number }[];
  readonly planFingerprint: string;
  readonly errorCode: string | null;
  /** Figures of its checks of drift by name, of a run that was accepted: it did not fail, and its checks held. */
  readonly figures?: { readonly [check: string]: number };
}

/** A figure beside what it was on average. */
export interface Compared {
  readonly now: number;
  readonly usual: number;
  /** 100 × (now − usual) / usual; null where the usual figure is 0. */
  readonly changePercent: number | null;
}

/** This run beside earlier ones that finished. */
export interface Comparison {
  /** How many finished runs the averages are of. */
  readonly runs: number;
  readonly durationMs: Compared;
  readonly recordsRead: Compared;
  readonly recordsFailed: Compared;
  readonly recordsPerSecond: Compared;
  readonly peakMemoryBytes: Compared;
  readonly cpuMs: Compared;
  readonly stages: readonly ({ readonly label: string } & Compared)[];
  /** Earlier runs of any status, oldest first, at most thirty. */
  readonly recent: readonly PastRun[];
  /** When a run last finished before this one; null where none did. */
  readonly lastSuccess: string | null;
}

/** What kept a stage busy: the largest part of its workers' time, a query of DuckDB, or the program that hands rows over. */
export type Bound = "read" | "compute" | "write" | "query" | "program";

/** A partition that took much longer than the others. */
export interface Straggler {
  readonly partition: number;
  readonly durationMs: number;
  /** Its time over that of the median partition. */
  readonly timesMedian: number;
  readonly records: number;
  /** Its records over those of the median partition. */
  readonly timesMedianRecords: number;
  /** What the partition is of its input; empty where that is not known. */
  readonly where: string;
  /** What explains it best; `setup`: what is neither reading, computing nor writing, such as the start of its thread or the right side of a join. */
  readonly cause: "size" | "attempts" | "read" | "compute" | "write" | "setup";
}

/** A partition of a worker stage; `startMs` counts from the run's start. */
export interface PartitionReport {
  readonly partition: number;
  readonly records: number;
  readonly bytes: number;
  readonly failed: number;
  readonly attempts: number;
  /** What it is of its input; empty where that is not known. */
  readonly where: string;
  /** Until a thread took it. */
  readonly waitMs: number;
  readonly startMs: number;
  readonly durationMs: number;
  readonly readMs: number;
  readonly computeMs: number;
  readonly writeMs: number;
  readonly cpuMs: number;
  readonly recordsPerSecond: number;
}

export interface TaskPercentiles {
  /** Rows per second of partitions. */
  readonly throughput: Percentiles;
  /** Milliseconds of partitions. */
  readonly latency: Percentiles;
}

export interface StageReport {
  readonly id: number;
  readonly name: string;
  /** The name, with the id where several stages share it. */
  readonly label: string;
  readonly kind: "worker" | "duckdb" | "ingest";
  readonly start: string;
  readonly end: string;
  /** From the run's start. */
  readonly startMs: number;
  readonly durationMs: number;
  readonly shareOfTotal: number;
  /** Of `recordsIn`, those that come from sources of the plan and not from an earlier stage. */
  readonly recordsRead: number;
  readonly recordsIn: number;
  readonly recordsOut: number;
  readonly filtered: number;
  readonly failed: number;
  readonly bytes: number;
  readonly recordsPerSecond: number;
  readonly megabytesPerSecond: number;
  /** (in − failed) / in in percent; 100 when nothing came. */
  readonly successRate: number;
  readonly partitions: number;
  readonly attempts: number;
  /** Rows per second of the stage's partitions. */
  readonly throughput: Percentiles;
  /** Milliseconds of the stage's partitions. */
  readonly latency: Percentiles;
  readonly steps: readonly StepMetrics[];
  /** What the stage's tasks spent their time on, summed over partitions. */
  readonly time: { readonly readMs: number; readonly computeMs: number; readonly writeMs: number; readonly cpuMs: number };
  /** From when its tasks could have started until a thread took them, summed over partitions. */
  readonly waitMs: number;
  /** The run ended before the stage did. */
  readonly unfinished: boolean;
  /** The most bytes that DuckDB had in its spill files at a time, as looked at ten times a second; null for a stage without a query. */
  readonly spillBytes: number | null;
  readonly bound: Bound;
  /** Task time over workers × duration, 0 to 1; null for a stage without tasks. */
  readonly busy: number | null;
  /** Largest over mean, of records and of time per partition, and what the one with the most records is of its input; null with fewer than two. */
  readonly skew: { readonly records: number; readonly duration: number; readonly where: string } | null;
  readonly stragglers: readonly Straggler[];
  /** The most records that the planner counted on; null where nothing bounded them. */
  readonly estimatedRecords: number | null;
  readonly tasks: readonly PartitionReport[];
}

/** The run report as plain data; see docs/REPORT.md. */
export interface RunReportData {
  readonly schemaVersion: typeof reportSchemaVersion;
  readonly job: string;
  readonly runId: string;
  readonly status: RunStatus;
  readonly execution: {
    readonly start: string;
    readonly end: string;
    readonly durationMs: number;
    /** When the run had to be done, and by how much it was late (0: it was not); null without a deadline. */
    readonly deadline: { readonly at: string; readonly lateMs: number } | null;
    readonly parameters: { readonly [name: string]: JsonValue };
    readonly recordsRead: number;
    /** Rows of all outputs. */
    readonly recordsWritten: number;
    /** Left out by filters and limits; without stages that serve checks alone. */
    readonly recordsFiltered: number;
    readonly recordsFailed: number;
    /** Processed / (processed + failed) in percent; 100 when nothing came. */
    readonly successRate: number;
    /** Attempts after a failure; those from an exact border and beside a straggler are none. */
    readonly retries: number;
    /** Attempts of tasks but for firsts that were good, as they ended; at most a thousand. */
    readonly attempts: readonly TaskAttempt[];
    readonly phases: readonly { readonly name: string; readonly startMs: number; readonly durationMs: number }[];
    readonly stages: readonly StageReport[];
    readonly flow: readonly StageFlow[];
    readonly inputs: RunMetrics["inputs"];
    readonly outputs: readonly OutputMetrics[];
    readonly rejects: RejectMetrics;
    readonly planFingerprint: string;
    readonly plan: string;
    readonly settings: RunMetrics["settings"];
    readonly versions: { readonly [name: string]: string };
    /** null where no process had begun the run before. */
    readonly resume: ResumeMetrics | null;
    readonly error: ErrorData | null;
  };
  /** What the plan's checks found; null where it has none, or the run failed before they were decided. */
  readonly quality: QualityReport | null;
  readonly performance: {
    readonly recordsPerSecond: number;
    readonly megabytesPerSecond: number;
    /** Label of the stage that took longest. */
    readonly slowestStage: string | null;
    /** Label of the stage with the fewest records a second, of those that took a tenth of the run or more. */
    readonly bottleneckStage: string | null;
    readonly bottleneckBound: Bound | null;
    readonly peakMemoryBytes: number;
    readonly cpuMs: number;
    readonly workers: number;
    readonly memoryBytes: number;
    /** Of the partitions of all stages together. */
    readonly tasks: TaskPercentiles;
    /** null where no earlier run of the job has finished. */
    readonly comparison: Comparison | null;
    /** What it took to compute this report. */
    readonly reportMs: number;
  };
}
