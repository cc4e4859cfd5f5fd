import { type DataType, isNested, types, type Value } from "../../schema/types.js";
import { compareValues } from "../compare.js";
import type { AggregateFunction } from "../definition.js";
import { mismatch, wrongCount } from "../signatures.js";
import { notNull } from "./sums.js";

const comparable = (type: DataType): boolean => !isNested(type);
const typed = (type: DataType): DataType => (type.kind === "null" ? types.int32 : type);

function extreme(name: "min" | "max", sign: 1 | -1): AggregateFunction {
  return {
    name,
    summary: `The ${name === "min" ? "least" : "greatest"} value; null without values. NaN is the largest number, text compares by code point.`,
    resolve(args) {
      const [arg] = args;
      if (arg === undefined || args.length !== 1) return wrongCount("1 argument", args.length);
      return comparable(arg)
        ? { args: [typed(arg)], returns: typed(arg), nullable: true }
        : mismatch("a value that can be ordered", arg, 0);
    },
    /** State: [the value so far], null when no value was met. */
    partial: {
      states: (call) => [call.returns],
      merge: ([state]) => `${name}(${state})`,
    },
    sql: ([arg]) => `${name}(${arg})`,
    evaluate(rows) {
      let best: Value = null;
      for (const value of notNull(rows)) if (best === null || compareValues(value, best) * sign > 0) best = value;
      return best;
    },
  };
}

function argExtreme(name: "argMin" | "argMax", sign: 1 | -1): AggregateFunction {
  const order = sign > 0 ? "DESC" : "ASC";
  const text = (value: string, by: string, position: string): string =>
    `first(${value} ORDER BY ${by} ${order}, ${position}) FILTER (WHERE ${value} IS NOT NULL AND ${by} IS NOT NULL)`;
  return {
    name,
    summary: `The first argument where the second is ${sign > 0 ? "greatest" : "least"}, the earliest row of several; rows where one is null do not count.`,
    resolve(args) {
      const [value, by] = args;
      if (value === undefined || by === undefined || args.length !== 2) return wrongCount("2 arguments", args.length);
      if (!comparable(by)) return mismatch("a value that can be ordered", by, 1);
      return { args: [typed(value), typed(by)], returns: typed(value), nullable: true };
    },
    ordered: true,
    /**
     * State: [value, by, int64 position of the row in the partition], all null when no row counts. The merge takes the earliest
     * partial row of equal `by`, since partial rows stand in input order.
     */
    partial: {
      states: (call) => [...call.args, types.int64],
      merge: ([value, by], _call, context) => text(value as string, by as string, context.order),
    },
    sql: ([value, by], _call, context) => text(value as string, by as string, context.order),
    evaluate(rows) {
      let best: readonly Value[] | null = null;
      for (const row of rows) {
        const [value = null, by = null] = row;
        if (value === null || by === null) continue;
        if (best === null || compareValues(by, best[1] ?? null) * sign > 0) best = row;
      }
      return best?.[0] ?? null;
    },
  };
}

export const extremeAggregates: readonly AggregateFunction[] = [
  extreme("min", -1),
  extreme("max", 1),
  argExtreme("argMin", -1),
  argExtreme("argMax", 1),
];
