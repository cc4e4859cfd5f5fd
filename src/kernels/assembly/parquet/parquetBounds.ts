// Smallest and largest value of a column chunk.

/** Stores the bounds one after the other; answers 0 where a NaN is among the values (`count` is at least 1). */
@inline
function bounds<T>(values: usize, count: usize, out: usize): u32 {
  let low = load<T>(values);
  let high = low;
  let ordered = true;
  const end = values + count * sizeof<T>();
  for (let at = values; at < end; at += sizeof<T>()) {
    const value = load<T>(at);
    low = value < low ? value : low;
    high = value > high ? value : high;
    if (isFloat<T>()) ordered = ordered && value == value;
  }
  store<T>(out, low);
  store<T>(out + sizeof<T>(), high);
  return <u32>ordered;
}

export function boundsInt32(values: usize, count: usize, out: usize): u32 {
  return bounds<i32>(values, count, out);
}
export function boundsUint32(values: usize, count: usize, out: usize): u32 {
  return bounds<u32>(values, count, out);
}
export function boundsInt64(values: usize, count: usize, out: usize): u32 {
  return bounds<i64>(values, count, out);
}
export function boundsUint64(values: usize, count: usize, out: usize): u32 {
  return bounds<u64>(values, count, out);
}
export function boundsFloat32(values: usize, count: usize, out: usize): u32 {
  return bounds<f32>(values, count, out);
}
export function boundsFloat64(values: usize, count: usize, out: usize): u32 {
  return bounds<f64>(values, count, out);
}

@inline
function below128(a: usize, b: usize): bool {
  const highA = load<i64>(a, 8);
  const highB = load<i64>(b, 8);
  return highA < highB || (highA == highB && load<u64>(a) < load<u64>(b));
}

/** Bounds of signed 128-bit values. */
export function boundsInt128(values: usize, count: usize, out: usize): u32 {
  let low = values;
  let high = values;
  const end = values + (count << 4);
  for (let at = values + 16; at < end; at += 16) {
    if (below128(at, low)) low = at;
    else if (below128(high, at)) high = at;
  }
  v128.store(out, v128.load(low));
  v128.store(out, v128.load(high), 16);
  return 1;
}

/** The first 8 bytes, so that numbers compare as texts do; zeros behind the end. */
@inline
function prefix(at: usize, length: usize): u64 {
  const word = bswap(load<u64>(at));
  return length >= 8 ? word : length == 0 ? 0 : word & (~(<u64>0) << ((8 - <u64>length) << 3));
}

/** Below 0 where the text at `a` sorts before the one at `b`, by bytes. */
function compareTexts(a: usize, lengthA: usize, b: usize, lengthB: usize): i32 {
  const both = min(lengthA, lengthB);
  for (let at: usize = 0; at < both; at += 8) {
    const x = prefix(a + at, both - at);
    const y = prefix(b + at, both - at);
    if (x != y) return x < y ? -1 : 1;
  }
  return <i32>lengthA - <i32>lengthB;
}

/** Bytes 8 to 15, as `prefix`. */
@inline
function second(at: usize, length: usize): u64 {
  return length > 8 ? prefix(at + 8, length - 8) : 0;
}

/**
 * Bounds of texts that stand as in a plain page: `out` gets start and end of the smallest and of the largest, counted from `bytes`. A
 * few bytes behind the last text may be looked at.
 */
export function boundsText(bytes: usize, ends: usize, count: usize, out: usize): void {
  let lowAt = bytes + 4;
  let lowLength = <usize>load<u32>(bytes);
  let highAt = lowAt;
  let highLength = lowLength;
  let low = prefix(lowAt, lowLength);
  let lowNext = second(lowAt, lowLength);
  let high = low;
  let highNext = lowNext;
  let at = bytes + <usize>load<u32>(ends) + 4;
  for (let i: usize = 1; i < count; i++) {
    const end = bytes + <usize>load<u32>(ends + (i << 2));
    const length = end - at;
    const key = prefix(at, length);
    // Most texts lie between the bounds, and of the others most differ in 16 bytes.
    if (key <= low || key >= high) {
      const next = second(at, length);
      if (key < low || (key == low && (next < lowNext || (next == lowNext && compareTexts(at, length, lowAt, lowLength) < 0)))) {
        low = key;
        lowNext = next;
        lowAt = at;
        lowLength = length;
      }
      if (key > high || (key == high && (next > highNext || (next == highNext && compareTexts(at, length, highAt, highLength) > 0)))) {
        high = key;
        highNext = next;
        highAt = at;
        highLength = length;
      }
    }
    at = end + 4;
  }
  store<u32>(out, <u32>(lowAt - bytes));
  store<u32>(out, <u32>(lowAt - bytes + lowLength), 4);
  store<u32>(out, <u32>(highAt - bytes), 8);
  store<u32>(out, <u32>(highAt - bytes + highLength), 12);
}
