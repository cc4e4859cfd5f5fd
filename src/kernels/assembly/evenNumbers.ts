// Numbers of rows that lie evenly in the structural index: their separators are found without looking up each row's first one, four rows at a time.
import { combine, HIGH, notDigits, upperBytes, ZEROS } from "./numbers";

/**
 * The end of the rows from `i` on that have their first separators `stride` apart. Rows lie at least so far apart: when the last one of some lies
 * where it does without another record among them, so do all.
 */
export function evenEnd(rows: usize, i: u32, count: u32, stride: u32): u32 {
  const first = load<u32>(rows + (<usize>i << 2));
  let even = i;
  let uneven = count;
  if (load<u32>(rows + (<usize>count << 2) - 4) - first == (count - 1 - i) * stride) return count;
  while (uneven - even > 1) {
    const middle = (even + uneven) >> 1;
    if (load<u32>(rows + (<usize>middle << 2)) - first == (middle - i) * stride) even = middle;
    else uneven = middle;
  }
  return uneven;
}

// Four fields at a time. Words of 8 digit values, the first digit in the lowest byte, stand two in a vector. What the loops compare and multiply
// with is loaded before them: V8 makes anew in every round what could also be made there.
const LOW: usize = 0;
const TENS: usize = 8;
const HUNDREDS: usize = 16;
const MYRIADS: usize = 24;
const DASH: usize = 32;
const factors = memory.data<u64>([
  0x00ff00ff00ff00ff, 0x000a000a000a000a, 0x0001006400010064, 0x0001271000012710,
  0x1d1d1d1d1d1d1d1d, // what a minus is as a digit value
]);

@inline
function factor(place: usize): v128 {
  return v128.load64_splat(factors + place);
}

@inline
function twoWords(first: usize, second: usize): v128 {
  return v128.load64_lane(second, v128.load64_zero(first), 1);
}

/** The bytes of two fields, of `n` + 1 and `m` + 1 bytes, in their words. */
@inline
function twoMasks(n: u32, m: u32): v128 {
  const masks = changetype<usize>(upperBytes) + 8;
  return twoWords(masks + (<usize>n << 3), masks + (<usize>m << 3));
}

/** All bits of the byte in which a field begins with a minus. None stands in the bytes of `digits`. */
@inline
function minusIn(words: v128, masks: v128, dash: v128, digits: v128): v128 {
  const first = v128.andnot(masks, i64x2.shl(masks, 8));
  return v128.andnot(v128.and(i8x16.eq(words, dash), first), digits);
}

/** The numbers in the four words of `a` and `b`. */
@inline
function fourOf(a: v128, b: v128, low: v128, tens: v128, hundreds: v128, myriads: v128): v128 {
  const first = i16x8.add(i16x8.mul(v128.and(a, low), tens), i16x8.shr_u(a, 8));
  const second = i16x8.add(i16x8.mul(v128.and(b, low), tens), i16x8.shr_u(b, 8));
  return i32x4.dot_i16x8_s(i16x8.narrow_i32x4_s(i32x4.dot_i16x8_s(first, hundreds), i32x4.dot_i16x8_s(second, hundreds)), myriads);
}

/** All bits of the words that have some. */
@inline
function wholeWords(a: v128): v128 {
  return i64x2.ne(a, i64x2.splat(0));
}

/** Where words of numbers with a point in the same place have it. */
const layout = memory.data(64, 16);
const PATTERN: usize = 0; // what makes digit values, and 0 of the point
const MOST: usize = 16; // the largest value of each byte
const MUST: usize = 32; // bytes that are there: from the last digit before the point on
const FROM: usize = 48; // which byte each one becomes where what stands before the point moves over it

/** Tells `fourNumbers` that there are `behind` digits after the point; with 0, there is none. */
function layOut(behind: u32): void {
  const order = i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const inWord = v128.and(order, i8x16.splat(7));
  const place = i8x16.splat(<i8>(behind != 0 ? 7 - behind : 8));
  const atPoint = i8x16.eq(inWord, place);
  v128.store(layout, v128.xor(i8x16.splat(0x30), v128.and(atPoint, i8x16.splat(0x1e))), PATTERN);
  v128.store(layout, v128.andnot(i8x16.splat(9), atPoint), MOST);
  // From the last digit before the point on, each byte must be there.
  v128.store(layout, i8x16.ge_s(inWord, i8x16.sub(place, i8x16.splat(1))), MUST);
  // What stands before the point moves over it.
  const isMoved = v128.and(i8x16.splat(behind != 0 ? -1 : 0), i8x16.le_s(inWord, place));
  v128.store(layout, v128.or(i8x16.add(order, isMoved), i8x16.lt_s(i8x16.add(inWord, isMoved), i8x16.splat(0))), FROM);
}

/** 10 to the power of k, and behind it the same below zero. */
const signedPowers: StaticArray<f64> = [1e0, -1e0, 1e1, -1e1, 1e2, -1e2, 1e3, -1e3, 1e4, -1e4, 1e5, -1e5, 1e6, -1e6, 1e7, -1e7];

/** Negative where `minus` has a bit. */
@inline
function withSigns(numbers: v128, minus: v128): v128 {
  return v128.xor(numbers, i64x2.shl(wholeWords(minus), 63));
}

/**
 * As `evenIntegers` and `evenFloats`, while there are four that are such numbers, with the point where `layOut` was told that it is; `out` to `last`.
 * `power`: address of that of the point's place. Answers where it stopped.
 */
@inline
function fourNumbers<T>(base: usize, at: usize, step: usize, out: usize, last: usize, power: usize): usize {
  const pattern = v128.load(layout, PATTERN);
  const most = v128.load(layout, MOST);
  const must = v128.load(layout, MUST);
  const from = v128.load(layout, FROM);
  const low = factor(LOW);
  const tens = factor(TENS);
  const hundreds = factor(HUNDREDS);
  const myriads = factor(MYRIADS);
  const dash = factor(DASH);
  const powers = v128.load64_splat(power);
  const words = base - 8;
  at -= 4;
  for (; out + 4 * sizeof<T>() <= last; out += 4 * sizeof<T>()) {
    // A field begins a byte behind the separator before it; n is one less than its bytes.
    const e0 = load<u32>(at, 4);
    const n0 = e0 - load<u32>(at) - 2;
    at += step;
    const e1 = load<u32>(at, 4);
    const n1 = e1 - load<u32>(at) - 2;
    at += step;
    const e2 = load<u32>(at, 4);
    const n2 = e2 - load<u32>(at) - 2;
    at += step;
    const e3 = load<u32>(at, 4);
    const n3 = e3 - load<u32>(at) - 2;
    at += step;
    if ((n0 | n1 | n2 | n3) > 7) break;
    const maskA = twoMasks(n0, n1);
    const maskB = twoMasks(n2, n3);
    let a = v128.and(v128.xor(twoWords(words + e0, words + e1), pattern), maskA);
    let b = v128.and(v128.xor(twoWords(words + e2, words + e3), pattern), maskB);
    const minusA = isSigned<T>() || isFloat<T>() ? minusIn(a, maskA, dash, must) : i8x16.splat(0);
    const minusB = isSigned<T>() || isFloat<T>() ? minusIn(b, maskB, dash, must) : i8x16.splat(0);
    a = v128.andnot(a, minusA);
    b = v128.andnot(b, minusB);
    const missing = v128.andnot(must, v128.and(maskA, maskB));
    if (v128.any_true(v128.or(missing, v128.or(i8x16.sub_sat_u(a, most), i8x16.sub_sat_u(b, most))))) break;
    if (isFloat<T>()) {
      const numbers = fourOf(i8x16.swizzle(a, from), i8x16.swizzle(b, from), low, tens, hundreds, myriads);
      const first = withSigns(f64x2.div(f64x2.convert_low_i32x4_s(numbers), powers), minusA);
      const upper = v128.shuffle<i64>(numbers, numbers, 1, 1);
      const second = withSigns(f64x2.div(f64x2.convert_low_i32x4_s(upper), powers), minusB);
      if (sizeof<T>() == 8) {
        v128.store(out, first);
        v128.store(out, second, 16);
      } else {
        v128.store64_lane(out, f32x4.demote_f64x2_zero(first), 0);
        v128.store64_lane(out, f32x4.demote_f64x2_zero(second), 0, 8);
      }
    } else {
      const sign = v128.shuffle<i32>(wholeWords(minusA), wholeWords(minusB), 0, 2, 4, 6);
      const numbers = i32x4.sub(v128.xor(fourOf(a, b, low, tens, hundreds, myriads), sign), sign);
      if (sizeof<T>() == 4) v128.store(out, numbers);
      else {
        v128.store(out, i64x2.extend_low_i32x4_s(numbers));
        v128.store(out, i64x2.extend_high_i32x4_s(numbers), 16);
      }
    }
  }
  return out;
}

/**
 * As `quickIntegers`, for the fields before the separators at `at`, `at` + `step` and so on, and for columns where nothing is known of a row. A CR
 * before a line end ends it as every other byte does that is no digit.
 */
@inline
export function evenIntegers<T>(base: usize, at: usize, step: usize, values: usize, i: u32, count: u32): u32 {
  const start = values + <usize>i * sizeof<T>();
  const last = values + <usize>count * sizeof<T>();
  // Narrower ones are checked for their range one by one.
  let out = start;
  if (sizeof<T>() >= 4) {
    layOut(0);
    out = fourNumbers<T>(base, at, step, start, last, changetype<usize>(signedPowers));
  }
  at += ((out - start) / sizeof<T>()) * step;
  for (; out < last; out += sizeof<T>()) {
    const s = base + <usize>load<u32>(at - 4) + 1;
    const e = base + <usize>load<u32>(at);
    const minus = isSigned<T>() ? <u32>(load<u8>(s) == 45) : 0;
    const n = <u32>(e - s) - minus;
    if (n - 1 > 7) break;
    const x = (load<u64>(e - 8) ^ ZEROS) & load<u64>(changetype<usize>(upperBytes) + (<usize>n << 3));
    if (notDigits(x) != 0) break;
    const size = <i32>combine(x);
    const value = isSigned<T>() ? (size ^ (0 - <i32>minus)) + <i32>minus : size;
    if (sizeof<T>() < 4 && value != <i32>(<T>value)) break;
    store<T>(out, <T>value);
    at += step;
  }
  return i + <u32>((out - start) / sizeof<T>());
}

/** Bytes behind a point among the last 7 of a field; 0 where there is none. A guess, which costs time where it is wrong. */
@inline
function pointPlace(s: usize, e: usize): u32 {
  const n = min<usize>(e - s, 7);
  const t = (load<u64>(e - 8) ^ 0x2e2e2e2e2e2e2e2e) | ~load<u64>(changetype<usize>(upperBytes) + (n << 3));
  const points = (t - 0x0101010101010101) & ~t & HIGH;
  return points == 0 ? 0 : <u32>clz(points) >> 3;
}

/** As `quickFloats`, for fields as `evenIntegers` takes them, for as long as they have the point where the first one has it. */
@inline
export function evenFloats<T>(base: usize, at: usize, step: usize, values: usize, i: u32, count: u32): u32 {
  const behind = pointPlace(base + <usize>load<u32>(at - 4) + 1, base + <usize>load<u32>(at));
  const shift = <u64>((7 - behind) << 3);
  const hasPoint = behind != 0;
  const below: u64 = hasPoint ? ((<u64>1) << shift) - 1 : 0;
  const point: u64 = hasPoint ? (<u64>0xff) << shift : 0;
  const above = ~(below | point);
  const pattern = ZEROS ^ (point & 0x1e1e1e1e1e1e1e1e);
  const least: u32 = hasPoint ? behind + 2 : 1;
  const power = changetype<usize>(signedPowers) + (<usize>behind << 4);
  const start = values + <usize>i * sizeof<T>();
  const last = values + <usize>count * sizeof<T>();
  layOut(behind);
  let out = fourNumbers<T>(base, at, step, start, last, power);
  at += ((out - start) / sizeof<T>()) * step;
  for (; out < last; out += sizeof<T>()) {
    const s = base + <usize>load<u32>(at - 4) + 1;
    const e = base + <usize>load<u32>(at);
    const minus = <u32>(load<u8>(s) == 45);
    const n = <u32>(e - s) - minus;
    if (n - least > 8 - least) break;
    const x = (load<u64>(e - 8) ^ pattern) & load<u64>(changetype<usize>(upperBytes) + (<usize>n << 3));
    const digits = (x & above) | ((x & below) << 8);
    if (notDigits(digits) | (x & point)) break;
    store<T>(out, <T>(<f64>(<i32>combine(digits)) / load<f64>(power + (<usize>minus << 3))));
    at += step;
  }
  return i + <u32>((out - start) / sizeof<T>());
}
