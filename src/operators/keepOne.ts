import type { Column } from "../batch/column.js";
import { type Schema, types } from "../schema/types.js";
import type { FileWritten, Step } from "../task/protocol.js";
import { BucketsOperator } from "./bucketsOperator.js";
import type { GroupedBuckets } from "./groupedBuckets.js";
import type { SpilledGroups } from "./spilledGroups.js";
import type { RowValues } from "./streamedWindow.js";
import type { SortedCursor } from "../exchange/sortedCursor.js";
import type { OperatorContext } from "./operator.js";

export type KeepOneStep = Extract<Step, { op: "keepOne" }>;

/** Says of every row of some buckets whether it is the one that stays of those with its key. */
export class KeepOneOperator extends BucketsOperator {
  readonly #step: KeepOneStep;

  constructor(step: KeepOneStep, input: Schema, context: OperatorContext) {
    const grouping = { groups: step.columns, order: step.order, values: [], marksTies: false };
    super(input, grouping, step.file, context);
    this.#step = step;
  }

  protected streamed(buckets: SpilledGroups): FileWritten {
    const { file, schema, which } = this.#step;
    return buckets.finish(file, schema, (open) => [which === "first" ? firstOfGroup() : lastOfGroup(open())]);
  }

  protected inMemory(buckets: GroupedBuckets): FileWritten {
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
