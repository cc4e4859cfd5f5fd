import type { Batch } from "../../batch/column.js";
import type { RowFail } from "./compileFailure.js";

/** A chain of filters and projections, ready to run on batches of one schema. */
export interface RowsKernel {
  /**
   * Runs the chain. Rows that fail are left out of the result and told to `fail`, by physical row. The result is valid until the next
   * call: its computed columns use the same memory again.
   */
  run(batch: Batch, fail: RowFail): RowsResult;
}

export interface RowsResult {
  readonly batch: Batch;
  /** Rows that a filter left out. */
  readonly filtered: number;
  readonly rejected: number;
}
