import { type Batch, type Column, rowCount } from "../batch/column.js";
import { type Schema, types } from "../schema/types.js";
import type { FileWritten, Step } from "../task/protocol.js";
import { GroupedBuckets } from "./groupedBuckets.js";
import { areTooMany, SpilledGroups } from "./spilledGroups.js";
import type { RowValues } from "./streamedWindow.js";
import type { SortedCursor } from "../exchange/sortedCursor.js";
import { noCounts, type Operator, type OperatorContext } from "./operator.js";

export type KeepOneStep = Extract<Step, { op: "keepOne" }>;

/** Says of every row of some buckets whether it is the one that stays of those with its key. */
export class KeepOneOperator implements Operator {
  readonly counts = noCounts();
  readonly done = false;
  readonly #step: KeepOneStep;
  readonly #buckets: GroupedBuckets | SpilledGroups;
  #file: FileWritten | null = null;

  constructor(step: KeepOneStep, input: Schema, context: OperatorContext) {
    this.#step = step;
    const grouping = { groups: step.columns, order: step.order, values: [], marksTies: false };
    const { buckets } = context;
    this.#buckets =
      buckets !== undefined && areTooMany(buckets.paths, buckets.part)
        ? new SpilledGroups(input, grouping, step.file, context)
        : new GroupedBuckets(input, grouping, context);
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
    const buckets = this.#buckets;
    this.#file = buckets instanceof SpilledGroups ? this.#streamed(buckets) : this.#inMemory(buckets);
    this.counts.rowsOut += this.#file.rows;
    return null;
  }

  abort(): void {
    this.#buckets.abort();
  }

  #streamed(buckets: SpilledGroups): FileWritten {
    const { file, schema, which } = this.#step;
    return buckets.finish(file, schema, (open) => [which === "first" ? firstOfGroup() : lastOfGroup(open())]);
  }

  #inMemory(buckets: GroupedBuckets): FileWritten {
    const { order, bounds } = buckets.finish();
    const values = new Uint8Array(order.length);
    const last = this.#step.which === "last" ? 1 : 0;
    for (let g = 0; g + 1 < bounds.length; g++) {
      const at = last === 1 ? (bounds[g + 1] as number) - 1 : (bounds[g] as number);
      values[order[at] as number] = 1;
    }
    const kept: Column = { layout: "fixed", type: types.bool, length: order.length, values, valid: null };
    const written = buckets.write(this.#step.file, this.#step.schema, [kept]);
    buckets.free();
    return written;
  }
}

function firstOfGroup(): RowValues {
  let group = -1;
  return {
    next: (current) => {
      const isFirst = current.group !== group;
      group = current.group;
      return isFirst;
    },
  };
}

/** `ahead`: a cursor that goes before. */
const lastOfGroup = (ahead: SortedCursor): RowValues => ({
  next: (current) => {
    ahead.advance();
    return ahead.group !== current.group;
  },
});
