import type { KeyedPart } from "../exchange/keyedReader.js";
import type { Batch } from "../batch/column.js";
import type { HoldingBudget } from "../exchange/heldFiles.js";
import type { CheckTally, FileWritten, RowsBeside } from "../task/protocol.js";
import type { RowFailureData } from "../kernels/expressions/compileFailure.js";

/** What an operator has done so far. `rowsIn` is the sum of the others for every step that works row by row. */
export interface OperatorCounts {
  rowsIn: number;
  rowsOut: number;
  /** Rows that a filter or a limit left out. */
  filtered: number;
  rejected: number;
  /** Rows that were left out because an earlier one has the same key. */
  repeated?: number;
}

/** One step of a task. A batch it returns is valid until it is called again. */
export interface Operator {
  /** Takes a batch; the rows that come out, or null when there are none yet. */
  push(batch: Batch): Batch | null | Promise<Batch | null>;
  /** Further rows of the batch that `push` took last, until null: for steps that make many rows of one. */
  more?(): Batch | null;
  /** Ends the input: the last rows, or null. */
  flush(): Batch | null | Promise<Batch | null>;
  readonly counts: OperatorCounts;
  /** True once no further input can make a difference, so that the reader may stop. */
  readonly done: boolean;
  /** For joins: whether each row of the input gives at most one. */
  readonly unique?: boolean;
  /** For checks: what they found, once the input has ended. */
  readonly checks?: readonly CheckTally[];
  /** For steps that end in a file: what was written, once the input has ended. */
  readonly files?: readonly FileWritten[];
  /** Removes what was written. */
  abort?(): void;
}

export interface OperatorContext {
  /** The files that the task reads, where it reads buckets of keyed rows, and which buckets. */
  readonly buckets?: { readonly paths: readonly string[]; readonly part: KeyedPart; readonly beside: RowsBeside | null };
  /** Run expressions through the interpreter. */
  readonly interpreted: boolean;
  /** Takes a row that could not be computed: physical row `row` of the batch that the step was given. */
  reject(source: Batch, row: number, failure: RowFailureData): void;
  readonly partition: number;
  /** Whether a batch's origin is a place in a source of the plan, which means something to people. */
  readonly fromSource?: boolean;
  /** Which run this is part of: what tasks share on a thread is kept by it. */
  readonly runId?: string;
  /** Whether the join that is this step gives at most one row for each of its input. */
  readonly isUnique?: (step: number) => boolean;
  /** What block files may keep in memory; absent: nothing. */
  readonly holding?: HoldingBudget | null;
  /** The step may group in the memory of the task's reader; see `shareReaderKernels`. */
  readonly sharesReader?: boolean;
}

export const noCounts = (): OperatorCounts => ({ rowsIn: 0, rowsOut: 0, filtered: 0, rejected: 0 });
