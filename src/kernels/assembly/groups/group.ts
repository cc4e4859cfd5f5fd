// Groups rows by keys, which are hashed, compared and kept as `packKeys.ts` packs them. See `groupKernels.ts` for the structures.
import { finishHash, K1, mixWord } from "./keyHash";

/** Hashes of packed rows. `offsets` count words from `words`. */
export function hashKeys(words: usize, offsets: usize, n: u32, hashes: usize): void {
  for (let i: u32 = 0; i < n; i++) {
    const e = words + (<usize>load<u32>(offsets + (<usize>i << 2), 4) << 3);
    let h: u64 = K1;
    for (let w = words + (<usize>load<u32>(offsets + (<usize>i << 2)) << 3); w < e; w += 8) h = mixWord(h, load<u64>(w));
    store<u32>(hashes + (<usize>i << 2), finishHash(h));
  }
}

/** Rows whose slots and groups are touched before they are looked for, so that their cache misses overlap. */
const warmRows: u32 = 128;
/** Smaller tables stay in the cache anyway. */
const warmMask: u32 = 0x3fff;
const warmGroups = memory.data(512, 16);
const warmSink = memory.data(16, 16);

/** Touches what rows [from, to) will most likely be compared with. */
function warm(slots: usize, mask: u32, hashes: usize, groupOffsets: usize, arena: usize, from: u32, to: u32): void {
  const size = to - from;
  for (let k: u32 = 0; k < size; k++) {
    const slot = load<u32>(hashes + (<usize>(from + k) << 2)) & mask;
    store<u32>(warmGroups + (<usize>k << 2), load<u32>(slots + (<usize>slot << 3)));
  }
  let touched: u64 = 0;
  for (let k: u32 = 0; k < size; k++) {
    const group = load<u32>(warmGroups + (<usize>k << 2));
    // Of a free slot, the first group stands for none.
    const at = load<u32>(groupOffsets + (<usize>(group - <u32>(group != 0)) << 2));
    touched |= load<u64>(arena + (<usize>at << 3));
  }
  store<u64>(warmSink, touched);
}

/**
 * Gives packed rows [from, n) their groups. Table (u32): slots, mask, count, limit, hashes, offsets, arena. A slot is 0 or the group + 1 with
 * its hash above. Stops before a row that would make the group `limit`; answers the first row that was not done.
 */
export function assignGroups(table: usize, words: usize, offsets: usize, hashes: usize, from: u32, n: u32, groups: usize): u32 {
  const slots = <usize>load<u32>(table);
  const mask = load<u32>(table, 4);
  let count = load<u32>(table, 8);
  const limit = load<u32>(table, 12);
  const groupHashes = <usize>load<u32>(table, 16);
  const groupOffsets = <usize>load<u32>(table, 20);
  const arena = <usize>load<u32>(table, 24);
  let i = from;
  let warmed = mask > warmMask ? from : n;
  for (; i < n; i++) {
    if (i == warmed) {
      warmed = min(n, i + warmRows);
      warm(slots, mask, hashes, groupOffsets, arena, i, warmed);
    }
    const hash = load<u32>(hashes + (<usize>i << 2));
    const start = load<u32>(offsets + (<usize>i << 2));
    const length = load<u32>(offsets + (<usize>i << 2), 4) - start;
    const row = words + (<usize>start << 3);
    let slot = hash & mask;
    let group: u32 = 0;
    for (;;) {
      const found = load<u64>(slots + (<usize>slot << 3));
      if (found == 0) break;
      if (<u32>(found >> 32) == hash) {
        const candidate = <u32>found - 1;
        const mine = load<u32>(groupOffsets + (<usize>candidate << 2));
        if (load<u32>(groupOffsets + (<usize>candidate << 2), 4) - mine == length && sameWords(arena + (<usize>mine << 3), row, length)) {
          group = candidate + 1;
          break;
        }
      }
      slot = (slot + 1) & mask;
    }
    if (group == 0) {
      if (count == limit) break;
      const at = load<u32>(groupOffsets + (<usize>count << 2));
      for (let k: u32 = 0; k < length; k++) store<u64>(arena + ((<usize>at + k) << 3), load<u64>(row + (<usize>k << 3)));
      store<u32>(groupHashes + (<usize>count << 2), hash);
      group = ++count;
      store<u32>(groupOffsets + (<usize>count << 2), at + length);
      store<u64>(slots + (<usize>slot << 3), (<u64>hash << 32) | <u64>group);
    }
    store<u32>(groups + (<usize>i << 2), group - 1);
  }
  store<u32>(table, count, 8);
  return i;
}

const warmHashes = memory.data(512, 16);

/** Hashes of one-word rows [from, to) to `warmHashes`; touches what they will most likely be compared with where that is not in the cache anyway. */
@inline
function hashAhead(slots: usize, mask: u32, arena: usize, words: usize, from: u32, to: u32): void {
  const size = to - from;
  for (let k: u32 = 0; k < size; k++) {
    const hash = finishHash(mixWord(K1, load<u64>(words + (<usize>(from + k) << 3))));
    store<u32>(warmHashes + (<usize>k << 2), hash);
    if (mask > warmMask) store<u32>(warmGroups + (<usize>k << 2), load<u32>(slots + (<usize>(hash & mask) << 3)));
  }
  if (mask <= warmMask) return;
  let touched: u64 = 0;
  for (let k: u32 = 0; k < size; k++) {
    const group = load<u32>(warmGroups + (<usize>k << 2));
    touched |= load<u64>(arena + (<usize>(group - <u32>(group != 0)) << 3));
  }
  store<u64>(warmSink, touched);
}

/** `assignGroups` where every row and every group is one word: a group's word is found by its number, and hashes are made on the way. */
export function assignWords(table: usize, words: usize, from: u32, n: u32, groups: usize): u32 {
  const slots = <usize>load<u32>(table);
  const mask = load<u32>(table, 4);
  let count = load<u32>(table, 8);
  const limit = load<u32>(table, 12);
  const groupHashes = <usize>load<u32>(table, 16);
  const groupOffsets = <usize>load<u32>(table, 20);
  const arena = <usize>load<u32>(table, 24);
  let i = from;
  while (i < n) {
    const first = i;
    const end = min(n, i + warmRows);
    hashAhead(slots, mask, arena, words, first, end);
    for (; i < end; i++) {
      const word = load<u64>(words + (<usize>i << 3));
      const hash = load<u32>(warmHashes + (<usize>(i - first) << 2));
      let slot = hash & mask;
      let group: u32 = 0;
      for (;;) {
        const found = load<u64>(slots + (<usize>slot << 3));
        if (found == 0) break;
        if (<u32>(found >> 32) == hash && load<u64>(arena + (<usize>(<u32>found - 1) << 3)) == word) {
          group = <u32>found;
          break;
        }
        slot = (slot + 1) & mask;
      }
      if (group == 0) {
        if (count == limit) {
          store<u32>(table, count, 8);
          return i;
        }
        store<u64>(arena + (<usize>count << 3), word);
        store<u32>(groupHashes + (<usize>count << 2), hash);
        group = ++count;
        store<u32>(groupOffsets + (<usize>count << 2), count);
        store<u64>(slots + (<usize>slot << 3), (<u64>hash << 32) | <u64>group);
      }
      store<u32>(groups + (<usize>i << 2), group - 1);
    }
  }
  store<u32>(table, count, 8);
  return n;
}

@inline
function sameWords(a: usize, b: usize, n: u32): bool {
  if (n == 1) return load<u64>(a) == load<u64>(b);
  for (let k: usize = 0; k < <usize>n << 3; k += 8) if (load<u64>(a + k) != load<u64>(b + k)) return false;
  return true;
}

/** Fills empty slots with `count` groups. */
export function fillSlots(slots: usize, mask: u32, hashes: usize, count: u32): void {
  for (let g: u32 = 0; g < count; g++) {
    const hash = load<u32>(hashes + (<usize>g << 2));
    let slot = hash & mask;
    while (load<u64>(slots + (<usize>slot << 3)) != 0) slot = (slot + 1) & mask;
    store<u64>(slots + (<usize>slot << 3), (<u64>hash << 32) | <u64>(g + 1));
  }
}
