// Dictionaries of a column chunk: distinct values in order of first appearance, and a code a value.
//
// A slot of the table is 16 bytes: a value, or a text of up to eight bytes, or the hash of a longer one (u64); the code plus 1, 0 where the slot is
// free (u32); a text's length (u32). It begins with 2^12 slots and takes four times as many, up to 2^bits, once a quarter of them is taken: fewer would
// collide, which cannot be predicted, and more would not stay in the cache. A dictionary is given up (answer -1) as soon as it holds more than `limit`
// values, or more than 7/8 of a first sample are different.
const MULTIPLIER: u64 = 0x9e3779b97f4a7c15;
const SAMPLE: u32 = 8192;
const SAMPLE_LIMIT: u32 = 7168;
const FIRST_BITS: u32 = 12;
const SLOT: usize = 4; // log2 of its size
const CODE: usize = 8;
const LENGTH: usize = 12;

/** The upper bits of a product, which every bit of a key reaches. */
@inline
function firstSlot(key: u64, bits: u32): usize {
  return <usize>(((key ^ (key >> 32)) * MULTIPLIER) >> <u64>(64 - bits));
}

@inline
function clearTable(table: usize, bits: u32): void {
  memory.fill(table, 0, <usize>1 << (<usize>bits + SLOT));
}

/** The bits of a table that is to take one more entry than it has. */
@inline
function grownBits(size: u32, used: u32, bits: u32): u32 {
  return size < <u32>1 << (used - 2) ? used : min(bits, used + 2);
}

function freeSlot(table: usize, key: u64, bits: u32): usize {
  const mask = (<usize>1 << bits) - 1;
  let slot = firstSlot(key, bits);
  while (load<u32>(table + (slot << SLOT), CODE) != 0) slot = (slot + 1) & mask;
  return table + (slot << SLOT);
}

@inline
function words<T>(values: usize, count: u32, table: usize, bits: u32, codes: usize, entries: usize, limit: u32): i32 {
  let size: u32 = 0;
  let last: T = 0;
  let code: u32 = 0;
  let used = min(bits, FIRST_BITS);
  clearTable(table, used);
  for (let i: u32 = 0; i < count; i++) {
    const value = load<T>(values + i * sizeof<T>());
    if (i == 0 || value != last) {
      last = value;
      const mask = (<usize>1 << used) - 1;
      let slot = firstSlot(<u64>value, used);
      for (;;) {
        const at = table + (slot << SLOT);
        const held = load<u32>(at, CODE);
        if (held == 0) {
          if (size >= limit) return -1;
          store<T>(entries + size * sizeof<T>(), value);
          code = size++;
          store<u64>(at, <u64>value);
          store<u32>(at, size, CODE);
          const grown = grownBits(size, used, bits);
          if (grown != used) placeWords<T>(entries, size, table, (used = grown));
          break;
        }
        if (load<u64>(at) == <u64>value) {
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

/** Fills a table of 2^bits slots. */
function placeWords<T>(entries: usize, size: u32, table: usize, bits: u32): void {
  clearTable(table, bits);
  for (let code: u32 = 0; code < size; code++) {
    const value = <u64>load<T>(entries + code * sizeof<T>());
    const slot = freeSlot(table, value, bits);
    store<u64>(slot, value);
    store<u32>(slot, code + 1, CODE);
  }
}

export function dictionary32(values: usize, count: u32, table: usize, bits: u32, codes: usize, entries: usize, limit: u32): i32 {
  return words<u32>(values, count, table, bits, codes, entries, limit);
}
export function dictionary64(values: usize, count: u32, table: usize, bits: u32, codes: usize, entries: usize, limit: u32): i32 {
  return words<u64>(values, count, table, bits, codes, entries, limit);
}

/** The first `length` (0 to 7) bytes at `at` as a word. */
@inline
function tail(at: usize, length: usize): u64 {
  return load<u64>(at) & ((<u64>1 << (<u64>length << 3)) - 1);
}

/** What a slot holds of a text. */
@inline
function keyOf(at: usize, length: usize): u64 {
  let key: u64 = 0;
  const whole = at + (length & ~7);
  for (; at < whole; at += 8) {
    const mixed = (key ^ load<u64>(at)) * MULTIPLIER;
    key = length == 8 ? load<u64>(at) : mixed ^ (mixed >> 29);
  }
  return key ^ tail(at, length & 7);
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
  let size: u32 = 0;
  let total: u64 = 0;
  let text = bytes + 4;
  let used = min(bits, FIRST_BITS);
  clearTable(table, used);
  for (let i: u32 = 0; i < count; i++) {
    const end = bytes + <usize>load<u32>(ends + (i << 2));
    const length = end - text;
    const key = keyOf(text, length);
    const mask = (<usize>1 << used) - 1;
    let slot = firstSlot(key, used);
    for (;;) {
      const at = table + (slot << SLOT);
      const held = load<u32>(at, CODE);
      if (held == 0) {
        total += <u64>length + 4;
        if (size >= limit || total > <u64>mostBytes) return -1;
        store<u32>(entries + (size << 2), <u32>(text - 4 - bytes));
        store<u32>(codes + (i << 2), size++);
        store<u64>(at, key);
        store<u32>(at, size, CODE);
        store<u32>(at, <u32>length, LENGTH);
        const grown = grownBits(size, used, bits);
        if (grown != used) placeTexts(bytes, entries, size, table, (used = grown));
        break;
      }
      const isSame = <u32>(load<u64>(at) == key) & <u32>(load<u32>(at, LENGTH) == <u32>length);
      if (isSame && (length <= 8 || sameText(bytes + <usize>load<u32>(entries + ((held - 1) << 2)) + 4, text, length))) {
        store<u32>(codes + (i << 2), held - 1);
        break;
      }
      slot = (slot + 1) & mask;
    }
    text = end + 4;
    if (i + 1 == SAMPLE && size > SAMPLE_LIMIT) return -1;
  }
  return <i32>size;
}

/** Fills a table of 2^bits slots. */
function placeTexts(bytes: usize, entries: usize, size: u32, table: usize, bits: u32): void {
  clearTable(table, bits);
  for (let code: u32 = 0; code < size; code++) {
    const entry = bytes + <usize>load<u32>(entries + (code << 2));
    const length = load<u32>(entry);
    const key = keyOf(entry + 4, <usize>length);
    const slot = freeSlot(table, key, bits);
    store<u64>(slot, key);
    store<u32>(slot, code + 1, CODE);
    store<u32>(slot, length, LENGTH);
  }
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
