import { layoutOf } from "../../batch/builder.js";
import { castCanFail, castValue, mostExactScale, powersOfTen, roundEven } from "../../functions/cast.js";
import { RowFailure } from "../../functions/definition.js";
import { formatDate, formatNearTimestamp } from "../../functions/format.js";
import type { Bound } from "../../expr/nodes.js";
import { type DataType, isFloat, isInteger, typeName, type Value, valueForm } from "../../schema/types.js";
import { roundedQuotient } from "./codegenNarrow.js";
import { dayOfTimestamp, midnight } from "./codegenNarrowTime.js";
import type { Narrow, Piece, RowStatements } from "./codegenPiece.js";
import { fitsType, isExact, narrowOf, narrowPiece, rangeOf, wholePiece } from "./codegenRange.js";

type Cast = Extract<Bound, { kind: "cast" }>;

/** A cast of a piece: without a call where ranges allow it, else by the reference meaning. */
export function emitCast(row: RowStatements, bound: Cast, input: Piece, blank: string): Piece {
  if (input.isNull === "true") return { value: blank, isNull: "true" };
  const from = bound.input.type;
  const { type, safe } = bound;
  const narrow = narrowOf(input, from);
  const fast =
    (narrow === null ? null : narrowCast(row, narrow, input, bound)) ??
    directCast(row, input, from, type) ??
    roundedCast(row, input, bound);
  if (fast !== null) return fast;
  if (!safe && castCanFail(from, type)) row.enterSite();
  const run = row.scope.constant(
    `cast ${safe} ${typeName(from)} to ${typeName(type)}`,
    safe ? safeCast(from, type) : castOf(from, type),
  );
  if (input.isNull === null && !safe) return { value: row.name(`${run}(${input.value})`), isNull: null };
  const target = row.declare(type, true);
  row.line(input.isNull === null ? "{" : `if (!${input.isNull}) {`);
  const result = row.name(`${run}(${input.value})`);
  row.line(`if (${result} !== null) { ${target.set(result)} }`);
  row.line("}");
  return target.piece;
}

const castOf = (from: DataType, to: DataType) => (value: Value) => castValue(value, from, to);

/** A cast that gives null where it cannot be made. */
const safeCast = (from: DataType, to: DataType) => (value: Value) => {
  try {
    return castValue(value, from, to);
  } catch (thrown) {
    if (thrown instanceof RowFailure) return null;
    throw thrown;
  }
};

/** Casts between floats and booleans, which cannot fail. */
function directCast(row: RowStatements, input: Piece, from: DataType, to: DataType): Piece | null {
  const { value, isNull } = input;
  if (from.kind === "float32" && to.kind === "float64") return { value, isNull };
  if (from.kind !== "bool") return null;
  if (isInteger(to)) return narrowPiece(row, to, `${value} ? 1 : 0`, { min: 0, max: 1 }, isNull);
  return to.kind === "float64" || to.kind === "float32" ? { value: row.name(`${value} ? 1 : 0`), isNull } : null;
}

/** Casts of a whole number that is an exact double. */
function narrowCast(row: RowStatements, a: Narrow, input: Piece, bound: Cast): Piece | null {
  const from = bound.input.type;
  const to = bound.type;
  const { isNull } = input;
  if (to.kind === "utf8" && (from.kind === "date" || from.kind === "timestamp")) {
    const format = from.kind === "date" ? formatDate : formatNearTimestamp;
    return { value: `${row.scope.constant(`text of ${from.kind}`, format)}(${a.text})`, isNull };
  }
  if (from.kind === "date") return to.kind === "timestamp" ? midnight(row, a, isNull) : null;
  if (from.kind === "timestamp") return to.kind === "date" ? dayOfTimestamp(row, a, isNull) : null;
  if (from.kind === "decimal") return decimalCast(row, a, input, from.scale, bound);
  if (to.kind === "float64") return { value: `(${a.text})`, isNull };
  if (to.kind === "float32") return { value: row.name(`Math.fround(${a.text})`), isNull };
  if (to.kind === "bool") return { value: row.name(`${a.text} !== 0`), isNull };
  if (to.kind === "utf8") return { value: `("" + ${a.text})`, isNull };
  if (to.kind === "decimal") return scaled(row, a, input, to.scale, bound);
  return isInteger(to) ? ranged(row, a, input, bound) : null;
}

/** Decimals, whose double is the unscaled one. */
function decimalCast(row: RowStatements, a: Narrow, input: Piece, scale: number, bound: Cast): Piece | null {
  const to = bound.type;
  // The quotient of two exact doubles is the double nearest to the decimal, as reading its digits would give.
  if (to.kind === "float64" && scale <= mostExactScale)
    return { value: row.name(`${a.text} / 1e${scale}`), isNull: input.isNull };
  if (to.kind === "bool") return { value: row.name(`${a.text} !== 0`), isNull: input.isNull };
  if (to.kind === "decimal" && to.scale >= scale) return scaled(row, a, input, to.scale - scale, bound);
  if (to.kind !== "decimal" && !isInteger(to)) return null;
  const digits = scale - (to.kind === "decimal" ? to.scale : 0);
  const rounded = digits > 15 ? null : roundedQuotient(a, 10 ** digits);
  return rounded === null ? null : ranged(row, { ...rounded, text: row.name(rounded.text) }, input, bound);
}

/** A number with so many digits more behind the point. */
function scaled(row: RowStatements, a: Narrow, input: Piece, digits: number, bound: Cast): Piece | null {
  const unit = 10 ** digits;
  if (digits > 15 || !isExact(a.min * unit, a.max * unit)) return null;
  if (unit === 1) return ranged(row, a, input, bound);
  return ranged(row, { text: row.name(`${a.text} * ${unit}`), min: a.min * unit + 0, max: a.max * unit + 0 }, input, bound);
}

/** A whole number as another type of whole numbers: where its range does not prove that it fits, the reference meaning says what fails. */
function ranged(row: RowStatements, a: Narrow, input: Piece, bound: Cast): Piece | null {
  const to = bound.type;
  if (fitsType(a.min, a.max, to)) return narrowPiece(row, to, a.text, a, input.isNull);
  const range = rangeOf(to);
  if (range === null) return null;
  const min = Math.max(a.min, range.min);
  const max = Math.min(a.max, range.max);
  return inRange(row, a.text, { min, max }, `(${a.text} < ${min} || ${a.text} > ${max})`, input, bound);
}

/** A whole number that is within a range but where `outside` is true: there the cast gives null, or the reference meaning says what fails. */
function inRange(
  row: RowStatements,
  whole: string,
  range: { readonly min: number; readonly max: number },
  outside: string,
  input: Piece,
  bound: Cast,
): Piece {
  const to = bound.type;
  const isNull = failOutside(row, outside, input, bound);
  return narrowPiece(row, to, bound.safe && isSmall(to) ? `${isNull} ? 0 : ${whole}` : whole, range, isNull);
}

/** Statements by which the reference meaning says what fails `outside`; where a cast is null that fails, or its input is. */
function failOutside(
  row: RowStatements,
  outside: string,
  input: Piece,
  { type, safe, input: { type: from } }: Cast,
): string | null {
  if (safe) return row.name(input.isNull === null ? outside : `${input.isNull} || ${outside}`);
  row.enterSite();
  const fail = row.scope.constant(`cast false ${typeName(from)} to ${typeName(type)}`, castOf(from, type));
  row.line(`if (${input.isNull === null ? "" : `!${input.isNull} && `}${outside}) ${fail}(${input.value});`);
  return input.isNull;
}

/** Added to a double below 2^51 in size and taken off again, this rounds it half to even; a larger one stays larger than 32 bits hold. */
const rounder = 1.5 * 2 ** 52;
const mostRounded = 2 ** 51;

/** Casts of floats to integers and to decimals of at most 64 bits. */
function roundedCast(row: RowStatements, input: Piece, bound: Cast): Piece | null {
  const { type } = bound;
  if (!isFloat(bound.input.type)) return null;
  if (type.kind === "decimal") return decimalOfFloat(row, input, bound, type);
  const range = rangeOf(type);
  if (range === null || !isInteger(type)) return null;
  const near = `(${input.value}) + ${rounder} - ${rounder}`;
  if (isSmall(type)) {
    const whole = row.name(near);
    return inRange(row, whole, range, `!(${whole} >= ${range.min} && ${whole} <= ${range.max})`, input, bound);
  }
  const even = row.scope.constant("roundEven", roundEven);
  const whole = row.name(`Math.abs(${input.value}) < ${mostRounded} ? ${near} : ${even}(${input.value})`);
  const limit = type.kind === "uint64" ? 2 ** 64 : 2 ** 63;
  return heldWithin(row, whole, `${whole} >= ${range.min} && ${whole} < ${limit}`, range.min, limit, input, bound);
}

/** Rounded half away from zero in doubles, as the reference meaning does it. */
function decimalOfFloat(
  row: RowStatements,
  input: Piece,
  bound: Cast,
  type: Extract<DataType, { readonly kind: "decimal" }>,
): Piece | null {
  if (layoutOf(type) !== "fixed") return null;
  const power = powersOfTen[type.scale] as number;
  const isSingle = bound.input.type.kind === "float32";
  const scaled = row.name(isSingle ? `Math.fround(${input.value} * ${Math.fround(power)})` : `${input.value} * ${power}`);
  const whole = row.name(`Math.trunc(${scaled})`);
  const rounded = row.name(`Math.abs(${scaled} - ${whole}) >= 0.5 ? ${whole} + Math.sign(${scaled}) : ${whole} + 0`);
  const limit = 10 ** type.precision;
  return heldWithin(row, rounded, `${rounded} > -${limit} && ${rounded} < ${limit}`, -limit, limit, input, bound);
}

/** A whole number of 64 bits, where `isWithin` is true: 0 is held elsewhere, as there is no bigint of what is no number. */
function heldWithin(
  row: RowStatements,
  whole: string,
  isWithin: string,
  min: number,
  max: number,
  input: Piece,
  bound: Cast,
): Piece {
  const outside = row.name(`!(${isWithin})`);
  const held = row.name(`${input.isNull === null ? outside : `${input.isNull} || ${outside}`} ? 0 : ${whole}`);
  // Whole numbers of either bound itself are outside, or need no bigint.
  if (isExact(min, max)) return inRange(row, held, { min: min + 1, max: max - 1 }, outside, input, bound);
  const isNull = failOutside(row, outside, input, bound);
  return wholePiece(row, held, min, max, isNull);
}

const isSmall = (type: DataType): boolean => valueForm(type) === "number";
