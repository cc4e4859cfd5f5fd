// Doubles as the shortest digits that read back as the same value, of those the nearest: R. Giulietti, "The Schubfach way to render doubles",
// as A. Bolz has written it down.
import { powersOfFive, upperHalf } from "../double";
import { twoDigits, unsigned } from "./lineNumbers";

/** The table of powers ends here; numbers that need a greater one are left to the host. */
const MOST_POWER: i32 = 308;
const LEAST_POWER: i32 = -342;

let digits: u64 = 0;
/** The value is `digits * 10^power`. */
let power: i32 = 0;

/** `(high:low) * factor / 2^128`, its lowest bit set where something is cut off. */
@inline
function roundedToOdd(high: u64, low: u64, factor: u64): u64 {
  const carried = upperHalf(low, factor);
  const middle = high * factor + carried;
  const top = upperHalf(high, factor) + <u64>(middle < carried);
  return top | <u64>(middle > 1);
}

/** Finds `digits` and `power` of a finite number above 0 by the bits of a double, or of a 32-bit float; false where the host has to. */
@inline
function findDigits<T>(bits: u64): bool {
  const places: u64 = sizeof<T>() == 8 ? 52 : 23;
  const hidden = (<u64>1) << places;
  const fraction = bits & (hidden - 1);
  const exponent = <i32>(bits >> places);
  const c = exponent != 0 ? fraction | hidden : fraction;
  const q = max(exponent, 1) - (sizeof<T>() == 8 ? 1075 : 150);
  // Below a power of two the next number is nearer.
  const uneven = fraction == 0 && exponent > 1;
  // Of 32-bit floats, texts exactly between two of them do not count, and where two texts are as near one more digit says which it is: the host knows.
  const strict = sizeof<T>() == 4;
  if (strict && uneven) return false;
  const k = (q * 1262611 - (uneven ? 524031 : 0)) >> 22;
  if (-k > MOST_POWER) return false;
  const h = <u64>(q + ((-k * 1741647) >> 19) + 1);
  const entry = powersOfFive() + (<usize>(-k - LEAST_POWER) << 4);
  let high = load<u64>(entry);
  let low = load<u64>(entry, 8);
  // Those that are not exact have to be rounded up; the table has that for 5^-1 to 5^-27 only.
  if (-k > 55 || -k < -27) {
    low++;
    high += <u64>(low == 0);
  }
  const odd = c & 1;
  const lower = roundedToOdd(high, low, (4 * c - 2 + <u64>uneven) << h) + odd;
  const upper = roundedToOdd(high, low, (4 * c + 2) << h) - odd;
  const middle = roundedToOdd(high, low, (4 * c) << h);
  const s = middle >> 2;
  if (s >= 10) {
    const tenth = s / 10;
    const below = lower <= 40 * tenth;
    const above = 40 * tenth + 40 <= upper;
    if (strict && (lower == 40 * tenth || upper == 40 * tenth + 40)) return false;
    if (below != above) {
      digits = tenth + <u64>above;
      power = k + 1;
      return true;
    }
  }
  power = k;
  if (strict && (lower == 4 * s || upper == 4 * s + 4 || middle == 4 * s + 2)) return false;
  const below = lower <= 4 * s;
  const above = 4 * s + 4 <= upper;
  if (below != above) digits = s + <u64>above;
  else digits = s + <u64>(middle > 4 * s + 2 || (middle == 4 * s + 2 && (s & 1) != 0));
  return true;
}

function dropZeros(): void {
  while (digits % 10_000 == 0) {
    digits /= 10_000;
    power += 4;
  }
  while (digits % 10 == 0) {
    digits /= 10;
    power++;
  }
}

/** A whole number of hundredths below 2^32. */
@inline
function amountText(out: usize, hundredths: u32, plain: bool): usize {
  const whole = hundredths / 100;
  const rest = hundredths - whole * 100;
  const end = unsigned(out, whole);
  store<u32>(end, 46 | (<u32>twoDigits(rest) << 8));
  if (rest == 0) return plain ? end + 2 : end;
  return end + 3 - <usize>(rest % 10 == 0);
}

@inline
function zeros(out: usize, count: usize): usize {
  for (let i: usize = 0; i < count; i++) store<u8>(out + i, 48);
  return out + count;
}

/** Makes room for a point `behind` digits (at most 16) before `end`. */
@inline
function insertPoint(end: usize, behind: usize): usize {
  const at = end - behind;
  v128.store(at + 1, v128.load(at));
  store<u8>(at, 46);
  return end + 1;
}

function doubleDigits(bits: u64): bool {
  return findDigits<f64>(bits);
}

function floatDigits(bits: u32): bool {
  return findDigits<f32>(bits);
}

/**
 * The text of a double; 0 where the host has to write it. As JavaScript writes it, or, where `plain` is set, as a cast to utf8 does: `1.0`, `1e-05`, `1e+16`.
 */
export function doubleText(out: usize, value: f64, plain: bool): usize {
  const bits = reinterpret<u64>(value);
  if (bits >> 63 != 0) store<u8>(out++, 45);
  const size = abs(value);
  if (!(size < Infinity)) return 0;
  if (size == 0) {
    store<u32>(out, 0x302e30);
    return out + (plain ? 3 : 1);
  }
  // The common case of amounts. Two numbers of up to 15 digits are never the same double, so the digits are the shortest that read back as the value.
  const hundredths = nearest(size * 100);
  if (size < 10_000_000 && hundredths / 100 == size) return amountText(out, <u32>hundredths, plain);
  return doubleDigits(bits & 0x7fffffffffffffff) ? digitsText(out, plain) : 0;
}

/** The text of `digits * 10^power`. */
function digitsText(out: usize, plain: bool): usize {
  dropZeros();
  const end = unsigned(out, digits);
  const length = <i32>(end - out);
  // Digits before the point.
  const whole = length + power;
  const least = plain ? -3 : -5;
  const most = plain ? 16 : 21;
  if (whole < least || whole > most) return scientific(out, end, length, whole - 1, plain);
  if (power >= 0) {
    const last = zeros(end, power);
    if (!plain) return last;
    store<u16>(last, 0x302e);
    return last + 2;
  }
  if (whole > 0) return insertPoint(end, -power);
  const shift = <usize>(2 - whole);
  memory.copy(out + shift, out, length);
  zeros(out, shift);
  store<u8>(out, 46, 1);
  return end + shift;
}

/** The text of a 32-bit float, in the same forms; 0 where the host has to write it. */
export function floatText(out: usize, value: f32, plain: bool): usize {
  const bits = reinterpret<u32>(value);
  if (bits >> 31 != 0) store<u8>(out++, 45);
  const size = abs(value);
  if (!(size < Infinity)) return 0;
  // Up to six digits, of which two are decimals: no other of so few digits is the same float.
  const hundredths = nearest(<f64>size * 100);
  if (size < 10_000 && <f32>(hundredths / 100) == size && size != 0) return amountText(out, <u32>hundredths, plain);
  if (size != 0) return floatDigits(bits & 0x7fffffff) ? digitsText(out, plain) : 0;
  store<u32>(out, 0x302e30);
  return out + (plain ? 3 : 1);
}

function scientific(out: usize, end: usize, length: i32, exponent: i32, plain: bool): usize {
  let at = length > 1 ? insertPoint(end, length - 1) : end;
  store<u8>(at++, 101);
  store<u8>(at++, exponent < 0 ? 45 : 43);
  const size = abs(exponent);
  if (plain && size < 10) store<u8>(at++, 48);
  return unsigned(at, size);
}
