import { planError } from "../common/errors.js";
import type { Expr } from "../expr/nodes.js";
import { valueToLiteral } from "../functions/literal.js";
import { integerRange, types } from "../schema/types.js";

/** Whether a value is a column or an expression made from columns. */
export function isExpression(value: unknown): value is { readonly expr: Expr } {
  return typeof value === "object" && value !== null && "expr" in value && isExpr((value as { expr: unknown }).expr);
}

function isExpr(value: unknown): value is Expr {
  return typeof value === "object" && value !== null && typeof (value as { kind?: unknown }).kind === "string";
}

/**
 * The expression of a column, or the literal that a plain value stands for.
 * @throws MillraceError Plan/INVALID_LITERAL for a value that has no type here; Plan/AGGREGATE_OUTSIDE_AGG for an aggregate.
 */
export function toExpr(value: unknown, where: string): Expr {
  if (isExpression(value)) {
    if (value.expr.kind === "aggregate") {
      throw planError("AGGREGATE_OUTSIDE_AGG", `${where}: the aggregate ${value.expr.fn} cannot be used as a column`, {
        hint: "Aggregates stand in agg((c) => ({ … })); compute with their results in a withColumns after it.",
      });
    }
    return value.expr;
  }
  return literalExpr(value, where);
}

function literalExpr(value: unknown, where: string): Expr {
  switch (typeof value) {
    case "boolean":
    case "string":
      return { kind: "literal", value };
    case "number":
      return numberLiteral(value);
    case "bigint":
      return bigintLiteral(value, where);
    default:
  }
  if (value === null) return { kind: "literal", value: null };
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw invalid(where, "an invalid Date", "Check how the Date was made.");
    return { kind: "literal", value: valueToLiteral(BigInt(value.getTime()) * 1000n, types.timestamp), type: types.timestamp };
  }
  if (value instanceof Uint8Array) {
    return { kind: "literal", value: Buffer.from(value).toString("base64"), type: types.binary };
  }
  throw invalid(
    where,
    describe(value),
    "A value is a column, a number, bigint, string, boolean, Date, Uint8Array or null; a column is named by col(name) or (c) => c.name.",
  );
}

function numberLiteral(value: number): Expr {
  // JSON has no spelling for these, and a minus zero would lose its sign.
  if (!Number.isFinite(value) || Object.is(value, -0)) {
    return { kind: "literal", value: Object.is(value, -0) ? "-0" : String(value), type: types.float64 };
  }
  return Number.isInteger(value) && !Number.isSafeInteger(value)
    ? { kind: "literal", value, type: types.float64 }
    : { kind: "literal", value };
}

function bigintLiteral(value: bigint, where: string): Expr {
  const { min, max } = integerRange(types.int64);
  if (value >= min && value <= max) return { kind: "literal", value: value.toString(), type: types.int64 };
  const digits = (value < 0n ? -value : value).toString().length;
  if (digits > 38) throw invalid(where, `the number ${value}`, "Exact numbers have at most 38 digits.");
  return {
    kind: "literal",
    value: value.toString(),
    type: value > 0n && value < 1n << 64n ? types.uint64 : types.decimal(38, 0),
  };
}

function invalid(where: string, found: string, hint: string): Error {
  return planError("INVALID_LITERAL", `${where}: expected a column or a plain value, found ${found}`, { hint });
}

/** A value in words, for messages: `a function`, `an array`, `an object of class Foo`. */
export function describe(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "function") return "a function";
  if (typeof value === "object") {
    const name = (value as { constructor?: { name?: unknown } }).constructor?.name;
    return typeof name === "string" && name !== "" && name !== "Object" ? `an object of class ${name}` : "an object";
  }
  if (typeof value === "string") return JSON.stringify(value);
  return typeof value === "symbol" || value === undefined ? String(value) : `the ${typeof value} ${String(value)}`;
}
