// One kernel per column type: text fields, found through the structural index, straight into column arrays.
//
// Every kernel takes the address of a context (u32 each). A field it does not recognise is not an error: its row number goes to the
// slow list, and the host decides. Kernels only accept what they convert exactly.
const BASE: usize = 0; // block
const SEPS: usize = 4; // index
const ROWS: usize = 8; // ordinals of first separators, one a row
const COUNT: usize = 12; // rows
const FIELD: usize = 16; // which field of the record
const STRIP: usize = 20; // 1: the record's last field; a CR before the line end is not part of it
const QUOTE: usize = 24; // quote byte, or -1
const ESCAPE: usize = 28; // escape byte, or -1
const MARKED: usize = 32; // 1: `valid` was filled by `matchNulls`; rows with 0 are null already
const VALUES: usize = 36;
const VALID: usize = 40;
const SLOW: usize = 44; // row numbers
const NULLS: usize = 48; // out: nulls
const SLOWS: usize = 52; // out: slow rows
const PARAM: usize = 56; // decimal: scale
const ENDS: usize = 60; // utf8: ends (starts are VALUES)
const ORIGIN: usize = 64; // utf8: address that starts and ends count from
const SCRATCH: usize = 68; // utf8: where unescaped text goes; moved on by the kernel
const LIMIT: usize = 72; // decimal: address of the first unscaled value (u64) that is too large

const HIGH: u64 = 0x8080808080808080;
const ZEROS: u64 = 0x3030303030303030;
const NOT_DIGIT: u64 = 0x7676767676767676;

const INT: i32 = 0;
const FLOAT: i32 = 1;
const BOOL: i32 = 2;
const DATE: i32 = 3;
const TIMESTAMP: i32 = 4;
const DECIMAL: i32 = 5;

// What the scanning functions below answer beside their value.
let failed: bool = false;
let negative: bool = false;
let fraction: u32 = 0;

const powers: StaticArray<f64> = [
  1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];
const integerPowers: StaticArray<u64> = [
  1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000, 100000000000, 1000000000000,
  10000000000000, 100000000000000, 1000000000000000, 10000000000000000, 100000000000000000, 1000000000000000000,
];

/** The number in 8 digit values, the first digit in the lowest byte. */
@inline
function combine(digits: u64): u64 {
  const x = digits * 10 + (digits >> 8);
  return ((x & 0x000000ff000000ff) * 0x000f424000000064 + ((x >> 16) & 0x000000ff000000ff) * 0x0000271000000001) >> 32;
}

/** The last `n` (1 to 8) bytes before `e` as digit values, zeros in front. */
@inline
function digitsBefore(e: usize, n: u32): u64 {
  const shift = <u64>((8 - n) << 3);
  return ((load<u64>(e - 8) ^ ZEROS) >> shift) << shift;
}

@inline
function notDigits(x: u64): u64 {
  return ((x + NOT_DIGIT) | x) & HIGH;
}

/** An unsigned number of 1 to 18 digits; sets `failed` otherwise. */
@inline
function digits(s: usize, e: usize): u64 {
  const n = <u32>(e - s);
  if (n - 1 < 8) {
    const x = digitsBefore(e, n);
    failed = notDigits(x) != 0;
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
  failed = bad != 0;
  return value;
}

@inline
function integer<T>(s: usize, e: usize): T {
  let minus = false;
  let p = s;
  if (isSigned<T>()) {
    minus = load<u8>(s) == 45;
    p += <usize>minus;
  }
  const size = digits(p, e);
  const value = <i64>(minus ? 0 - size : size);
  if (isSigned<T>()) {
    if (sizeof<T>() < 8) failed = failed || value != <i64>(<T>value);
  } else {
    if (sizeof<T>() < 8) failed = failed || size != <u64>(<T>size);
  }
  return <T>value;
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
    let x = digitsBefore(e, n);
    const t = x ^ 0x1e1e1e1e1e1e1e1e;
    const points = (t - 0x0101010101010101) & ~t & HIGH;
    fraction = 0;
    let misplaced = false;
    if (points != 0) {
      const bit = <u64>ctz(points) & 56;
      const place = <u32>(bit >> 3);
      fraction = 7 - place;
      misplaced = fraction == 0 || place == 8 - n;
      const below = ((<u64>1) << bit) - 1;
      x = (x & ~((below << 8) | 255)) | ((x & below) << 8);
    }
    failed = misplaced || notDigits(x) != 0;
    return combine(x) & 0xffffffff;
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

/** Clinger's fast case: an integer up to 2^53 times or over a power of ten up to 10^22 rounds once, so it rounds correctly. */
@inline
function float(s: usize, e: usize): f64 {
  let value = scaled(s, e);
  if (failed) return exponential(s, e);
  if (fraction > 22 || value > 9007199254740992) {
    failed = true;
    return 0;
  }
  const size = <f64>value / unchecked(powers[fraction]);
  return negative ? -size : size;
}

/** `[-]digits[.digits]e[+-]digits`, where the fast case holds. */
function exponential(s: usize, e: usize): f64 {
  failed = true;
  let p = e;
  while (p > s && (load<u8>(p - 1) | 32) != 101) p--;
  if (p <= s + 1 || p == e) return 0;
  const mantissaEnd = p - 1;
  const minus = load<u8>(p) == 45;
  if (minus || load<u8>(p) == 43) p++;
  if (p == e || e - p > 3) return 0;
  let power: i32 = 0;
  for (; p < e; p++) {
    const d = <u32>load<u8>(p) - 48;
    if (d > 9) return 0;
    power = power * 10 + <i32>d;
  }
  const value = scaled(s, mantissaEnd);
  if (failed) return 0;
  const exponent = (minus ? -power : power) - <i32>fraction;
  if (value > 9007199254740992 || exponent < -22 || exponent > 22) {
    failed = true;
    return 0;
  }
  const size = exponent < 0 ? <f64>value / unchecked(powers[-exponent]) : <f64>value * unchecked(powers[exponent]);
  return negative ? -size : size;
}

/** `true` or `false` in any case. */
@inline
function bool01(s: usize, e: usize): u8 {
  const n = e - s;
  const word = load<u32>(s) | 0x20202020;
  if (n == 4 && word == 0x65757274) {
    failed = false;
    return 1;
  }
  failed = !(n == 5 && word == 0x736c6166 && (load<u8>(s, 4) | 32) == 101);
  return 0;
}

/** Days since 1970-01-01 in the Gregorian calendar. */
@inline
function daysFromCivil(year: i32, month: i32, day: i32): i32 {
  const y = year - <i32>(month <= 2);
  const era = y / 400;
  const yoe = y - era * 400;
  const doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

@inline
function two(word: u64, shift: u64): i32 {
  const w = <u32>(word >> shift);
  return <i32>((w & 15) * 10 + ((w >> 8) & 15));
}

/** `YYYY-MM-DD` with a year of 1 to 9999 at `s`; sets `failed`. */
@inline
function civil(s: usize): i32 {
  // "0000-00-": digits become their values and hyphens zero.
  const a = load<u64>(s) ^ 0x2d30302d30303030;
  const b = <u64>load<u16>(s, 8) ^ 0x3030;
  const year = two(a, 0) * 100 + two(a, 16);
  const month = two(a, 40);
  const day = two(b, 0);
  const leap = (year & 3) == 0 && (year % 100 != 0 || year % 400 == 0);
  const most = month == 2 ? 28 + <i32>leap : 30 + ((month + (month >> 3)) & 1);
  failed = (notDigits(a) | (a & 0xff0000ff00000000) | notDigits(b)) != 0 || year == 0 || <u32>(month - 1) >= 12 || <u32>(day - 1) >= <u32>most;
  return daysFromCivil(year, month, day);
}

@inline
function date(s: usize, e: usize): i32 {
  if (e - s != 10) {
    failed = true;
    return 0;
  }
  return civil(s);
}

/** `YYYY-MM-DD`, or that with `T` or a space, `HH:MM:SS`, and up to six digits of a second. */
@inline
function timestamp(s: usize, e: usize): i64 {
  const n = <u32>(e - s);
  if (n < 19) {
    if (n == 10) return <i64>civil(s) * 86400000000;
    failed = true;
    return 0;
  }
  const days = civil(s);
  const gap = <u32>load<u8>(s, 10);
  // "00:00:00"
  const t = load<u64>(s, 11) ^ 0x30303a30303a3030;
  const hour = two(t, 0);
  const minute = two(t, 24);
  const second = two(t, 48);
  failed =
    failed ||
    (gap != 32 && gap != 84) ||
    (notDigits(t) | (t & 0x0000ff0000ff0000)) != 0 ||
    hour > 23 ||
    minute > 59 ||
    second > 59;
  let micros = (<i64>days * 86400 + hour * 3600 + minute * 60 + second) * 1000000;
  if (n > 19) micros += microseconds(s + 19, e);
  return micros;
}

function microseconds(s: usize, e: usize): i64 {
  const n = <u32>(e - s - 1);
  if (load<u8>(s) != 46 || n - 1 >= 6) {
    failed = true;
    return 0;
  }
  const x = digitsBefore(e, n);
  failed = failed || notDigits(x) != 0;
  return <i64>((combine(x) & 0xffffffff) * unchecked(integerPowers[6 - n]));
}

@inline
function decimal(s: usize, e: usize, scale: u32, limit: u64): i64 {
  const value = scaled(s, e);
  if (failed || fraction > scale || value >= limit) {
    failed = true;
    return 0;
  }
  const size = value * unchecked(integerPowers[scale - fraction]);
  // The scale is at most 18 and the value below 10^18: a product past 2^64 shows in the float product.
  failed = size >= limit || <f64>value * unchecked(powers[scale - fraction]) > 1e18;
  return negative ? -(<i64>size) : <i64>size;
}

@inline
function column<T>(context: usize, kind: i32): void {
  const base = <usize>load<u32>(context, BASE);
  const field = <usize>load<u32>(context, SEPS) + (<usize>load<u32>(context, FIELD) << 2);
  const rows = <usize>load<u32>(context, ROWS);
  const count = load<u32>(context, COUNT);
  const strip = load<u32>(context, STRIP) != 0;
  const quote = load<i32>(context, QUOTE);
  const marked = load<u32>(context, MARKED) != 0;
  const valid = <usize>load<u32>(context, VALID);
  const scale = load<u32>(context, PARAM);
  const limit = kind == DECIMAL ? load<u64>(<usize>load<u32>(context, LIMIT)) : 0;
  let out = <usize>load<u32>(context, VALUES);
  const slowList = <usize>load<u32>(context, SLOW);
  let slow = slowList;
  let nulls: u32 = 0;
  for (let i: u32 = 0; i < count; i++, out += sizeof<T>()) {
    if (marked && load<u8>(valid + i) == 0) {
      nulls++;
      continue;
    }
    const at = field + (<usize>load<u32>(rows + (<usize>i << 2)) << 2);
    let s = base + <usize>(load<u32>(at - 4) + 1);
    let e = base + <usize>load<u32>(at);
    if (strip && e > s && load<u8>(e - 1) == 13) e--;
    if (e > s && <i32>load<u8>(s) == quote && e - s >= 2 && <i32>load<u8>(e - 1) == quote) {
      s++;
      e--;
    }
    if (s == e) {
      store<u8>(valid + i, 0);
      store<T>(out, 0);
      nulls++;
      continue;
    }
    store<u8>(valid + i, 1);
    if (kind == INT) store<T>(out, integer<T>(s, e));
    else if (kind == FLOAT) store<T>(out, <T>float(s, e));
    else if (kind == BOOL) store<T>(out, <T>bool01(s, e));
    else if (kind == DATE) store<T>(out, <T>date(s, e));
    else if (kind == TIMESTAMP) store<T>(out, <T>timestamp(s, e));
    else store<T>(out, <T>decimal(s, e, scale, limit));
    if (failed) {
      store<u32>(slow, i);
      slow += 4;
    }
  }
  store<u32>(context, nulls, NULLS);
  store<u32>(context, <u32>((slow - slowList) >> 2), SLOWS);
}

export function int8Column(context: usize): void {
  column<i8>(context, INT);
}
export function int16Column(context: usize): void {
  column<i16>(context, INT);
}
export function int32Column(context: usize): void {
  column<i32>(context, INT);
}
export function int64Column(context: usize): void {
  column<i64>(context, INT);
}
export function uint8Column(context: usize): void {
  column<u8>(context, INT);
}
export function uint16Column(context: usize): void {
  column<u16>(context, INT);
}
export function uint32Column(context: usize): void {
  column<u32>(context, INT);
}
export function uint64Column(context: usize): void {
  column<u64>(context, INT);
}
export function float32Column(context: usize): void {
  column<f32>(context, FLOAT);
}
export function float64Column(context: usize): void {
  column<f64>(context, FLOAT);
}
export function boolColumn(context: usize): void {
  column<u8>(context, BOOL);
}
export function dateColumn(context: usize): void {
  column<i32>(context, DATE);
}
export function timestampColumn(context: usize): void {
  column<i64>(context, TIMESTAMP);
}
export function decimalColumn(context: usize): void {
  column<i64>(context, DECIMAL);
}

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
  for (let i: u32 = 0; i < count; i++) {
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
