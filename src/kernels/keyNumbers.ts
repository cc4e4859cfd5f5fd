import type { BytesColumn, Column, WideColumn } from "../batch/column.js";
import { internalError } from "../common/errors.js";
import type { OrderKey } from "./sortBuffer.js";

type Numbers = Exclude<Extract<Column, { layout: "fixed" }>["values"], BigInt64Array | BigUint64Array>;
type Words = BigInt64Array | BigUint64Array;

/** Bytes of a text that stand in its number, before the number of its bytes, which ends at one more. */
const headBytes = 5;
const word = 2 ** 32;

/** How a key orders its values. */
export type KeyOrder = Pick<OrderKey, "descending" | "nulls">;

/**
 * A number for each of these rows into `out`: where one row comes before another in the order of the key, its number is smaller, or the same.
 * Integers of more bits than a number has are rounded or infinite, and of texts it is the first bytes.
 */
export function keyNumbers(column: Column, { descending, nulls }: KeyOrder, rows: Int32Array, out: Float64Array): void {
  if (column.layout === "bytes") ofTexts(column, rows, out);
  else if (column.layout === "wide") ofWide(column, rows, out);
  else if (column.layout === "object") throw internalError("nested values are not compared");
  else if (column.values instanceof BigInt64Array || column.values instanceof BigUint64Array) ofWords(column.values, rows, out);
  else ofNumbers(column.values, rows, out);
  const isFloat = column.type.kind === "float32" || column.type.kind === "float64";
  if (isFloat) replaceNaN(out, rows.length);
  if (descending) negate(out, rows.length);
  if (column.valid === null) return;
  replaceNulls(out, column.valid, rows, nulls === "first" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY);
}

/** Whether only values that are equal have this number in the order of a key. */
export function isExact({ layout, type }: Column, number: number): boolean {
  const finite = Number.isFinite(number);
  if (layout === "wide") return Number.isSafeInteger(number);
  if (layout === "bytes") return !finite || Math.abs(number) % 256 <= headBytes;
  if (type.kind === "float32" || type.kind === "float64") return finite;
  // Nulls alone are infinite.
  return !finite || Number.isSafeInteger(number);
}

function ofNumbers(values: Numbers, rows: Int32Array, out: Float64Array): void {
  for (let i = 0; i < rows.length; i++) out[i] = values[rows[i] as number] as number;
}

function ofWords(values: Words, rows: Int32Array, out: Float64Array): void {
  const low = new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
  const high = values instanceof BigInt64Array ? new Int32Array(low.buffer, low.byteOffset, low.length) : low;
  for (let i = 0; i < rows.length; i++) {
    const at = (rows[i] as number) * 2;
    out[i] = (high[at + 1] as number) * word + (low[at] as number);
  }
}

function ofWide({ values }: WideColumn, rows: Int32Array, out: Float64Array): void {
  const words = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
  for (let i = 0; i < rows.length; i++) {
    const at = (rows[i] as number) * 4;
    const high = words[at + 1] as number;
    const sign = words[at + 3] as number;
    const fits = sign === high >> 31 && words[at + 2] === sign;
    if (fits) out[i] = high * word + ((words[at] as number) >>> 0);
    else out[i] = sign < 0 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
}

function ofTexts({ bytes, starts, ends, valid }: BytesColumn, rows: Int32Array, out: Float64Array): void {
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as number;
    if (valid !== null && valid[row] === 0) continue;
    const start = starts[row] as number;
    const size = (ends[row] as number) - start;
    let head = 0;
    for (let k = 0; k < headBytes; k++) head = head * 256 + (k < size ? (bytes[start + k] as number) : 0);
    out[i] = head * 256 + Math.min(size, headBytes + 1);
  }
}

/** NaN is the largest number. */
function replaceNaN(out: Float64Array, count: number): void {
  for (let i = 0; i < count; i++) if (Number.isNaN(out[i])) out[i] = Number.POSITIVE_INFINITY;
}

function negate(out: Float64Array, count: number): void {
  for (let i = 0; i < count; i++) out[i] = -(out[i] as number);
}

function replaceNulls(out: Float64Array, valid: Uint8Array, rows: Int32Array, by: number): void {
  for (let i = 0; i < rows.length; i++) if (valid[rows[i] as number] === 0) out[i] = by;
}
