// Dates and times from text.
import { combine, digitsBefore, integerPowers, notDigits, upperBytes, ZEROS } from "./numbers";

/** Whether the function called last found no value. */
export let noTime: bool = false;

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

// The day read last, as text and as a number: neighbouring records often share it.
let dayText: u64 = 0x2d31302d30373931; // "1970-01-"
let dayTail: u32 = 0x3130; // "01"
let dayNumber: i32 = 0;

/** `YYYY-MM-DD` with a year of 1 to 9999 at `s`; sets `noTime`. */
@inline
export function civil(s: usize): i32 {
  const text = load<u64>(s);
  const tail = <u32>load<u16>(s, 8);
  if (text != dayText || tail != dayTail) return otherDay(text, tail);
  noTime = false;
  return dayNumber;
}

function otherDay(text: u64, tail: u32): i32 {
  // "0000-00-": digits become their values and hyphens zero.
  const a = text ^ 0x2d30302d30303030;
  const b = <u64>tail ^ 0x3030;
  const year = two(a, 0) * 100 + two(a, 16);
  const month = two(a, 40);
  const day = two(b, 0);
  const leap = (year & 3) == 0 && (year % 100 != 0 || year % 400 == 0);
  const most = month == 2 ? 28 + <i32>leap : 30 + ((month + (month >> 3)) & 1);
  noTime = (notDigits(a) | (a & 0xff0000ff00000000) | notDigits(b)) != 0 || year == 0 || <u32>(month - 1) >= 12 || <u32>(day - 1) >= <u32>most;
  if (noTime) return 0;
  dayText = text;
  dayTail = tail;
  dayNumber = daysFromCivil(year, month, day);
  return dayNumber;
}

@inline
export function date(s: usize, e: usize): i32 {
  if (e - s != 10) {
    noTime = true;
    return 0;
  }
  return civil(s);
}

/** `YYYY-MM-DD`, or that with `T` or a space, `HH:MM` or `HH:MM:SS`, and after the latter a fraction of a second and a zone. */
@inline
export function timestamp(s: usize, e: usize): i64 {
  const n = <u32>(e - s);
  if (n < 19 && n != 16) {
    if (n == 10) return <i64>civil(s) * 86400000000;
    noTime = true;
    return 0;
  }
  const days = civil(s);
  const gap = <u32>load<u8>(s, 10);
  let clock = load<u64>(s, 11);
  if (n == 16) clock = (clock & 0x000000ffffffffff) | 0x30303a0000000000; // ":00"
  // "00:00:00"
  const t = clock ^ 0x30303a30303a3030;
  const hour = two(t, 0);
  const minute = two(t, 24);
  const second = two(t, 48);
  noTime =
    noTime ||
    (gap != 32 && gap != 84) ||
    (notDigits(t) | (t & 0x0000ff0000ff0000)) != 0 ||
    hour > 23 ||
    minute > 59 ||
    second > 59;
  let micros = (<i64>days * 86400 + hour * 3600 + minute * 60 + second) * 1000000;
  if (n > 19) micros += behindSeconds(s + 19, e);
  return micros;
}

// How the text after the seconds is built that `behindSeconds` read last.
let fractionDigits: u32 = 0;
let zoneBytes: u32 = 0;
let zoneMicros: i64 = 0; // what a clock there is ahead

/** A point and up to nine digits, of which six count, and a zone: microseconds to add. Sets `noTime` where there is something else. */
function behindSeconds(s: usize, e: usize): i64 {
  let p = s;
  let micros: i64 = 0;
  fractionDigits = 0;
  if (load<u8>(s) == 46) {
    p++;
    while (p < e && <u32>load<u8>(p) - 48 <= 9) p++;
    fractionDigits = <u32>(p - s) - 1;
    if (fractionDigits - 1 >= 9) {
      noTime = true;
      return 0;
    }
    micros = fractionAt(s + 1, min<u32>(fractionDigits, 6));
  }
  zoneBytes = <u32>(e - p);
  zoneMicros = zoneBytes == 0 ? 0 : zoneAt(p, e);
  return micros - zoneMicros;
}

/** Microseconds in `n` (1 to 6) digits. */
@inline
function fractionAt(s: usize, n: u32): i64 {
  return <i64>((combine(digitsBefore(s + n, n)) & 0xffffffff) * unchecked(integerPowers[6 - n]));
}

/** `Z`, `+HH`, `+HHMM` or `+HH:MM`, or such with a minus, after one space or none. */
function zoneAt(s: usize, e: usize): i64 {
  if (load<u8>(s) == 32) s++;
  const n = <u32>(e - s);
  const sign = <u32>load<u8>(s);
  if (n == 1 && sign == 90) return 0;
  const hasMinutes = n == 5 || (n == 6 && load<u8>(s, 3) == 58);
  // "0000": hours, and minutes where there are some
  const hours = <u64>load<u16>(s, 1) ^ 0x3030;
  const minutes = hasMinutes ? <u64>load<u16>(e - 2) ^ 0x3030 : 0;
  const hour = two(hours, 0);
  const minute = two(minutes, 0);
  if ((sign != 43 && sign != 45) || (n != 3 && !hasMinutes) || (notDigits(hours) | notDigits(minutes)) != 0 || hour > 23 || minute > 59) {
    noTime = true;
    return 0;
  }
  const micros = <i64>(hour * 60 + minute) * 60000000;
  return sign == 45 ? -micros : micros;
}

/** Days before each month of a year that begins in March. */
const daysBefore: StaticArray<i32> = [0, 306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275, 0, 0, 0];
const monthDays: StaticArray<i32> = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 0, 0, 0];

/**
 * Timestamps [i, count) of even records for as long as they are `YYYY-MM-DD`, a space or `T`, and `HH:MM:SS`, followed by as many digits of a second and
 * the same zone as in the first of them. `at`, `step` as in `evenIntegers`. Answers the first row that is not done.
 */
@inline
export function evenTimestamps(base: usize, at: usize, step: usize, values: usize, i: u32, count: u32): u32 {
  if (i == count) return i;
  const first = base + <usize>load<u32>(at - 4) + 1;
  const size = base + <usize>load<u32>(at) - first;
  if (size == 19) return evenClocks(base, at, step, values, i, count, 19, 0);
  return size < 19 ? i : evenMoments(base, at, step, values, i, count, first, size);
}

/** With a fraction of a second, a zone, or both. */
function evenMoments(base: usize, at: usize, step: usize, values: usize, i: u32, count: u32, first: usize, size: usize): u32 {
  noTime = false;
  behindSeconds(first + 19, first + size);
  if (noTime) return i;
  const digits = fractionDigits;
  const zoneMask = unchecked(upperBytes[zoneBytes]);
  const zone = load<u64>(first + size - 8) & zoneMask;
  let end = i;
  for (let field = at; end < count; end++, field += step) {
    const s = base + <usize>load<u32>(field - 4) + 1;
    if (base + <usize>load<u32>(field) - s != size || (load<u64>(s + size - 8) & zoneMask) != zone) break;
    if (digits != 0 && !isFraction(s + 19, digits)) break;
  }
  end = evenClocks(base, at, step, values, i, end, size, zoneMicros);
  if (digits == 0) return end;
  const kept = min<u32>(digits, 6);
  for (let field = at; i < end; i++, field += step) {
    const value = values + (<usize>i << 3);
    store<i64>(value, load<i64>(value) + fractionAt(base + <usize>load<u32>(field - 4) + 21, kept));
  }
  return end;
}

/**
 * The whole seconds of texts of `size` bytes, less `ahead` microseconds: without a branch that depends on the day, which differs from row to row, but for
 * whether it is that of the row before, which rows in the order of their time mostly have.
 */
@inline
function evenClocks(base: usize, at: usize, step: usize, values: usize, i: u32, count: u32, size: usize, ahead: i64): u32 {
  let lastText: u64 = 0;
  let lastTail: u64 = 0;
  let midnight: i64 = 0; // of the day, in microseconds
  for (; i < count; i++) {
    const s = base + <usize>load<u32>(at - 4) + 1;
    if (base + <usize>load<u32>(at) - s != size) break;
    const text = load<u64>(s);
    const tail = load<u64>(s, 8) & 0xffffff; // the day of the month, and what stands before the hour
    const t = load<u64>(s, 11) ^ 0x30303a30303a3030;
    if (text != lastText || tail != lastTail) {
      const a = text ^ 0x2d30302d30303030;
      const d = (tail & 0xffff) ^ 0x3030;
      const gap = <u32>(tail >> 16);
      const year = two(a, 0) * 100 + two(a, 16);
      const month = two(a, 40) & 15;
      const day = two(d, 0);
      const leap = <i32>((year & 3) == 0) & (<i32>(year % 100 != 0) | <i32>(year % 400 == 0));
      const most = unchecked(monthDays[month]) + (<i32>(month == 2) & leap);
      const odd = notDigits(a) | (a & 0xff0000ff00000000) | notDigits(d);
      const wrong = <u32>(two(a, 40) > 12) | <u32>(year == 0) | <u32>(day == 0) | <u32>(day > most) | (<u32>(gap != 32) & <u32>(gap != 84));
      if (odd != 0 || wrong != 0) break;
      // The Gregorian calendar by years that begin in March.
      const y = year - <i32>(month <= 2);
      midnight = <i64>(y * 365 + (y >> 2) - y / 100 + y / 400 + unchecked(daysBefore[month]) + day - 1 - 719468) * 86400000000 - ahead;
      lastText = text;
      lastTail = tail;
    }
    // Hour, minute and second stand in bytes 0, 3 and 6; one past 23, 59 and 59 sets its byte's highest bit.
    const parts = (t * 10 + (t >> 8)) & 0x00ff0000ff0000ff;
    const odd = notDigits(t) | (t & 0x0000ff0000ff0000) | ((parts + 0x0044000044000068) & 0x0080000080000080);
    if (odd != 0) break;
    const seconds = (parts & 255) * 3600 + ((parts >> 24) & 255) * 60 + (parts >> 48);
    store<i64>(values + (<usize>i << 3), midnight + <i64>seconds * 1000000);
    at += step;
  }
  return i;
}

/** Whether there is a point, and `n` (1 to 9) digits behind it. */
@inline
function isFraction(s: usize, n: u32): bool {
  const odd = n <= 8 ? notDigits(digitsBefore(s + 1 + n, n)) : notDigits(load<u64>(s, 1) ^ ZEROS) | <u64>(<u32>load<u8>(s, 9) - 48 > 9);
  return load<u8>(s) == 46 && odd == 0;
}
