// From a slice of a batch to the plain values of a Parquet page: the rows that are chosen, one after the other.
//
// `rows` lists row numbers within the slice (u32 each); 0 stands for all of them in order. Copies move 16 bytes at a time: every source
// and every target has that much room behind its end.

import { rowAt } from "../groups/aggregateRows";

const LONG: usize = 256;

/** Copies `length` bytes, and up to 15 bytes of whatever follows them. */
@inline
function copyBytes(to: usize, from: usize, length: usize): void {
  if (length > LONG) {
    memory.copy(to, from, length);
    return;
  }
  for (let at: usize = 0; at < length; at += 16) v128.store(to + at, v128.load(from + at));
}

/** Counts row numbers from `low` instead of 0. */
export function shiftRows(rows: usize, n: usize, low: u32): void {
  const end = rows + (n << 2);
  for (let at = rows; at < end; at += 4) store<u32>(at, load<u32>(at) - low);
}

/**
 * Notes the definition level of each row and lists the rows that hold a value; returns how many do. Both targets have room for `n`. `above` holds the
 * levels of the struct that the rows lie in, `most` where it is there; 0: they all have `most`, as outside of structs, where that is 0. A row that is
 * there has `step` more. `valid` may be 0 for rows that are all there.
 */
export function liveRows(
  rows: usize,
  valid: usize,
  n: usize,
  above: usize,
  most: u32,
  step: u32,
  toLevels: usize,
  toRows: usize,
): u32 {
  let live: usize = 0;
  for (let i: usize = 0; i < n; i++) {
    const row = rowAt(rows, <u32>i);
    const level = above != 0 ? <u32>load<u8>(above + i) : most;
    const has = <u32>(level == most && (valid == 0 || load<u8>(valid + row) != 0));
    store<u8>(toLevels + i, <u8>(level + has * step));
    store<u32>(toRows + (live << 2), <u32>row);
    live += has;
  }
  return <u32>live;
}

/** Bytes of all texts together; where the first of them begins and the last one ends goes to `out` (u32 each). */
export function textSpan(starts: usize, ends: usize, rows: usize, n: usize, out: usize): f64 {
  let low = u32.MAX_VALUE;
  let high: u32 = 0;
  let total: u64 = 0;
  for (let i: usize = 0; i < n; i++) {
    const at = rowAt(rows, <u32>i) << 2;
    const start = load<u32>(starts + at);
    const end = load<u32>(ends + at);
    total += <u64>(end - start);
    low = min(low, start);
    high = max(high, end);
  }
  store<u32>(out, low);
  store<u32>(out, high, 4);
  return <f64>total;
}

/**
 * Texts with 4 bytes of length before each, from `to + used` on; where each ends, counted from `to`, goes to `toEnds`. A text of the slice
 * lies at `bytes + start`. Returns the bytes used then.
 */
export function gatherText(
  bytes: usize,
  starts: usize,
  ends: usize,
  rows: usize,
  n: usize,
  to: usize,
  used: usize,
  toEnds: usize,
): u32 {
  let target = to + used;
  for (let i: usize = 0; i < n; i++) {
    const at = rowAt(rows, <u32>i) << 2;
    const start = <usize>load<u32>(starts + at);
    const length = <usize>load<u32>(ends + at) - start;
    store<u32>(target, <u32>length);
    target += 4;
    copyBytes(target, bytes + start, length);
    target += length;
    store<u32>(toEnds + (i << 2), <u32>(target - to));
  }
  return <u32>(target - to);
}

/** Values of type `S`, `stride` of them a row, as values of type `T`. */
@inline
function gather<S, T>(from: usize, stride: usize, rows: usize, n: usize, to: usize): void {
  for (let i: usize = 0; i < n; i++) {
    store<T>(to + i * sizeof<T>(), <T>load<S>(from + rowAt(rows, <u32>i) * stride * sizeof<S>()));
  }
}

export function gatherBytes(from: usize, rows: usize, n: usize, to: usize): void {
  gather<u8, u8>(from, 1, rows, n, to);
}
export function gatherInt8(from: usize, rows: usize, n: usize, to: usize): void {
  gather<i8, i32>(from, 1, rows, n, to);
}
export function gatherUint8(from: usize, rows: usize, n: usize, to: usize): void {
  gather<u8, i32>(from, 1, rows, n, to);
}
export function gatherInt16(from: usize, rows: usize, n: usize, to: usize): void {
  gather<i16, i32>(from, 1, rows, n, to);
}
export function gatherUint16(from: usize, rows: usize, n: usize, to: usize): void {
  gather<u16, i32>(from, 1, rows, n, to);
}
export function gather32(from: usize, rows: usize, n: usize, to: usize): void {
  gather<u32, u32>(from, 1, rows, n, to);
}
export function gather64(from: usize, rows: usize, n: usize, to: usize): void {
  gather<u64, u64>(from, 1, rows, n, to);
}
/** The low half of 64-bit values. */
export function gatherLow32(from: usize, rows: usize, n: usize, to: usize): void {
  gather<u32, u32>(from, 2, rows, n, to);
}
export function gather128(from: usize, rows: usize, n: usize, to: usize): void {
  for (let i: usize = 0; i < n; i++) v128.store(to + (i << 4), v128.load(from + (rowAt(rows, <u32>i) << 4)));
}
