// Which types the texts of a column could all be.
import { civil, noTime } from "../dates";

// The types in the order in which they are tried.
const BOOL: u32 = 1;
const INT64: u32 = 2;
const FLOAT64: u32 = 4;
const DATE: u32 = 8;
const TIMESTAMP: u32 = 16;
/** There was a text at all. */
const SEEN: u32 = 32;

/** End of the digits at `p`. */
@inline
function afterDigits(p: usize, e: usize): usize {
  while (p < e && <u32>load<u8>(p) - 48 <= 9) p++;
  return p;
}

/** Bool, by its letters. */
function boolKinds(s: usize, e: usize): u32 {
  const n = e - s;
  const word = load<u32>(s) | 0x20202020;
  if (n == 4 && word == 0x65757274) return BOOL;
  return n == 5 && word == 0x736c6166 && (load<u8>(s, 4) | 32) == 101 ? BOOL : 0;
}

/** Whether 19 digits are at most 2^63 - 1, or 2^63 for a negative number. */
function fitsInt64(s: usize, e: usize, minus: bool): bool {
  let value: u64 = 0;
  for (let p = s; p < e; p++) value = value * 10 + (load<u8>(p) - 48);
  return value <= 9223372036854775807 + <u64>minus;
}

/** Integers and floats: no zeros in front, and no integer as a float that 64 bits cannot hold. */
function numberKinds(s: usize, e: usize): u32 {
  const sign = load<u8>(s);
  const first = s + <usize>(sign == 43 || sign == 45);
  let p = afterDigits(first, e);
  const whole = <u32>(p - first);
  if (whole > 1 && load<u8>(first) == 48) return 0;
  if (p == e) {
    if (whole == 0 || whole > 19 || (whole == 19 && !fitsInt64(first, e, sign == 45))) return 0;
    return INT64 | FLOAT64;
  }
  let digits = whole;
  if (load<u8>(p) == 46) {
    const point = p;
    p = afterDigits(p + 1, e);
    digits += <u32>(p - point - 1);
  }
  if (digits == 0) return 0;
  if (p == e) return FLOAT64;
  if ((load<u8>(p) | 32) != 101) return 0;
  p++;
  if (p < e && (load<u8>(p) == 43 || load<u8>(p) == 45)) p++;
  return p < e && afterDigits(p, e) == e ? FLOAT64 : 0;
}

/** The number in two digits at `p`, or 100. */
@inline
function pair(p: usize): u32 {
  const a = <u32>load<u8>(p) - 48;
  const b = <u32>load<u8>(p, 1) - 48;
  return a > 9 || b > 9 ? 100 : a * 10 + b;
}

/** `YYYY-MM-DD`, alone or with `[ T]HH:MM[:SS[.f]][Z]`. */
function timeKinds(s: usize, end: usize): u32 {
  if (end - s < 10) return 0;
  civil(s);
  if (noTime) return 0;
  if (end - s == 10) return DATE | TIMESTAMP;
  const e = load<u8>(end - 1) == 90 ? end - 1 : end;
  const n = e - s;
  const gap = load<u8>(s, 10);
  if (n < 16 || (gap != 32 && gap != 84) || pair(s + 11) > 23 || load<u8>(s, 13) != 58 || pair(s + 14) > 59) return 0;
  if (n == 16) return TIMESTAMP;
  if (n < 19 || load<u8>(s, 16) != 58 || pair(s + 17) > 59) return 0;
  if (n == 19) return TIMESTAMP;
  if (load<u8>(s, 19) != 46 || n == 20 || n > 29) return 0;
  return afterDigits(s + 20, e) == e ? TIMESTAMP : 0;
}

/** The types that hold a text of at least one byte. */
@inline
function kindsOf(s: usize, e: usize): u32 {
  const c = <u32>load<u8>(s);
  if (c - 48 <= 9) return numberKinds(s, e) | timeKinds(s, e);
  if (c == 43 || c == 45 || c == 46) return numberKinds(s, e);
  return boolKinds(s, e);
}

/**
 * The types, as bits, that hold every text of the view [starts, ends) over `bytes` which is neither empty nor one of the null texts
 * (`table`: length and address of each). Once no type is left the rest is not looked at.
 */
export function inferKinds(bytes: usize, starts: usize, ends: usize, rows: u32, table: usize, nulls: u32, open: u32): u32 {
  let kinds = open;
  for (let i: usize = 0; i < <usize>rows << 2 && kinds != SEEN; i += 4) {
    const s = bytes + <usize>load<u32>(starts + i);
    const e = bytes + <usize>load<u32>(ends + i);
    if (s == e || isNull(s, e, table, nulls)) continue;
    kinds = (kinds & kindsOf(s, e)) | SEEN;
  }
  return kinds;
}

function isNull(s: usize, e: usize, table: usize, nulls: u32): bool {
  for (let t: u32 = 0; t < nulls; t++) {
    const entry = table + (<usize>t << 3);
    const length = load<u32>(entry);
    if (<u32>(e - s) == length && memory.compare(s, <usize>load<u32>(entry, 4), length) == 0) return true;
  }
  return false;
}
