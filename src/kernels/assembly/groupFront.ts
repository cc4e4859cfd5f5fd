// A small table in front of the packed groups, for keys of one text of up to 32 bytes: they are compared where they stand, by words, and only
// those it does not know are packed. Header (u32): entries, mask, used, most. An entry is 64 bytes: the text with zeros behind (32), its length,
// group + 1.

const HEADER: usize = 64;
const ENTRY: usize = 6; // log2 of its size
const LENGTH: usize = 32;
const GROUP: usize = 36;
const MOST_BYTES: u32 = 32;

const USED: usize = 8;
const MOST: usize = 12;

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

@inline
function frontHash(a: v128, b: v128, length: u32): u32 {
  let h =
    (i64x2.extract_lane(a, 0) * 0x9e3779b97f4a7c15) ^
    rotl<i64>(i64x2.extract_lane(a, 1) * 0xd6e8feb86659fd93, 31) ^
    (i64x2.extract_lane(b, 0) * 0xa0761d6478bd642f) ^
    rotl<i64>(i64x2.extract_lane(b, 1) * 0xe7037ed1a0b428db, 17);
  h = (h ^ <i64>(<u64>h >> 32)) * 0x9e3779b97f4a7c15;
  return <u32>(<u64>h >> 40) + length;
}

@inline
function isEntry(entry: usize, a: v128, b: v128, length: u32): bool {
  const difference = v128.or(v128.xor(v128.load(entry), a), v128.xor(v128.load(entry, 16), b));
  return !v128.any_true(difference) && load<u32>(entry, LENGTH) == length;
}

/**
 * Groups of rows [from, n) that the table knows. The others are listed: their physical rows in `missed`, their places in `places`; it stops before
 * there are more than `most` of them. Answers the first row that was not done; how many were listed stands in the header's word 4.
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
  let listed: u32 = 0;
  let j = from;
  for (; j < n; j++) {
    const row = selection == 0 ? <usize>j : <usize>load<u32>(selection + (<usize>j << 2));
    const start = load<u32>(starts + (row << 2));
    const length = load<u32>(ends + (row << 2)) - start;
    let group: u32 = 0;
    if (length <= MOST_BYTES && (valid == 0 || load<u8>(valid + row) != 0)) {
      const text = bytes + <usize>start;
      const a = lowerHalf(text, length);
      const b = upperHalf(text, length);
      let slot = frontHash(a, b, length) & mask;
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
  store<u32>(front, listed, 16);
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
    if (used == most || length > MOST_BYTES || (valid != 0 && load<u8>(valid + row) == 0)) continue;
    const text = bytes + <usize>start;
    const a = lowerHalf(text, length);
    const b = upperHalf(text, length);
    let slot = frontHash(a, b, length) & mask;
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
