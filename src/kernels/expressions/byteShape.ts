import type { TextSink } from "../../batch/text.js";
import { pointAt, sizeOfPoint } from "./byteCase.js";
import { placeOfPoint, slicePoints } from "./byteText.js";

/**
 * Texts made longer, shorter or turned round, on UTF-8 bytes [start, end) of an array. False, with nothing appended to the sink, where the way over a
 * string has to decide.
 */

/** More bytes than this are left to the way over a string, which knows what is too long. */
const mostBytes = 1 << 20;

/** Appends a slice backwards, character by character. */
export function reverseSlice(sink: TextSink, bytes: Uint8Array, start: number, end: number): boolean {
  const size = end - start;
  sink.reserve(size);
  const out = sink.bytes;
  let at = sink.length + size;
  let any = 0;
  for (let i = start; i < end; i++) {
    const c = bytes[i] as number;
    any |= c;
    out[--at] = c;
  }
  if (any > 127 && !reversePoints(out, sink.length, bytes, start, end)) return false;
  sink.length += size;
  return true;
}

function reversePoints(out: Uint8Array, from: number, bytes: Uint8Array, start: number, end: number): boolean {
  let at = from + end - start;
  for (let i = start; i < end; ) {
    const size = sizeOfPoint(bytes[i] as number);
    if (i + size > end || !standsAlone(pointAt(bytes, i, size))) return false;
    at -= size;
    for (let k = 0; k < size; k++) out[at + k] = bytes[i + k] as number;
    i += size;
  }
  return true;
}

/** Whether a character goes with no neighbour: those of `reverse` in functions/characters.ts. -1 is none. */
function standsAlone(point: number): boolean {
  if (point < 0x300) return point >= 0 && point !== 13;
  if (point < 0x3041) return (point >= 0x370 && point <= 0x482) || (point >= 0x48a && point <= 0x52f);
  if (point < 0x3400) return point <= 0x3096 || (point >= 0x30a0 && point <= 0x30ff);
  return point <= 0x4dbf || (point >= 0x4e00 && point <= 0x9fff);
}

/** Appends a slice filled up with ASCII characters in front (or behind) to a number of code points, or cut to it. */
export function padSlice(
  sink: TextSink,
  bytes: Uint8Array,
  start: number,
  end: number,
  size: number,
  fill: Uint8Array,
  behind: boolean,
): boolean {
  const points = slicePoints(bytes, start, end);
  if (points >= size) {
    sink.writeBytes(bytes, start, size <= 0 ? start : placeOfPoint(bytes, start, end, points, size));
    return true;
  }
  const missing = size - points;
  if (fill.length === 0 || missing > mostBytes) return false;
  if (behind) sink.writeBytes(bytes, start, end);
  sink.reserve(missing);
  const out = sink.bytes;
  let at = sink.length;
  for (let i = 0, k = 0; i < missing; i++, k = k + 1 === fill.length ? 0 : k + 1) out[at++] = fill[k] as number;
  sink.length = at;
  if (!behind) sink.writeBytes(bytes, start, end);
  return true;
}

/** Appends a slice so many times. */
export function repeatSlice(sink: TextSink, bytes: Uint8Array, start: number, end: number, count: number): boolean {
  if ((end - start) * count > mostBytes) return false;
  for (let i = 0; i < count; i++) sink.writeBytes(bytes, start, end);
  return true;
}
