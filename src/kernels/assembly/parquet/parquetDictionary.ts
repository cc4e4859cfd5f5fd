// Dictionaries of a column chunk: distinct values in order of first appearance, and a code a value.
//
// The table has 2^bits slots of 8 bytes, all zero at the start: the hash's low half, and above it the code plus 1. A dictionary is given
// up (answer -1) as soon as it holds more than `limit` values, or more than 7/8 of a first sample are different.
const MULTIPLIER: u64 = 0x9e3779b97f4a7c15;
const SAMPLE: u32 = 8192;
const SAMPLE_LIMIT: u32 = 7168;

@inline
function mix(hash: u64): u64 {
  const folded = (hash ^ (hash >> 32)) * MULTIPLIER;
  return folded ^ (folded >> 29);
}

@inline
function words<T>(values: usize, count: u32, table: usize, bits: u32, codes: usize, entries: usize, limit: u32): i32 {
  const mask: usize = (<usize>1 << bits) - 1;
  let size: u32 = 0;
  let last: T = 0;
  let code: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const value = load<T>(values + i * sizeof<T>());
    if (i == 0 || value != last) {
      last = value;
      const hash = mix(<u64>value);
      let slot = <usize>(hash >> 32) & mask;
      for (;;) {
        const held = load<u32>(table + (slot << 3), 4);
        if (held == 0) {
          if (size >= limit) return -1;
          store<T>(entries + size * sizeof<T>(), value);
          code = size++;
          store<u32>(table + (slot << 3), size, 4);
          break;
        }
        if (load<T>(entries + (held - 1) * sizeof<T>()) == value) {
          code = held - 1;
          break;
        }
        slot = (slot + 1) & mask;
      }
    }
    store<u32>(codes + (i << 2), code);
    if (i + 1 == SAMPLE && size > SAMPLE_LIMIT) return -1;
  }
  return <i32>size;
}

export function dictionary32(values: usize, count: u32, table: usize, bits: u32, codes: usize, entries: usize, limit: u32): i32 {
  return words<u32>(values, count, table, bits, codes, entries, limit);
}
export function dictionary64(values: usize, count: u32, table: usize, bits: u32, codes: usize, entries: usize, limit: u32): i32 {
  return words<u64>(values, count, table, bits, codes, entries, limit);
}

/** The last `length` (0 to 7) bytes that a word at `at` begins with. */
@inline
function tail(at: usize, length: usize): u64 {
  return load<u64>(at) & ((<u64>1 << (<u64>length << 3)) - 1);
}

@inline
function hashText(at: usize, length: usize): u64 {
  let hash = <u64>length * MULTIPLIER;
  const whole = at + (length & ~7);
  for (; at < whole; at += 8) hash = mix(hash ^ load<u64>(at));
  return mix(hash ^ tail(at, length & 7));
}

@inline
function sameText(a: usize, b: usize, length: usize): bool {
  const whole = a + (length & ~7);
  for (; a < whole; a += 8, b += 8) if (load<u64>(a) != load<u64>(b)) return false;
  return tail(a, length & 7) == tail(b, length & 7);
}

/**
 * A dictionary of texts that stand as in a plain page. `entries` gets where the entries begin, counted from `bytes`. Given up also when
 * the entries take more than `mostBytes`. A few bytes behind the last text may be looked at.
 */
export function dictionaryText(
  bytes: usize,
  ends: usize,
  count: u32,
  table: usize,
  bits: u32,
  codes: usize,
  entries: usize,
  limit: u32,
  mostBytes: u32,
): i32 {
  const mask: usize = (<usize>1 << bits) - 1;
  let size: u32 = 0;
  let total: u64 = 0;
  let at = bytes + 4;
  for (let i: u32 = 0; i < count; i++) {
    const end = bytes + <usize>load<u32>(ends + (i << 2));
    const length = end - at;
    const hash = hashText(at, length);
    let slot = <usize>(hash >> 32) & mask;
    for (;;) {
      const held = load<u32>(table + (slot << 3), 4);
      if (held == 0) {
        total += <u64>length + 4;
        if (size >= limit || total > <u64>mostBytes) return -1;
        store<u32>(entries + (size << 2), <u32>(at - 4 - bytes));
        store<u32>(table + (slot << 3), <u32>hash);
        store<u32>(codes + (i << 2), size++);
        store<u32>(table + (slot << 3), size, 4);
        break;
      }
      if (load<u32>(table + (slot << 3)) == <u32>hash) {
        const entry = bytes + <usize>load<u32>(entries + ((held - 1) << 2));
        if (<usize>load<u32>(entry) == length && sameText(entry + 4, at, length)) {
          store<u32>(codes + (i << 2), held - 1);
          break;
        }
      }
      slot = (slot + 1) & mask;
    }
    at = end + 4;
    if (i + 1 == SAMPLE && size > SAMPLE_LIMIT) return -1;
  }
  return <i32>size;
}

/** Copies the entries one after the other to `to`, as a plain page has them, and where each ends to `toEnds`; returns their bytes. */
export function dictionaryTexts(bytes: usize, entries: usize, size: u32, to: usize, toEnds: usize): u32 {
  let target = to;
  for (let i: u32 = 0; i < size; i++) {
    const entry = bytes + <usize>load<u32>(entries + (i << 2));
    const length = <usize>load<u32>(entry) + 4;
    memory.copy(target, entry, length);
    target += length;
    store<u32>(toEnds + (i << 2), <u32>(target - to));
  }
  return <u32>(target - to);
}
