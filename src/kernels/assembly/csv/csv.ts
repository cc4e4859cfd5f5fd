// The structural index of a CSV block. A block begins at a record's first byte.
//
// Output of every indexer: `seps`, the positions (u32, relative to the block) of the separators that end a field, and `lines`, the
// ordinal in `seps` of each separator that ends a record. The entry before `seps` holds 0xffffffff, so that field f of the record
// whose first separator has ordinal k is always [seps[k + f - 1] + 1, seps[k + f]).
import { bitsOf, equalMask, sumOfBytes } from "../simd";
import { ANOMALY, INNER, INSIDE, LINES, MARKS, SEPS, WIDE } from "./indexAnswer";

/** Stores the places of the lowest four bits; answers the others. */
@inline
function four(mask: u64, base: u32, out: usize): u64 {
  let m = mask;
  store<u32>(out, base + <u32>ctz(m));
  m &= m - 1;
  store<u32>(out, base + <u32>ctz(m), 4);
  m &= m - 1;
  store<u32>(out, base + <u32>ctz(m), 8);
  m &= m - 1;
  store<u32>(out, base + <u32>ctz(m), 12);
  return m & (m - 1);
}

@inline
function flatten(mask: u64, base: u32, out: usize): usize {
  const n = <usize>popcnt(mask);
  let m = four(four(mask, base, out), base, out + 16);
  // Eight at once, whether they are there or not, spare a branch that nobody could predict.
  for (let o = out + 32; m; o += 16) m = four(m, base, o);
  return out + (n << 2);
}

/** Lists the line ends `nm` among separators `m`, the first of which has this ordinal; answers the list's end. */
@inline
function list(nm: u64, m: u64, ordinal: u32, l: usize): usize {
  const n = <usize>popcnt(nm);
  // Two at once, whether they are there or not, as above.
  let low = nm & (0 - nm);
  store<u32>(l, ordinal + <u32>popcnt(m & (low - 1)));
  let rest = nm ^ low;
  low = rest & (0 - rest);
  store<u32>(l, ordinal + <u32>popcnt(m & (low - 1)), 4);
  rest ^= low;
  for (let at = l + 8; rest; at += 4) {
    low = rest & (0 - rest);
    store<u32>(at, ordinal + <u32>popcnt(m & (low - 1)));
    rest ^= low;
  }
  return l + (n << 2);
}

@inline
function prefixXor(mask: u64): u64 {
  let x = mask;
  x ^= x << 1;
  x ^= x << 2;
  x ^= x << 4;
  x ^= x << 8;
  x ^= x << 16;
  x ^= x << 32;
  return x;
}

// What a quick run answers beside its end.
let quickSeps: usize = 0; // where the separators end
let quickLines: usize = 0; // line ends, or where their list ends
const quickWide = memory.data(16, 16);
/** Blocks of 64 bytes after which line ends, counted in bytes, are added up. */
const quickBlocks: usize = 63;

/**
 * Indexes from `p` to `end` by whole 64 bytes, for as long as there is no quote in them; `i`: where `p` is in the block, `first`: where the list of
 * separators begins, `l`: where that of line ends goes on, which are counted where `listed` is false. Answers where it stopped.
 */
@inline
function quickRun(p: usize, end: usize, i: u32, first: usize, o: usize, l: usize, d: v128, b: v128, q: v128, quoted: bool, listed: bool): usize {
  let wide = v128.load(quickWide);
  let lines: u32 = 0;
  while (p + 64 <= end) {
    const stop = p + min<usize>(quickBlocks << 6, (end - p) & ~63);
    let counts = i8x16.splat(0);
    for (; p < stop; p += 64, i += 64) {
      const v0 = v128.load(p);
      const v1 = v128.load(p, 16);
      const v2 = v128.load(p, 32);
      const v3 = v128.load(p, 48);
      if (quoted) {
        const q01 = v128.or(i8x16.eq(v0, q), i8x16.eq(v1, q));
        const q23 = v128.or(i8x16.eq(v2, q), i8x16.eq(v3, q));
        if (v128.any_true(v128.or(q01, q23))) break;
      }
      wide = v128.or(wide, v128.or(v128.or(v0, v1), v128.or(v2, v3)));
      const b0 = i8x16.eq(v0, b);
      const b1 = i8x16.eq(v1, b);
      const b2 = i8x16.eq(v2, b);
      const b3 = i8x16.eq(v3, b);
      const m = bitsOf(v128.or(i8x16.eq(v0, d), b0), v128.or(i8x16.eq(v1, d), b1), v128.or(i8x16.eq(v2, d), b2), v128.or(i8x16.eq(v3, d), b3));
      if (listed) l = list(bitsOf(b0, b1, b2, b3), m, <u32>((o - first) >> 2), l);
      else counts = i8x16.sub(counts, i8x16.add(i8x16.add(b0, b1), i8x16.add(b2, b3)));
      o = flatten(m, i, o);
    }
    if (!listed) lines += sumOfBytes(counts);
    if (p < stop) break;
  }
  v128.store(quickWide, wide);
  quickSeps = o;
  quickLines = listed ? l : <usize>lines;
  return p;
}

@inline
function indexLoop(base: usize, len: u32, seps: usize, lines: usize, delimiter: u32, newline: u32, quote: u32, quoted: bool, listed: bool, answer: usize): void {
  const d = i8x16.splat(<u8>delimiter);
  const b = i8x16.splat(<u8>newline);
  const q = i8x16.splat(<u8>quote);
  const r = i8x16.splat(13);
  let o = seps;
  let l = lines;
  let inside: u64 = 0; // all ones while inside quotes
  let border: u64 = 1; // bit 0: a quote at the next byte may open a field
  let closed: u64 = 0; // bit 0: the byte before was a closing quote
  let closedCr: u64 = 0; // bit 0: the two bytes before were a closing quote and CR
  let bad: u64 = 0;
  let ended: u64 = 0;
  let inner: u64 = 0;
  let wide = i8x16.splat(0);
  v128.store(quickWide, wide);
  let isQuick = true;
  for (let i: u32 = 0; i < len; i += 64) {
    if (isQuick && (inside | closed | closedCr) == 0) {
      const from = i;
      i = <u32>(quickRun(base + i, base + len, i, seps, o, l, d, b, q, quoted, listed) - base);
      o = quickSeps;
      if (listed) l = quickLines;
      else ended += <u64>quickLines;
      if (i == len) break;
      if (i != from) border = <u64>(load<u32>(o - 4) == i - 1);
    }
    const p = base + i;
    const v0 = v128.load(p);
    const v1 = v128.load(p, 16);
    const v2 = v128.load(p, 32);
    const v3 = v128.load(p, 48);
    wide = v128.or(wide, v128.or(v128.or(v0, v1), v128.or(v2, v3)));
    let nm = equalMask(v0, v1, v2, v3, b);
    let m = equalMask(v0, v1, v2, v3, d) | nm;
    let live: u64 = ~0;
    if (len - i < 64) {
      live = ((<u64>1) << (len - i)) - 1;
      nm &= live;
      m &= live;
    }
    if (quoted) {
      const q0 = i8x16.eq(v0, q);
      const q1 = i8x16.eq(v1, q);
      const q2 = i8x16.eq(v2, q);
      const q3 = i8x16.eq(v3, q);
      const any = v128.any_true(v128.or(v128.or(q0, q1), v128.or(q2, q3)));
      // Where quotes stand close together, a run would end as soon as it begins.
      isQuick = !any;
      if (any || (inside | closed | closedCr) != 0) {
        const qm = bitsOf(q0, q1, q2, q3) & live;
        const x = prefixXor(qm) ^ inside;
        const sep = m | qm;
        const close = qm & ~x;
        bad |= qm & x & ~((sep << 1) | border);
        const after = ((close << 1) | closed) & live;
        const afterCr = after & equalMask(v0, v1, v2, v3, r) & ~sep;
        bad |= after & ~(sep | afterCr);
        bad |= ((afterCr << 1) | closedCr) & live & ~nm;
        inside = <u64>(<i64>x >> 63);
        closed = close >> 63;
        closedCr = afterCr >> 63;
        border = sep >> 63;
        m &= ~x;
        inner |= nm & x;
        nm &= ~x;
      } else {
        border = m >> 63;
      }
    }
    const ordinal = <u32>((o - seps) >> 2);
    o = flatten(m, i, o);
    if (listed) l = list(nm, m, ordinal, l);
    else ended += popcnt(nm);
  }
  store<u32>(answer, <u32>((o - seps) >> 2), SEPS);
  store<u32>(answer, listed ? <u32>((l - lines) >> 2) : <u32>ended, LINES);
  store<u32>(answer, <u32>(bad != 0), ANOMALY);
  store<u32>(answer, <u32>(inside != 0), INSIDE);
  store<u32>(answer, 0, MARKS);
  store<u32>(answer, <u32>(inner != 0), INNER);
  store<u32>(answer, <u32>(i8x16.bitmask(v128.or(wide, v128.load(quickWide))) != 0), WIDE);
}

/**
 * Indexes a block in which a quote doubled inside quotes is the only escape. Where `lines` is 0, line ends are counted and not listed. 64 readable
 * bytes must follow the block.
 */
export function indexQuoted(
  base: usize,
  len: u32,
  seps: usize,
  lines: usize,
  delimiter: u32,
  newline: u32,
  quote: u32,
  answer: usize,
): void {
  if (lines == 0) indexLoop(base, len, seps, lines, delimiter, newline, quote, true, false, answer);
  else indexLoop(base, len, seps, lines, delimiter, newline, quote, true, true, answer);
}

/** As `indexQuoted`, for a dialect without quotes. */
export function indexPlain(base: usize, len: u32, seps: usize, lines: usize, delimiter: u32, newline: u32, answer: usize): void {
  if (lines == 0) indexLoop(base, len, seps, lines, delimiter, newline, 0, false, false, answer);
  else indexLoop(base, len, seps, lines, delimiter, newline, 0, false, true, answer);
}

/**
 * 1 when a line end of the other kind stands in the block: a CR that no LF follows where `newline` is LF, an LF where it is CR. The last
 * byte of the block is left out. 64 readable bytes must follow the block.
 */
export function hasOtherLineEnd(base: usize, len: u32, newline: i32): u32 {
  const other = i8x16.splat(<u8>(newline == 10 ? 13 : 10));
  const b = i8x16.splat(<u8>newline);
  const last: u32 = len == 0 ? 0 : len - 1;
  for (let i: u32 = 0; i < last; i += 16) {
    let m = i8x16.bitmask(i8x16.eq(v128.load(base + i), other));
    if (newline == 10) m &= ~i8x16.bitmask(i8x16.eq(v128.load(base + i + 1), b));
    if (last - i < 16) m &= (1 << (last - i)) - 1;
    if (m != 0) return 1;
  }
  return 0;
}

/** 1 where each of `lineCount` records, as many as the block has line ends, has `fields` fields. */
export function isEven(base: usize, seps: usize, lineCount: u32, fields: u32, newline: i32): u32 {
  const step = <usize>fields << 2;
  let at = seps + step - 4;
  let wrong: i32 = 0;
  for (let i: u32 = 0; i < lineCount; i++) {
    wrong |= <i32>load<u8>(base + <usize>load<u32>(at)) ^ newline;
    at += step;
  }
  return <u32>(wrong == 0);
}

/** Lists the line ends among `count` separators. */
export function listLines(base: usize, seps: usize, count: u32, newline: i32, lines: usize): void {
  let l = lines;
  for (let i: u32 = 0; i < count; i++) {
    store<u32>(l, i);
    l += <usize>(<i32>load<u8>(base + <usize>load<u32>(seps + (<usize>i << 2))) == newline) << 2;
  }
}

/** The row list of records that all have `fields` fields. */
export function evenRows(rows: usize, count: u32, fields: u32): void {
  let ordinal: u32 = 0;
  for (let i: usize = 0; i < <usize>count << 2; i += 4) {
    store<u32>(rows + i, ordinal);
    ordinal += fields;
  }
}

/** Moves `rows` rows of `width` bytes together over the failed ones, of which there are `count` (at least one), in ascending order. */
export function closeGaps(values: usize, width: u32, rows: u32, failed: usize, count: u32): void {
  let to = values + <usize>load<u32>(failed) * width;
  const last = failed + (<usize>(count - 1) << 2);
  for (let at = failed; at <= last; at += 4) {
    const from = values + (<usize>load<u32>(at) + 1) * width;
    const end = values + <usize>(at == last ? rows : load<u32>(at, 4)) * width;
    memory.copy(to, from, end - from);
    to += end - from;
  }
}

/** Added by the caller to the kind of records that belong to the one with a quote too many before them. */
const MARK_REGION: u32 = 128;

// Layout of the answer of `records` (u32 each).
const GOOD: usize = 0; // records with the right number of fields
const WRONG: usize = 4; // records that are rejected here
const USED: usize = 8; // bytes up to and with the last record end looked at
const SKIPPED: usize = 12; // blank and comment lines
const LOOKED: usize = 16; // records looked at

/**
 * Sorts the records that begin before `limit` into `rows` (the ordinal of the first separator of each record with `fields` fields) and
 * `wrong` (the number of the record in `lines`). Blank lines are left out when there is more than one field, comment lines always.
 */
export function records(
  base: usize,
  seps: usize,
  lines: usize,
  lineCount: u32,
  fields: u32,
  limit: u32,
  comment: i32,
  crBlank: u32,
  marks: usize,
  markCount: u32,
  rows: usize,
  wrong: usize,
  answer: usize,
): void {
  let good = rows;
  let bad = wrong;
  let skipped: u32 = 0;
  let start: u32 = 0;
  let ordinal: u32 = 0;
  let mark = marks;
  const markEnd = marks + (<usize>markCount << 3);
  let r: u32 = 0;
  for (; r < lineCount; r++) {
    const isMarked = mark < markEnd && load<u32>(mark) == start;
    // A region belongs to where it begins.
    if (start >= limit && !(isMarked && (load<u32>(mark, 4) & MARK_REGION) != 0)) break;
    const lastSep = load<u32>(lines + (<usize>r << 2));
    const end = load<u32>(seps + (<usize>lastSep << 2));
    const count = lastSep + 1 - ordinal;
    let marked = false;
    if (isMarked) {
      marked = load<u32>(mark, 4) != MARK_REGION;
      mark += 8;
    }
    if (marked) {
      store<u32>(bad, r);
      bad += 4;
    } else if (comment >= 0 && <i32>load<u8>(base + start) == comment && end > start) {
      skipped++;
    } else if (count == fields) {
      store<u32>(good, ordinal);
      good += 4;
    } else {
      const blank = count == 1 && (end == start || (crBlank != 0 && end == start + 1 && load<u8>(base + start) == 13));
      if (blank) {
        skipped++;
      } else {
        store<u32>(bad, r);
        bad += 4;
      }
    }
    ordinal = lastSep + 1;
    start = end + 1;
  }
  store<u32>(answer, <u32>((good - rows) >> 2), GOOD);
  store<u32>(answer, <u32>((bad - wrong) >> 2), WRONG);
  store<u32>(answer, start, USED);
  store<u32>(answer, skipped, SKIPPED);
  store<u32>(answer, r, LOOKED);
}
