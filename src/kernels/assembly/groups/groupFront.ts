// A small table in front of the packed groups, for keys of one text of up to 32 bytes: they are compared where they stand, by words, and only
// those it does not know are packed. Header (u32): entries, mask, used, most, listed, group of null + 1. An entry is 64 bytes: the text with zeros
// behind (32), its length, group + 1.

import { rowAt } from "./aggregateRows";

const HEADER: usize = 64;
const ENTRY: usize = 6; // log2 of its size
const LENGTH: usize = 32;
const GROUP: usize = 36;
const MOST_BYTES: u32 = 32;
const SHIFT: u64 = 52; // at most 4096 entries

const USED: usize = 8;
const MOST: usize = 12;
const LISTED: usize = 16;
const NULL_GROUP: usize = 20;

@inline
function lowerHalf(text: usize, length: u32): v128 {
  const places = i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  return v128.and(v128.load(text), i8x16.lt_u(places, i8x16.splat(<i8>length)));
}

@inline
function upperHalf(text: usize, length: u32): v128 {
  const places = i8x16(16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
  return v128.and(v128.load(text, 16), i8x16.lt_u(places, i8x16.splat(<i8>length)));
}

/** From 24 - n on: masks for the three words that begin a text of n bytes. */
const firstBytes: StaticArray<u64> = [0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff, 0, 0, 0];

/** The first slot of a text of up to 24 bytes: upper bits of a product, which every bit of it reaches. */
@inline
function shortHash(a0: u64, a1: u64, b0: u64): u32 {
  return <u32>(((a0 ^ rotl(a1 * 0xd6e8feb86659fd93, 32) ^ (b0 * 0xa0761d6478bd642f)) * 0x9e3779b97f4a7c15) >> SHIFT);
}

@inline
function frontHash(a: v128, b: v128): u32 {
  const last = rotl<u64>(<u64>i64x2.extract_lane(b, 1) * 0xe7037ed1a0b428db, 17);
  return shortHash(<u64>i64x2.extract_lane(a, 0) ^ last, <u64>i64x2.extract_lane(a, 1), <u64>i64x2.extract_lane(b, 0));
}

@inline
function isEntry(entry: usize, a: v128, b: v128, length: u32): bool {
  const difference = v128.or(v128.xor(v128.load(entry), a), v128.xor(v128.load(entry, 16), b));
  return !v128.any_true(difference) && load<u32>(entry, LENGTH) == length;
}

@inline
function isNull(valid: usize, row: usize): bool {
  return valid != 0 && load<u8>(valid + row) == 0;
}

/**
 * Groups of rows [j, n) for as long as they are texts of 1 to `most` bytes, 8 or 24, that the table knows. `isPlain`: all rows of a column that
 * has no nulls. Answers the first row that is not done.
 * Nothing but the search depends on a row's length: lengths differ from row to row, and what cannot be predicted costs more than a word.
 */
@inline
function probeShort(
  most: u32,
  isPlain: bool,
  entries: usize,
  mask: u32,
  bytes: usize,
  starts: usize,
  ends: usize,
  valid: usize,
  selection: usize,
  j: u32,
  n: u32,
  groups: usize,
): u32 {
  for (; j < n; j++) {
    const row = isPlain ? <usize>j : rowAt(selection, j);
    const start = load<u32>(starts + (row << 2));
    const length = load<u32>(ends + (row << 2)) - start;
    if (length - 1 > most - 1 || (!isPlain && isNull(valid, row))) return j;
    const text = bytes + <usize>start;
    const masks = changetype<usize>(firstBytes) + 24 - <usize>length;
    const a0 = load<u64>(text) & load<u64>(masks);
    const a1 = most > 8 ? load<u64>(text, 8) & load<u64>(masks, 8) : 0;
    const b0 = most > 8 ? load<u64>(text, 16) & load<u64>(masks, 16) : 0;
    let slot = shortHash(a0, a1, b0) & mask;
    let entry = entries + (<usize>slot << ENTRY);
    if (isOther(most, entry, a0, a1, b0, length)) {
      do {
        if (load<u32>(entry, GROUP) == 0) return j;
        slot = (slot + 1) & mask;
        entry = entries + (<usize>slot << ENTRY);
      } while (isOther(most, entry, a0, a1, b0, length));
    }
    store<u32>(groups + (<usize>j << 2), load<u32>(entry, GROUP) - 1);
  }
  return j;
}

@inline
function isOther(most: u32, entry: usize, a0: u64, a1: u64, b0: u64, length: u32): bool {
  let difference = (load<u64>(entry) ^ a0) | <u64>(load<u32>(entry, LENGTH) ^ length);
  if (most > 8) difference |= (load<u64>(entry, 8) ^ a1) | (load<u64>(entry, 16) ^ b0);
  return difference != 0;
}

/**
 * Groups of rows [from, n) that the table knows. The others are listed: their physical rows in `missed`, their places in `places`; it stops before
 * there are more than `most` of them. Answers the first row that was not done; how many were listed stands in the header.
 */
export function probeTexts(
  front: usize,
  bytes: usize,
  starts: usize,
  ends: usize,
  valid: usize,
  selection: usize,
  from: u32,
  n: u32,
  groups: usize,
  missed: usize,
  places: usize,
  most: u32,
): u32 {
  const mask = load<u32>(front, 4);
  const entries = front + HEADER;
  const nullGroup = load<u32>(front, NULL_GROUP);
  const isPlain = (valid | selection) == 0;
  let listed: u32 = 0;
  // How often the loop for texts of one word may stop before the one for longer ones is worth more.
  let patience = ((n - from) >> 5) + 1;
  let j = from;
  for (; j < n; j++) {
    if (patience != 0) {
      j = isPlain
        ? probeShort(8, true, entries, mask, bytes, starts, ends, valid, selection, j, n, groups)
        : probeShort(8, false, entries, mask, bytes, starts, ends, valid, selection, j, n, groups);
      patience--;
    } else {
      j = isPlain
        ? probeShort(24, true, entries, mask, bytes, starts, ends, valid, selection, j, n, groups)
        : probeShort(24, false, entries, mask, bytes, starts, ends, valid, selection, j, n, groups);
    }
    if (j == n) break;
    const row = rowAt(selection, j);
    const start = load<u32>(starts + (row << 2));
    const length = load<u32>(ends + (row << 2)) - start;
    let group: u32 = 0;
    if (isNull(valid, row)) group = nullGroup;
    else if (length <= MOST_BYTES) {
      const text = bytes + <usize>start;
      const a = lowerHalf(text, length);
      const b = upperHalf(text, length);
      let slot = frontHash(a, b) & mask;
      for (;;) {
        const entry = entries + (<usize>slot << ENTRY);
        group = load<u32>(entry, GROUP);
        if (group == 0 || isEntry(entry, a, b, length)) break;
        slot = (slot + 1) & mask;
      }
    }
    if (group == 0) {
      if (listed == most) break;
      store<u32>(missed + (<usize>listed << 2), <u32>row);
      store<u32>(places + (<usize>listed << 2), j);
      listed++;
    } else {
      store<u32>(groups + (<usize>j << 2), group - 1);
    }
  }
  store<u32>(front, listed, LISTED);
  return j;
}

/** Gives `n` listed rows their groups, and has the table know their texts while it has room. */
export function keepTexts(
  front: usize,
  bytes: usize,
  starts: usize,
  ends: usize,
  valid: usize,
  missed: usize,
  places: usize,
  found: usize,
  n: u32,
  groups: usize,
): void {
  const mask = load<u32>(front, 4);
  const most = load<u32>(front, MOST);
  const entries = front + HEADER;
  let used = load<u32>(front, USED);
  for (let k: usize = 0; k < <usize>n << 2; k += 4) {
    const row = <usize>load<u32>(missed + k);
    const group = load<u32>(found + k);
    store<u32>(groups + (<usize>load<u32>(places + k) << 2), group);
    const start = load<u32>(starts + (row << 2));
    const length = load<u32>(ends + (row << 2)) - start;
    if (isNull(valid, row)) {
      store<u32>(front, group + 1, NULL_GROUP);
      continue;
    }
    if (used == most || length > MOST_BYTES) continue;
    const text = bytes + <usize>start;
    const a = lowerHalf(text, length);
    const b = upperHalf(text, length);
    let slot = frontHash(a, b) & mask;
    for (;;) {
      const entry = entries + (<usize>slot << ENTRY);
      if (load<u32>(entry, GROUP) == 0) {
        v128.store(entry, a);
        v128.store(entry, b, 16);
        store<u32>(entry, length, LENGTH);
        store<u32>(entry, group + 1, GROUP);
        used++;
        break;
      }
      if (isEntry(entry, a, b, length)) break;
      slot = (slot + 1) & mask;
    }
  }
  store<u32>(front, used, USED);
}
