import { type Batch, type Column, rowCount } from "../batch/column.js";
import { type Schema, types } from "../schema/types.js";
import type { FileWritten, Step } from "../task/protocol.js";
import { GroupedBuckets } from "./groupedBuckets.js";
import { noCounts, type Operator, type OperatorContext } from "./operator.js";

export type KeepOneStep = Extract<Step, { op: "keepOne" }>;

/** Says of every row of some buckets whether it is the one that stays of those with its key. */
export class KeepOneOperator implements Operator {
  readonly counts = noCounts();
  readonly done = false;
  readonly #step: KeepOneStep;
  readonly #buckets: GroupedBuckets;
  #file: FileWritten | null = null;

  constructor(step: KeepOneStep, input: Schema, context: OperatorContext) {
    this.#step = step;
    this.#buckets = new GroupedBuckets(input, { groups: step.columns, order: step.order, values: [], marksTies: false }, context);
  }

  get files(): readonly FileWritten[] {
    return this.#file === null ? [] : [this.#file];
  }

  push(batch: Batch): null {
    this.counts.rowsIn += rowCount(batch);
    this.#buckets.push(batch);
    return null;
  }

  flush(): null {
    const { order, bounds } = this.#buckets.finish();
    const values = new Uint8Array(order.length);
    const last = this.#step.which === "last" ? 1 : 0;
    for (let g = 0; g + 1 < bounds.length; g++) {
      const at = last === 1 ? (bounds[g + 1] as number) - 1 : (bounds[g] as number);
      values[order[at] as number] = 1;
    }
    const kept: Column = { layout: "fixed", type: types.bool, length: order.length, values, valid: null };
    this.#file = this.#buckets.write(this.#step.file, this.#step.schema, [kept]);
    this.#buckets.free();
    this.counts.rowsOut += order.length;
    return null;
  }

  abort(): void {
    this.#buckets.abort();
  }
}
