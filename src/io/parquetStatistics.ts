import type { DataType } from "../schema/types.js";
import type { PlainValues } from "./parquetColumn.js";
import { decimalBytes } from "./parquetSchema.js";

/** Smallest and largest value of a column chunk, in the bytes of a plain value without length. */
export interface MinMax {
  readonly min: Uint8Array;
  readonly max: Uint8Array;
}

/** Longer texts would make the footer large; such a chunk goes without. */
const longestBound = 64;

/**
 * The bounds of the values, or null where there are none to give: no values, or a NaN among them (readers disagree about its place, and a
 * bound that ignores it would let some of them skip rows).
 */
export function minMax(type: DataType, values: PlainValues): MinMax | null {
  if (values.count === 0 || type.kind === "null") return null;
  if (values.kind === "bytes") return bytesBounds(values.bytes, values.ends);
  if (values.kind === "bits") return bitBounds(values.bytes);
  const { words, width } = values;
  if (type.kind === "float32") return floatBounds(new Float32Array(words.buffer, words.byteOffset, words.length));
  if (type.kind === "float64") return floatBounds(alignedDoubles(words));
  const unsigned = type.kind.startsWith("uint");
  let min = 0;
  let max = 0;
  for (let i = width; i < words.length; i += width) {
    if (compareWords(words, i, min, width, unsigned) < 0) min = i;
    else if (compareWords(words, i, max, width, unsigned) > 0) max = i;
  }
  const bytes = (at: number) => new Uint8Array(words.slice(at, at + width).buffer);
  if (type.kind === "decimal" && width === 4) {
    const length = decimalBytes(type.precision);
    return { min: bigEndian(bytes(min), length), max: bigEndian(bytes(max), length) };
  }
  return { min: bytes(min), max: bytes(max) };
}

/** The low `length` bytes of a little-endian number, highest byte first. */
export const bigEndian = (littleEndian: Uint8Array, length: number): Uint8Array => littleEndian.slice(0, length).reverse();

function compareWords(words: Int32Array, a: number, b: number, width: number, unsigned: boolean): number {
  const topA = words[a + width - 1] as number;
  const topB = words[b + width - 1] as number;
  if (topA !== topB) return unsigned ? (topA >>> 0) - (topB >>> 0) : topA - topB;
  for (let word = width - 2; word >= 0; word--) {
    const difference = ((words[a + word] as number) >>> 0) - ((words[b + word] as number) >>> 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function alignedDoubles(words: Int32Array): Float64Array {
  const whole = words.byteOffset % 8 === 0 ? words : words.slice();
  return new Float64Array(whole.buffer, whole.byteOffset, whole.length >> 1);
}

function floatBounds(values: Float32Array | Float64Array): MinMax | null {
  let min = values[0] as number;
  let max = min;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (value < min) min = value;
    else if (value > max) max = value;
    else if (Number.isNaN(value)) return null;
  }
  // Both zeros compare as equal, so the bounds take the sign that includes either.
  const bounds = [min === 0 ? -0 : min, max === 0 ? 0 : max];
  const array = values instanceof Float32Array ? new Float32Array(bounds) : new Float64Array(bounds);
  const size = array.BYTES_PER_ELEMENT;
  return { min: new Uint8Array(array.buffer, 0, size), max: new Uint8Array(array.buffer, size, size) };
}

function bitBounds(bytes: Uint8Array): MinMax {
  return { min: Uint8Array.of(bytes.includes(0) ? 0 : 1), max: Uint8Array.of(bytes.includes(1) ? 1 : 0) };
}

function bytesBounds(bytes: Uint8Array, ends: Int32Array): MinMax | null {
  let minStart = 4;
  let minEnd = ends[0] as number;
  let maxStart = minStart;
  let maxEnd = minEnd;
  for (let i = 1, start = minEnd + 4; i < ends.length; i++) {
    const end = ends[i] as number;
    if (compareBytes(bytes, start, end, minStart, minEnd) < 0) {
      minStart = start;
      minEnd = end;
    } else if (compareBytes(bytes, start, end, maxStart, maxEnd) > 0) {
      maxStart = start;
      maxEnd = end;
    }
    start = end + 4;
  }
  if (minEnd - minStart > longestBound || maxEnd - maxStart > longestBound) return null;
  return { min: bytes.slice(minStart, minEnd), max: bytes.slice(maxStart, maxEnd) };
}

function compareBytes(bytes: Uint8Array, a: number, aEnd: number, b: number, bEnd: number): number {
  const shorter = Math.min(aEnd - a, bEnd - b);
  for (let i = 0; i < shorter; i++) {
    const difference = (bytes[a + i] as number) - (bytes[b + i] as number);
    if (difference !== 0) return difference;
  }
  return aEnd - a - (bEnd - b);
}
