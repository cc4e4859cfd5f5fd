// Text columns and the text of single fields.
import { BASE, COUNT, ENDS, ESCAPE, FIELD, MARKED, NULLS, ORIGIN, QUOTE, ROWS, SCRATCH, SEPS, SLOWS, STRIDE, STRIP, VALID, VALUES } from "./context";
import { evenEnd } from "../evenNumbers";

/**
 * The text of a field that begins with a quote, without its quotes and escapes, to `out`; answers its end. Text after the closing
 * quote is kept as it stands.
 */
function unescape(s: usize, e: usize, quote: i32, escape: i32, to: usize): usize {
  let p = s + 1;
  let out = to;
  while (p < e) {
    const c = <i32>load<u8>(p);
    if (c == escape && p + 1 < e) {
      const next = <i32>load<u8>(p, 1);
      if (next == quote || (next == escape && escape != quote)) {
        store<u8>(out++, <u8>next);
        p += 2;
        continue;
      }
    }
    if (c == quote) {
      memory.copy(out, p + 1, e - p - 1);
      return out + (e - p - 1);
    }
    store<u8>(out++, <u8>c);
    p++;
  }
  return out;
}

/** Whether no byte of [s, e) is the quote or the escape. */
@inline
function plain(s: usize, e: usize, quote: i32, escape: i32): bool {
  const q = i8x16.splat(<u8>quote);
  const x = i8x16.splat(<u8>escape);
  for (let p = s; p < e; p += 16) {
    const v = v128.load(p);
    let found = <u32>i8x16.bitmask(v128.or(i8x16.eq(v, q), i8x16.eq(v, x)));
    if (e - p < 16) found &= (1 << <u32>(e - p)) - 1;
    if (found != 0) return false;
  }
  return true;
}

/**
 * Texts [i, count) of even records for as long as they are neither empty nor in quotes, nor end with a CR before the line end. `origin`: what is
 * added to positions in the block; `at`, `step` as in `evenIntegers`. Answers the first row that is not done.
 */
@inline
function evenTexts(base: usize, at: usize, step: usize, strip: bool, quote: i32, origin: u32, starts: usize, ends: usize, i: u32, count: u32): u32 {
  for (; i < count; i++) {
    const s = load<u32>(at - 4) + 1;
    const e = load<u32>(at);
    if (s == e || <i32>load<u8>(base + <usize>s) == quote) break;
    if (strip && load<u8>(base + <usize>e - 1) == 13) break;
    store<u32>(starts + (<usize>i << 2), s + origin);
    store<u32>(ends + (<usize>i << 2), e + origin);
    at += step;
  }
  return i;
}

/** utf8 and binary: views on the block, unescaped text in the scratch space behind it. A quoted empty field is not null. */
export function textColumn(context: usize): void {
  const base = <usize>load<u32>(context, BASE);
  const field = <usize>load<u32>(context, SEPS) + (<usize>load<u32>(context, FIELD) << 2);
  const rows = <usize>load<u32>(context, ROWS);
  const count = load<u32>(context, COUNT);
  const strip = load<u32>(context, STRIP) != 0;
  const quote = load<i32>(context, QUOTE);
  const escape = load<i32>(context, ESCAPE);
  const marked = load<u32>(context, MARKED) != 0;
  const valid = <usize>load<u32>(context, VALID);
  const starts = <usize>load<u32>(context, VALUES);
  const ends = <usize>load<u32>(context, ENDS);
  const origin = <usize>load<u32>(context, ORIGIN);
  let scratch = <usize>load<u32>(context, SCRATCH);
  let nulls: u32 = 0;
  const stride = load<u32>(context, STRIDE);
  const step = <usize>stride << 2;
  let patience: u32 = stride != 0 && !marked ? (count >> 3) + 1 : 0;
  let end: u32 = 0;
  if (!marked) memory.fill(valid, 1, count);
  for (let i: u32 = 0; i < count; i++) {
    if (patience != 0) {
      if (i == end) end = evenEnd(rows, i, count, stride);
      patience--;
      const next = field + (<usize>load<u32>(rows + (<usize>i << 2)) << 2);
      const origins = <u32>(base - origin);
      i = strip
        ? evenTexts(base, next, step, true, quote, origins, starts, ends, i, end)
        : evenTexts(base, next, step, false, quote, origins, starts, ends, i, end);
      if (i == end) {
        i--;
        continue;
      }
    }
    const at = field + (<usize>load<u32>(rows + (<usize>i << 2)) << 2);
    let s = base + <usize>(load<u32>(at - 4) + 1);
    let e = base + <usize>load<u32>(at);
    if (strip && e > s && load<u8>(e - 1) == 13) e--;
    let present = <u8>(s < e);
    if (marked) present &= load<u8>(valid + i);
    store<u8>(valid + i, present);
    nulls += 1 - <u32>present;
    if (s < e && <i32>load<u8>(s) == quote) {
      if (e - s >= 2 && <i32>load<u8>(e - 1) == quote && plain(s + 1, e - 1, quote, escape)) {
        s++;
        e--;
      } else if (present) {
        const end = unescape(s, e, quote, escape, scratch);
        s = scratch;
        e = end;
        scratch = end;
      }
    }
    store<u32>(starts + (<usize>i << 2), <u32>(s - origin));
    store<u32>(ends + (<usize>i << 2), <u32>(e - origin));
  }
  store<u32>(context, nulls, NULLS);
  store<u32>(context, 0, SLOWS);
  store<u32>(context, <u32>scratch, SCRATCH);
}

/**
 * Writes `valid` for a column: 0 where the field's bytes equal one of the null texts. `table` holds for each text its length (u32) and
 * address (u32). `quotedToo`: a field whose text stands in quotes counts as well.
 */
export function matchNulls(context: usize, table: usize, texts: u32, quotedToo: u32): void {
  const base = <usize>load<u32>(context, BASE);
  const field = <usize>load<u32>(context, SEPS) + (<usize>load<u32>(context, FIELD) << 2);
  const rows = <usize>load<u32>(context, ROWS);
  const count = load<u32>(context, COUNT);
  const strip = load<u32>(context, STRIP) != 0;
  const quote = load<i32>(context, QUOTE);
  const valid = <usize>load<u32>(context, VALID);
  for (let i: u32 = 0; i < count; i++) {
    const at = field + (<usize>load<u32>(rows + (<usize>i << 2)) << 2);
    let s = base + <usize>(load<u32>(at - 4) + 1);
    let e = base + <usize>load<u32>(at);
    if (strip && e > s && load<u8>(e - 1) == 13) e--;
    if (quotedToo != 0 && e - s >= 2 && <i32>load<u8>(s) == quote && <i32>load<u8>(e - 1) == quote) {
      s++;
      e--;
    }
    let present: u8 = 1;
    for (let t: u32 = 0; t < texts; t++) {
      const entry = table + (<usize>t << 3);
      const length = load<u32>(entry);
      if (<u32>(e - s) == length && memory.compare(s, <usize>load<u32>(entry, 4), length) == 0) {
        present = 0;
        break;
      }
    }
    store<u8>(valid + i, present);
  }
}

/** The text of one field, unescaped, to `out` (as long as the field); answers its length. `flags` gets 1 when it stood in quotes. */
export function fieldText(context: usize, row: u32, out: usize, flags: usize): u32 {
  const base = <usize>load<u32>(context, BASE);
  const field = <usize>load<u32>(context, SEPS) + (<usize>load<u32>(context, FIELD) << 2);
  const at = field + (<usize>load<u32>(<usize>load<u32>(context, ROWS) + (<usize>row << 2)) << 2);
  let s = base + <usize>(load<u32>(at - 4) + 1);
  let e = base + <usize>load<u32>(at);
  if (load<u32>(context, STRIP) != 0 && e > s && load<u8>(e - 1) == 13) e--;
  const quote = load<i32>(context, QUOTE);
  if (e > s && <i32>load<u8>(s) == quote) {
    store<u32>(flags, 1);
    return <u32>(unescape(s, e, quote, load<i32>(context, ESCAPE), out) - out);
  }
  store<u32>(flags, 0);
  memory.copy(out, s, e - s);
  return <u32>(e - s);
}
