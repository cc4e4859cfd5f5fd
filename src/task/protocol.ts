import type { ErrorData } from "../common/errors.js";
import type { Bound, BoundAggregate, BoundNamed, FunctionRef, JsonValue } from "../expr/nodes.js";
import type { ResolvedSource } from "../plan/bound.js";
import type { SinkSpec } from "../plan/nodes.js";
import type { Schema } from "../schema/types.js";

/** The whole worker protocol: what a task is told and what it answers. Plain cloneable data; no behaviour. */
export const protocolVersion = 1;

/** A slice of a source. Boundaries depend on input and plan alone, never on the number of workers. */
export type PartitionSpec =
  /**
   * The records of a text file that begin in [start, end). `guess`: whether `start` is known to be a record's first byte
   * (false: the task looks for the first record border at or after it and answers where that was; the engine compares that
   * with the end the partition before it reported, and repeats the task with an exact start where they differ).
   */
  | { readonly kind: "bytes"; readonly file: number; readonly start: number; readonly end: number; readonly exactStart: boolean }
  /** A compressed text file, read from its beginning. */
  | { readonly kind: "wholeFile"; readonly file: number }
  | { readonly kind: "rowGroups"; readonly file: number; readonly groups: readonly number[]; readonly firstRow: number }
  /** Record batches of an Arrow IPC file. */
  | { readonly kind: "batches"; readonly file: number; readonly first: number; readonly count: number };

/** What a task reads: a source, or exchange files of an earlier stage. */
export interface ScanSpec {
  readonly source: ResolvedSource;
  /** Columns to deliver, by name, in this order. */
  readonly schema: Schema;
}

/** Row-wise work that is fused into one generated loop. */
export type RowOp =
  | { readonly kind: "filter"; readonly predicate: Bound }
  | { readonly kind: "project"; readonly columns: readonly BoundNamed[] };

/** Steps of a task. Step i reads the step with index `input`, or the scan where that is -1; several may read the same one. */
export type Step =
  | {
      readonly op: "rows";
      readonly input: number;
      readonly name: string;
      readonly ops: readonly RowOp[];
      readonly schema: Schema;
    }
  | {
      readonly op: "map" | "flatMap" | "mapBatches";
      readonly input: number;
      readonly name: string;
      readonly fn: FunctionRef;
      readonly schema: Schema;
    }
  /** At most `count` rows of this partition. */
  | { readonly op: "limit"; readonly input: number; readonly name: string; readonly count: number; readonly schema: Schema }
  /** Output: keys, then each aggregate's state columns, one row a group in order of first appearance. */
  | {
      readonly op: "partialAggregate";
      readonly input: number;
      readonly name: string;
      readonly keys: readonly BoundNamed[];
      readonly aggregates: readonly BoundAggregate[];
      readonly schema: Schema;
    }
  /** Writes the rows as one exchange file. */
  | { readonly op: "exchange"; readonly input: number; readonly name: string; readonly file: string }
  /** Writes the rows as staged fragments of a sink under `directory`. */
  | { readonly op: "sink"; readonly input: number; readonly name: string; readonly sink: SinkSpec; readonly directory: string };

export interface TaskSpec {
  readonly protocol: typeof protocolVersion;
  readonly runId: string;
  readonly stage: number;
  readonly stageName: string;
  readonly partition: number;
  readonly attempt: number;
  readonly scan: ScanSpec;
  readonly part: PartitionSpec;
  readonly steps: readonly Step[];
  /** Where this attempt writes its rejects, without extension. */
  readonly rejectFile: string;
  readonly options: TaskOptions;
}

export interface TaskOptions {
  /** Run expressions through the interpreter instead of generated code. */
  readonly interpreted: boolean;
  readonly batchRows: number;
  /** Shared flag, non-zero when the run is stopping; looked at between batches. */
  readonly cancel: SharedArrayBuffer | null;
}

/** A file that a task wrote. */
export interface FileWritten {
  readonly path: string;
  readonly rows: number;
  readonly bytes: number;
  /** Values of the sink's `partitionBy` columns as folder text; empty where it has none. null is the null partition. */
  readonly partitionValues: readonly (string | null)[];
  /** crc32 of the whole file, 8 hex digits. */
  readonly checksum: string;
}

export interface StepResult {
  readonly step: number;
  readonly rowsIn: number;
  readonly rowsOut: number;
  /** Rows that a filter left out. */
  readonly filtered: number;
  readonly rejected: number;
  readonly files: readonly FileWritten[];
}

/** A record that could not be read or computed. */
export interface RejectRecord {
  readonly file: string;
  /** 1-based, counted from the partition's first line where the task does not know the file's; see `TaskResult.scan.firstLine`. */
  readonly line: number | null;
  readonly byte: number | null;
  readonly length: number | null;
  readonly stage: string;
  readonly column: string | null;
  readonly code: string;
  readonly message: string;
  readonly functionName: string | null;
  readonly attempt: number;
}

export interface ScanResult {
  /** Data records met: delivered plus rejected by the reader. */
  readonly rows: number;
  readonly rejected: number;
  readonly bytes: number;
  /** Byte ranges: of the first record's first byte and the first byte after the last record. null where bytes mean nothing. */
  readonly start: number | null;
  readonly end: number | null;
  /** Line feeds in [start, end), to number the lines of later partitions. */
  readonly lines: number;
}

export interface TaskResult {
  readonly scan: ScanResult;
  readonly steps: readonly StepResult[];
  /** Rejects in all, and the first few of them. */
  readonly rejects: {
    readonly count: number;
    readonly byCode: { readonly [code: string]: number };
    readonly samples: readonly RejectRecord[];
    readonly file: string | null;
  };
  readonly timing: {
    readonly startMs: number;
    readonly endMs: number;
    readonly readMs: number;
    readonly computeMs: number;
    readonly writeMs: number;
    readonly cpuMs: number;
  };
  readonly details?: { readonly [name: string]: JsonValue };
}

/** What a worker answers. */
export type TaskAnswer = { readonly ok: true; readonly result: TaskResult } | { readonly ok: false; readonly error: ErrorData };
