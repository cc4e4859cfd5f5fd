import { type DataType, integerRange, isInteger, valueForm } from "../../schema/types.js";
import type { Narrow, Piece, RowStatements } from "./codegenPiece.js";

/** Up to here, and only up to here, whole doubles are exact. */
export const exactLimit = 2 ** 53;

/** The values of a type whose values are whole numbers (unscaled ones for decimals); null for other types. */
export function rangeOf(type: DataType): { readonly min: number; readonly max: number } | null {
  if (type.kind === "decimal") {
    const limit = type.precision > 15 ? Number.POSITIVE_INFINITY : 10 ** type.precision - 1;
    return { min: -limit, max: limit };
  }
  if (type.kind === "date") return { min: -(2 ** 31), max: 2 ** 31 - 1 };
  if (type.kind === "timestamp") return { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY };
  if (!isInteger(type)) return null;
  const { min, max } = integerRange(type);
  // The bounds of 64 bits are no exact doubles, but whatever is exact lies within them.
  const far = type.kind === "int64" || type.kind === "uint64";
  return { min: Number(min), max: far ? Number.POSITIVE_INFINITY : Number(max) };
}

/** A piece as an exact double with its range; null where it is none. */
export function narrowOf(piece: Piece | undefined, type: DataType | undefined): Narrow | null {
  if (piece === undefined || type === undefined || piece.isNull === "true") return null;
  const range = rangeOf(type);
  if (range === null) return null;
  if (piece.narrow === undefined) return valueForm(type) === "number" ? { text: piece.value, ...range } : null;
  const { text, min, max } = piece.narrow;
  return { text, min: Math.max(min, range.min), max: Math.min(max, range.max) };
}

/** Whether every result in [min, max] is exact as a double. */
export const isExact = (min: number, max: number): boolean => min >= -exactLimit && max <= exactLimit;

/** Whether every value in [min, max] is one of a type. */
export function fitsType(min: number, max: number, type: DataType): boolean {
  const range = rangeOf(type);
  return range !== null && min >= range.min && max <= range.max;
}

/** A piece of a whole-number type from the text of its exact double. `simple`: the text is a name already. */
export function narrowPiece(
  row: RowStatements,
  type: DataType,
  text: string,
  range: { readonly min: number; readonly max: number },
  isNull: string | null,
): Piece {
  const name = row.name(text);
  const narrow = { text: name, min: range.min, max: range.max };
  return { value: valueForm(type) === "bigint" ? `BigInt(${name})` : name, isNull, narrow };
}

/** As `narrowPiece`, for a double that may lie beyond 2^53. */
export function wholePiece(row: RowStatements, text: string, min: number, max: number, isNull: string | null): Piece {
  const name = row.name(text);
  return { value: `BigInt(${name})`, isNull, whole: { text: name, min, max } };
}

const largest = (range: Narrow): number => Math.max(Math.abs(range.min), Math.abs(range.max));

/** Whether the quotient of two, cut to a whole number by the processor's division, is exact. */
export const quotientIsExact = (a: Narrow, b: Narrow | number): boolean =>
  largest(a) + (typeof b === "number" ? b : largest(b)) <= exactLimit;
