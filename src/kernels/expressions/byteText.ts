import type { TextSink } from "../../batch/text.js";

/**
 * Text functions on UTF-8 bytes [start, end) of an array. Some of those that depend on what a character is say so when they meet anything but ASCII; the caller then takes the way over a string, which defines the meaning.
 */

/** Answer of a function that met a byte it cannot judge. */
export const undecided = 2;

/** Order by code point: negative, zero or positive, or `undecided` where bytes beyond ASCII differ. */
export function compareSlices(a: Uint8Array, from: number, to: number, b: Uint8Array, start: number, end: number): number {
  const shared = Math.min(to - from, end - start);
  for (let i = 0; i < shared; i++) {
    const x = a[from + i] as number;
    const y = b[start + i] as number;
    if (x !== y) return (x | y) > 127 ? undecided : x < y ? -1 : 1;
  }
  if (to - from === end - start) return 0;
  // The longer one goes on with a byte that may belong to the character before.
  const next = (to - from > shared ? a[from + shared] : b[start + shared]) as number;
  return next > 127 ? undecided : to - from < end - start ? -1 : 1;
}

/** Whether a slice is exactly `wanted`. */
export function sliceEquals(bytes: Uint8Array, start: number, end: number, wanted: Uint8Array): boolean {
  if (end - start !== wanted.length) return false;
  for (let i = 0; i < wanted.length; i++) if (bytes[start + i] !== wanted[i]) return false;
  return true;
}

export function sliceStarts(bytes: Uint8Array, start: number, end: number, wanted: Uint8Array): boolean {
  return end - start >= wanted.length && sliceEquals(bytes, start, start + wanted.length, wanted);
}

export function sliceEnds(bytes: Uint8Array, start: number, end: number, wanted: Uint8Array): boolean {
  return end - start >= wanted.length && sliceEquals(bytes, end - wanted.length, end, wanted);
}

export function sliceAmong(bytes: Uint8Array, start: number, end: number, wanted: readonly Uint8Array[]): boolean {
  for (let i = 0; i < wanted.length; i++) if (sliceEquals(bytes, start, end, wanted[i] as Uint8Array)) return true;
  return false;
}

/** Where `wanted` first stands in a slice; -1 where it does not. */
export function sliceIndexOf(bytes: Uint8Array, start: number, end: number, wanted: Uint8Array): number {
  const size = wanted.length;
  if (size === 0) return start;
  const first = wanted[0] as number;
  const last = end - size;
  for (let at = start; at <= last; at++) {
    if (bytes[at] !== first) continue;
    let i = 1;
    while (i < size && bytes[at + i] === wanted[i]) i++;
    if (i === size) return at;
  }
  return -1;
}

export function sliceContains(bytes: Uint8Array, start: number, end: number, wanted: Uint8Array): boolean {
  return sliceIndexOf(bytes, start, end, wanted) >= 0;
}

/** Whether a slice is the parts of a pattern with anything between them: the first at its start, the last at its end. */
export function sliceLike(bytes: Uint8Array, start: number, end: number, parts: readonly Uint8Array[]): boolean {
  const first = parts[0] as Uint8Array;
  const last = parts[parts.length - 1] as Uint8Array;
  if (parts.length === 1) return sliceEquals(bytes, start, end, first);
  if (end - start < first.length + last.length || !sliceStarts(bytes, start, end, first) || !sliceEnds(bytes, start, end, last))
    return false;
  let at = start + first.length;
  const stop = end - last.length;
  for (let i = 1; i < parts.length - 1; i++) {
    const part = parts[i] as Uint8Array;
    const found = sliceIndexOf(bytes, at, stop, part);
    if (found < 0) return false;
    at = found + part.length;
  }
  return true;
}

/** Number of code points. */
export function slicePoints(bytes: Uint8Array, start: number, end: number): number {
  return isAsciiSlice(bytes, start, end) ? end - start : countPoints(bytes, start, end);
}

function countPoints(bytes: Uint8Array, start: number, end: number): number {
  let count = 0;
  for (let i = start; i < end; i++) count += ((bytes[i] as number) & 0xc0) === 0x80 ? 0 : 1;
  return count;
}

/** Whether a slice is all ASCII. */
export function isAsciiSlice(bytes: Uint8Array, start: number, end: number): boolean {
  let any = 0;
  if (end - start < 8) {
    for (let i = start; i < end; i++) any |= bytes[i] as number;
    return any < 128;
  }
  // The last eight may take in some that were looked at: then how many are left need not be asked byte by byte.
  for (let i = start; ; i = Math.min(i + 8, end - 8)) {
    any |= (bytes[i] as number) | (bytes[i + 1] as number) | (bytes[i + 2] as number) | (bytes[i + 3] as number);
    any |= (bytes[i + 4] as number) | (bytes[i + 5] as number) | (bytes[i + 6] as number) | (bytes[i + 7] as number);
    if (i === end - 8) return any < 128;
  }
}

/** Where in a slice of `size` code points the one after so many others begins. */
export function placeOfPoint(bytes: Uint8Array, start: number, end: number, size: number, after: number): number {
  if (size === end - start) return start + after;
  let at = start;
  for (let left = after; at < end; at++) if (((bytes[at] as number) & 0xc0) !== 0x80 && left-- === 0) break;
  return at;
}

/** The start of a slice without the spaces in front; -1 where one of another kind may follow. */
export function trimmedStart(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at] === 32) at++;
  return at < end && beginsSpace[bytes[at] as number] === 1 ? -1 : at;
}

/** The end of a slice without the spaces behind, likewise. */
export function trimmedEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = end;
  while (at > start && bytes[at - 1] === 32) at--;
  let first = at - 1;
  while (first > start && ((bytes[first] as number) & 0xc0) === 0x80) first--;
  return at > start && beginsSpace[bytes[first] as number] === 1 ? -1 : at;
}

/** Bytes that a space beyond ASCII begins with: U+00A0, U+1680, U+2000 to U+205F, U+3000. */
const beginsSpace = new Uint8Array(256);
for (const byte of [0xc2, 0xe1, 0xe2, 0xe3]) beginsSpace[byte] = 1;

/** Appends a slice with each `wanted` replaced; an empty one is never found. */
export function replaceSlice(
  sink: TextSink,
  bytes: Uint8Array,
  start: number,
  end: number,
  wanted: Uint8Array,
  by: Uint8Array,
): void {
  let from = start;
  if (wanted.length > 0) {
    for (let at = sliceIndexOf(bytes, from, end, wanted); at >= 0; at = sliceIndexOf(bytes, from, end, wanted)) {
      sink.writeBytes(bytes, from, at);
      sink.writeBytes(by, 0, by.length);
      from = at + wanted.length;
    }
  }
  sink.writeBytes(bytes, from, end);
}

/** Where part `index` between separators starts, or -1 where there is none. 1-based; negative: from the end. */
export function partStart(bytes: Uint8Array, start: number, end: number, separator: Uint8Array, index: number): number {
  let wanted = index;
  if (index < 0) {
    let parts = 1;
    for (let at = sliceIndexOf(bytes, start, end, separator); at >= 0; parts++)
      at = sliceIndexOf(bytes, at + separator.length, end, separator);
    wanted = parts + index + 1;
  }
  if (wanted < 1) return -1;
  let from = start;
  for (let part = 1; part < wanted; part++) {
    const at = sliceIndexOf(bytes, from, end, separator);
    if (at < 0) return -1;
    from = at + separator.length;
  }
  return from;
}

/** Where a part that begins at `from` ends. */
export function partEnd(bytes: Uint8Array, from: number, end: number, separator: Uint8Array): number {
  const at = sliceIndexOf(bytes, from, end, separator);
  return at < 0 ? end : at;
}

/** How many code points of `size` stand before a part of a length that may be infinite; see `substring`. */
export function substringFrom(size: number, start: number, length: number): number {
  const first = start > 0 ? start - 1 : start < 0 ? size + start : -1;
  return Math.min(size, Math.max(0, Math.min(first, first + length)));
}

/** How many stand before its end. */
export function substringTo(size: number, start: number, length: number): number {
  const first = start > 0 ? start - 1 : start < 0 ? size + start : -1;
  return Math.max(substringFrom(size, start, length), Math.min(size, Math.max(first, first + length)));
}
