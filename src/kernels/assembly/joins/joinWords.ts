// The hash table of a join whose keys all have the same length, of at most eight bytes: lines of 64 bytes, as caches have them, that hold up to five
// keys, each as one word, and an entry for each: the key's first row plus one (0 where it is free), and above that a code of this row. All keys of a
// line are compared at once: which one it is, and whether another was there first, is no branch that nobody could predict. A line that is full is
// followed by the next one. There may be any number of lines, so that a table is no larger than it must be: what matters is how much of it is in a cache.

import { chainRow, word } from "./joinChain";

const block: u32 = 256;
/** Bits of an entry that hold a row plus one; those above hold its code. */
const rowBits: u32 = 21;
const rowMask: u32 = (1 << rowBits) - 1;
/** Of a block of rows: the key of each, and the line that it leads to. */
const keys = memory.data(2048, 16);
const places = memory.data(1024, 16);
const sink = memory.data(8, 8);
/** The place of a row that has no key, or one of another length. */
const nowhere: u32 = 0xffffffff;

const LINE: u32 = 6; // log2 of its bytes
const LINE_KEYS: u32 = 5;
const ENTRIES: usize = 40; // where they begin
const LAST_ENTRY: usize = 56;

/** `width` bytes as a word. Reads eight. */
@inline
function keyAt(address: usize, width: u32): u64 {
  return load<u64>(address) << (<u64>(8 - width) << 3);
}

/** One of `size` lines, by the highest bits of the key's hash. */
@inline
function lineOf(key: u64, size: u32): u32 {
  let h = key * 0x9e3779b97f4a7c15;
  h = (h ^ (h >> 32)) * 0xc4ceb9fe1a85ec53;
  return <u32>(((h >> 32) * <u64>size) >> 32);
}

@inline
function addressOf(lines: usize, line: u32): usize {
  return lines + (<usize>line << LINE);
}

/** Which keys of a line are this one, a bit each. Those that are free count as 0. */
@inline
function equalKeys(address: usize, key: u64): u32 {
  const k = i64x2.splat(key);
  const first = i64x2.bitmask(i64x2.eq(v128.load(address), k));
  const second = i64x2.bitmask(i64x2.eq(v128.load(address, 16), k));
  const third = i64x2.bitmask(i64x2.eq(v128.load(address, 32), k));
  return <u32>(first | (second << 2) | ((third & 1) << 4));
}

/** Where the entry of a line's key is; that of a free one where the key is not in it, and 0 where it may be in the next. */
@inline
function entryOf(address: usize, key: u64): usize {
  const equal = equalKeys(address, key);
  if (equal != 0) return address + ENTRIES + (<usize>ctz(equal) << 2);
  return load<u32>(address, LAST_ENTRY) == 0 ? address + LAST_ENTRY : 0;
}

/** As `entryOf`, from a line on; there is a line that is not full. */
@inline
function findEntry(lines: usize, size: u32, line: u32, key: u64): usize {
  let entry = entryOf(addressOf(lines, line), key);
  while (entry == 0) {
    line = line + 1 == size ? 0 : line + 1;
    entry = entryOf(addressOf(lines, line), key);
  }
  return entry;
}

/**
 * Of a block of rows, from number `from` on: their keys, and the lines these lead to. Row i has the key [starts[i], ends[i]) over `bytes`, or
 * where `starts` is 0 the `width` bytes at i * width.
 */
@inline
function place(
  bytes: usize,
  starts: usize,
  ends: usize,
  width: u32,
  valid: usize,
  selection: usize,
  from: u32,
  count: u32,
  size: u32,
): void {
  for (let k: u32 = 0; k < count; k++) {
    const row = selection == 0 ? from + k : word(selection, from + k);
    let start = row * width;
    let fits = valid == 0 || load<u8>(valid + row) != 0;
    if (starts != 0) {
      // Where a null row begins is unspecified: it may not be looked at.
      start = fits ? word(starts, row) : 0;
      fits = fits && word(ends, row) - start == width;
    }
    const key = fits ? keyAt(bytes + start, width) : 0;
    store<u64>(keys + (<usize>k << 3), key);
    store<u32>(places + (<usize>k << 2), fits ? lineOf(key, size) : nowhere);
  }
}

/** Brings the lines of a block of rows into a cache, all at once: misses overlap instead of each waiting for the one before. */
@inline
function fetch(lines: usize, count: u32): void {
  let touched: u32 = 0;
  for (let k: u32 = 0; k < count; k++) {
    const line = word(places, k);
    touched |= load<u32>(addressOf(lines, line == nowhere ? 0 : line));
  }
  store<u32>(sink, touched);
}

/**
 * Inserts rows, of which the first is row `first` of the table; where their keys are: see `place`. Gives how many of them have a key that was there.
 * `next` and `last` have room for all rows of the table: rows of one key are chained in their order. Where they are 0, rows are not chained.
 */
export function joinInsertWords(
  bytes: usize,
  starts: usize,
  ends: usize,
  width: u32,
  valid: usize,
  first: u32,
  rows: u32,
  lines: usize,
  size: u32,
  next: usize,
  last: usize,
): u32 {
  let known: u32 = 0;
  for (let from: u32 = 0; from < rows; from += block) {
    const count = min(block, rows - from);
    place(bytes, starts, ends, width, valid, 0, from, count, size);
    fetch(lines, count);
    for (let k: u32 = 0; k < count; k++) {
      const line = word(places, k);
      if (line == nowhere) continue;
      const key = load<u64>(keys + (<usize>k << 3));
      const row = first + from + k;
      const entry = findEntry(lines, size, line, key);
      const held = load<u32>(entry);
      if (held != 0) {
        if (next != 0) chainRow(next, last, held - 1, row);
        known++;
        continue;
      }
      const address = entry & ~((1 << LINE) - 1);
      let free: usize = 0;
      while (load<u32>(address + ENTRIES + free) != 0) free += 4;
      store<u64>(address + (free << 1), key);
      store<u32>(address + ENTRIES + free, row + 1);
      if (last != 0) store<u32>(last + (<usize>row << 2), row);
    }
  }
  return known;
}

/** Puts the code of each row into its entry. Codes have one byte, or two where `wide` is not 0, and at most 11 bits. */
export function joinKeepCodes(lines: usize, size: u32, codes: usize, wide: u32): void {
  for (let line: u32 = 0; line < size; line++) {
    for (let k: u32 = 0; k < LINE_KEYS; k++) {
      const entry = addressOf(lines, line) + ENTRIES + (<usize>k << 2);
      const row = load<u32>(entry) & rowMask;
      if (row == 0) break;
      const code: u32 = wide != 0 ? load<u16>(codes + (<usize>(row - 1) << 1)) : load<u8>(codes + <usize>(row - 1));
      store<u32>(entry, row | (code << rowBits));
    }
  }
}

/**
 * As `joinProbe`, over a table of `joinInsertWords`; where the keys are: see `place`. `codes`: room for a code of two bytes for each answer, `none`
 * where there is no match; 0 where nobody wants them.
 */
export function joinProbeWords(
  probe: usize,
  starts: usize,
  ends: usize,
  width: u32,
  valid: usize,
  selection: usize,
  count: u32,
  lines: usize,
  size: u32,
  out: usize,
  codes: usize,
  none: u32,
): void {
  for (let from: u32 = 0; from < count; from += block) {
    const rows = min(block, count - from);
    place(probe, starts, ends, width, valid, selection, from, rows, size);
    fetch(lines, rows);
    for (let k: u32 = 0; k < rows; k++) {
      const line = word(places, k);
      let held: u32 = 0;
      if (line != nowhere) held = load<u32>(findEntry(lines, size, line, load<u64>(keys + (<usize>k << 3))));
      store<i32>(out + (<usize>(from + k) << 2), <i32>(held & rowMask) - 1);
      if (codes != 0) store<u16>(codes + (<usize>(from + k) << 1), <u16>select<u32>(held >> rowBits, none, held != 0));
    }
  }
}

/** Codes of `joinProbeWords`, in order: row `selection[j]` of `out` (row j where that is 0) gets the one at j. `wide`: as in `joinCodes`. */
export function joinSpreadCodes(codes: usize, count: u32, selection: usize, wide: u32, out: usize): void {
  for (let j: u32 = 0; j < count; j++) {
    const code = load<u16>(codes + (<usize>j << 1));
    const row = <usize>(selection == 0 ? j : word(selection, j));
    if (wide != 0) store<u16>(out + (row << 1), code);
    else store<u8>(out + row, <u8>code);
  }
}

/**
 * The codes of matched rows: row `selection[j]` of `out` (row j where that is 0) gets the code of row `rows[j]`, and that at `none` where there
 * is no match (-1). Codes have one byte, or two where `wide` is not 0.
 */
export function joinCodes(rows: usize, count: u32, selection: usize, codes: usize, wide: u32, none: u32, out: usize): void {
  if (wide != 0) {
    for (let j: u32 = 0; j < count; j++) {
      const row = word(rows, j);
      const code = load<u16>(codes + (<usize>(<i32>row < 0 ? none : row) << 1));
      store<u16>(out + (<usize>(selection == 0 ? j : word(selection, j)) << 1), code);
    }
    return;
  }
  for (let j: u32 = 0; j < count; j++) {
    const row = word(rows, j);
    const code = load<u8>(codes + <usize>(<i32>row < 0 ? none : row));
    store<u8>(out + <usize>(selection == 0 ? j : word(selection, j)), code);
  }
}
