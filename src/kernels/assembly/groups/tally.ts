// Counts of the values that rows have: a table of open addressing whose entries lie one after another, in the order in which values came first.

/** Words of a table: where its slots are, how many less one, where entries begin, and end at most, where the next goes, how many more there may be. */
const slotsAt: usize = 0;
const slotMask: usize = 4;
const entriesAt: usize = 8;
const entriesEnd: usize = 12;
const nextEntry: usize = 16;
const room: usize = 20;
/** The greatest hash that is counted, signed, and how many were above it. */
const limit: usize = 24;
const passedOver: usize = 28;
/** How many entries stay when it is full, those of least hash, and room for the hash of each that there may be. */
const kept: usize = 32;
const hashes: usize = 36;

/** Words of an entry: hash, how often, bytes of the key; then the key. */
const head: usize = 12;

const nullSize: u32 = 0xffffffff;
const nullWord: u32 = 0x5bd1e995;
const nanWord: u32 = 0x7ff80000;

/** A step of MurmurHash3 (Appleby 2011); `mix` of `valueHash.ts`. */
@inline
function mix(hash: u32, word: u32): u32 {
  return rotl<u32>(hash ^ (rotl<u32>(word * 0xcc9e2d51, 15) * 0x1b873593), 13) * 5 + 0xe6546b64;
}

@inline
function finish(hash: u32): u32 {
  let h = (hash ^ (hash >>> 16)) * 0x85ebca6b;
  h = (h ^ (h >>> 13)) * 0xc2b2ae35;
  return h ^ (h >>> 16);
}

@inline
function equal(a: usize, b: usize, size: usize): bool {
  let i: usize = 0;
  for (; i + 4 <= size; i += 4) if (load<u32>(a + i) != load<u32>(b + i)) return false;
  for (; i < size; i++) if (load<u8>(a + i) != load<u8>(b + i)) return false;
  return true;
}

@inline
function sizeOf(entry: usize): usize {
  const size = load<u32>(entry, 8);
  return size == nullSize ? head : head + ((<usize>size + 3) & ~3);
}

/** Counts one value; false if the table has no room for it. */
function counted(table: usize, hash: u32, key: usize, size: u32): bool {
  if (<i32>hash > load<i32>(table, limit)) {
    store<u32>(table, load<u32>(table, passedOver) + 1, passedOver);
    return true;
  }
  const slots = <usize>load<u32>(table, slotsAt);
  const mask = load<u32>(table, slotMask);
  const bytes: usize = size == nullSize ? 0 : <usize>size;
  let slot = slots + (<usize>(hash & mask) << 2);
  let known = <usize>load<u32>(slot);
  for (let i = hash; known != 0; known = <usize>load<u32>(slot)) {
    if (load<u32>(known) == hash && load<u32>(known, 8) == size && equal(known + head, key, bytes)) {
      store<u32>(known, load<u32>(known, 4) + 1, 4);
      return true;
    }
    slot = slots + (<usize>(++i & mask) << 2);
  }
  const entry = <usize>load<u32>(table, nextEntry);
  const end = entry + head + ((bytes + 3) & ~3);
  if (end > <usize>load<u32>(table, entriesEnd) || load<u32>(table, room) == 0) {
    // Once it has been made room, the value may be one of those that do not stay.
    return prune(table) && counted(table, hash, key, size);
  }
  store<u32>(entry, hash);
  store<u32>(entry, 1, 4);
  store<u32>(entry, size, 8);
  memory.copy(entry + head, key, bytes);
  store<u32>(slot, <u32>entry);
  store<u32>(table, <u32>end, nextEntry);
  store<u32>(table, load<u32>(table, room) - 1, room);
  return true;
}

/** Of signed words the one that has so many before it in their order; turns the words about (Hoare's selection, 1961). */
function selected(words: usize, count: i32, place: i32): i32 {
  let low: i32 = 0;
  let high: i32 = count - 1;
  while (low < high) {
    const pivot = load<i32>(words + (<usize>((low + high) >> 1) << 2));
    let i = low;
    let j = high;
    while (i <= j) {
      while (load<i32>(words + (<usize>i << 2)) < pivot) i++;
      while (load<i32>(words + (<usize>j << 2)) > pivot) j--;
      if (i <= j) {
        const moved = load<i32>(words + (<usize>i << 2));
        store<i32>(words + (<usize>i << 2), load<i32>(words + (<usize>j << 2)));
        store<i32>(words + (<usize>j << 2), moved);
        i++;
        j--;
      }
    }
    if (place <= j) high = j;
    else if (place >= i) low = i;
    else break;
  }
  return load<i32>(words + (<usize>place << 2));
}

/**
 * Leaves the entries of least hash, `kept` of them and those that share the last one's, and lowers the limit; false if that are all there were.
 */
function prune(table: usize): bool {
  const words = <usize>load<u32>(table, hashes);
  const end = <usize>load<u32>(table, nextEntry);
  let count: i32 = 0;
  for (let entry = <usize>load<u32>(table, entriesAt); entry < end; entry += sizeOf(entry)) {
    store<u32>(words + (<usize>(count++) << 2), load<u32>(entry));
  }
  const most = load<i32>(table, kept);
  if (count <= most) return false;
  const last = selected(words, count, most - 1);
  const slots = <usize>load<u32>(table, slotsAt);
  const mask = load<u32>(table, slotMask);
  memory.fill(slots, 0, <usize>(mask + 1) << 2);
  let next = <usize>load<u32>(table, entriesAt);
  let left: i32 = 0;
  for (let entry = next; entry < end; ) {
    const size = sizeOf(entry);
    const hash = load<u32>(entry);
    if (<i32>hash <= last) {
      memory.copy(next, entry, size);
      let slot = hash;
      while (load<u32>(slots + (<usize>(slot & mask) << 2)) != 0) slot++;
      store<u32>(slots + (<usize>(slot & mask) << 2), <u32>next);
      next += size;
      left++;
    }
    entry += size;
  }
  if (left == count) return false;
  store<u32>(table, <u32>next, nextEntry);
  store<u32>(table, load<u32>(table, room) + <u32>(count - left), room);
  store<i32>(table, last, limit);
  store<u32>(table, load<u32>(table, passedOver) + <u32>(count - left), passedOver);
  return true;
}

/** Leaves no more entries than are to be kept, but for those that share the last one's hash. */
export function tallyPrune(table: usize): void {
  prune(table);
}

/** A number of up to 32 bits, as JavaScript has it in 32. */
@inline
function smallAt(values: usize, row: usize, kind: u32): u32 {
  switch (kind) {
    case 0:
      return <u32>(<i32>load<i8>(values + row));
    case 1:
      return <u32>load<u8>(values + row);
    case 2:
      return <u32>(<i32>load<i16>(values + (row << 1)));
    case 3:
      return <u32>load<u16>(values + (row << 1));
    default:
      return load<u32>(values + (row << 2));
  }
}

/**
 * Counts what rows have in columns of fixed width; answers how many of the rows it took before the table was full. `columns`: three words each:
 * address of the values, of what is valid or 0, and the kind: 0 to 4 numbers of up to 32 bits, 5 words of 64, 6 doubles, 7 floats, 8 words of 128.
 * A key is a word that says which columns are null, then two words a column, four for 128 bits.
 */
export function tallyFixed(table: usize, rows: usize, count: u32, columns: usize, width: u32, key: usize): u32 {
  for (let i: u32 = 0; i < count; i++) {
    const row = <usize>load<u32>(rows + (<usize>i << 2));
    let hash: u32 = width;
    let nulls: u32 = 0;
    let at = key + 4;
    for (let c: u32 = 0; c < width; c++) {
      const column = columns + <usize>c * 12;
      const values = <usize>load<u32>(column);
      const valid = <usize>load<u32>(column, 4);
      const kind = load<u32>(column, 8);
      let low: u64 = 0;
      let high: u64 = 0;
      if (valid != 0 && load<u8>(valid + row) == 0) {
        nulls |= 1 << c;
        hash = mix(hash, nullWord);
      } else if (kind < 5) {
        low = <u64>smallAt(values, row, kind);
        hash = mix(hash, <u32>low);
      } else if (kind == 6 || kind == 7) {
        const value = kind == 6 ? load<f64>(values + (row << 3)) : <f64>load<f32>(values + (row << 2));
        if (value != value) {
          // Every NaN is the same value.
          low = <u64>nanWord << 32;
          hash = mix(hash, nanWord);
        } else {
          low = reinterpret<u64>(value);
          hash = mix(mix(hash, <u32>low), <u32>(low >> 32));
        }
      } else {
        const word = values + (row << (kind == 8 ? 4 : 3));
        low = load<u64>(word);
        hash = mix(mix(hash, <u32>low), <u32>(low >> 32));
        if (kind == 8) {
          high = load<u64>(word, 8);
          hash = mix(mix(hash, <u32>high), <u32>(high >> 32));
        }
      }
      store<u64>(at, low);
      at += 8;
      if (kind == 8) {
        store<u64>(at, high);
        at += 8;
      }
    }
    store<u32>(key, nulls);
    if (!counted(table, finish(hash), key, <u32>(at - key))) return i;
  }
  return count;
}

/**
 * The same for a column of texts, of each its first `most` bytes. Rows whose text has a byte beyond ASCII among them are listed in `open` for the
 * caller, who knows what a character is; `opened` gets how many.
 */
export function tallyTexts(
  table: usize,
  rows: usize,
  count: u32,
  bytes: usize,
  starts: usize,
  ends: usize,
  valid: usize,
  most: u32,
  open: usize,
  opened: usize,
): u32 {
  let others: u32 = 0;
  let i: u32 = 0;
  for (; i < count; i++) {
    const row = load<u32>(rows + (<usize>i << 2));
    if (valid != 0 && load<u8>(valid + row) == 0) {
      if (!counted(table, 0, 0, nullSize)) break;
      continue;
    }
    const at = <usize>row << 2;
    const start = load<u32>(starts + at);
    const all = load<u32>(ends + at) - start;
    const size = all < most ? all : most;
    const p = bytes + <usize>start;
    let hash: u32 = 0x811c9dc5;
    let beyond: u32 = 0;
    for (let j: u32 = 0; j < size; j++) {
      const byte = <u32>load<u8>(p + <usize>j);
      beyond |= byte;
      hash = (hash ^ byte) * 0x01000193;
    }
    if (beyond > 127) {
      store<u32>(open + (<usize>(others++) << 2), row);
      continue;
    }
    if (!counted(table, hash, p, size)) break;
  }
  store<u32>(opened, others);
  return i;
}
