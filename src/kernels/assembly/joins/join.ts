// The hash table of a join: keys are byte spans; a slot (u32) holds the key's first row plus one in the bits of `rowMask`, and bits of its
// hash above them; 0 where it is free. Open addressing with linear probing. Spans may be read up to 7 bytes past their end, within the memory that the host gave.

import { chainRow, word } from "./joinChain";

const block: u32 = 256;
/** Of a block of rows: the hash of each, then the slot it leads to. */
const hashes = memory.data(2048, 16);
const found = memory.data(1024, 16);
const sink = memory.data(16, 16);

@inline
function mix(h: u64, word: u64): u64 {
  const x = (h ^ word) * 0x9e3779b97f4a7c15;
  return x ^ (x >> 32);
}

@inline
function hashSpan(ptr: usize, length: u32): u64 {
  let p = ptr;
  let left = length;
  let h: u64 = <u64>length * 0xff51afd7ed558ccd;
  for (; left > 8; left -= 8, p += 8) h = mix(h, load<u64>(p));
  if (left != 0) h = mix(h, load<u64>(p) << (64 - (left << 3)));
  h = (h ^ (h >> 29)) * 0xc4ceb9fe1a85ec53;
  return h ^ (h >> 32);
}

@inline
function sameSpan(a: usize, b: usize, length: u32): bool {
  let p = a;
  let q = b;
  let left = length;
  for (; left > 8; left -= 8, p += 8, q += 8) if (load<u64>(p) != load<u64>(q)) return false;
  return left == 0 || (load<u64>(p) ^ load<u64>(q)) << (64 - (left << 3)) == 0;
}

/**
 * Puts rows [0, rows) into a table of free slots; row i has the key [offsets[i], offsets[i + 1]) and is left out where `valid` (0: none)
 * says null. Rows of one key are chained in order through `next`, which ends in -1; `last` is scratch. Says how many rows are in a chain
 * behind another.
 */
export function joinInsert(
  bytes: usize,
  offsets: usize,
  valid: usize,
  rows: u32,
  slots: usize,
  mask: u32,
  rowMask: u32,
  next: usize,
  last: usize,
): u32 {
  let chained: u32 = 0;
  for (let row: u32 = 0; row < rows; row++) {
    const at = <usize>row << 2;
    store<i32>(next + at, -1);
    if (valid != 0 && load<u8>(valid + row) == 0) continue;
    const start = word(offsets, row);
    const length = word(offsets, row + 1) - start;
    const h = hashSpan(bytes + start, length);
    const tag = <u32>(h >> 32) & ~rowMask;
    let slot = <u32>h & mask;
    for (;;) {
      const address = slots + (<usize>slot << 2);
      const entry = load<u32>(address);
      if (entry == 0) {
        store<u32>(address, tag | (row + 1));
        store<u32>(last + at, row);
        break;
      }
      if ((entry & ~rowMask) == tag) {
        const first = (entry & rowMask) - 1;
        const other = word(offsets, first);
        if (word(offsets, first + 1) - other == length && sameSpan(bytes + other, bytes + start, length)) {
          chainRow(next, last, first, row);
          chained++;
          break;
        }
      }
      slot = (slot + 1) & mask;
    }
  }
  return chained;
}

/** Where the key of a table row begins. */
@inline
function keyStart(offsets: usize, uniform: u32, row: u32): u32 {
  return uniform != 0 ? row * uniform : word(offsets, row);
}

/**
 * The first row of the table with the key of each probe row, or -1: `out[j]` belongs to row `selection[j]` (row j where that is 0). Row i
 * has the key [starts[i], ends[i]) over `probe`, or `width` bytes at i * width where that is not 0. `uniform`: the length of all keys of
 * the table, 0 where they differ. Says how many rows have a match.
 */
export function joinProbe(
  probe: usize,
  starts: usize,
  ends: usize,
  width: u32,
  valid: usize,
  selection: usize,
  count: u32,
  bytes: usize,
  offsets: usize,
  uniform: u32,
  slots: usize,
  mask: u32,
  rowMask: u32,
  out: usize,
): u32 {
  let matched: u32 = 0;
  for (let from: u32 = 0; from < count; from += block) {
    const size = min(block, count - from);
    // A loop for each step, so that cache misses of many rows overlap instead of each waiting for the one before.
    for (let k: u32 = 0; k < size; k++) {
      const row = selection == 0 ? from + k : word(selection, from + k);
      const isNull = valid != 0 && load<u8>(valid + row) == 0;
      const start = width != 0 ? row * width : isNull ? 0 : word(starts, row);
      const length = width != 0 ? width : isNull ? 0 : word(ends, row) - start;
      store<u64>(hashes + (<usize>k << 3), hashSpan(probe + start, length));
    }
    for (let k: u32 = 0; k < size; k++) {
      const slot = load<u32>(hashes + (<usize>k << 3)) & mask;
      store<u32>(found + (<usize>k << 2), word(slots, slot));
    }
    // Only touches the key that a row will most likely be compared with.
    let touched: u32 = 0;
    for (let k: u32 = 0; k < size; k++) {
      const entry = word(found, k) & rowMask;
      if (entry != 0) touched |= load<u8>(bytes + keyStart(offsets, uniform, entry - 1));
    }
    store<u32>(sink, touched);
    for (let k: u32 = 0; k < size; k++) {
      const row = selection == 0 ? from + k : word(selection, from + k);
      let entry = word(found, k);
      let match: i32 = -1;
      if (entry != 0 && (valid == 0 || load<u8>(valid + row) != 0)) {
        const h = load<u64>(hashes + (<usize>k << 3));
        const start = width != 0 ? row * width : word(starts, row);
        const length = width != 0 ? width : word(ends, row) - start;
        const tag = <u32>(h >> 32) & ~rowMask;
        let slot = <u32>h & mask;
        do {
          if ((entry & ~rowMask) == tag) {
            const first = (entry & rowMask) - 1;
            const other = keyStart(offsets, uniform, first);
            const otherLength = uniform != 0 ? uniform : word(offsets, first + 1) - other;
            if (otherLength == length && sameSpan(bytes + other, probe + start, length)) {
              match = first;
              matched++;
              break;
            }
          }
          slot = (slot + 1) & mask;
          entry = word(slots, slot);
        } while (entry != 0);
      }
      store<i32>(out + (<usize>(from + k) << 2), match);
    }
  }
  return matched;
}
