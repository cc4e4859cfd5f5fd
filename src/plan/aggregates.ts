import { planError } from "../common/errors.js";
import type { AggregateExpr, CallOptions } from "../expr/nodes.js";
import type { BoolOperand, Expression, Literal, NameOfValue, NumberOperand, TextOperand } from "./columns.js";
import { toExpr } from "./literal.js";
import type { SumName } from "./types.js";

declare const aggregateTag: unique symbol;

/** One value per group; stands in `agg` alone. Nulls are left out unless the function says otherwise. */
export interface Aggregate<T extends string = string> {
  readonly expr: AggregateExpr;
  /** Exists for the type checker alone. */
  readonly [aggregateTag]?: T;
}

type Value = Expression | Literal;
type NameOfNumber<V> = SumName<NameOfValue<V> & string>;

function aggregate<T extends string>(fn: string, args: readonly Value[], options?: CallOptions): Aggregate<T> {
  const exprs = args.map((arg) => toExpr(arg, fn));
  return {
    expr: options === undefined ? { kind: "aggregate", fn, args: exprs } : { kind: "aggregate", fn, args: exprs, options },
  };
}

/** Exact for integers (as int64) and decimals; independent of row order for floats. Null when there is no value. */
export const sum = <V extends NumberOperand>(value: V) => aggregate<NameOfNumber<V>>("sum", [value]);

/** Rows; with a column, its values that are not null. */
export const count = (value?: Value): Aggregate<"int64"> => aggregate("count", value === undefined ? [] : [value]);
export const countDistinct = (value: Value): Aggregate<"int64"> => aggregate("countDistinct", [value]);
export const avg = (value: NumberOperand): Aggregate<"float64"> => aggregate("avg", [value]);
export const min = <V extends Value>(value: V): Aggregate<NameOfValue<V>> => aggregate("min", [value]);
export const max = <V extends Value>(value: V): Aggregate<NameOfValue<V>> => aggregate("max", [value]);
/** The value of the first row in input order, null included. */
export const first = <V extends Value>(value: V): Aggregate<NameOfValue<V>> => aggregate("first", [value]);
/** The value of the last row in input order, null included. */
export const last = <V extends Value>(value: V): Aggregate<NameOfValue<V>> => aggregate("last", [value]);
/** Sample standard deviation; null for fewer than two values. */
export const stddev = (value: NumberOperand): Aggregate<"float64"> => aggregate("stddev", [value]);
export const variance = (value: NumberOperand): Aggregate<"float64"> => aggregate("variance", [value]);
export const stddevPop = (value: NumberOperand): Aggregate<"float64"> => aggregate("stddevPop", [value]);
export const variancePop = (value: NumberOperand): Aggregate<"float64"> => aggregate("variancePop", [value]);
export const median = (value: NumberOperand): Aggregate<"float64"> => aggregate("median", [value]);

/** The value below which the share `q` (0 to 1) of the values lies, interpolated. */
export function quantile(value: NumberOperand, q: number): Aggregate<"float64"> {
  if (typeof q !== "number" || !(q >= 0 && q <= 1)) {
    throw planError("INVALID_ARGUMENT", `quantile: expected a share from 0 to 1, found ${String(q)}`, {
      hint: "The 95th percentile is quantile(c.x, 0.95).",
    });
  }
  return aggregate("quantile", [value], { q });
}

/** `value` in the row where `by` is least. */
export const argMin = <V extends Value>(value: V, by: Value): Aggregate<NameOfValue<V>> => aggregate("argMin", [value, by]);
/** `value` in the row where `by` is greatest. */
export const argMax = <V extends Value>(value: V, by: Value): Aggregate<NameOfValue<V>> => aggregate("argMax", [value, by]);
/** Whether it is true in every row. */
export const boolAnd = (value: BoolOperand): Aggregate<"bool"> => aggregate("boolAnd", [value]);
/** Whether it is true in at least one row. */
export const boolOr = (value: BoolOperand): Aggregate<"bool"> => aggregate("boolOr", [value]);
/** The values in input order. */
export const list = <V extends Value>(value: V): Aggregate<`list(${NameOfValue<V> & string})`> => aggregate("list", [value]);

/** The texts in input order, with the separator between them. */
export function stringJoin(value: TextOperand, separator = ","): Aggregate<"utf8"> {
  return aggregate("stringJoin", [value], { separator });
}

/** What an `agg` callback returns. */
export interface NamedAggregates {
  readonly [column: string]: Aggregate;
}

/** The columns that such a callback makes. */
export type AggregateColumns<R> = { readonly [K in keyof R & string]: R[K] extends Aggregate<infer T> ? T : "any" };
