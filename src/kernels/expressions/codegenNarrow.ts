import { overflow } from "../../functions/failure.js";
import { type DataType, isInteger, typeName, valueForm } from "../../schema/types.js";
import { narrowTime } from "./codegenNarrowTime.js";
import { anyNull, type Call, type Narrow, type Piece, type RowStatements } from "./codegenPiece.js";
import { fitsType, isExact, narrowOf, narrowPiece, quotientIsExact, rangeOf } from "./codegenRange.js";

interface Ranged {
  readonly text: string;
  readonly min: number;
  readonly max: number;
  /** Where the result is null although no argument is. */
  readonly isNull?: string;
}

/**
 * A call on whole numbers that this batch lets us hold in doubles: no bigint is made. null where the result might not be exact; the
 * call is then made on the values themselves, with the same result.
 */
export function narrowCall(row: RowStatements, call: Call, args: readonly Piece[]): Piece | null {
  const operands = args.map((arg, i) => narrowOf(arg, call.args[i]?.type));
  const [a, b] = operands;
  if (a === null || a === undefined || operands.includes(null)) return null;
  const time = narrowTime(row, call, args, a, b ?? null);
  if (time !== null) return time;
  const rule = b == null ? unary[call.fn]?.(a, call) : binary[call.fn]?.(a, b);
  const result = rule ?? (call.fn === "round" ? rounded(a, call) : null);
  if (result === null || !isExact(result.min, result.max)) return null;
  return inType(row, call.type, result, anyNull(args));
}

/** The result in its type: checked on each row only where the ranges do not prove it. */
function inType(row: RowStatements, type: DataType, result: Ranged, nulls: string | null): Piece | null {
  const own = result.isNull;
  const isNull = own === undefined ? nulls : nulls === null ? `(${own})` : `(${nulls} || ${own})`;
  if (fitsType(result.min, result.max, type)) return narrowPiece(row, type, result.text, result, isNull);
  // Small integers are checked with bit operations, which keep them 32 bits wide.
  const range = rangeOf(type);
  if (range === null || valueForm(type) !== "bigint") return null;
  const min = Math.max(result.min, range.min);
  const max = Math.min(result.max, range.max);
  const name = row.name(result.text);
  row.enterSite();
  const fail = row.scope.constant("overflow", overflow);
  const message = type.kind === "decimal" ? `a decimal of ${type.precision} digits` : typeName(type);
  const told = row.scope.constant(`overflow ${message}`, message);
  row.line(`if (${isNull === null ? "" : `!${isNull} && `}(${name} < ${min} || ${name} > ${max})) ${fail}(${told});`);
  return narrowPiece(row, type, name, { min, max }, isNull);
}

const span = (...corners: readonly number[]): { readonly min: number; readonly max: number } => ({
  min: Math.min(...corners) + 0,
  max: Math.max(...corners) + 0,
});

const binary: { readonly [fn: string]: (a: Narrow, b: Narrow) => Ranged | null } = {
  add: (a, b) => ({ text: `${a.text} + ${b.text}`, min: a.min + b.min, max: a.max + b.max }),
  sub: (a, b) => ({ text: `${a.text} - ${b.text}`, min: a.min - b.max, max: a.max - b.min }),
  mul: (a, b) => ({
    // Zero times a negative number is -0.
    text: `${a.text} * ${b.text}${a.min < 0 || b.min < 0 ? " + 0" : ""}`,
    ...span(a.min * b.min, a.min * b.max, a.max * b.min, a.max * b.max),
  }),
  div(a, b) {
    if (!quotientIsExact(a, b)) return null;
    const most = Math.max(Math.abs(a.min), Math.abs(a.max));
    const positive = a.min >= 0 && b.min >= 0;
    const text = positive ? `Math.floor(${a.text} / ${b.text})` : `Math.trunc(${a.text} / ${b.text}) + 0`;
    return { text, min: positive ? 0 : -most, max: most, ...zeroIsNull(b) };
  },
  mod(a, b) {
    if (!quotientIsExact(a, b)) return null;
    const most = Math.max(Math.abs(a.min), Math.abs(a.max));
    const text = `${a.text} - Math.trunc(${a.text} / ${b.text}) * ${b.text}`;
    return { text, min: a.min < 0 ? -most : 0, max: a.max > 0 ? most : 0, ...zeroIsNull(b) };
  },
};

const zeroIsNull = (b: Narrow): { readonly isNull?: string } => (b.min > 0 || b.max < 0 ? {} : { isNull: `${b.text} === 0` });

const unary: { readonly [fn: string]: (a: Narrow, call: Call) => Ranged | null } = {
  neg: (a) => ({ text: `0 - ${a.text}`, min: -a.max + 0, max: -a.min + 0 }),
  abs: (a) => ({ text: `Math.abs(${a.text})`, min: 0, max: Math.max(Math.abs(a.min), Math.abs(a.max)) }),
  sign: (a) => ({ text: `${a.text} > 0 ? 1 : ${a.text} < 0 ? -1 : 0`, min: -1, max: 1 }),
  floor: (a, call) => whole(a, call, "floor"),
  ceil: (a, call) => whole(a, call, "ceil"),
};

/** The unit of a decimal's digits before the point, where `a` divided by it is exact. */
function unitOf(a: Narrow, type: DataType | undefined): number | null {
  const scale = type?.kind === "decimal" ? type.scale : 0;
  const unit = 10 ** scale;
  return scale <= 15 && quotientIsExact(a, unit) ? unit : null;
}

function whole(a: Narrow, call: Call, how: "floor" | "ceil"): Ranged | null {
  const type = call.args[0]?.type;
  if (type !== undefined && isInteger(type)) return a;
  const unit = unitOf(a, type);
  if (unit === null) return null;
  return { text: `Math.${how}(${a.text} / ${unit}) + 0`, min: Math.floor(a.min / unit), max: Math.ceil(a.max / unit) };
}

/** `round` without a number of digits. */
function rounded(a: Narrow, call: Call): Ranged | null {
  const type = call.args[0]?.type;
  if (call.args.length !== 1 || type === undefined) return null;
  return isInteger(type) ? a : roundedQuotient(a, unitOf(a, type));
}

/** A quotient rounded half away from zero. */
export function roundedQuotient(a: Narrow, unit: number | null): Ranged | null {
  if (unit === null || !quotientIsExact(a, 2 * unit)) return null;
  if (unit === 1) return a;
  const text = `Math.trunc((${a.text} + (${a.text} < 0 ? ${-unit / 2} : ${unit / 2})) / ${unit}) + 0`;
  return { text, min: Math.floor(a.min / unit), max: Math.ceil(a.max / unit) };
}
