// Parquet's delta encodings (apache/parquet-format, Encodings.md), undone into what a plain page holds.
//
// Every function answers -1 where the bytes are not that. Up to 15 bytes behind the input are read.

import { next, varint } from "./parquetVarint";

@inline
function zigzag(value: u64): u64 {
  return (value >> 1) ^ (0 - (value & 1));
}

/** The number of `bits` bits (1 to 64) at bit `at` behind `from`. */
@inline
function bitsAt(from: usize, at: usize, bits: u64, mask: u64): u64 {
  const place = from + (at >> 3);
  const shift = <u64>at & 7;
  const low = load<u64>(place) >> shift;
  if (shift + bits <= 64) return low & mask;
  return (low | (<u64>load<u8>(place, 8) << (64 - shift))) & mask;
}

/**
 * DELTA_BINARY_PACKED: `count` integers of type `T` from [from, from + length) to `to`. Returns the bytes that they took.
 */
@inline
function integers<T>(from: usize, length: usize, count: u32, to: usize): i32 {
  const start = from;
  const end = from + length;
  const blockSize = varint(from, end);
  const minis = next == 0 ? 0 : varint(next, end);
  const total = next == 0 ? 0 : varint(next, end);
  let value = next == 0 ? 0 : zigzag(varint(next, end));
  if (next == 0 || total != <u64>count || minis == 0 || minis > 65_536 || blockSize > 1 << 30) return -1;
  from = next;
  const each = <u32>(blockSize / minis);
  if (each == 0 || (each & 31) != 0 || <u64>each * minis != blockSize) return -1;
  if (count == 0) return <i32>(from - start);
  store<T>(to, <T>value);
  let done: u32 = 1;
  while (done < count) {
    const least = zigzag(varint(from, end));
    if (next == 0 || <usize>minis > end - next) return -1;
    const widths = next;
    from = next + <usize>minis;
    for (let mini: usize = 0; mini < <usize>minis && done < count; mini++) {
      const bits = <u64>load<u8>(widths + mini);
      const size = <usize>((<u64>each * bits) >> 3);
      if (bits > 64 || size > end - from) return -1;
      const mask: u64 = bits == 0 ? 0 : ~(<u64>0) >> (64 - bits);
      const last = min(count, done + each);
      let bit: usize = 0;
      for (; done < last; done++) {
        value += least + (bits == 0 ? 0 : bitsAt(from, bit, bits, mask));
        store<T>(to + <usize>done * sizeof<T>(), <T>value);
        bit += <usize>bits;
      }
      from += size;
    }
  }
  return <i32>(from - start);
}

export function deltaIntegers32(from: usize, length: usize, count: u32, to: usize): i32 {
  return integers<u32>(from, length, count, to);
}
export function deltaIntegers64(from: usize, length: usize, count: u32, to: usize): i32 {
  return integers<u64>(from, length, count, to);
}

/** All of `count` lengths together; -1 where one is negative, or they are more than `most`. */
export function sumOfLengths(lengths: usize, count: u32, most: u32): i32 {
  let sum: u64 = 0;
  for (let i: usize = 0; i < <usize>count; i++) {
    const length = load<i32>(lengths + (i << 2));
    if (length < 0) return -1;
    sum += <u64>length;
  }
  return sum > <u64>most ? -1 : <i32>sum;
}

/**
 * Byte strings that each begin with the first `prefixes` bytes of the one before (0: none do) and end with `suffixes` bytes from `from` on, which are
 * all there. With `fixed` 0 each has its length before it, else that many bytes. `to` has room for all of them.
 */
export function joinTexts(prefixes: usize, suffixes: usize, count: u32, from: usize, fixed: u32, to: usize): i32 {
  let before: usize = to;
  let size: usize = 0;
  let out = to;
  for (let i: usize = 0; i < <usize>count; i++) {
    const prefix: usize = prefixes == 0 ? <usize>0 : <usize>load<u32>(prefixes + (i << 2));
    const suffix = <usize>load<u32>(suffixes + (i << 2));
    if (prefix > size || (fixed != 0 && prefix + suffix != <usize>fixed)) return -1;
    if (fixed == 0) {
      store<u32>(out, <u32>(prefix + suffix));
      out += 4;
    }
    if (prefix > 0) memory.copy(out, before, prefix);
    if (suffix > 0) memory.copy(out + prefix, from, suffix);
    before = out;
    size = prefix + suffix;
    out += size;
    from += suffix;
  }
  return <i32>(out - to);
}

/** BYTE_STREAM_SPLIT: of `count` values of `size` bytes each first all first bytes, then all second ones, and so on. */
export function joinStreams(from: usize, count: usize, size: usize, to: usize): void {
  for (let byte: usize = 0; byte < size; byte++) {
    let at = to + byte;
    const end = from + count;
    for (; from < end; from++) {
      store<u8>(at, load<u8>(from));
      at += size;
    }
  }
}
