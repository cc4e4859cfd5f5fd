import { type DataType, isFloat, typeName, valueForm } from "../schema/types.js";
import { commonOf } from "./coercion.js";
import { compareBytes, compareText, compareValues } from "./compare.js";
import type { EmitContext, Resolution, ScalarFunction } from "./definition.js";
import { argType, wrongCount } from "./signatures.js";
import { types } from "../schema/types.js";

/** Every argument becomes the common type of all. */
export function allCommon(least: number, most: number, returns?: DataType) {
  return (args: readonly DataType[]): Resolution | string => {
    if (args.length < least || args.length > most) {
      const range = least === most ? `${least} arguments` : `at least ${least} argument${least === 1 ? "" : "s"}`;
      return wrongCount(range, args.length);
    }
    const common = commonOf(args);
    if (common === null) {
      const names = [...new Set(args.map(typeName))];
      return `expects arguments of one type, found ${names.join(" and ")}`;
    }
    return { args: args.map(() => common), returns: returns ?? common };
  };
}

export type Order = "eq" | "ne" | "lt" | "lte" | "gt" | "gte";

const symbols: { readonly [K in Order]: { readonly js: string; readonly sql: string; readonly summary: string } } = {
  eq: { js: "===", sql: "=", summary: "Whether two values are equal." },
  ne: { js: "!==", sql: "<>", summary: "Whether two values differ." },
  lt: { js: "<", sql: "<", summary: "Whether the first value is less." },
  lte: { js: "<=", sql: "<=", summary: "Whether the first value is less or equal." },
  gt: { js: ">", sql: ">", summary: "Whether the first value is greater." },
  gte: { js: ">=", sql: ">=", summary: "Whether the first value is greater or equal." },
};

/** Whether a function is such a comparison. */
export const isOrder = (name: string): name is Order => Object.hasOwn(symbols, name);

/** JavaScript's operator for a comparison. */
export const orderSymbol = (order: Order): string => symbols[order].js;

/** Whether an order (negative, zero, positive) satisfies a comparison. */
const holds: { readonly [K in Order]: (order: number) => boolean } = {
  eq: (order) => order === 0,
  ne: (order) => order !== 0,
  lt: (order) => order < 0,
  lte: (order) => order <= 0,
  gt: (order) => order > 0,
  gte: (order) => order >= 0,
};

/** Floats: NaN equals NaN and is the largest. */
function emitFloat(name: Order, a: string, b: string): string {
  switch (name) {
    case "eq":
      return `(${a} === ${b} || (${a} !== ${a} && ${b} !== ${b}))`;
    case "ne":
      return `(${a} !== ${b} && (${a} === ${a} || ${b} === ${b}))`;
    case "lt":
      return `(${a} < ${b} || (${b} !== ${b} && ${a} === ${a}))`;
    case "lte":
      return `(${a} <= ${b} || ${b} !== ${b})`;
    case "gt":
      return emitFloat("lt", b, a);
    case "gte":
      return emitFloat("lte", b, a);
  }
}

/** JavaScript text of a comparison of two values (never null) of one type. */
export function emitComparison(name: Order, a: string, b: string, type: DataType, context: EmitContext): string {
  const { js } = symbols[name];
  if (isFloat(type)) return emitFloat(name, a, b);
  switch (valueForm(type)) {
    case "string":
      if (name === "eq" || name === "ne") return `(${a} ${js} ${b})`;
      return `(${context.constant("compareText", compareText)}(${a}, ${b}) ${js} 0)`;
    case "bytes":
      return `(${context.constant("compareBytes", compareBytes)}(${a}, ${b}) ${js} 0)`;
    case "object":
    case "null":
      return `(${context.constant("compareValues", compareValues)}(${a}, ${b}) ${js} 0)`;
    default:
      return `(${a} ${js} ${b})`;
  }
}

function comparison(name: Order): ScalarFunction {
  return {
    name,
    summary: `${symbols[name].summary} NaN equals NaN and is the largest number; strings compare by code point.`,
    resolve: allCommon(2, 2, types.bool),
    nulls: "propagate",
    adaptLiterals: true,
    evaluate: ([a, b]) => holds[name](compareValues(a ?? null, b ?? null)),
    emit: ([a, b], call, context) => emitComparison(name, a as string, b as string, argType(call, 0), context),
    sql: ([a, b]) => `(${a} ${symbols[name].sql} ${b})`,
  };
}

const between: ScalarFunction = {
  name: "between",
  summary: "Whether a value lies between two others, both included.",
  resolve: allCommon(3, 3, types.bool),
  nulls: "handles",
  adaptLiterals: true,
  evaluate([value, low, high]) {
    if (value === null || value === undefined) return null;
    const aboveLow = low === null || low === undefined ? null : compareValues(value, low) >= 0;
    const belowHigh = high === null || high === undefined ? null : compareValues(value, high) <= 0;
    if (aboveLow === false || belowHigh === false) return false;
    return aboveLow === null || belowHigh === null ? null : true;
  },
  sql: ([a, low, high]) => `(${a} >= ${low} AND ${a} <= ${high})`,
};

const inList: ScalarFunction = {
  name: "in",
  summary: "Whether a value is one of a list; unknown (null) when it is not and the list holds a null.",
  resolve: allCommon(1, Number.POSITIVE_INFINITY, types.bool),
  nulls: "handles",
  adaptLiterals: true,
  evaluate([value, ...list]) {
    if (list.length === 0) return false;
    if (value === null || value === undefined) return null;
    let unknown = false;
    for (const item of list) {
      if (item === null) unknown = true;
      else if (compareValues(value, item) === 0) return true;
    }
    return unknown ? null : false;
  },
  sql: ([value, ...list]) => (list.length === 0 ? "false" : `(${value} IN (${list.join(", ")}))`),
};

export const comparisonFunctions: readonly ScalarFunction[] = [
  comparison("eq"),
  comparison("ne"),
  comparison("lt"),
  comparison("lte"),
  comparison("gt"),
  comparison("gte"),
  between,
  inList,
];
