// Numbers from text. Nothing is accepted that is not converted exactly.
import { nearestDouble } from "./double";

export const HIGH: u64 = 0x8080808080808080;
export const ZEROS: u64 = 0x3030303030303030;
const NOT_DIGIT: u64 = 0x7676767676767676;

// What the scanning functions below answer beside their value. `failed` stays as it is on success: whoever sees it resets it.
export let failed: bool = false;

export function forgetFailure(): void {
  failed = false;
}

let negative: bool = false;
let fraction: u32 = 0;
let scanned: usize = 0;

export const powers: StaticArray<f64> = [
  1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];
export const integerPowers: StaticArray<u64> = [
  1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000, 100000000000, 1000000000000,
  10000000000000, 100000000000000, 1000000000000000, 10000000000000000, 100000000000000000, 1000000000000000000,
];

/** The number in 8 digit values, the first digit in the lowest byte. */
@inline
export function combine(digits: u64): u64 {
  const x = digits * 10 + (digits >> 8);
  return ((x & 0x000000ff000000ff) * 0x000f424000000064 + ((x >> 16) & 0x000000ff000000ff) * 0x0000271000000001) >> 32;
}

/** The last `n` (1 to 8) bytes before `e` as digit values, zeros in front. */
@inline
export function digitsBefore(e: usize, n: u32): u64 {
  const shift = <u64>((8 - n) << 3);
  return ((load<u64>(e - 8) ^ ZEROS) >> shift) << shift;
}

/** The upper `n` bytes of a word. */
export const upperBytes: StaticArray<u64> = [
  0, 0xff00000000000000, 0xffff000000000000, 0xffffff0000000000, 0xffffffff00000000, 0xffffffffff000000, 0xffffffffffff0000,
  0xffffffffffffff00, 0xffffffffffffffff,
];

/**
 * Converts fields [i, count) of a column for as long as they are what most integers are: 1 to 8 digits, a minus in front. Answers the first row that
 * is not, and leaves it to the caller. `field`: address of the separator behind the field of the record whose first separator is the first one;
 * `strip`: 1 for a record's last field. Rows with 0 in `valid` are left to the caller as well.
 */
@inline
export function quickIntegers<T>(base: usize, field: usize, rows: usize, strip: u32, valid: usize, values: usize, i: u32, count: u32): u32 {
  for (; i < count; i++) {
    const at = field + (<usize>load<u32>(rows + (<usize>i << 2)) << 2);
    const s = base + <usize>load<u32>(at - 4) + 1;
    let e = base + <usize>load<u32>(at);
    e -= <usize>(<u32>(load<u8>(e - 1) == 13) & strip);
    const minus = isSigned<T>() ? <u32>(load<u8>(s) == 45) : 0;
    const n = <u32>(e - s) - minus;
    if (n - 1 > 7) break;
    const x = (load<u64>(e - 8) ^ ZEROS) & load<u64>(changetype<usize>(upperBytes) + (<usize>n << 3));
    const size = <i32>combine(x);
    const value = isSigned<T>() ? (size ^ (0 - <i32>minus)) + <i32>minus : size;
    if (notDigits(x) != 0 || load<u8>(valid + i) == 0) break;
    if (sizeof<T>() < 4 && value != <i32>(<T>value)) break;
    store<T>(values + <usize>i * sizeof<T>(), <T>value);
  }
  return i;
}

/** As `quickIntegers`, for numbers with at most one point among their 1 to 8 characters, a digit on each side of it. */
@inline
export function quickFloats<T>(base: usize, field: usize, rows: usize, strip: u32, valid: usize, values: usize, i: u32, count: u32): u32 {
  for (; i < count; i++) {
    const at = field + (<usize>load<u32>(rows + (<usize>i << 2)) << 2);
    const s = base + <usize>load<u32>(at - 4) + 1;
    let e = base + <usize>load<u32>(at);
    e -= <usize>(<u32>(load<u8>(e - 1) == 13) & strip);
    const minus = <u32>(load<u8>(s) == 45);
    const n = <u32>(e - s) - minus;
    if (n - 1 > 7) break;
    let x = (load<u64>(e - 8) ^ ZEROS) & load<u64>(changetype<usize>(upperBytes) + (<usize>n << 3));
    const t = x ^ 0x1e1e1e1e1e1e1e1e;
    const points = (t - 0x0101010101010101) & ~t & HIGH;
    let behind: u32 = 0;
    if (points != 0) {
      behind = 7 - (<u32>ctz(points) >> 3);
      if (behind - 1 >= n - 2) break;
      // What lies below the lowest point moves up to where it was; the point itself and all above stay.
      const below = (points - 1) & ~points;
      const upper = x & ~(((below >> 7) << 8) | 255);
      x = upper | ((x & (below >> 7)) << 8);
    }
    if (notDigits(x) != 0 || load<u8>(valid + i) == 0) break;
    const size = <f64>(<i32>combine(x)) / load<f64>(changetype<usize>(powers) + (<usize>behind << 3));
    store<T>(values + <usize>i * sizeof<T>(), <T>reinterpret<f64>(reinterpret<u64>(size) | (<u64>minus << 63)));
  }
  return i;
}

@inline
export function notDigits(x: u64): u64 {
  return ((x + NOT_DIGIT) | x) & HIGH;
}

/** An unsigned number of 1 to 18 digits; sets `failed` otherwise. */
@inline
function digits(s: usize, e: usize): u64 {
  const n = <u32>(e - s);
  if (n - 1 < 8) {
    const x = digitsBefore(e, n);
    if (notDigits(x) != 0) failed = true;
    return combine(x) & 0xffffffff;
  }
  return longDigits(s, e, n);
}

function longDigits(s: usize, e: usize, n: u32): u64 {
  if (n - 1 >= 18) {
    failed = true;
    return 0;
  }
  const low = digitsBefore(e, 8);
  const middle = digitsBefore(e - 8, n < 16 ? n - 8 : 8);
  let bad = notDigits(low) | notDigits(middle);
  let value = (combine(middle) & 0xffffffff) * 100000000 + (combine(low) & 0xffffffff);
  if (n > 16) {
    const high = digitsBefore(e - 16, n - 16);
    bad |= notDigits(high);
    value += (combine(high) & 0xffffffff) * 10000000000000000;
  }
  if (bad != 0) failed = true;
  return value;
}

@inline
export function integer<T>(s: usize, e: usize): T {
  let minus = false;
  let p = s;
  if (isSigned<T>()) {
    minus = load<u8>(s) == 45;
    p += <usize>minus;
  }
  const size = digits(p, e);
  const value = <i64>(minus ? 0 - size : size);
  if (isSigned<T>()) {
    if (sizeof<T>() < 8 && value != <i64>(<T>value)) failed = true;
  } else {
    if (sizeof<T>() < 8 && size != <u64>(<T>size)) failed = true;
  }
  return <T>value;
}

const NO_NUMBER: u64 = 1 << 63;

/** `digits[.digits]` of 1 to 8 characters: the unscaled number, from bit 32 on the digits after the point; or `NO_NUMBER`. */
@inline
function shortScaled(e: usize, n: u32): u64 {
  let x = digitsBefore(e, n);
  const t = x ^ 0x1e1e1e1e1e1e1e1e;
  const points = (t - 0x0101010101010101) & ~t & HIGH;
  let behind: u64 = 0;
  let misplaced = false;
  if (points != 0) {
    const bit = <u64>ctz(points) & 56;
    behind = 7 - (bit >> 3);
    misplaced = behind == 0 || behind == <u64>(n - 1);
    const below = ((<u64>1) << bit) - 1;
    x = (x & ~((below << 8) | 255)) | ((x & below) << 8);
  }
  if (misplaced || notDigits(x) != 0) return NO_NUMBER;
  return (combine(x) & 0xffffffff) | (behind << 32);
}

/**
 * Reads `[-]digits[.digits]` as an unscaled number; sets `negative`, `fraction` (digits after the point) and `failed`. At least one
 * digit stands on each side of a point; at most 19 digits after leading zeros.
 */
@inline
function scaled(s: usize, e: usize): u64 {
  negative = load<u8>(s) == 45;
  const p = s + <usize>negative;
  const n = <u32>(e - p);
  if (n - 1 < 8) {
    const short = shortScaled(e, n);
    if (short == NO_NUMBER) failed = true;
    fraction = <u32>(short >> 32);
    return short & 0xffffffff;
  }
  return longScaled(p, e);
}

function longScaled(s: usize, e: usize): u64 {
  let value: u64 = 0;
  let point: usize = 0;
  let significant: u32 = 0;
  failed = true;
  if (e <= s || e - s > 40) return 0;
  for (let p = s; p < e; p++) {
    const c = <u32>load<u8>(p);
    if (c == 46) {
      if (point != 0 || p == s) return 0;
      point = p;
      continue;
    }
    const d = c - 48;
    if (d > 9) return 0;
    value = value * 10 + d;
    significant += <u32>((significant | d) != 0);
  }
  if (significant > 19 || point == e - 1) return 0;
  fraction = point == 0 ? 0 : <u32>(e - point - 1);
  failed = false;
  return value;
}

/** `[+-]digits[.digits][e[+-]digits]`, correctly rounded; a point needs a digit on one side only. */
@inline
export function float(s: usize, e: usize): f64 {
  const minus = load<u8>(s) == 45;
  const n = <u32>(e - s) - <u32>minus;
  if (n - 1 < 8) {
    const short = shortScaled(e, n);
    if (short != NO_NUMBER) {
      const size = <f64>(<u32>short) / unchecked(powers[<u32>(short >> 32)]);
      return minus ? -size : size;
    }
  }
  return longFloat(s, e);
}

/** Digits from `p` on, appended to `value` (which may overflow: whoever calls counts them). Moves `scanned` behind them. */
@inline
function appendDigits(p: usize, e: usize, value: u64): u64 {
  let size = value;
  while (e - p >= 8) {
    const x = load<u64>(p) ^ ZEROS;
    if (notDigits(x) != 0) break;
    size = size * 100000000 + (combine(x) & 0xffffffff);
    p += 8;
  }
  while (p < e) {
    const d = <u32>load<u8>(p) - 48;
    if (d > 9) break;
    size = size * 10 + d;
    p++;
  }
  scanned = p;
  return size;
}

function longFloat(s: usize, e: usize): f64 {
  failed = true;
  const sign = load<u8>(s);
  const first = s + <usize>(sign == 45 || sign == 43);
  let value = appendDigits(first, e, 0);
  let p = scanned;
  let count = <i32>(p - first);
  let exponent: i32 = 0;
  if (p < e && load<u8>(p) == 46) {
    value = appendDigits(p + 1, e, value);
    exponent = -<i32>(scanned - p - 1);
    count -= exponent;
    p = scanned;
  }
  if (count == 0) return 0;
  const end = p;
  let power: i32 = 0;
  if (p < e) {
    if ((load<u8>(p) | 32) != 101) return 0;
    p++;
    const minus = p < e && load<u8>(p) == 45;
    if (minus || (p < e && load<u8>(p) == 43)) p++;
    if (p == e) return 0;
    for (; p < e; p++) {
      const d = <u32>load<u8>(p) - 48;
      if (d > 9) return 0;
      if (power < 100000) power = power * 10 + <i32>d;
    }
    if (minus) power = -power;
  }
  failed = false;
  const size = count > 19 ? manyDigits(first, end, exponent + power) : nearestDouble(value, exponent + power);
  return sign == 45 ? -size : size;
}

/**
 * The number of more than 19 digits at [s, e), a point among them, times 10^exponent as if it had no point. After 19 significant digits
 * the rest is cut: where the number that was cut and the next one round to the same double, so does every number between them.
 */
function manyDigits(s: usize, e: usize, exponent: i32): f64 {
  let value: u64 = 0;
  let significant: i32 = 0;
  let cut: i32 = 0;
  for (let p = s; p < e; p++) {
    const d = <u32>load<u8>(p) - 48;
    if (d > 9) continue;
    if (significant == 19) {
      cut++;
      continue;
    }
    value = value * 10 + d;
    significant += <i32>(value != 0);
  }
  const size = nearestDouble(value, exponent + cut);
  if (cut > 0 && size != nearestDouble(value + 1, exponent + cut)) failed = true;
  return size;
}

/** `true`, `false`, `t` or `f` in any case, `1` or `0`. */
@inline
export function bool01(s: usize, e: usize): u8 {
  const n = e - s;
  const word = load<u32>(s) | 0x20202020;
  if (n == 4 && word == 0x65757274) {
    return 1;
  }
  if (n == 1) {
    const c = word & 255;
    failed = failed || (c != 49 && c != 116 && c != 48 && c != 102);
    return <u8>(c == 49 || c == 116);
  }
  if (!(n == 5 && word == 0x736c6166 && (load<u8>(s, 4) | 32) == 101)) failed = true;
  return 0;
}

/** Digits beyond the scale are rounded half away from zero. */
@inline
export function decimal(s: usize, e: usize, scale: u32, limit: u64): i64 {
  const value = scaled(s, e);
  if (failed || fraction > scale) return rounded(value, scale, limit);
  // The scale is at most 18 and the value below 10^18: a product past 2^64 shows in the float product.
  const size = value * unchecked(integerPowers[scale - fraction]);
  if (value >= limit || size >= limit || <f64>value * unchecked(powers[scale - fraction]) > 1e18) failed = true;
  return negative ? -(<i64>size) : <i64>size;
}

function rounded(value: u64, scale: u32, limit: u64): i64 {
  if (failed || fraction - scale > 18) {
    failed = true;
    return 0;
  }
  const unit = unchecked(integerPowers[fraction - scale]);
  const size = value / unit + <u64>((value % unit) * 2 >= unit);
  if (size >= limit) failed = true;
  return negative ? -(<i64>size) : <i64>size;
}
