import { type Batch, rowCount } from "../batch/column.js";
import type { PartialAggregation } from "../kernels/aggregate.js";
import { noCounts, type Operator, type OperatorContext } from "./operator.js";

/** Groups the rows of the partition and keeps their partial states; gives one row a group at the end. */
export class PartialAggregateOperator implements Operator {
  readonly counts = noCounts();
  readonly done = false;
  readonly #aggregation: PartialAggregation;
  readonly #context: OperatorContext;

  constructor(aggregation: PartialAggregation, context: OperatorContext) {
    this.#aggregation = aggregation;
    this.#context = context;
  }

  push(batch: Batch): null {
    this.counts.rowsIn += rowCount(batch);
    this.counts.rejected += this.#aggregation.update(batch, (row, failure) => this.#context.reject(batch, row, failure));
    return null;
  }

  flush(): Batch | null {
    const batch = this.#aggregation.finish();
    this.counts.rowsOut += batch.length;
    return batch.length === 0 ? null : batch;
  }

  abort(): void {
    this.#aggregation.free();
  }
}
