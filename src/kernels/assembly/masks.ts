// Conditions over columns as masks: one byte a row, 1 where a condition has the outcome that is asked for.

/** Rows that are compared at a time; what is left over goes one by one. */
const step: u32 = 16;

/** Sixteen rows' outcomes from four vectors of four lanes, each 0 or all ones; `turn` is 0 or 1 in each byte. */
@inline
function storeMask(a: v128, b: v128, c: v128, d: v128, turn: v128, out: usize): void {
  const bytes = i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d));
  v128.store(out, v128.xor(v128.and(bytes, i8x16.splat(1)), turn));
}

/** Two vectors of two lanes as one of four. */
@inline
function joined(a: v128, b: v128): v128 {
  return v128.shuffle<i32>(a, b, 0, 2, 4, 6);
}

@inline
function within32(values: usize, low: v128, high: v128): v128 {
  const v = v128.load(values);
  return v128.and(i32x4.ge_s(v, low), i32x4.le_s(v, high));
}

/** Bounds are inclusive; `inside`: whether values within them are asked for, or those without. */
export function maskI32(values: usize, rows: u32, low: i32, high: i32, inside: u32, out: usize): void {
  const turn = inside ^ 1;
  const l = i32x4.splat(low);
  const h = i32x4.splat(high);
  const turns = i8x16.splat(<i8>turn);
  let i: u32 = 0;
  for (; i + step <= rows; i += step) {
    const p = values + (<usize>i << 2);
    storeMask(within32(p, l, h), within32(p + 16, l, h), within32(p + 32, l, h), within32(p + 48, l, h), turns, out + i);
  }
  for (; i < rows; i++) {
    const v = load<i32>(values + (<usize>i << 2));
    store<u8>(out + i, <u8>((<u32>(v >= low) & <u32>(v <= high)) ^ turn));
  }
}

@inline
function within64(values: usize, low: v128, high: v128): v128 {
  const a = v128.load(values);
  const b = v128.load(values, 16);
  return joined(
    v128.and(i64x2.ge_s(a, low), i64x2.le_s(a, high)),
    v128.and(i64x2.ge_s(b, low), i64x2.le_s(b, high)),
  );
}

export function maskI64(values: usize, rows: u32, low: i64, high: i64, inside: u32, out: usize): void {
  const turn = inside ^ 1;
  const l = i64x2.splat(low);
  const h = i64x2.splat(high);
  const turns = i8x16.splat(<i8>turn);
  let i: u32 = 0;
  for (; i + step <= rows; i += step) {
    const p = values + (<usize>i << 3);
    storeMask(within64(p, l, h), within64(p + 32, l, h), within64(p + 64, l, h), within64(p + 96, l, h), turns, out + i);
  }
  for (; i < rows; i++) {
    const v = load<i64>(values + (<usize>i << 3));
    store<u8>(out + i, <u8>((<u32>(v >= low) & <u32>(v <= high)) ^ turn));
  }
}

@inline
function ordered(a: v128, to: v128, order: u32): v128 {
  return order == 0 ? f64x2.lt(a, to) : order == 1 ? f64x2.le(a, to) : f64x2.eq(a, to);
}

@inline
function ordered4(values: usize, to: v128, order: u32): v128 {
  return joined(ordered(v128.load(values), to, order), ordered(v128.load(values, 16), to, order));
}

@inline
function orderedRows(values: usize, rows: u32, order: u32, to: f64, negated: u32, out: usize): void {
  const all = f64x2.splat(to);
  const turns = i8x16.splat(<i8>negated);
  let i: u32 = 0;
  for (; i + step <= rows; i += step) {
    const p = values + (<usize>i << 3);
    storeMask(
      ordered4(p, all, order),
      ordered4(p + 32, all, order),
      ordered4(p + 64, all, order),
      ordered4(p + 96, all, order),
      turns,
      out + i,
    );
  }
  for (; i < rows; i++) {
    const v = load<f64>(values + (<usize>i << 3));
    const found = order == 0 ? v < to : order == 1 ? v <= to : v == to;
    store<u8>(out + i, <u8>(<u32>found ^ negated));
  }
}

/** `order`: 0 less, 1 less or equal, 2 equal; NaN is none of them, and `negated` asks for the rest. */
export function maskF64(values: usize, rows: u32, order: u32, to: f64, negated: u32, out: usize): void {
  if (order == 0) orderedRows(values, rows, 0, to, negated, out);
  else if (order == 1) orderedRows(values, rows, 1, to, negated, out);
  else orderedRows(values, rows, 2, to, negated, out);
}

/** Two at a time: eight bytes behind the values are readable, and room for one more double stands behind the column. */
export function doublesOfI32(values: usize, rows: u32, out: usize): void {
  for (let i: u32 = 0; i < rows; i += 2) {
    v128.store(out + (<usize>i << 3), f64x2.convert_low_i32x4_s(v128.load64_zero(values + (<usize>i << 2))));
  }
}

export function doublesFill(value: f64, rows: u32, out: usize): void {
  for (let i: u32 = 0; i < rows; i++) store<f64>(out + (<usize>i << 3), value);
}

/** `operation`: 0 a + b, 1 a - b, 2 a * b. Two doubles at a time; room for one more stands behind each column. */
export function doublesBinary(operation: u32, a: usize, b: usize, rows: u32, out: usize): void {
  const end = out + (<usize>rows << 3);
  if (operation == 0) {
    for (; out < end; out += 16, a += 16, b += 16) v128.store(out, f64x2.add(v128.load(a), v128.load(b)));
  } else if (operation == 1) {
    for (; out < end; out += 16, a += 16, b += 16) v128.store(out, f64x2.sub(v128.load(a), v128.load(b)));
  } else {
    for (; out < end; out += 16, a += 16, b += 16) v128.store(out, f64x2.mul(v128.load(a), v128.load(b)));
  }
}

const accepted: u32 = 254;
const beyond: u32 = 253;

/** What a first byte may say beside 0 and 1, the mask of its row: that there is more to read. */
const undecided: u8 = 2;
const heads = memory.data(256);

/** Fills `heads`. */
@inline
function decideHeads(next: usize, first: u32, turn: u32): void {
  for (let byte: u32 = 0; byte < 256; byte++) {
    const state = first < beyond ? <u32>load<u8>(next + ((<usize>first << 8) | <usize>byte)) : first;
    store<u8>(heads + byte, state > beyond ? <u8>(<u32>(state == accepted) ^ turn) : undecided);
  }
}

/**
 * Whether a pattern matches anywhere in each text: `next` holds the next state by `state << 8 | byte`, `atEnd` whether a text that ends in a
 * state matches. `valid`: 0 for no nulls; null rows are not asked for. Rows in which a byte beyond ASCII has a say are listed in `open`, to be
 * decided by the caller; answers how many. `memo`: 4096 words, zeros at first, that keep what came of texts of up to seven bytes: the bytes, from
 * the highest down, the size in the lowest, and the outcome above that. Eight bytes from the start of a text on must be readable.
 */
export function maskPattern(
  bytes: usize,
  starts: usize,
  ends: usize,
  valid: usize,
  rows: u32,
  next: usize,
  first: u32,
  atEnd: usize,
  want: u32,
  out: usize,
  open: usize,
  memo: usize,
): u32 {
  const turn = want ^ 1;
  const empty = outcome(first, atEnd) ^ turn;
  decideHeads(next, first, turn);
  let count: u32 = 0;
  // Whether first bytes are worth a look: until they say nothing about sixteen rows.
  let tells = true;
  let last: u32 = 0;
  for (let i: u32 = 0; i < rows; i = last) {
    const told = tells;
    if (told) {
      last = i + step < rows ? i + step : rows;
      const unknown = byHeads(bytes, starts, ends, valid, i, last, empty, out);
      if (unknown == 0) continue;
      tells = unknown < step;
    } else {
      while (i + 4 <= rows && (valid == 0 || load<u32>(valid + i) == fourOnes) && byMemo(bytes, starts, ends, i, memo, turn, out)) i += 4;
      last = i + 4 < rows ? i + 4 : rows;
    }
    for (let row = i; row < last; row++) {
      if (told && load<u8>(out + row) != undecided) continue;
      if (valid != 0 && load<u8>(valid + row) == 0) {
        store<u8>(out + row, 0);
        continue;
      }
      const at = <usize>row << 2;
      let p = bytes + <usize>load<u32>(starts + at);
      const e = bytes + <usize>load<u32>(ends + at);
      const size = <u64>(e - p);
      let slot: usize = 0;
      let key: u64 = 0;
      if (size - 1 < 7) {
        key = memoKey(p, size);
        slot = memoSlot(memo, key);
        const known = load<u64>(slot);
        if (((known ^ key) | matched) == matched) {
          store<u8>(out + row, <u8>((<u32>(known & matched) >> 7) ^ turn));
          continue;
        }
      }
      let state = first;
      while (state < beyond && p < e) state = <u32>load<u8>(next + ((<usize>state << 8) | <usize>load<u8>(p++)));
      if (state == beyond) {
        store<u32>(open + ((<usize>(count++)) << 2), row);
        store<u8>(out + row, 0);
        continue;
      }
      const matches = outcome(state, atEnd);
      if (slot != 0) store<u64>(slot, key | ((<u64>matches) << 7));
      store<u8>(out + row, <u8>(matches ^ turn));
    }
  }
  return count;
}

/** What first bytes say of some rows; answers of how many they say nothing. */
@inline
function byHeads(bytes: usize, starts: usize, ends: usize, valid: usize, from: u32, to: u32, empty: u32, out: usize): u32 {
  let unknown: u32 = 0;
  for (let row = from; row < to; row++) {
    const at = <usize>row << 2;
    let said: u32 = 0;
    if (valid == 0 || load<u8>(valid + row) != 0) {
      const p = load<u32>(starts + at);
      said = p < load<u32>(ends + at) ? <u32>load<u8>(heads + <usize>load<u8>(bytes + p)) : empty;
    }
    store<u8>(out + row, <u8>said);
    unknown += said >> 1;
  }
  return unknown;
}

const fourOnes: u32 = 0x01010101;

/** Bits other than `matched` if the memo does not know a text. */
@inline
function remembered(bytes: usize, starts: usize, ends: usize, row: u32, memo: usize): u64 {
  const at = <usize>row << 2;
  const start = load<u32>(starts + at);
  const size = <u64>(load<u32>(ends + at) - start);
  const key = memoKey(bytes + <usize>start, size);
  return (load<u64>(memoSlot(memo, key)) ^ key) | (size - 1 < 7 ? 0 : 1);
}

/** Outcomes of four rows without nulls from the memo; false unless it knows all four. */
@inline
function byMemo(bytes: usize, starts: usize, ends: usize, row: u32, memo: usize, turn: u32, out: usize): bool {
  const a = remembered(bytes, starts, ends, row, memo);
  const b = remembered(bytes, starts, ends, row + 1, memo);
  const c = remembered(bytes, starts, ends, row + 2, memo);
  const d = remembered(bytes, starts, ends, row + 3, memo);
  if (((a | b | c | d) | matched) != matched) return false;
  const matches = <u32>((a | (b << 8) | (c << 16) | (d << 24)) >> 7);
  store<u32>(out + row, matches ^ (turn * fourOnes));
  return true;
}

@inline
function memoKey(p: usize, size: u64): u64 {
  return (load<u64>(p) << (64 - (size << 3))) | size;
}

@inline
function memoSlot(memo: usize, key: u64): usize {
  return memo + (<usize>((key * 0x9e3779b97f4a7c15) >> 52) << 3);
}

/** The bit of a word of the memo that says that its text matches. */
const matched: u64 = 128;

/** Whether a text that ended in this state matches. */
@inline
function outcome(state: u32, atEnd: usize): u32 {
  return state < beyond ? <u32>load<u8>(atEnd + state) : <u32>(state == accepted);
}

/** FNV-1a over the bytes of a text; `textsHash` of `maskProgram.ts`. */
@inline
function hashOf(p: usize, e: usize): u32 {
  let hash: u32 = 0x811c9dc5;
  for (; p < e; p++) hash = (hash ^ <u32>load<u8>(p)) * 0x01000193;
  return hash ^ (hash >>> 15);
}

@inline
function same(a: usize, b: usize, size: usize): bool {
  for (let i: usize = 0; i < size; i++) if (load<u8>(a + i) != load<u8>(b + i)) return false;
  return true;
}

/**
 * Whether each text is one of a table: open addressing, `mask + 1` slots of three words: used or 0, address, size.
 */
export function maskTexts(
  bytes: usize,
  starts: usize,
  ends: usize,
  valid: usize,
  rows: u32,
  slots: usize,
  mask: u32,
  want: u32,
  out: usize,
): void {
  for (let i: u32 = 0; i < rows; i++) {
    if (valid != 0 && load<u8>(valid + i) == 0) {
      store<u8>(out + i, 0);
      continue;
    }
    const at = <usize>i << 2;
    const p = bytes + <usize>load<u32>(starts + at);
    const e = bytes + <usize>load<u32>(ends + at);
    let found: u32 = 0;
    for (let slot = hashOf(p, e) & mask; ; slot = (slot + 1) & mask) {
      const entry = slots + <usize>slot * 12;
      if (load<u32>(entry) == 0) break;
      if (<usize>load<u32>(entry, 8) == e - p && same(p, <usize>load<u32>(entry, 4), e - p)) {
        found = 1;
        break;
      }
    }
    store<u8>(out + i, <u8>(found ^ want ^ 1));
  }
}

/** Which rows are null, or are not. */
export function maskNulls(valid: usize, rows: u32, want: u32, out: usize): void {
  for (let i: u32 = 0; i < rows; i++) store<u8>(out + i, load<u8>(valid + i) ^ <u8>want);
}

export function maskFill(value: u32, rows: u32, out: usize): void {
  memory.fill(out, <u8>value, rows);
}

/** a = a & b, sixteen rows at a time; masks have room for that. */
export function maskAnd(a: usize, b: usize, rows: u32): void {
  for (const end = a + rows; a < end; a += 16, b += 16) v128.store(a, v128.and(v128.load(a), v128.load(b)));
}

export function maskOr(a: usize, b: usize, rows: u32): void {
  for (const end = a + rows; a < end; a += 16, b += 16) v128.store(a, v128.or(v128.load(a), v128.load(b)));
}

/** How many of the rows have a 1. */
export function maskCount(mask: usize, rows: u32): u32 {
  let count: u64 = 0;
  let i: u32 = 0;
  for (; i + 8 <= rows; i += 8) count += popcnt<u64>(load<u64>(mask + i));
  for (; i < rows; i++) count += <u64>load<u8>(mask + i);
  return <u32>count;
}

/** The rows whose byte is 1, ascending; answers how many. */
export function maskRows(mask: usize, rows: u32, out: usize): u32 {
  let at = out;
  const ones = i8x16.splat(1);
  for (let i: u32 = 0; i < rows; i += step) {
    let bits = <u32>i8x16.bitmask(i8x16.eq(v128.load(mask + i), ones));
    if (bits == 0) continue;
    if (rows - i < step) bits &= (1 << (rows - i)) - 1;
    for (; bits != 0; bits &= bits - 1, at += 4) store<u32>(at, i + ctz(bits));
  }
  return <u32>((at - out) >>> 2);
}
