// Days and timestamps as text. Those before the year 1 and past 9999 are left to the host: 0 is the answer then.
import { fixedDigits, twoDigits } from "./lineNumbers";

const FIRST: i32 = -719162; // 0001-01-01
const LAST: i32 = 2932896; // 9999-12-31
const DAY: i64 = 86_400_000_000;

/** `2024-01-05`: C. Neri and L. Schneider, "Euclidean affine functions and their application to calendar algorithms". */
export function dateText(out: usize, day: i32): usize {
  if (day < FIRST || day > LAST) return 0;
  // Counted from 0000-03-01.
  const n1 = 4 * <u32>(day + 719468) + 3;
  const century = n1 / 146097;
  const n2 = ((n1 % 146097) & ~3) + 3;
  const p2 = <u64>n2 * 2939745;
  const dayOfYear = <u32>p2 / 2939745 / 4;
  const n3 = 2141 * dayOfYear + 197913;
  const after = <u32>(dayOfYear >= 306);
  const year = 100 * century + <u32>(p2 >> 32) + after;
  const hundreds = year / 100;
  store<u16>(out, twoDigits(hundreds));
  store<u16>(out, twoDigits(year - hundreds * 100), 2);
  store<u8>(out, 45, 4);
  store<u16>(out, twoDigits((n3 >> 16) - 12 * after), 5);
  store<u8>(out, 45, 7);
  store<u16>(out, twoDigits((n3 & 0xffff) / 2141 + 1), 8);
  return out + 10;
}

/** `2024-01-05 10:11:12.5`, with as many digits behind the point as needed and `separator` before the clock. */
export function timestampText(out: usize, micros: i64, separator: u32): usize {
  if (micros < <i64>FIRST * DAY || micros >= (<i64>LAST + 1) * DAY) return 0;
  const sinceFirst = <u64>(micros - <i64>FIRST * DAY);
  const seconds = sinceFirst / 1_000_000;
  const day = <u32>(seconds / 86_400);
  const fraction = <u32>(sinceFirst - seconds * 1_000_000);
  const second = <u32>(seconds - <u64>day * 86_400);
  const at = dateText(out, <i32>day + FIRST);
  const minute = second / 60;
  const hour = minute / 60;
  store<u8>(at, <u8>separator);
  store<u16>(at, twoDigits(hour), 1);
  store<u8>(at, 58, 3);
  store<u16>(at, twoDigits(minute - hour * 60), 4);
  store<u8>(at, 58, 6);
  store<u16>(at, twoDigits(second - minute * 60), 7);
  return fraction == 0 ? at + 9 : fractionText(at + 9, fraction);
}

function fractionText(out: usize, fraction: u32): usize {
  store<u8>(out, 46);
  let end = fixedDigits(out + 1, fraction, 6);
  while (load<u8>(end - 1) == 48) end--;
  return end;
}
