// Text columns out of the pairs that `jsonLines` stores. Other types go through the kernels of `columns.ts`, whose context this takes.
import { BACKSLASHES, hexUnit } from "./jsonScan";

const BASE: usize = 0;
const SEPS: usize = 4;
const ROWS: usize = 8;
const COUNT: usize = 12;
const FIELD: usize = 16;
const VALUES: usize = 36; // starts
const VALID: usize = 40;
const NULLS: usize = 48; // out
const PARAM: usize = 56; // bytes that the rows of the batch span
const ENDS: usize = 60;
const ORIGIN: usize = 64;
const SCRATCH: usize = 68; // moved on

/** Texts that take less than one part in so many of the rows' bytes are copied. */
const DENSE_PART: u64 = 2;

/** Writes a code point as UTF-8; answers the address after it. */
@inline
function putCodePoint(out: usize, code: u32): usize {
  if (code < 0x80) {
    store<u8>(out, <u8>code);
    return out + 1;
  }
  if (code < 0x800) {
    store<u8>(out, <u8>(0xc0 | (code >> 6)));
    store<u8>(out, <u8>(0x80 | (code & 63)), 1);
    return out + 2;
  }
  if (code < 0x10000) {
    store<u8>(out, <u8>(0xe0 | (code >> 12)));
    store<u8>(out, <u8>(0x80 | ((code >> 6) & 63)), 1);
    store<u8>(out, <u8>(0x80 | (code & 63)), 2);
    return out + 3;
  }
  store<u8>(out, <u8>(0xf0 | (code >> 18)));
  store<u8>(out, <u8>(0x80 | ((code >> 12) & 63)), 1);
  store<u8>(out, <u8>(0x80 | ((code >> 6) & 63)), 2);
  store<u8>(out, <u8>(0x80 | (code & 63)), 3);
  return out + 4;
}

/** The character that a one-letter escape stands for. */
@inline
function escapedChar(c: u8): u8 {
  if (c == 110) return 10;
  if (c == 116) return 9;
  if (c == 114) return 13;
  if (c == 98) return 8;
  return c == 102 ? 12 : c;
}

/** Copies a string whose escapes are known to be valid and paired, without them; answers the end of the copy. Up to 15 bytes more are written. */
function unescapeJson(s: usize, e: usize, to: usize): usize {
  const backslash = v128.load(BACKSLASHES);
  let out = to;
  while (true) {
    const v = v128.load(s);
    v128.store(out, v);
    const marks = i8x16.bitmask(i8x16.eq(v, backslash));
    const plain: usize = marks == 0 ? 16 : <usize>ctz(marks);
    s += plain;
    out += plain;
    if (s >= e) return out - (s - e);
    if (marks == 0) continue;
    const kind = load<u8>(s, 1);
    if (kind != 117) {
      store<u8>(out++, escapedChar(kind));
      s += 2;
      continue;
    }
    let code = <u32>hexUnit(s + 2);
    s += 6;
    if ((code & 0xfc00) == 0xd800) {
      code = 0x10000 + ((code & 0x3ff) << 10) + (<u32>hexUnit(s + 2) & 0x3ff);
      s += 6;
    }
    out = putCodePoint(out, code);
  }
}

/** The end of an object or array without blanks between its parts, copied to `to`. */
function compactJson(s: usize, e: usize, to: usize): usize {
  let inside = false; // a string
  while (s < e) {
    const c = load<u8>(s++);
    if (c > 32 || inside) store<u8>(to++, c);
    if (c == 34) inside = !inside;
    else if (c == 92) store<u8>(to++, load<u8>(s++));
  }
  return to;
}

/** Whether there is a blank, in a string or between them. 15 bytes more may be looked at. */
function hasBlank(s: usize, e: usize): bool {
  const blank = i8x16.splat(33);
  for (; s < e; s += 16) {
    const marks = i8x16.bitmask(i8x16.lt_u(v128.load(s), blank));
    if (marks != 0) return s + <usize>ctz(marks) < e;
  }
  return false;
}

/** Rows that say how long a column's texts are. */
const SAMPLED: u32 = 256;

/** About how many bytes the column's texts have, escapes and all. */
function spannedBytes(pairs: usize, rows: usize, count: u32): u64 {
  const sampled = min<u32>(count, SAMPLED);
  let total: u64 = 0;
  for (let i: u32 = 0; i < sampled; i++) {
    const at = pairs + (<usize>load<u32>(rows + (<usize>i << 2)) << 2);
    total += (load<u32>(at) & 0x7fffffff) - (load<u32>(at - 4) + 1);
  }
  return count == 0 ? 0 : (total * <u64>count) / <u64>sampled;
}

/** Copies 16 bytes at a time: up to 15 more are read and written. */
@inline
function copyText(to: usize, from: usize, length: usize): void {
  v128.store(to, v128.load(from));
  for (let at: usize = 16; at < length; at += 16) v128.store(to + at, v128.load(from + at));
}

/**
 * utf8 and binary. An object or array in a column of texts is its own text without blanks between its parts. Texts that fill only a small part of the block are copied to the scratch space one after the other: whoever takes a
 * column further copies what lies between its texts too. Others stay where they are. An empty string is not null.
 */
export function jsonTextColumn(context: usize): void {
  const base = <usize>load<u32>(context, BASE);
  const field = <usize>load<u32>(context, SEPS) + (<usize>load<u32>(context, FIELD) << 2);
  const rows = <usize>load<u32>(context, ROWS);
  const count = load<u32>(context, COUNT);
  const valid = <usize>load<u32>(context, VALID);
  const starts = <usize>load<u32>(context, VALUES);
  const ends = <usize>load<u32>(context, ENDS);
  const shift = <u32>(base - <usize>load<u32>(context, ORIGIN));
  const dense = spannedBytes(field, rows, count) * DENSE_PART < <u64>load<u32>(context, PARAM);
  let scratch = <usize>load<u32>(context, SCRATCH);
  let nulls: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const at = field + (<usize>load<u32>(rows + (<usize>i << 2)) << 2);
    let s = load<u32>(at - 4) + 1;
    let e = load<u32>(at);
    // A value that stands somewhere ends after the line's opening brace at the least.
    const present = <u32>(e != 0);
    store<u8>(valid + i, <u8>present);
    nulls += 1 - present;
    const nested = present != 0 && (load<u8>(base + s) & 0xdf) == 91 && load<u8>(base + s - 1) != 34 && s < e;
    if (nested && hasBlank(base + s, base + e)) {
      const end = compactJson(base + s, base + e, scratch);
      s = <u32>(scratch - base);
      e = <u32>(end - base);
      scratch = end;
    } else if (<i32>e < 0) {
      const end = unescapeJson(base + s, base + (e & 0x7fffffff), scratch);
      s = <u32>(scratch - base);
      e = <u32>(end - base);
      scratch = end;
    } else if (dense) {
      const length = e - s;
      copyText(scratch, base + s, length);
      s = <u32>(scratch - base);
      e = s + length;
      scratch += length;
    }
    store<u32>(starts + (<usize>i << 2), s + shift);
    store<u32>(ends + (<usize>i << 2), e + shift);
  }
  store<u32>(context, nulls, NULLS);
  store<u32>(context, <u32>scratch, SCRATCH);
}

/** Marks the rows in which a struct is there. */
export function jsonStructColumn(context: usize): void {
  const field = <usize>load<u32>(context, SEPS) + (<usize>load<u32>(context, FIELD) << 2);
  const rows = <usize>load<u32>(context, ROWS);
  const count = load<u32>(context, COUNT);
  const valid = <usize>load<u32>(context, VALID);
  let present: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const there = <u32>(load<u32>(field + (<usize>load<u32>(rows + (<usize>i << 2)) << 2)) != 0);
    store<u8>(valid + i, <u8>there);
    present += there;
  }
  store<u32>(context, count - present, NULLS);
}
