import { type Batch, rowCount } from "../batch/column.js";
import type { RowsKernel } from "../kernels/expressions/compileKernel.js";
import { noCounts, type Operator, type OperatorContext } from "./operator.js";

/** Filters and projections: one generated loop. */
export class RowsOperator implements Operator {
  readonly counts = noCounts();
  readonly done = false;
  readonly #kernel: RowsKernel;
  readonly #context: OperatorContext;

  constructor(kernel: RowsKernel, context: OperatorContext) {
    this.#kernel = kernel;
    this.#context = context;
  }

  push(batch: Batch): Batch | null {
    const { counts } = this;
    const result = this.#kernel.run(batch, (row, failure) => this.#context.reject(batch, row, failure));
    const rows = rowCount(result.batch);
    counts.rowsIn += rowCount(batch);
    counts.rowsOut += rows;
    counts.filtered += result.filtered;
    counts.rejected += result.rejected;
    return rows === 0 ? null : result.batch;
  }

  flush(): null {
    return null;
  }
}
