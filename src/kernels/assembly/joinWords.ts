// The hash table of a join whose keys all have the same length, of at most eight bytes: a slot of 16 bytes holds a key as one word, and the
// key's first row plus one (0 where it is free). A row then costs one access to memory where the table of spans takes two. Open addressing
// with linear probing.

import { chainRow, word } from "./joinChain";

const block: u32 = 256;
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

@inline
function slotOf(key: u64): u32 {
  let h = key * 0x9e3779b97f4a7c15;
  h = (h ^ (h >> 32)) * 0xc4ceb9fe1a85ec53;
  return <u32>(h >> 32);
}

/** As `joinInsert`, for keys of `width` bytes each, one after the other; a slot takes 16 bytes. */
export function joinInsertWords(
  bytes: usize,
  width: u32,
  valid: usize,
  rows: u32,
  slots: usize,
  mask: u32,
  next: usize,
  last: usize,
): u32 {
  let chained: u32 = 0;
  for (let row: u32 = 0; row < rows; row++) {
    const at = <usize>row << 2;
    store<i32>(next + at, -1);
    if (valid != 0 && load<u8>(valid + row) == 0) continue;
    const key = keyAt(bytes + <usize>row * width, width);
    let slot = slotOf(key) & mask;
    for (;;) {
      const address = slots + (<usize>slot << 4);
      const entry = load<u32>(address, 8);
      if (entry == 0) {
        store<u64>(address, key);
        store<u32>(address, row + 1, 8);
        store<u32>(last + at, row);
        break;
      }
      if (load<u64>(address) == key) {
        chainRow(next, last, entry - 1, row);
        chained++;
        break;
      }
      slot = (slot + 1) & mask;
    }
  }
  return chained;
}

/**
 * As `joinProbe`, over a table of `joinInsertWords`. Row i has the key [starts[i], ends[i]) over `probe`, or where `starts` is 0 the `width`
 * bytes at i * width.
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
  mask: u32,
  out: usize,
): void {
  for (let from: u32 = 0; from < count; from += block) {
    const size = min(block, count - from);
    // A loop for each step, so that cache misses of many rows overlap instead of each waiting for the one before.
    for (let k: u32 = 0; k < size; k++) {
      const row = selection == 0 ? from + k : word(selection, from + k);
      let start = row * width;
      let fits = valid == 0 || load<u8>(valid + row) != 0;
      if (starts != 0) {
        // Where a null row begins is unspecified: it may not be looked at.
        start = fits ? word(starts, row) : 0;
        fits = fits && word(ends, row) - start == width;
      }
      const key = fits ? keyAt(probe + start, width) : 0;
      store<u64>(keys + (<usize>k << 3), key);
      store<u32>(places + (<usize>k << 2), fits ? slotOf(key) & mask : nowhere);
    }
    for (let k: u32 = 0; k < size; k++) {
      const address = slots + (<usize>(word(places, k) & mask) << 4);
      store<u64>(heldKeys + (<usize>k << 3), load<u64>(address));
      store<u32>(heldRows + (<usize>k << 2), load<u32>(address, 8));
    }
    for (let k: u32 = 0; k < size; k++) {
      let slot = word(places, k);
      let match: i32 = -1;
      if (slot != nowhere) {
        const key = load<u64>(keys + (<usize>k << 3));
        let held = load<u64>(heldKeys + (<usize>k << 3));
        let entry = word(heldRows, k);
        while (entry != 0) {
          if (held == key) {
            match = <i32>(entry - 1);
            break;
          }
          slot = (slot + 1) & mask;
          const address = slots + (<usize>slot << 4);
          held = load<u64>(address);
          entry = load<u32>(address, 8);
        }
      }
      store<i32>(out + (<usize>(from + k) << 2), match);
    }
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
