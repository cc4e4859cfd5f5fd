import { planError } from "../common/errors.js";
import type { Expr, LiteralValue } from "../expr/nodes.js";
import { type DataType, integerRange, isInteger, types, type Value } from "../schema/types.js";
import { parseDate, parseDecimal, parseTimestamp } from "./parse.js";

/** Literals without a type of their own, which fit themselves to what they stand beside. */
export const isPlainLiteral = (expr: Expr): boolean => expr.kind === "literal" && expr.type === undefined && expr.value !== null;

interface Typed {
  readonly value: Value;
  readonly type: DataType;
}

/** `0.25` as decimal(2,2): exactly the digits that were written. null when it has more than a decimal holds. */
function asWritten(value: number): Typed | null {
  const match = /^-?(\d+)(?:\.(\d+))?$/.exec(String(value));
  if (match === null) return null;
  const [, whole = "", fraction = ""] = match;
  const precision = Math.max(1, whole.replace(/^0+/, "").length + fraction.length);
  if (precision > 38) return null;
  const unscaled = parseDecimal(String(value), precision, fraction.length);
  return unscaled === null ? null : { value: unscaled, type: types.decimal(precision, fraction.length) };
}

function adaptNumber(value: number, target: DataType): Typed | null {
  if (isInteger(target) && Number.isSafeInteger(value)) {
    const { min, max } = integerRange(target);
    if (value < min || value > max) return null;
    return { value: target.kind === "int64" || target.kind === "uint64" ? BigInt(value) : value + 0, type: target };
  }
  if (target.kind === "decimal") return asWritten(value);
  if (target.kind === "float32" && Math.fround(value) === value) return { value, type: target };
  return null;
}

/**
 * The literal as it stands beside values of a type: an integer takes the integer type when it fits, a number beside a decimal keeps its
 * digits, a text beside a date or timestamp is read as one. null when it stays what it is.
 * @throws MillraceError Plan/INVALID_LITERAL for a text that is no date or timestamp.
 */
export function adaptLiteral(value: LiteralValue, target: DataType, where: string): Typed | null {
  if (typeof value === "number") return adaptNumber(value, target);
  if (typeof value !== "string" || (target.kind !== "date" && target.kind !== "timestamp")) return null;
  const days = target.kind === "date" ? parseDate(value) : null;
  if (days !== null) return { value: days, type: types.date };
  const micros = parseTimestamp(value);
  if (micros !== null) return { value: micros, type: types.timestamp };
  throw planError("INVALID_LITERAL", `${where}: ${JSON.stringify(value)} is not a ${target.kind}`, {
    hint: "Write dates as YYYY-MM-DD and timestamps as YYYY-MM-DD HH:MM:SS.",
  });
}
