import type { FixedValues } from "../../batch/column.js";
import { bytesOf } from "../../kernels/groups/groupMemory.js";
import { type DataType, isInteger } from "../../schema/types.js";
import { decimalBytes, physical } from "./parquetSchema.js";
import { numberField, structField, type ThriftStruct } from "./parquetThrift.js";

/**
 * Reads `count` plain values from `at` on into `out`, from its row `row` on. False where they are not all there, and for values that the column's
 * type does not hold, or that would have to be rounded on the way: those are left to the other decoder.
 */
export type PlainValues = (bytes: Uint8Array, at: number, count: number, out: FixedValues, row: number) => boolean;

/** `ConvertedType` of timestamps, and the units of `TimestampType`. */
const converted = { millis: 9, micros: 10 } as const;
const unit = { millis: 1, micros: 2, nanos: 3 } as const;

const word = 2 ** 32;
const millisADay = 86_400_000;
/** Times up to about here are exact doubles, in microseconds. */
const mostMillis = 9e12;
const mostDays = 100_000;
/** The Julian day of 1970-01-01. */
const julianEpoch = 2_440_588;

/** How plain values of a column whose type is one of numbers are read; null where nobody here knows. */
export function plainValues(element: ThriftStruct, type: DataType): PlainValues | null {
  const stored = numberField(element, 1);
  switch (type.kind) {
    case "bool":
      return readBits;
    case "float32":
    case "float64":
    case "date":
      return asStored;
    case "timestamp":
      return stored === physical.int96 ? readInt96 : timestamps(element);
    case "decimal":
      return decimals(element, stored, type.precision);
    default:
      return isInteger(type) ? integers(stored, type) : null;
  }
}

function integers(stored: number | undefined, { kind }: DataType): PlainValues {
  return stored === physical.int64 || kind === "int32" || kind === "uint32" ? asStored : readSmall;
}

function timestamps(element: ThriftStruct): PlainValues | null {
  const logical = structField(element, 10);
  const id = numberField(element, 6);
  if (logical === undefined) return id === converted.micros ? asStored : id === converted.millis ? readMillis : null;
  const units = structField(structField(logical, 8) ?? new Map(), 2);
  if (units?.has(unit.micros)) return asStored;
  if (units?.has(unit.millis)) return readMillis;
  return units?.has(unit.nanos) ? readNanos : null;
}

function decimals(element: ThriftStruct, stored: number | undefined, precision: number): PlainValues | null {
  const isWide = precision > 18;
  switch (stored) {
    case physical.int32:
      return precision > 9 ? null : readInt32;
    case physical.int64:
      return isWide ? null : asStored;
    case physical.fixedLenByteArray: {
      const size = numberField(element, 2) ?? 0;
      return size < decimalBytes(precision) || size > 16 ? null : bigEndianOf(size, isWide);
    }
    case physical.byteArray:
      return bigEndianTexts(isWide);
    default:
      return null;
  }
}

/** Values as they stand in memory. */
export function asStored(bytes: Uint8Array, at: number, count: number, out: FixedValues, row: number): boolean {
  const size = count * out.BYTES_PER_ELEMENT;
  if (at + size > bytes.length) return false;
  bytesOf(out).set(bytes.subarray(at, at + size), row * out.BYTES_PER_ELEMENT);
  return true;
}

function readBits(bytes: Uint8Array, at: number, count: number, out: FixedValues, row: number): boolean {
  if (at + Math.ceil(count / 8) > bytes.length) return false;
  for (let i = 0; i < count; i++) out[row + i] = ((bytes[at + (i >> 3)] as number) >> (i & 7)) & 1;
  return true;
}

/** Integers of 8 and 16 bits, which are stored in 32. */
function readSmall(bytes: Uint8Array, at: number, count: number, out: FixedValues, row: number): boolean {
  const values = wordsAt(bytes, at, count);
  if (values === null) return false;
  for (let i = 0; i < count; i++) {
    const value = values[i] as number;
    out[row + i] = value;
    if (out[row + i] !== value) return false;
  }
  return true;
}

/** Integers of 32 bits as ones of 64. */
function readInt32(bytes: Uint8Array, at: number, count: number, out: FixedValues, row: number): boolean {
  const values = wordsAt(bytes, at, count);
  if (values === null) return false;
  const to = wordsOf(out);
  for (let i = 0, o = row * 2; i < count; i++, o += 2) {
    const value = values[i] as number;
    to[o] = value;
    to[o + 1] = value >> 31;
  }
  return true;
}

function readMillis(bytes: Uint8Array, at: number, count: number, out: FixedValues, row: number): boolean {
  const values = wordsAt(bytes, at, count * 2);
  if (values === null) return false;
  const to = wordsOf(out);
  for (let i = 0; i < count; i++) {
    const millis = (values[i * 2 + 1] as number) * word + ((values[i * 2] as number) >>> 0);
    if (millis < -mostMillis || millis > mostMillis) return false;
    putWhole(to, row + i, millis * 1000);
  }
  return true;
}

/** Rounded down, so that order is kept on both sides of 1970. */
function readNanos(bytes: Uint8Array, at: number, count: number, out: FixedValues, row: number): boolean {
  const values = wordsAt(bytes, at, count * 2);
  if (values === null) return false;
  const to = wordsOf(out);
  for (let i = 0; i < count; i++) {
    // Division by hand: first the upper word, then what is left of it with the lower one.
    const high = values[i * 2 + 1] as number;
    const quotient = Math.floor(high / 1000);
    const rest = (high - quotient * 1000) * word + ((values[i * 2] as number) >>> 0);
    to[(row + i) * 2] = Math.floor(rest / 1000);
    to[(row + i) * 2 + 1] = quotient;
  }
  return true;
}

/** Nanoseconds of the day, then the Julian day. */
function readInt96(bytes: Uint8Array, at: number, count: number, out: FixedValues, row: number): boolean {
  const values = wordsAt(bytes, at, count * 3);
  if (values === null) return false;
  const to = wordsOf(out);
  for (let i = 0; i < count; i++) {
    const nanos = (values[i * 3 + 1] as number) * word + ((values[i * 3] as number) >>> 0);
    const day = (values[i * 3 + 2] as number) - julianEpoch;
    if (nanos < 0 || nanos >= millisADay * 1e6 || day < -mostDays || day > mostDays) return false;
    putWhole(to, row + i, day * millisADay * 1000 + Math.floor(nanos / 1000));
  }
  return true;
}

const bigEndianOf =
  (size: number, isWide: boolean): PlainValues =>
  (bytes, at, count, out, row) => {
    if (at + count * size > bytes.length) return false;
    const to = wordsOf(out);
    for (let i = 0; i < count; i++) {
      const from = at + i * size;
      if (!putBigEndian(bytes, from, from + size, to, row + i, isWide)) return false;
    }
    return true;
  };

const bigEndianTexts =
  (isWide: boolean): PlainValues =>
  (bytes, at, count, out, row) => {
    const [starts, ends] = [new Int32Array(count), new Int32Array(count)];
    if (!plainTexts(bytes, at, starts, ends)) return false;
    const to = wordsOf(out);
    for (let i = 0; i < count; i++)
      if (!putBigEndian(bytes, starts[i] as number, ends[i] as number, to, row + i, isWide)) return false;
    return true;
  };

/** Finds byte strings that stand behind their lengths from `at` on; false where one does not fit. */
function plainTexts(bytes: Uint8Array, at: number, starts: Int32Array, ends: Int32Array): boolean {
  let from = at;
  for (let i = 0; i < starts.length; i++) {
    if (from + 4 > bytes.length) return false;
    const low = bytes[from] as number;
    const size =
      (low | ((bytes[from + 1] as number) << 8) | ((bytes[from + 2] as number) << 16)) + (bytes[from + 3] as number) * 2 ** 24;
    from += 4;
    if (size > bytes.length - from) return false;
    starts[i] = from;
    from += size;
    ends[i] = from;
  }
  return true;
}

/** A number of up to 16 bytes in two's complement, the upper byte first, as two words or four; false where it needs more. */
function putBigEndian(bytes: Uint8Array, from: number, end: number, to: Int32Array, row: number, isWide: boolean): boolean {
  const size = end - from;
  if (size < 1 || size > 16) return false;
  const fill = (bytes[from] as number) > 127 ? 255 : 0;
  const words = isWide ? 4 : 2;
  const at = row * words;
  for (let k = 0; k < words; k++) {
    const last = end - 1 - k * 4;
    let value = 0;
    for (let p = last - 3; p <= last; p++) value = (value << 8) | (p < from ? fill : (bytes[p] as number));
    to[at + k] = value;
  }
  if (isWide || size <= 8) return true;
  for (let p = from; p < end - 8; p++) if (bytes[p] !== fill) return false;
  return ((bytes[end - 8] as number) > 127 ? 255 : 0) === fill;
}

/** A whole number that is an exact double, as a 64-bit integer. */
function putWhole(to: Int32Array, row: number, value: number): void {
  const high = Math.floor(value / word);
  to[row * 2] = value - high * word;
  to[row * 2 + 1] = high;
}

/** `count` words of 32 bits, which may stand at any place; null where they are not all there. */
function wordsAt(bytes: Uint8Array, at: number, count: number): Int32Array | null {
  if (at + count * 4 > bytes.length) return null;
  const first = bytes.byteOffset + at;
  return first % 4 === 0 ? new Int32Array(bytes.buffer, first, count) : new Int32Array(bytes.slice(at, at + count * 4).buffer);
}

export const wordsOf = ({ buffer, byteOffset, byteLength }: FixedValues): Int32Array =>
  new Int32Array(buffer, byteOffset, byteLength >>> 2);
