import { type Batch, type BytesColumn, type Column, rowCount } from "../batch/column.js";
import { gatherColumn } from "../batch/gather.js";
import { required } from "../common/assert.js";
import { internalError } from "../common/errors.js";
import { stateOf } from "../kernels/groups/aggregate.js";
import type { Accumulator } from "../kernels/groups/aggregateState.js";
import { columnCounts, followersIn, formOf } from "../kernels/groups/groupForms.js";
import { textOrder, WordGroupTable } from "../kernels/groups/groupTable.js";
import { KernelViews } from "../kernels/kernelViews.js";
import type { Step } from "../task/protocol.js";
import { FirstValues } from "./firstValues.js";
import { noCounts, type Operator } from "./operator.js";

export type FinalAggregateStep = Extract<Step, { op: "finalAggregate" }>;

/**
 * Merges what all partitions have of some buckets, in partition order, and gives the groups, sorted by their keys where the step says so. Sums of
 * floats are added in that order, so they depend on the partitions but on nothing else.
 */
export class FinalAggregateOperator implements Operator {
  readonly counts = noCounts();
  readonly done = false;
  readonly #step: FinalAggregateStep;
  #grouped: Grouped | null = null;
  readonly #states: readonly Accumulator[];
  /** The table's memory was given back, which must not happen twice. */
  #ended = false;

  readonly #isSharing: boolean;

  /** `sharing`: what the task reads lies in the memory that groups are made in; see `shareReaderKernels`. */
  constructor(step: FinalAggregateStep, sharing = false) {
    this.#isSharing = sharing;
    this.#step = step;
    this.#states = step.aggregates.map(stateOf);
  }

  push(batch: Batch): null {
    this.counts.rowsIn += rowCount(batch);
    if (batch.selection !== null) throw internalError("packed keys come as whole batches");
    const form = formOf(batch.schema);
    const views = new KernelViews(batch.columns);
    const following = followersIn(batch.schema);
    const { table, followers, leading } = this.#begin(following);
    if (leading + following !== this.#step.keys.length) throw internalError("packed keys have two forms");
    // The table may have made the memory grow that the batch lies in.
    const [keys] = views.columns(0, 1);
    if (keys?.layout !== "bytes") throw internalError("packed keys are byte strings");
    views.setGroups(table.assignPacked(keys));
    const { count } = table;
    let from = 1 + following;
    if (following > 0) followers.add(views.columns(1, from), views.groups(), count);
    columnCounts(this.#step, form).forEach((columns, i) => {
      const values = views.columns(from, from + columns);
      from += columns;
      const state = this.#states[i];
      if (form === "rows") state?.add(values, views.groups(), null, count, true);
      else state?.merge(values, views.groups(), count);
    });
    return null;
  }

  /** The table of the packed keys; what has `following` keys beside them says so in its first batch. */
  #begin(following: number): Grouped {
    if (this.#grouped !== null) return this.#grouped;
    const leading = this.#step.keys.length - following;
    const types = this.#step.keys.map(({ expr }) => ({ type: expr.type, nullable: expr.nullable }));
    const followers = new FirstValues(types.slice(leading).map(({ type }) => type));
    this.#grouped = { table: new WordGroupTable(types.slice(0, leading), this.#isSharing), followers, leading };
    return this.#grouped;
  }

  abort(): void {
    for (const state of this.#states) state.free?.();
    this.#end();
  }

  #end(): void {
    if (!this.#ended) this.#grouped?.table.free();
    this.#ended = true;
  }

  flush(): Batch | null {
    const { table, followers } = this.#begin(0);
    if (this.#step.keys.length === 0) table.assignPacked(oneEmptyKey);
    const { count } = table;
    this.counts.rowsOut += count;
    const columns = this.#step.order === "met" ? this.#asMet(table, followers) : this.#sorted(table, followers);
    for (const state of this.#states) state.free?.();
    this.#end();
    return count === 0 ? null : { schema: this.#step.schema, length: count, columns, selection: null, origin: null };
  }

  #sorted(table: WordGroupTable, followers: FirstValues): Column[] {
    const { count } = table;
    const { order, keys } = table.sorted();
    const results = this.#states.map((state) => state.ordered?.(order) ?? gatherColumn(state.result(count), order));
    const groupKeys = [...table.keyColumns(order), ...followers.columns(order)];
    const strings = this.#step.order === "mergeable" ? [keys ?? textOrder(required(groupKeys[0], "key"))] : [];
    return [...strings, ...groupKeys, ...results];
  }

  #asMet(table: WordGroupTable, followers: FirstValues): Column[] {
    const { count } = table;
    const order = new Int32Array(count).map((_, group) => group);
    return [...table.keyColumns(null), ...followers.columns(order), ...this.#states.map((state) => state.result(count))];
  }
}

interface Grouped {
  readonly table: WordGroupTable;
  /** Keys that follow from those of the table. */
  readonly followers: FirstValues;
  /** How many keys the table has. */
  readonly leading: number;
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
