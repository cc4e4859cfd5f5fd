import type { Column, FixedColumn, WideColumn } from "./column.js";
import { newFixed } from "./builder.js";

// Columns of the rows of several, one after the other.

/** The validity of all rows; null where none of them is null. */
export function concatValid(parts: readonly Column[], length: number): Uint8Array | null {
  if (parts.every((part) => part.valid === null)) return null;
  const valid = new Uint8Array(length).fill(1);
  let at = 0;
  for (const part of parts) {
    if (part.valid !== null) valid.set(part.valid.subarray(0, part.length), at);
    at += part.length;
  }
  return valid;
}

export function concatFixed(
  type: Column["type"],
  parts: readonly FixedColumn[],
  length: number,
  valid: Uint8Array | null,
): FixedColumn {
  const values = newFixed(type, length) as Float64Array;
  let at = 0;
  for (const part of parts) {
    values.set(part.values as Float64Array, at);
    at += part.length;
  }
  return { layout: "fixed", type, length, values, valid };
}

export function concatWide(
  type: Column["type"],
  parts: readonly WideColumn[],
  length: number,
  valid: Uint8Array | null,
): WideColumn {
  const values = new BigInt64Array(length * 2);
  let at = 0;
  for (const part of parts) {
    values.set(part.values, at);
    at += part.length * 2;
  }
  return { layout: "wide", type, length, values, valid };
}
