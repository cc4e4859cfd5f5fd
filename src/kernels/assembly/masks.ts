// Conditions over columns as masks: one byte a row, 1 where a condition has the outcome that is asked for.

/** Bounds are inclusive; `inside`: whether values within them are asked for, or those without. */
export function maskI32(values: usize, rows: u32, low: i32, high: i32, inside: u32, out: usize): void {
  for (let i: u32 = 0; i < rows; i++) {
    const v = load<i32>(values + (<usize>i << 2));
    store<u8>(out + i, <u8>((<u32>(v >= low) & <u32>(v <= high)) ^ inside ^ 1));
  }
}

export function maskI64(values: usize, rows: u32, low: i64, high: i64, inside: u32, out: usize): void {
  for (let i: u32 = 0; i < rows; i++) {
    const v = load<i64>(values + (<usize>i << 3));
    store<u8>(out + i, <u8>((<u32>(v >= low) & <u32>(v <= high)) ^ inside ^ 1));
  }
}

/** `order`: 0 less, 1 less or equal, 2 equal; NaN is none of them, and `negated` asks for the rest. */
export function maskF64(values: usize, rows: u32, order: u32, to: f64, negated: u32, out: usize): void {
  if (order == 0) {
    for (let i: u32 = 0; i < rows; i++) store<u8>(out + i, <u8>(<u32>(load<f64>(values + (<usize>i << 3)) < to) ^ negated));
  } else if (order == 1) {
    for (let i: u32 = 0; i < rows; i++) store<u8>(out + i, <u8>(<u32>(load<f64>(values + (<usize>i << 3)) <= to) ^ negated));
  } else {
    for (let i: u32 = 0; i < rows; i++) store<u8>(out + i, <u8>(<u32>(load<f64>(values + (<usize>i << 3)) == to) ^ negated));
  }
}

export function doublesOfI32(values: usize, rows: u32, out: usize): void {
  for (let i: u32 = 0; i < rows; i++) store<f64>(out + (<usize>i << 3), <f64>load<i32>(values + (<usize>i << 2)));
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

/**
 * Whether a pattern matches anywhere in each text: `next` holds the next state by `state << 8 | byte`, `atEnd` whether a text that ends in a
 * state matches. `valid`: 0 for no nulls; null rows are not asked for. Rows in which a byte beyond ASCII has a say are listed in `open`, to be
 * decided by the caller; answers how many. `memo`: 4096 slots of 16 bytes, zeros at first, that keep what came of short texts: a word of the text,
 * and its size and outcome. Eight bytes from the start of a text on must be readable.
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
  let count: u32 = 0;
  for (let i: u32 = 0; i < rows; i++) {
    if (valid != 0 && load<u8>(valid + i) == 0) {
      store<u8>(out + i, 0);
      continue;
    }
    const at = <usize>i << 2;
    let p = bytes + <usize>load<u32>(starts + at);
    const e = bytes + <usize>load<u32>(ends + at);
    let state = first;
    let slot: usize = 0;
    let word: u64 = 0;
    const size = <u32>(e - p);
    // The first byte may decide, as it does for texts that must not be blank.
    if (state < beyond && p < e) state = <u32>load<u8>(next + ((<usize>state << 8) | <usize>load<u8>(p)));
    if (state < beyond && size > 1) {
      if (size <= 8) {
        const unused = <u64>(64 - (size << 3));
        word = (load<u64>(p) << unused) >> unused;
        slot = memo + (<usize>((word * 0x9e3779b97f4a7c15) >> 52) << 4);
        const known = load<u32>(slot, 8);
        if (known >> 1 == size && load<u64>(slot) == word) {
          store<u8>(out + i, <u8>((known & 1) ^ want ^ 1));
          continue;
        }
      }
      p++;
    } else p = e;
    while (state < beyond && p < e) state = <u32>load<u8>(next + ((<usize>state << 8) | <usize>load<u8>(p++)));
    if (state == beyond) {
      store<u32>(open + ((<usize>(count++)) << 2), i);
      store<u8>(out + i, 0);
      continue;
    }
    const matches = state < beyond ? <u32>load<u8>(atEnd + state) : <u32>(state == accepted);
    if (slot != 0) {
      store<u64>(slot, word);
      store<u32>(slot, (size << 1) | matches, 8);
    }
    store<u8>(out + i, <u8>(matches ^ want ^ 1));
  }
  return count;
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

/** The rows whose byte is 1, ascending; answers how many. */
export function maskRows(mask: usize, rows: u32, out: usize): u32 {
  let count: usize = 0;
  for (let i: u32 = 0; i < rows; i += 16) {
    if (!v128.any_true(v128.load(mask + i))) continue;
    const end = i + 16 < rows ? i + 16 : rows;
    for (let j = i; j < end; j++) {
      if (load<u8>(mask + j) != 0) store<u32>(out + (count++ << 2), j);
    }
  }
  return <u32>count;
}
