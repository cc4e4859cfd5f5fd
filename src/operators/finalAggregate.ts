import { type Batch, type BytesColumn, type Column, rowCount } from "../batch/column.js";
import { gatherColumn } from "../batch/gather.js";
import { internalError } from "../common/errors.js";
import { stateOf } from "../kernels/aggregate.js";
import type { Accumulator } from "../kernels/aggregateState.js";
import { columnCounts, formOf } from "../kernels/groupForms.js";
import { WordGroupTable } from "../kernels/groupTable.js";
import { KernelViews } from "../kernels/kernelViews.js";
import type { Step } from "../task/protocol.js";
import { noCounts, type Operator } from "./operator.js";

export type FinalAggregateStep = Extract<Step, { op: "finalAggregate" }>;

/**
 * Merges what all partitions have of some buckets, in partition order, and gives the groups sorted by their keys. Sums of floats are added in that
 * order, so they depend on the partitions but on nothing else.
 */
export class FinalAggregateOperator implements Operator {
  readonly counts = noCounts();
  readonly done = false;
  readonly #step: FinalAggregateStep;
  readonly #table: WordGroupTable;
  readonly #states: readonly Accumulator[];
  /** The table's memory was given back, which must not happen twice. */
  #ended = false;

  constructor(step: FinalAggregateStep) {
    this.#step = step;
    this.#table = new WordGroupTable(step.keys.map(({ expr }) => ({ type: expr.type, nullable: expr.nullable })));
    this.#states = step.aggregates.map(stateOf);
  }

  push(batch: Batch): null {
    this.counts.rowsIn += rowCount(batch);
    const [packed] = batch.columns;
    if (packed?.layout !== "bytes" || batch.selection !== null) throw internalError("packed keys come as whole batches");
    const form = formOf(batch.schema);
    const views = new KernelViews(batch.columns);
    views.setGroups(this.#table.assignPacked(packed));
    const { count } = this.#table;
    let from = 1;
    columnCounts(this.#step, form).forEach((columns, i) => {
      const values = views.columns(from, from + columns);
      from += columns;
      const state = this.#states[i];
      if (form === "rows") state?.add(values, views.groups(), null, count, true);
      else state?.merge(values, views.groups(), count);
    });
    return null;
  }

  abort(): void {
    for (const state of this.#states) state.free?.();
    this.#end();
  }

  #end(): void {
    if (!this.#ended) this.#table.free();
    this.#ended = true;
  }

  flush(): Batch | null {
    if (this.#step.keys.length === 0) this.#table.assignPacked(oneEmptyKey);
    const { count } = this.#table;
    this.counts.rowsOut += count;
    const { order, keys } = this.#table.sorted();
    const results = this.#states.map((state) => gatherColumn(state.result(count), order));
    const columns: Column[] = [...(this.#step.sortKey ? [keys] : []), ...this.#table.keyColumns(order), ...results];
    this.#end();
    return count === 0 ? null : { schema: this.#step.schema, length: count, columns, selection: null, origin: null };
  }
}

/** Without keys there is one group, also when there are no rows. */
const oneEmptyKey: BytesColumn = {
  layout: "bytes",
  type: { kind: "binary" },
  length: 1,
  bytes: new Uint8Array(0),
  starts: new Int32Array(1),
  ends: new Int32Array(1),
  valid: null,
};
