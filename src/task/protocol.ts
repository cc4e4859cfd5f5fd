import type { ErrorData } from "../common/errors.js";
import type { Bound, BoundAggregate, BoundNamed, BoundSortKey, FunctionRef, JsonValue } from "../expr/nodes.js";
import type { BoundCheck, JoinOutput, ResolvedSource, WindowCall } from "../plan/bound.js";
import type { JoinHow, SinkSpec, WindowFrame } from "../plan/nodes.js";
import type { PackedValues, ValueTally } from "../runtime/valueTally.js";
import type { Schema } from "../schema/types.js";
import type { SharedFile } from "./fileTurn.js";

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
  /** A file read from its beginning to its end, as compressed text is. */
  | { readonly kind: "wholeFile"; readonly file: number }
  /** Small files [file, file + count), one after the other, each from its beginning to its end. */
  | { readonly kind: "files"; readonly file: number; readonly count: number }
  | { readonly kind: "rowGroups"; readonly file: number; readonly groups: readonly number[]; readonly firstRow: number }
  /** Record batches of an Arrow IPC file. */
  | { readonly kind: "batches"; readonly file: number; readonly first: number; readonly count: number; readonly firstRow: number }
  /** Buckets [from, to) of every block file of the source, which are what the partitions of a stage left for the final aggregation. */
  | { readonly kind: "buckets"; readonly file: 0; readonly from: number; readonly to: number }
  /** All block files of the source, each sorted by its first column, merged: rows whose key lies in [from, to) (hex; null: no bound), without it. */
  | { readonly kind: "runs"; readonly file: 0; readonly from: string | null; readonly to: string | null }
  /** Buckets [from, to) of every file that `keyExchange` wrote. */
  | { readonly kind: "keyed"; readonly file: 0; readonly from: number; readonly to: number }
  /** Blocks [from, to) of one file that `keyExchange` wrote, in the order in which their rows came. `before`: blocks of the files before it. */
  | { readonly kind: "placed"; readonly file: number; readonly from: number; readonly to: number; readonly before: number };

/** What a task reads: a source, or exchange files of an earlier stage. */
export interface ScanSpec {
  readonly source: ResolvedSource;
  /** Columns to deliver, by name, in this order. */
  readonly schema: Schema;
  /** For `keyed` and `placed` partitions: other files that belong to them. */
  readonly beside?: RowsBeside;
}

export interface RowsBeside {
  readonly paths: readonly string[];
  readonly how: BesideHow;
}

/** What files beside keyed rows have. But for `build` they are, one by one, what was computed of the rows of each block of those. */
export type BesideHow =
  /** Columns that come behind those of the rows. */
  | { readonly kind: "columns" }
  /** One column, which says which rows stay. */
  | { readonly kind: "keep" }
  /** Rows of the other side of a join: how many each row has, then those. A right column of `output` is one of theirs. */
  | { readonly kind: "join"; readonly output: readonly JoinOutput[] }
  /** The right side of a join, in buckets by the same keys. `schema`: the columns that are read. */
  | { readonly kind: "build"; readonly schema: Schema };

/** Row-wise work that is fused into one generated loop. */
export type RowOp =
  | { readonly kind: "filter"; readonly predicate: Bound }
  | { readonly kind: "project"; readonly columns: readonly BoundNamed[] };

/** Rows that every task reads as a whole, such as the right side of a join: partitions of one source, in order. */
export interface RowsBuild {
  readonly scan: ScanSpec;
  readonly parts: readonly PartitionSpec[];
}

/** Kinds of join that each partition of the left side can do on its own. */
export type BroadcastHow = Extract<JoinHow, "inner" | "left" | "semi" | "anti">;

/**
 * The last `count` keys of a grouping are decided by the ones before, if no two right rows of the join that is step `join` have the same key. They
 * are then written as values beside those.
 */
export interface FollowingKeys {
  readonly join: number;
  readonly count: number;
}

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
  /** Checks rows and passes them on, but for those that a check rejects; what was found is in `TaskResult.checks`. */
  | {
      readonly op: "expect";
      readonly input: number;
      readonly name: string;
      readonly checks: readonly BoundCheck[];
      /** The numbers of rows that fail, for each verdict; see `number`. Absent without verdicts. */
      readonly verdicts?: readonly RowsBuild[];
      readonly schema: Schema;
    }
  /** Adds an int64 column: 2^32 times the partition plus how many rows of it came before. */
  | { readonly op: "number"; readonly input: number; readonly name: string; readonly schema: Schema }
  /** Rows whose hash of these columns' values and the seed lies in the lower `fraction` of all hashes. */
  | {
      readonly op: "sample";
      readonly input: number;
      readonly name: string;
      readonly fraction: number;
      readonly seed: number;
      readonly columns: readonly number[];
      readonly schema: Schema;
    }
  /** At most `count` rows of this partition. */
  | { readonly op: "limit"; readonly input: number; readonly name: string; readonly count: number; readonly schema: Schema }
  /** The first `count` rows of the partition in the order of the keys, which are columns; ties in input order. */
  | {
      readonly op: "topRows";
      readonly input: number;
      readonly name: string;
      readonly keys: readonly BoundSortKey[];
      readonly count: number;
      readonly schema: Schema;
    }
  /**
   * Joins each row with the rows of `build` that have its key. `on`: pairs of column indexes of equal type; a null matches nothing.
   * Output: in the order of the left rows, for each in the order of the right ones.
   */
  | {
      readonly op: "join";
      readonly input: number;
      readonly name: string;
      readonly how: BroadcastHow;
      readonly on: readonly { readonly left: number; readonly right: number }[];
      readonly output: readonly JoinOutput[];
      readonly build: RowsBuild;
      readonly schema: Schema;
    }
  /** Output: keys, then each aggregate's state columns, one row a group in order of first appearance. */
  | {
      readonly op: "partialAggregate";
      readonly input: number;
      readonly name: string;
      readonly keys: readonly BoundNamed[];
      readonly aggregates: readonly BoundAggregate[];
      readonly schema: Schema;
    }
  /**
   * Writes one block file of `buckets` (a power of two) buckets by the hash of the keys, for `finalAggregate` in a later stage: states of groups
   * while keys repeat, rows otherwise; see `kernels/groupForms`.
   */
  | {
      readonly op: "groupExchange";
      readonly input: number;
      readonly name: string;
      readonly keys: readonly BoundNamed[];
      readonly aggregates: readonly BoundAggregate[];
      readonly buckets: number;
      readonly follows?: FollowingKeys;
      readonly file: string;
    }
  /**
   * Reads what `groupExchange` wrote. Output: one row a group: keys, then aggregates. Groups come "sorted" by their keys (ascending, nulls last), or as
   * they were "met" first. "mergeable": sorted, and the first column holds byte strings that compare as the keys do, so that files of several tasks
   * can be merged.
   */
  | {
      readonly op: "finalAggregate";
      readonly input: number;
      readonly name: string;
      readonly keys: readonly BoundNamed[];
      readonly aggregates: readonly BoundAggregate[];
      readonly order: "sorted" | "mergeable" | "met";
      readonly schema: Schema;
    }
  /**
   * Writes the rows as sorted block files, as many as memory asks for: `schema` is that of the rows behind byte strings that compare as the sort
   * does, ties by partition and row.
   */
  | {
      readonly op: "sortRuns";
      readonly input: number;
      readonly name: string;
      readonly keys: readonly BoundSortKey[];
      readonly schema: Schema;
      readonly file: string;
    }
  /**
   * Writes the rows as one block file of `buckets` (a power of two) buckets by the hash of the columns `keys`, with what it takes to put them back in
   * their order where that is wanted (`places`).
   */
  | {
      readonly op: "keyExchange";
      readonly input: number;
      readonly name: string;
      readonly keys: readonly number[];
      readonly buckets: number;
      readonly places: boolean;
      /** Who reads the rows wants the first ones of each key alone: others may be left out, wherever that is worth it. */
      readonly first?: FirstOfKey;
      readonly schema: Schema;
      readonly file: string;
    }
  /**
   * Reads what `keyExchange` wrote by the columns `partition` and writes what the calls give for each row, block by block as the rows stand there:
   * `schema`. Arguments and keys are columns.
   */
  | {
      readonly op: "window";
      readonly input: number;
      readonly name: string;
      readonly partition: readonly number[];
      readonly order: readonly BoundSortKey[];
      readonly frame: WindowFrame | null;
      readonly calls: readonly WindowCall[];
      readonly schema: Schema;
      readonly file: string;
    }
  /** As `window`: which row stays of those that are equal in `columns`, the first or last by the keys, ties in input order. */
  | {
      readonly op: "keepOne";
      readonly input: number;
      readonly name: string;
      readonly columns: readonly number[];
      readonly order: readonly BoundSortKey[];
      readonly which: "first" | "last";
      readonly schema: Schema;
      readonly file: string;
    }
  /**
   * Joins each row with those of the right side's buckets (`BesideHow.build`) that have its key: `on` are pairs of columns. Writes, for each block of
   * the rows, the columns `right` of the matches and then how many each row has, with one row of nulls for none in a left join; semi and anti joins
   * write which rows stay.
   */
  | {
      readonly op: "bucketJoin";
      readonly input: number;
      readonly name: string;
      readonly how: BroadcastHow;
      readonly on: readonly { readonly left: number; readonly right: number }[];
      readonly right: readonly number[];
      readonly schema: Schema;
      readonly file: string;
    }
  /** Writes the rows as one exchange file: Parquet, or blocks that only workers read. */
  | {
      readonly op: "exchange";
      readonly input: number;
      readonly name: string;
      readonly file: string;
      readonly format?: "blocks";
    }
  /** Writes the rows as staged fragments of a sink under `directory`, or into `shared` where there is one and the task's turn comes in time. */
  | {
      readonly op: "sink";
      readonly input: number;
      readonly name: string;
      readonly sink: SinkSpec;
      readonly directory: string;
      readonly shared?: SharedFile;
      /** Whether small fragments of a partitioned sink go into one file. */
      readonly packed?: boolean;
    };

export interface TaskSpec {
  readonly protocol: typeof protocolVersion;
  readonly runId: string;
  readonly stage: number;
  readonly stageName: string;
  readonly partition: number;
  /**
   * 1, or 2 where the partition is read again because its border was guessed wrong. Not how often the task was tried, which must not show in what is
   * kept of it.
   */
  readonly attempt: number;
  readonly scan: ScanSpec;
  /** Whether the rows come straight from a source of the plan, so that a place in its files means something to people. */
  readonly fromSource: boolean;
  readonly part: PartitionSpec;
  readonly steps: readonly Step[];
  /** What is met a second time here: rejects and checks of it are told by another stage. */
  readonly again?: { readonly scan: boolean; readonly steps: readonly number[] };
  /** Where this attempt writes its rejects, without extension. */
  readonly rejectFile: string;
  readonly options: TaskOptions;
}

export interface TaskOptions {
  /** Run expressions through the interpreter instead of generated code. */
  readonly interpreted: boolean;
  readonly batchRows: number;
  /** Bytes that the kernels of the worker may hold; absent: as many as the machine has. */
  readonly kernelBytes?: number;
  /** Bytes that its JavaScript heap may hold after a batch; absent: as many as its thread was given. */
  readonly heapBytes?: number;
  /** Shared flag, non-zero when the run is stopping; looked at between batches. */
  readonly cancel: SharedArrayBuffer | null;
  /** How far this attempt is, and how it is stopped alone; see task/control. Absent: nobody watches. */
  readonly control?: SharedArrayBuffer;
  /** Records that end every worker that works on them: they are rejected unseen. */
  readonly poisoned?: readonly PoisonedRow[];
  /** What tasks of the run may still keep in memory of the block files that they write, see exchange/heldFiles. Absent: nothing. */
  readonly holding?: SharedArrayBuffer;
  /** Files of the source that are held in memory, by path. */
  readonly held?: readonly (readonly [path: string, file: HeldFile])[];
  /** Feeds some rows alone, to find one that ends its worker; what such an attempt gives does not count. */
  readonly probe?: RowProbe;
}

/** A record that ends its worker, by its number in the partition as the reader gives rows, from 0. */
export interface PoisonedRow {
  readonly row: number;
  /** How the worker ended. */
  readonly message: string;
}

/** Rows [from, to) of the partition, `size` of them at a time. */
export interface RowProbe {
  readonly from: number;
  readonly to: number;
  readonly size: number;
}

/** A file that a task wrote, or whose bytes stand `within` another. */
export interface FileWritten {
  readonly path: string;
  readonly rows: number;
  readonly bytes: number;
  /** Values of the sink's `partitionBy` columns as folder text; empty where it has none. null is the null partition. */
  readonly partitionValues: readonly (string | null)[];
  /** crc32 of the whole file, 8 hex digits; empty for what is held in memory. */
  readonly checksum: string;
  /** The file's state when it was finished, see `FileSystem.stamp`. */
  readonly stamp?: string;
  /** The file's blocks, where they stay in memory and there is no file. */
  readonly held?: HeldFile;
  /** Where its bytes stand, where there is no file at `path`. */
  readonly within?: PlaceWithin;
}

/** Where the bytes between the head and the tail of a file stand in another one: as many as the file's, with its checksum. */
export interface PlaceWithin {
  readonly path: string;
  readonly start: number;
  /** What a Parquet file would end with. */
  readonly rowGroups?: readonly WrittenRowGroup[];
}

/** A row group as its footer tells of it, wherever it begins. */
export interface WrittenRowGroup {
  readonly rows: number;
  /** One for each leaf of the schema, one after the other. */
  readonly chunks: readonly WrittenChunk[];
}

export interface WrittenChunk {
  readonly bytes: number;
  readonly uncompressedBytes: number;
  /** Bytes of the dictionary page at the chunk's beginning; 0 where there is none. */
  readonly dictionaryPageBytes: number;
  readonly encodings: readonly number[];
  /** Of a leaf in lists: its items, and one for each list without any. Not given where it is the number of rows. */
  readonly values?: number;
  readonly nulls: number;
  /** In base64. */
  readonly bounds: { readonly min: string; readonly max: string } | null;
}

/** A block file in memory that threads share. */
export interface HeldFile {
  /** As at the end of a file. */
  readonly footer: string;
  /** What the footer says of blocks that are even, in memory that threads share; see `EvenBlocks`. */
  readonly numbers?: SharedArrayBuffer;
  /** Its bytes from the first block on; no block is in two chunks. */
  readonly chunks: readonly HeldChunk[];
}

/** The first `bytes` of a piece of memory; behind them it was never touched. */
export interface HeldChunk {
  readonly memory: SharedArrayBuffer;
  readonly bytes: number;
}

/** Which rows of each key are wanted. */
export interface FirstOfKey {
  readonly count: number;
  /** The first of the columns that order the rows; null where their places do. */
  readonly order: { readonly column: number; readonly descending: boolean; readonly nulls: "first" | "last" } | null;
  /** Whether rows that this column leaves equal come in the order of their places. */
  readonly inPlace: boolean;
  /** How rows count that are left out: those of a key that is there already, or those that a filter does without. */
  readonly others: "repeated" | "filtered";
}

export interface StepResult {
  readonly step: number;
  readonly rowsIn: number;
  readonly rowsOut: number;
  /** Rows that a filter left out. */
  readonly filtered: number;
  readonly rejected: number;
  /** Rows with the key of an earlier one, which nobody needs. */
  readonly repeated?: number;
  readonly files: readonly FileWritten[];
}

/** A record that could not be read or computed. */
export interface RejectRecord {
  readonly file: string;
  /** 1-based; a task counts from its partition's first line, and the engine adds the lines of the partitions before it. */
  readonly line: number | null;
  readonly byte: number | null;
  readonly length: number | null;
  /** 0-based row of the file (or of the program's rows) where rows have no bytes of their own, as in Parquet. */
  readonly row: number | null;
  readonly stage: string;
  readonly column: string | null;
  readonly code: string;
  readonly message: string;
  readonly functionName: string | null;
  /** sha256 of the function that failed, hex. */
  readonly functionHash: string | null;
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
  /** The task stopped before its partition's end, because every branch has the rows that its limit asks for. */
  readonly enough: boolean;
  readonly steps: readonly StepResult[];
  /** Rejects in all, and the first few of them. */
  readonly rejects: {
    readonly count: number;
    readonly byCode: { readonly [code: string]: number };
    /** Rejects that stood in a file, by its path as its source names it. */
    readonly byFile: { readonly [file: string]: number };
    /** Rejects that name a column. */
    readonly byColumn: { readonly [column: string]: number };
    readonly samples: readonly RejectRecord[];
    /** The block file that holds all of them, where they are kept. */
    readonly file: string | null;
    /** What was written to it; null where there is none. */
    readonly written: { readonly bytes: number; readonly checksum: string } | null;
    /** Texts that its rows name by number. */
    readonly texts: readonly string[];
  };
  /** What each row check found; absent without checks. */
  readonly checks?: readonly CheckTally[];
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

/** What a row check found in one partition. */
export interface CheckTally {
  /** The check's number in the plan. */
  readonly check: number;
  readonly total: number;
  readonly failed: number;
  /** Of `failed`, rows for which the condition itself could not be computed. */
  readonly threw: number;
  /** The first few rows that failed, in the order of the rows. */
  readonly samples: readonly CheckSample[];
  readonly unexpected: ValueTally;
  /** More of them, as kernels have counted them. */
  readonly packed?: PackedValues;
}

/** A row that failed a check. */
export interface CheckSample {
  readonly file: string;
  /** As in RejectRecord. */
  readonly line: number | null;
  readonly byte: number | null;
  /** Values of the check's columns as text, in the order of the check's columns. */
  readonly values: readonly (string | null)[];
  /** Why the condition could not be computed; null where it was just false. */
  readonly message: string | null;
}

/** What a worker answers. */
export type TaskAnswer = { readonly ok: true; readonly result: TaskResult } | { readonly ok: false; readonly error: ErrorData };
