// Parquet's hybrid of runs and bit-packed groups (apache/parquet-format, Encodings.md), which levels and places in a dictionary are stored in.
//
// Every function answers -1 where the bytes are not that, or end before. Up to 15 bytes behind the input are read, and up to 15 behind the output
// written.
import { next, varint } from "./parquetVarint";

/** Bytes of the head of a run. */
const mostHead: usize = 5;

/** Fills `count` values of type `T` with one: with whole vectors. */
@inline
function fillRun<T>(to: usize, count: usize, value: u32): void {
  const end = to + count * sizeof<T>();
  const all = sizeof<T>() == 1 ? i8x16.splat(<i8>value) : i32x4.splat(value);
  for (; to < end; to += 16) v128.store(to, all);
}

/** Unpacks `count` numbers of `bits` bits from `from` on. */
@inline
function unpack<T>(from: usize, bits: usize, count: usize, to: usize): void {
  const mask = ~(<u32>0) >> (32 - <u32>bits);
  let bit: usize = 0;
  const end = to + count * sizeof<T>();
  for (; to < end; to += sizeof<T>()) {
    store<T>(to, <T>(<u32>(load<u64>(from + (bit >> 3)) >> <u64>(bit & 7)) & mask));
    bit += bits;
  }
}

/** Single bits, the lowest one first, as a byte each: eight at a time, of which the last may be too many. */
@inline
function unpackBits(from: usize, count: usize, to: usize): void {
  const end = to + count;
  for (; to < end; to += 8) {
    // Bit i goes to byte i: each of the eight copies of the byte keeps one bit, which is then made a 1.
    const kept = (<u64>load<u8>(from++) * 0x0101010101010101) & 0x8040201008040201;
    store<u64>(to, ((kept + 0x7f7f7f7f7f7f7f7f) >> 7) & 0x0101010101010101);
  }
}

@inline
function hybrid<T>(from: usize, length: usize, bits: usize, count: usize, to: usize): i32 {
  if (bits > 32) return -1;
  if (bits == 0) {
    fillRun<T>(to, count, 0);
    return 0;
  }
  const end = from + length;
  const valueBytes = (bits + 7) >> 3;
  let left = count;
  while (left > 0) {
    const head = varint(from, end);
    if (next == 0 || next - from > mostHead) return -1;
    from = next;
    const size = head >> 1;
    if ((head & 1) == 0) {
      if (size == 0 || valueBytes > end - from) return -1;
      const value = load<u32>(from) & (~(<u32>0) >> (<u32>(4 - <u32>valueBytes) << 3));
      const n = <usize>min<u64>(size, <u64>left);
      fillRun<T>(to, n, value);
      from += valueBytes;
      to += n * sizeof<T>();
      left -= n;
      continue;
    }
    const n = <usize>min<u64>(size << 3, <u64>left);
    // The last group may be cut off behind the last value.
    if ((<u64>n * bits + 7) >> 3 > <u64>(end - from)) return -1;
    if (sizeof<T>() == 1 && bits == 1) unpackBits(from, n, to);
    else unpack<T>(from, bits, n, to);
    from += <usize>min<u64>(size * bits, <u64>(end - from));
    to += n * sizeof<T>();
    left -= n;
  }
  return 0;
}

/** The largest of `count` words; 0 for none. */
function largest(at: usize, count: usize): u32 {
  const end = at + (count << 2);
  let four = i32x4.splat(0);
  for (; at + 16 <= end; at += 16) four = i32x4.max_u(four, v128.load(at));
  let most: u32 = 0;
  for (; at < end; at += 4) most = max(most, load<u32>(at));
  most = max(most, <u32>i32x4.extract_lane(four, 0));
  most = max(most, <u32>i32x4.extract_lane(four, 1));
  most = max(most, <u32>i32x4.extract_lane(four, 2));
  return max(most, <u32>i32x4.extract_lane(four, 3));
}

/** `count` numbers of `bits` bits as words from `to` on, and a 0 behind them; 0, or -1 also where one of them is not below `size`. */
export function hybridPlaces(from: usize, length: usize, bits: usize, count: usize, to: usize, size: u32): i32 {
  if (hybrid<u32>(from, length, bits, count, to) < 0) return -1;
  if (count > 0 && largest(to, count) >= size) return -1;
  store<u32>(to + (count << 2), 0);
  return 0;
}

/** `count` numbers of `bits` bits, up to 8, as bytes from `to` on; how many of them are `most`, or -1 also where one is above that. */
export function hybridBytes(from: usize, length: usize, bits: usize, count: usize, to: usize, most: u32): i32 {
  if (bits > 8 || hybrid<u8>(from, length, bits, count, to) < 0) return -1;
  const end = to + count;
  const highest = i8x16.splat(<i8>most);
  let found: u32 = 0;
  let above = false;
  let at = to;
  for (; at + 16 <= end; at += 16) {
    const sixteen = v128.load(at);
    found += popcnt(<u32>i8x16.bitmask(i8x16.eq(sixteen, highest)));
    above = above || v128.any_true(i8x16.gt_u(sixteen, highest));
  }
  for (; at < end; at++) {
    const level = <u32>load<u8>(at);
    found += <u32>(level == most);
    above = above || level > most;
  }
  return above ? -1 : <i32>found;
}

/** A byte for each of `count` bytes: 1 where it is `wanted`, else 0. */
export function equalBytes(from: usize, count: usize, wanted: u32, to: usize): void {
  const all = i8x16.splat(<i8>wanted);
  const one = i8x16.splat(1);
  for (let i: usize = 0; i < count; i += 16) v128.store(to + i, v128.and(i8x16.eq(v128.load(from + i), all), one));
}
