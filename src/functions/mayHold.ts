import type { Bound } from "../expr/nodes.js";
import { type DataType, isFloat, type Value } from "../schema/types.js";
import { castValue } from "./cast.js";
import { implicitCast } from "./coercion.js";
import { compareValues } from "./compare.js";
import { isOrder, type Order } from "./comparison.js";
import { literalToValue } from "./literal.js";

/** What is known of an expression's values in some rows. Texts are their UTF-8 bytes. */
export interface ValueRange {
  /** No value is less, none is greater; null where they are not known. */
  readonly ends: { readonly min: Value; readonly max: Value } | null;
  /** Whether some row may be null. */
  readonly hasNull: boolean;
  /** Whether some row may be not null. */
  readonly hasValue: boolean;
}

/** Nothing is known. */
export const anyRange: ValueRange = { ends: null, hasNull: true, hasValue: true };

/** The range of a column, by its index. */
export type RangeOf = (column: number) => ValueRange;

/**
 * Whether a condition may be true in some of the rows of which no more than these ranges is known. false is certain: by the comparisons, `in`,
 * `between` and tests for null that it consists of, in `and` and `or`. Of all else it may.
 */
export function mayHold(condition: Bound, rangeOf: RangeOf): boolean {
  if (condition.kind === "literal") return condition.value === true;
  if (condition.kind !== "call") return true;
  const { fn, args } = condition;
  const range = (at: number) => valuesOf(args[at] as Bound, rangeOf);
  switch (fn) {
    case "and":
      return args.every((arg) => mayHold(arg, rangeOf));
    case "or":
      return args.some((arg) => mayHold(arg, rangeOf));
    case "isNull":
      return range(0).hasNull;
    case "isNotNull":
      return range(0).hasValue;
    case "between":
      return mayCompare("gte", range(0), range(1)) && mayCompare("lte", range(0), range(2));
    case "in":
      return args.slice(1).some((_, i) => mayCompare("eq", range(0), range(i + 1)));
    default:
      return !isOrder(fn) || mayCompare(fn, range(0), range(1));
  }
}

function mayCompare(order: Order, a: ValueRange, b: ValueRange): boolean {
  if (!a.hasValue || !b.hasValue) return false;
  if (a.ends === null || b.ends === null) return true;
  switch (order) {
    case "lt":
      return compareValues(a.ends.min, b.ends.max) < 0;
    case "lte":
      return compareValues(a.ends.min, b.ends.max) <= 0;
    case "gt":
      return compareValues(a.ends.max, b.ends.min) > 0;
    case "gte":
      return compareValues(a.ends.max, b.ends.min) >= 0;
    case "eq":
      return compareValues(a.ends.min, b.ends.max) <= 0 && compareValues(a.ends.max, b.ends.min) >= 0;
    case "ne":
      return true;
  }
}

function valuesOf(expr: Bound, rangeOf: RangeOf): ValueRange {
  switch (expr.kind) {
    case "column":
      return rangeOf(expr.index);
    case "literal":
      return oneValue(comparable(literalToValue(expr.value, expr.type)));
    case "cast":
      // Widenings keep the order.
      return implicitCast(expr.input.type, expr.type)
        ? widened(valuesOf(expr.input, rangeOf), expr.input.type, expr.type)
        : anyRange;
    default:
      return anyRange;
  }
}

/** The range of rows that all have this value. */
export const oneValue = (value: Value): ValueRange => {
  const isNull = value === null;
  return { ends: isNull ? null : { min: value, max: value }, hasNull: isNull, hasValue: !isNull };
};

const comparable = (value: Value): Value => (typeof value === "string" ? Buffer.from(value, "utf8") : value);

function widened(range: ValueRange, from: DataType, to: DataType): ValueRange {
  if (range.ends === null) return range;
  const { min, max } = range.ends;
  // A float's bound may be NaN, which other types do not have.
  if (isFloat(from) && !isFloat(to)) return { ...range, ends: null };
  return { ...range, ends: { min: castValue(min, from, to), max: castValue(max, from, to) } };
}
