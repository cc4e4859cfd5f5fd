import type { Column } from "../batch/column.js";
import { required } from "../common/assert.js";
import { internalError } from "../common/errors.js";
import type { GroupedOrder } from "../kernels/groups/groupedRows.js";
import type { WindowCall } from "../plan/bound.js";
import { type Schema, types } from "../schema/types.js";
import type { FileWritten, Step } from "../task/protocol.js";
import { BucketsOperator } from "./bucketsOperator.js";
import type { GroupedBuckets } from "./groupedBuckets.js";
import type { OperatorContext } from "./operator.js";
import type { SpilledGroups } from "./spilledGroups.js";
import { rowValues } from "./streamedWindow.js";
import { followFrames } from "./windowFrames.js";
import { FrameExtreme, neighbours } from "./windowRows.js";
import { FrameCount, type FrameColumn, frameSum } from "./windowValues.js";

export type WindowStep = Extract<Step, { op: "window" }>;

/** Computes window functions over the rows of some buckets. */
export class WindowOperator extends BucketsOperator {
  readonly #step: WindowStep;
  /** Where the arguments stand among the values that were collected, by their column of the input. */
  readonly #places: ReadonlyMap<number, number>;

  constructor(step: WindowStep, input: Schema, context: OperatorContext) {
    const values = [...new Set(step.calls.flatMap(({ args }) => args.map(columnIndex)))];
    const { partition: groups, order, frame, calls } = step;
    const marksTies = calls.some(({ fn }) => fn === "rank" || fn === "denseRank" || (frame === null && isFramed(fn)));
    super(input, { groups, order, values, marksTies }, step.file, context);
    this.#step = step;
    this.#places = new Map(values.map((index, place) => [index, place]));
  }

  protected inMemory(buckets: GroupedBuckets): FileWritten {
    const { file, schema, calls } = this.#step;
    const grouped = buckets.finish();
    const columns = calls.map((call) => this.#call(call, grouped));
    const written = buckets.write(file, schema, columns);
    buckets.free();
    return written;
  }

  protected streamed(buckets: SpilledGroups): FileWritten {
    const { file, schema, calls, frame } = this.#step;
    return buckets.finish(file, schema, (open, firstValue) => {
      const place = (arg: WindowCall["args"][number]) => firstValue + required(this.#places.get(columnIndex(arg)), "argument");
      return calls.map((call) => rowValues(call, { open, place, frame }));
    });
  }

  #call(call: WindowCall, grouped: GroupedOrder): Column {
    const args = call.args.map((arg): Column => {
      const place = this.#places.get(columnIndex(arg));
      return required(place === undefined ? undefined : grouped.columns[place], "argument");
    });
    const offset = Number(call.options.offset ?? 1);
    switch (call.fn) {
      case "rowNumber":
        return numbered(grouped, (place) => place + 1);
      case "rank":
        return numbered(grouped, (place, _, tie) => (tie ? null : place + 1));
      case "denseRank":
        return numbered(grouped, (_, before, tie) => (tie ? null : before + 1));
      case "lag":
        return neighbours(grouped, required(args[0], "value"), args[1] ?? null, -offset);
      case "lead":
        return neighbours(grouped, required(args[0], "value"), args[1] ?? null, offset);
      default: {
        const value = this.#framed(call, args, grouped.order.length);
        followFrames(grouped, this.#step.frame, value);
        return value.column();
      }
    }
  }

  #framed({ fn }: WindowCall, args: readonly Column[], rows: number): FrameColumn {
    const [argument] = args;
    if (fn === "count") return new FrameCount(rows, argument ?? null);
    const value = required(argument, "argument");
    const { frame } = this.#step;
    const grows = frame === null || frame.from === null;
    switch (fn) {
      case "sum":
      case "avg":
        return frameSum(value, fn === "avg");
      case "min":
        return new FrameExtreme(value, 1, grows);
      case "max":
        return new FrameExtreme(value, -1, grows);
      default:
        throw internalError(`${fn} is no window function of the workers`);
    }
  }
}

const isFramed = (fn: string): boolean => ["sum", "avg", "min", "max", "count"].includes(fn);

function columnIndex(arg: WindowCall["args"][number]): number {
  if (arg.kind !== "column") throw internalError("arguments of a window are columns");
  return arg.index;
}

/**
 * A number for every row. `next`: from the row's place in its group (from 0), the number of the row before it (0 for the first) and whether the keys are those of the row before
 * it; null: the number of the row before.
 */
function numbered(
  { order, bounds, changes }: GroupedOrder,
  next: (place: number, before: number, tie: boolean) => number | null,
): Column {
  const values = new BigInt64Array(order.length);
  const words = new Int32Array(values.buffer);
  for (let g = 0; g + 1 < bounds.length; g++) {
    const [first, end] = [bounds[g] as number, bounds[g + 1] as number];
    let before = 0;
    for (let i = first; i < end; i++) {
      const tie = i > first && changes !== null && changes[i] === 0;
      before = next(i - first, before, tie) ?? before;
      words[(order[i] as number) * 2] = before;
    }
  }
  return { layout: "fixed", type: types.int64, length: order.length, values, valid: null };
}
