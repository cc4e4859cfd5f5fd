import type { ErrorData } from "../common/errors.js";
import type { JsonValue } from "../expr/nodes.js";
import type { QualityReport } from "../quality/results.js";
import type { Percentiles } from "../runtime/histogram.js";
import type { FileWritten, RejectRecord } from "../task/protocol.js";

export const reportSchemaVersion = 1;

export type RunStatus = "success" | "partial" | "failed";

/** What one task (one partition of a worker stage) did. */
export interface TaskMetrics {
  readonly partition: number;
  readonly rows: number;
  readonly bytes: number;
  readonly rejected: number;
  readonly attempts: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly readMs: number;
  readonly computeMs: number;
  readonly writeMs: number;
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
  readonly error: ErrorData | null;
}

export interface StageReport {
  readonly name: string;
  readonly kind: string;
  readonly start: string;
  readonly end: string;
  readonly durationMs: number;
  readonly shareOfTotal: number;
  readonly recordsIn: number;
  readonly recordsOut: number;
  readonly filtered: number;
  readonly failed: number;
  readonly bytes: number;
  readonly recordsPerSecond: number;
  readonly megabytesPerSecond: number;
  readonly partitions: number;
  readonly attempts: number;
  /** Rows per second of the stage's partitions. */
  readonly throughput: Percentiles;
  /** Milliseconds of the stage's partitions. */
  readonly latency: Percentiles;
  readonly steps: readonly StepMetrics[];
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
    readonly parameters: { readonly [name: string]: JsonValue };
    readonly recordsRead: number;
    readonly recordsFailed: number;
    /** Processed / (processed + failed) in percent; 100 when nothing came. */
    readonly successRate: number;
    readonly stages: readonly StageReport[];
    readonly inputs: RunMetrics["inputs"];
    readonly outputs: readonly OutputMetrics[];
    readonly rejects: RejectMetrics;
    readonly planFingerprint: string;
    readonly plan: string;
    readonly versions: { readonly [name: string]: string };
    readonly error: ErrorData | null;
  };
  /** What the plan's checks found; null where it has none, or the run failed before they were decided. */
  readonly quality: QualityReport | null;
  readonly performance: {
    readonly recordsPerSecond: number;
    readonly megabytesPerSecond: number;
    readonly slowestStage: string | null;
    readonly bottleneckStage: string | null;
    readonly peakMemoryBytes: number;
    readonly cpuMs: number;
    readonly workers: number;
    readonly memoryBytes: number;
  };
}
