// The values of a line: which column takes one, of what kind it is, and where it stands.
import { COLUMNS, KEYS } from "./jsonContext";
import { afterSpace, escapedEnd, literalEnd, loneSurrogate, nestedEnd, numberEnd, stringStop } from "./jsonScan";

// A column (u32 each): address and length of its key, kinds that its kernel takes, and the struct that it is a field of: a column, or `TOP`.
export const COLUMN_BYTES: usize = 16;
export const TAKES: usize = 8;
const PARENT: usize = 12;
/** The length of a name that no key without escapes has. */
const NO_KEY: u32 = 0xffffffff;

// Kinds of values.
export const KIND_TEXT: u32 = 1;
const ESCAPED: u32 = 2;
export const EMPTY: u32 = 4;
export const NUMBER: u32 = 8;
const BOOL: u32 = 16;
const NESTED: u32 = 32;
const BROKEN_TEXT: u32 = 64;
export const NULL: u32 = 128;
/** An object whose fields are columns of their own; of its own place only whether it is there matters. */
export const FIELDS: u32 = 256;
/** What a key takes whose values nobody needs. */
export const KIND_ANY: u32 = 255;

/** The parent of a column that is no field of a struct. */
export const TOP: u32 = 0xffffffff;

/** In a pair's end: the string has escapes. */
const ESCAPED_BIT: u32 = 1 << 31;
/** The pair of a value that is null or not there: an empty span, as the column kernels see it. */
export const NULL_PAIR: u64 = 0xffffffff;

/** Which of the columns with this parent a key belongs to; a key of none gets the unused pair and takes every kind. */
export function fillColumn(context: usize, parent: u32, to: usize, offset: usize, kinds: usize, key: usize, length: u32): void {
  const columns = load<u32>(context, COLUMNS);
  let entry = <usize>load<u32>(context, KEYS);
  for (let i: u32 = 0; i < columns; i++, entry += COLUMN_BYTES) {
    if (load<u32>(entry, 4) == length && load<u32>(entry, PARENT) == parent && sameText(<usize>load<u32>(entry), key, length)) {
      store<u32>(to + offset, i << 3);
      store<u32>(to + kinds, load<u32>(entry, TAKES));
      return;
    }
  }
  store<u32>(to + offset, columns << 3);
  store<u32>(to + kinds, KIND_ANY);
}

/** Whether the key that opens at `p` is that of the column at `entry`, a field of `parent`. Another key with the same bytes before its end is not. */
@inline
export function isKeyOf(entry: usize, parent: u32, p: usize): bool {
  const length = load<u32>(entry, 4);
  return (
    load<u32>(entry, PARENT) == parent &&
    length != NO_KEY &&
    load<u8>(p) == 34 &&
    sameText(<usize>load<u32>(entry), p + 1, length) &&
    load<u8>(p + 1 + <usize>length) == 34
  );
}

/** Compares 16 bytes at a time, up to the first that differ: up to 15 more are read. */
@inline
function sameText(a: usize, b: usize, length: u32): bool {
  let left = length;
  while (true) {
    const same = <u32>i8x16.bitmask(i8x16.eq(v128.load(a), v128.load(b)));
    if (left <= 16) return (~same & ((1 << left) - 1)) == 0;
    if (same != 0xffff) return false;
    a += 16;
    b += 16;
    left -= 16;
  }
}

@inline
export function storePair(pair: usize, base: usize, start: usize, end: usize): void {
  store<u32>(pair, <u32>(start - base - 1));
  store<u32>(pair, <u32>(end - base), 4);
}

/** Makes all of a row's pairs those of values that are not there. */
@inline
export function forgetPairs(row: usize, width: usize): void {
  for (let pair = row; pair < row + width; pair += 8) store<u64>(pair, NULL_PAIR);
}

/** The end of a string that begins at `start` and whose first backslash or control character stands at `stop`, or 0. */
export function escaped(base: usize, start: usize, stop: usize, kinds: u32, pair: usize): usize {
  const end = load<u8>(stop) == 92 ? escapedEnd(stop) : 0;
  if (end == 0 || (kinds & (loneSurrogate ? BROKEN_TEXT : ESCAPED)) == 0) return 0;
  storePair(pair, base, start, end);
  store<u32>(pair, <u32>(end - base) | ESCAPED_BIT, 4);
  return end + 1;
}

/** The end of a value that is no plain string or number, or 0. */
export function otherValue(base: usize, p: usize, kinds: u32, pair: usize): usize {
  p = afterSpace(p);
  const c = <u32>load<u8>(p);
  let end: usize;
  let kind: u32;
  if (c == 34) {
    const stop = stringStop(p + 1);
    if (load<u8>(stop) != 34) return escaped(base, p + 1, stop, kinds, pair);
    if ((kinds & (stop == p + 1 ? EMPTY : KIND_TEXT)) == 0) return 0;
    storePair(pair, base, p + 1, stop);
    return stop + 1;
  }
  if (c == 45 || c - 48 < 10) {
    end = numberEnd(p);
    kind = NUMBER;
  } else if (c == 123 || c == 91) {
    end = nestedEnd(p);
    kind = NESTED;
  } else {
    end = literalEnd(p);
    kind = c == 110 ? NULL : BOOL;
  }
  if (end == 0 || (kinds & kind) == 0) return 0;
  if (kind == NULL) store<u64>(pair, NULL_PAIR);
  else storePair(pair, base, p, end);
  return end;
}
