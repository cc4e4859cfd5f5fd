// The hash table of a join whose keys all have the same length, of at most eight bytes: a slot of 12 bytes holds a key as one word, and an entry:
// the key's first row plus one (0 where it is free), and above that a code of this row. A row then costs one access to memory where the table of spans takes two. Open addressing
// with linear probing. There may be any number of slots, so that a table is no larger than it must be: what matters is how much of it is in a cache.

import { chainRow, word } from "./joinChain";

const block: u32 = 256;
/** Bits of an entry that hold a row plus one; those above hold its code. */
const rowBits: u32 = 21;
const rowMask: u32 = (1 << rowBits) - 1;
/** Of a block of rows: the key of each, the slot that it leads to, and what that slot holds. */
const keys = memory.data(2048, 16);
const places = memory.data(1024, 16);
const heldKeys = memory.data(2048, 16);
const heldRows = memory.data(1024, 16);
/** The place of a row that has no key, or one of another length. */
const nowhere: u32 = 0xffffffff;

/** `width` bytes as a word. Reads eight. */
@inline
function keyAt(address: usize, width: u32): u64 {
  return load<u64>(address) << (<u64>(8 - width) << 3);
}

/** One of `size` slots, by the highest bits of the key's hash. */
@inline
function slotOf(key: u64, size: u32): u32 {
  let h = key * 0x9e3779b97f4a7c15;
  h = (h ^ (h >> 32)) * 0xc4ceb9fe1a85ec53;
  return <u32>(((h >> 32) * <u64>size) >> 32);
}

@inline
function addressOf(slots: usize, slot: u32): usize {
  return slots + <usize>slot * 12;
}

/**
 * Of a block of rows, from number `from` on: their keys, and the slots these lead to. Row i has the key [starts[i], ends[i]) over `bytes`, or
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
    store<u32>(places + (<usize>k << 2), fits ? slotOf(key, size) : nowhere);
  }
}

/** Brings the slots of a block of rows into a cache, all at once: misses overlap instead of each waiting for the one before. */
@inline
function fetch(slots: usize, count: u32): void {
  for (let k: u32 = 0; k < count; k++) {
    const slot = word(places, k);
    const address = addressOf(slots, slot == nowhere ? 0 : slot);
    store<u64>(heldKeys + (<usize>k << 3), load<u64>(address));
    store<u32>(heldRows + (<usize>k << 2), load<u32>(address, 8));
  }
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
  slots: usize,
  size: u32,
  next: usize,
  last: usize,
): u32 {
  let known: u32 = 0;
  for (let from: u32 = 0; from < rows; from += block) {
    const count = min(block, rows - from);
    place(bytes, starts, ends, width, valid, 0, from, count, size);
    fetch(slots, count);
    for (let k: u32 = 0; k < count; k++) {
      let slot = word(places, k);
      if (slot == nowhere) continue;
      const key = load<u64>(keys + (<usize>k << 3));
      const row = first + from + k;
      for (;;) {
        const address = addressOf(slots, slot);
        const entry = load<u32>(address, 8);
        if (entry == 0) {
          store<u64>(address, key);
          store<u32>(address, row + 1, 8);
          if (last != 0) store<u32>(last + (<usize>row << 2), row);
          break;
        }
        if (load<u64>(address) == key) {
          if (next != 0) chainRow(next, last, entry - 1, row);
          known++;
          break;
        }
        slot = slot + 1 == size ? 0 : slot + 1;
      }
    }
  }
  return known;
}

/** Puts the code of each row into its slot. Codes have one byte, or two where `wide` is not 0, and at most 11 bits. */
export function joinKeepCodes(slots: usize, size: u32, codes: usize, wide: u32): void {
  for (let slot: u32 = 0; slot < size; slot++) {
    const address = addressOf(slots, slot);
    const row = load<u32>(address, 8) & rowMask;
    if (row == 0) continue;
    const code: u32 = wide != 0 ? load<u16>(codes + (<usize>(row - 1) << 1)) : load<u8>(codes + <usize>(row - 1));
    store<u32>(address, row | (code << rowBits), 8);
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
  slots: usize,
  size: u32,
  out: usize,
  codes: usize,
  none: u32,
): void {
  for (let from: u32 = 0; from < count; from += block) {
    const rows = min(block, count - from);
    place(probe, starts, ends, width, valid, selection, from, rows, size);
    fetch(slots, rows);
    for (let k: u32 = 0; k < rows; k++) {
      let slot = word(places, k);
      let match: i32 = -1;
      let code = none;
      if (slot != nowhere) {
        const key = load<u64>(keys + (<usize>k << 3));
        let held = load<u64>(heldKeys + (<usize>k << 3));
        let entry = word(heldRows, k);
        while (entry != 0) {
          if (held == key) {
            match = <i32>(entry & rowMask) - 1;
            code = entry >> rowBits;
            break;
          }
          slot = slot + 1 == size ? 0 : slot + 1;
          const address = addressOf(slots, slot);
          held = load<u64>(address);
          entry = load<u32>(address, 8);
        }
      }
      store<i32>(out + (<usize>(from + k) << 2), match);
      if (codes != 0) store<u16>(codes + (<usize>(from + k) << 1), <u16>code);
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
