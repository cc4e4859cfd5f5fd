import { type Batch, rowCount } from "../batch/column.js";
import type { PartialAggregation } from "../kernels/groups/aggregate.js";
import { forceSpill } from "../runtime/forceSpill.js";
import { noCounts, type Operator, type OperatorContext } from "./operator.js";

/**
 * Groups that are held at a time; past them their states are given on, and grouping begins anew or ends, so that a partition without bound (a compressed
 * file) does not hold all its groups. A constant: the order in which states merge must not depend on memory.
 */
export const mostGroups = 2 ** 20;

/** Groups the rows of the partition and keeps their partial states; gives one row a group at the end, or earlier where there are too many. */
export class PartialAggregateOperator implements Operator {
  readonly counts = noCounts();
  readonly done = false;
  readonly #begin: () => PartialAggregation;
  readonly #context: OperatorContext;
  /** null while there are no rows: memory of what was given on is free again by the next batch only. */
  #aggregation: PartialAggregation | null = null;

  constructor(begin: () => PartialAggregation, context: OperatorContext) {
    this.#begin = begin;
    this.#context = context;
  }

  push(batch: Batch): Batch | null {
    this.counts.rowsIn += rowCount(batch);
    this.#aggregation ??= this.#begin();
    this.counts.rejected += this.#aggregation.update(batch, (row, failure) => this.#context.reject(batch, row, failure));
    return this.#aggregation.groups >= mostGroups || forceSpill ? this.#finish() : null;
  }

  flush(): Batch | null {
    return this.#finish();
  }

  abort(): void {
    this.#aggregation?.free();
  }

  #finish(): Batch | null {
    if (this.#aggregation === null) return null;
    const batch = this.#aggregation.finish();
    this.#aggregation = null;
    this.counts.rowsOut += batch.length;
    return batch.length === 0 ? null : batch;
  }
}
