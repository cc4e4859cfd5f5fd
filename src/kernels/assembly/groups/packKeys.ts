// The keys of a row as one string of 8-byte words that is equal for equal keys and for no others, and back. See `groupKernels.ts` for the structures.
import { rowAt } from "./aggregateRows";
import { finishHash, K1, mixWord } from "./keyHash";

const longText: u64 = 0xff00000000000000;
const nullText: u64 = 0xfe00000000000000;

/**
 * A text's first word says what it is by its upper byte: 0 to 7, a text of that length, its bytes below; 254 null; 255 a longer text, its length
 * below and its bytes in the words that follow. Every other upper byte is the last one of a text of 8 bytes, which is the whole word.
 */
@inline
function isOneWord(w: u64): bool {
  return w >= 0x0800000000000000 && w < nullText;
}

/** The first `n` bytes (0 to 7) at `p`; reads up to 8. */
@inline
function lowBytes(p: usize, n: u32): u64 {
  return n == 0 ? 0 : load<u64>(p) & (~(<u64>0) >> <u64>((8 - n) << 3));
}

/** A fixed value as the word that stands for it: one NaN, no -0. */
@inline
function fixedWord(kind: u32, values: usize, row: usize): u64 {
  switch (kind) {
    case 0:
      return <u64>load<u8>(values + row);
    case 1:
      return <u64>load<u16>(values + (row << 1));
    case 2:
      return <u64>load<u32>(values + (row << 2));
    case 3:
      return load<u64>(values + (row << 3));
    case 4: {
      const f = load<f32>(values + (row << 2));
      return f != f ? 0x7fc00000 : f == 0 ? 0 : <u64>reinterpret<u32>(f);
    }
    default: {
      const d = load<f64>(values + (row << 3));
      return d != d ? 0x7ff8000000000000 : d == 0 ? 0 : reinterpret<u64>(d);
    }
  }
}

/** `packKeys` for one column of integers of type `T`, of which all rows are meant. */
@inline
function packNumbers<T>(
  column: usize,
  flags: u32,
  n: u32,
  out: usize,
  at: u32,
  offsets: usize,
  hashes: usize,
): u32 {
  const values = <usize>load<u32>(column, 4);
  const valid = <usize>load<u32>(column, 16);
  const begin = flags ? mixWord(K1, 0) : K1;
  let cursor = at;
  let p = out + (<usize>cursor << 3);
  for (let i: usize = 0; i < <usize>n; i++) {
    store<u32>(offsets + (i << 2), cursor);
    const isNull = valid != 0 && load<u8>(valid + i) == 0;
    const word = isNull ? 0 : <u64>load<T>(values + i * sizeof<T>());
    let h = begin;
    if (flags) {
      store<u64>(p, <u64>isNull);
      p += 8;
      if (isNull) h = mixWord(K1, 1);
    }
    store<u64>(p, word);
    p += 8;
    cursor += 1 + flags;
    store<u32>(hashes + (i << 2), finishHash(mixWord(h, word)));
  }
  store<u32>(offsets + (<usize>n << 2), cursor);
  return cursor;
}

/** `packKeys` for one text without nulls. */
@inline
function packTexts(column: usize, selection: usize, n: u32, out: usize, at: u32, offsets: usize, hashes: usize): u32 {
  const starts = <usize>load<u32>(column, 4);
  const ends = <usize>load<u32>(column, 8);
  const bytes = <usize>load<u32>(column, 12);
  let cursor = at;
  for (let i: u32 = 0; i < n; i++) {
    const row = rowAt(selection, i);
    const start = load<u32>(starts + (row << 2));
    const length = load<u32>(ends + (row << 2)) - start;
    const text = bytes + <usize>start;
    const p = out + (<usize>cursor << 3);
    store<u32>(offsets + (<usize>i << 2), cursor);
    let h: u64;
    // Texts of 1 to 8 bytes first: their word needs no other look at the length.
    if (length - 1 < 8) {
      const word = load<u64>(text) & (~(<u64>0) >> <u64>((8 - length) << 3));
      if (length < 8 || isOneWord(word)) {
        const whole = length < 8 ? word | (<u64>length << 56) : word;
        store<u64>(p, whole);
        store<u32>(hashes + (<usize>i << 2), finishHash(mixWord(K1, whole)));
        cursor++;
        continue;
      }
    }
    if (length == 0) {
      store<u64>(p, 0);
      cursor++;
      h = mixWord(K1, 0);
    } else {
      const first = longText | <u64>length;
      store<u64>(p, first);
      h = mixWord(K1, first);
      const whole = length & ~7;
      let j: u32 = 0;
      for (; j < whole; j += 8) {
        const word = load<u64>(text + j);
        store<u64>(p + 8 + j, word);
        h = mixWord(h, word);
      }
      cursor += 1 + (length >> 3);
      if (length & 7) {
        const word = lowBytes(text + j, length & 7);
        store<u64>(p + 8 + j, word);
        h = mixWord(h, word);
        cursor++;
      }
    }
    store<u32>(hashes + (<usize>i << 2), finishHash(h));
  }
  store<u32>(offsets + (<usize>n << 2), cursor);
  return cursor;
}

/**
 * Packs the keys of `n` rows: words to `out`, the index of each row's first word to `offsets` (and the end of the last), hashes to `hashes`.
 * A row begins with a word of null bits when `flags` is 1. `at` is the index of the first word written. Answers the end. A column of kind 8 or 9 has
 * codes of one or two bytes in `values`, and in `ends` the word that each stands for.
 */
export function packKeys(
  columns: usize,
  count: u32,
  flags: u32,
  selection: usize,
  n: u32,
  out: usize,
  at: u32,
  offsets: usize,
  hashes: usize,
): u32 {
  if (count == 1) {
    const kind = load<u32>(columns);
    if (kind == 2 && selection == 0) return packNumbers<u32>(columns, flags, n, out, at, offsets, hashes);
    if (kind == 3 && selection == 0) return packNumbers<u64>(columns, flags, n, out, at, offsets, hashes);
    if (kind == 7 && (flags | load<u32>(columns, 16)) == 0) {
      return selection == 0
        ? packTexts(columns, 0, n, out, at, offsets, hashes)
        : packTexts(columns, selection, n, out, at, offsets, hashes);
    }
  }
  let cursor = at;
  const columnsEnd = columns + <usize>count * 24;
  for (let i: u32 = 0; i < n; i++) {
    const row = rowAt(selection, i);
    const first = cursor;
    store<u32>(offsets + (<usize>i << 2), first);
    let nulls: u64 = 0;
    let bit: u64 = 1;
    cursor += flags;
    for (let c = columns; c < columnsEnd; c += 24) {
      const kind = load<u32>(c);
      const values = <usize>load<u32>(c, 4);
      const valid = <usize>load<u32>(c, 16);
      const isNull = valid != 0 && load<u8>(valid + row) == 0;
      const p = out + (<usize>cursor << 3);
      if (kind == 7) {
        if (isNull) {
          store<u64>(p, nullText);
          cursor++;
        } else {
          const start = <usize>load<u32>(values + (row << 2));
          const length = load<u32>(<usize>load<u32>(c, 8) + (row << 2)) - <u32>start;
          const text = <usize>load<u32>(c, 12) + start;
          if (length < 8) {
            store<u64>(p, lowBytes(text, length) | (<u64>length << 56));
            cursor++;
          } else if (length == 8 && isOneWord(load<u64>(text))) {
            store<u64>(p, load<u64>(text));
            cursor++;
          } else {
            store<u64>(p, longText | <u64>length);
            const whole = length & ~7;
            let j: u32 = 0;
            for (; j < whole; j += 8) store<u64>(p + 8 + j, load<u64>(text + j));
            cursor += 1 + (length >> 3);
            if (length & 7) {
              store<u64>(p + 8 + j, lowBytes(text + j, length & 7));
              cursor++;
            }
          }
        }
      } else if (kind > 7) {
        const code = kind == 8 ? <usize>load<u8>(values + row) : <usize>load<u16>(values + (row << 1));
        store<u64>(p, load<u64>(<usize>load<u32>(c, 8) + (code << 3)));
        cursor++;
      } else {
        if (isNull) nulls |= bit;
        if (kind == 6) {
          store<u64>(p, isNull ? 0 : load<u64>(values + (row << 4)));
          store<u64>(p, isNull ? 0 : load<u64>(values + (row << 4), 8), 8);
          cursor += 2;
        } else {
          store<u64>(p, isNull ? 0 : fixedWord(kind, values, row));
          cursor++;
        }
        bit = rotl(bit, 1);
      }
    }
    if (flags) store<u64>(out + (<usize>first << 3), nulls);
    let h: u64 = K1;
    for (let w = out + (<usize>first << 3), e = out + (<usize>cursor << 3); w < e; w += 8) h = mixWord(h, load<u64>(w));
    store<u32>(hashes + (<usize>i << 2), finishHash(h));
  }
  store<u32>(offsets + (<usize>n << 2), cursor);
  return cursor;
}

/**
 * Packed keys as columns again, row i from packed row `order[i]`. A column (u32): kind, values, ends, bytes, valid, bytes so far; byte strings
 * are laid out one after the other, their ends in `ends`, and `values` gets their starts.
 */
export function unpackKeys(columns: usize, count: u32, flags: u32, words: usize, offsets: usize, order: usize, n: u32): void {
  const columnsEnd = columns + <usize>count * 24;
  for (let i: u32 = 0; i < n; i++) {
    const source = rowAt(order, i);
    let p = words + (<usize>load<u32>(offsets + (source << 2)) << 3);
    const nulls: u64 = flags ? load<u64>(p) : 0;
    p += <usize>flags << 3;
    let bit: u64 = 1;
    for (let c = columns; c < columnsEnd; c += 24) {
      const kind = load<u32>(c);
      const values = <usize>load<u32>(c, 4);
      const valid = <usize>load<u32>(c, 16);
      const word = load<u64>(p);
      if (kind == 7) {
        const used = load<u32>(c, 20);
        let length: u32 = 0;
        store<u8>(valid + i, <u8>(word != nullText));
        if (word >= longText) length = <u32>word;
        else if (isOneWord(word)) length = 8;
        else if (word < nullText) length = <u32>(word >> 56);
        const to = <usize>load<u32>(c, 12) + used;
        if (word >= longText) {
          for (let j: u32 = 0; j < length; j += 8) store<u64>(to + j, load<u64>(p + 8 + j));
          p += 8 + <usize>((length + 7) & ~7);
        } else {
          store<u64>(to, word);
          p += 8;
        }
        store<u32>(values + (<usize>i << 2), used);
        store<u32>(<usize>load<u32>(c, 8) + (<usize>i << 2), used + length);
        store<u32>(c, used + length, 20);
        continue;
      }
      store<u8>(valid + i, <u8>((nulls & bit) == 0));
      bit = rotl(bit, 1);
      switch (kind) {
        case 0:
          store<u8>(values + i, <u8>word);
          break;
        case 1:
          store<u16>(values + (<usize>i << 1), <u16>word);
          break;
        case 2:
        case 4:
          store<u32>(values + (<usize>i << 2), <u32>word);
          break;
        case 6:
          store<u64>(values + (<usize>i << 4), word);
          store<u64>(values + (<usize>i << 4), load<u64>(p, 8), 8);
          p += 8;
          break;
        default:
          store<u64>(values + (<usize>i << 3), word);
      }
      p += 8;
    }
  }
}

/** Sums the lengths of byte strings (u32 pairs) whose rows are live; answer (u32): least start, greatest end; null rows may hold anything. */
export function keySpan(starts: usize, ends: usize, valid: usize, selection: usize, n: u32, answer: usize): f64 {
  let total: u64 = 0;
  let low: u32 = 0xffffffff;
  let high: u32 = 0;
  let i: u32 = 0;
  if ((valid | selection) == 0 && n >= 4) {
    let sums = i64x2.splat(0);
    let lows = i32x4.splat(-1);
    let highs = i32x4.splat(0);
    for (; i + 4 <= n; i += 4) {
      const s = v128.load(starts + (<usize>i << 2));
      const e = v128.load(ends + (<usize>i << 2));
      const empty = i32x4.eq(s, e);
      const lengths = i32x4.sub(e, s);
      sums = i64x2.add(sums, i64x2.add(i64x2.extend_low_i32x4_u(lengths), i64x2.extend_high_i32x4_u(lengths)));
      lows = i32x4.min_u(lows, v128.or(s, empty));
      highs = i32x4.max_u(highs, v128.andnot(e, empty));
    }
    total = <u64>(i64x2.extract_lane(sums, 0) + i64x2.extract_lane(sums, 1));
    low = min<u32>(min<u32>(i32x4.extract_lane(lows, 0), i32x4.extract_lane(lows, 1)), min<u32>(i32x4.extract_lane(lows, 2), i32x4.extract_lane(lows, 3)));
    high = max<u32>(max<u32>(i32x4.extract_lane(highs, 0), i32x4.extract_lane(highs, 1)), max<u32>(i32x4.extract_lane(highs, 2), i32x4.extract_lane(highs, 3)));
  }
  for (; i < n; i++) {
    const row = rowAt(selection, i);
    if (valid != 0 && load<u8>(valid + row) == 0) continue;
    const s = load<u32>(starts + (row << 2));
    const e = load<u32>(ends + (row << 2));
    if (e == s) continue;
    total += <u64>(e - s);
    low = min<u32>(low, s);
    high = max<u32>(high, e);
  }
  store<u32>(answer, low);
  store<u32>(answer, high, 4);
  return <f64>total;
}
