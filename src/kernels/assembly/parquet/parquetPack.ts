// Bits and runs of Parquet pages.

function varint(to: usize, value: u32): usize {
  while (value >= 128) {
    store<u8>(to++, <u8>(value | 128));
    value >>= 7;
  }
  store<u8>(to++, <u8>value);
  return to;
}

/** Packs codes in groups of 8, the last one filled up with zeros. */
function packGroups(codes: usize, count: usize, bits: u32, to: usize): usize {
  const end = codes + (count << 2);
  const last = codes + (((count + 7) & ~7) << 2);
  let held: u64 = 0;
  let n: u32 = 0;
  for (let at = codes; at < last; at += 4) {
    if (at < end) held |= (<u64>load<u32>(at)) << n;
    n += bits;
    if (n >= 32) {
      store<u32>(to, <u32>held);
      to += 4;
      held >>= 32;
      n -= 32;
    }
  }
  for (; n > 0; n -= 8) {
    store<u8>(to++, <u8>held);
    held >>= 8;
  }
  return to;
}

function flushGroups(codes: usize, count: usize, bits: u32, to: usize): usize {
  if (count == 0) return to;
  to = varint(to, <u32>(((count + 7) >> 3) << 1) | 1);
  return packGroups(codes, count, bits, to);
}

/**
 * Dictionary codes as one byte of bit width, then runs: repeated values where 8 or more are equal, else packed bits. Returns the bytes
 * written; `count * 4 + 64` are room enough.
 */
export function encodeCodes(codes: usize, count: usize, bits: u32, to: usize): u32 {
  const start = to;
  store<u8>(to++, <u8>bits);
  let packed: usize = 0;
  let i: usize = 0;
  while (i < count) {
    const at = codes + (i << 2);
    const code = load<u32>(at);
    let run = i + 1;
    // Only a run of 8 counts: where the eighth value differs there is none.
    if (i + 8 <= count && load<u32>(at, 28) == code) {
      while (run < count && load<u32>(codes + (run << 2)) == code) run++;
    }
    if (run - i < 8) {
      i = min(count, i + 8);
      continue;
    }
    to = flushGroups(codes + (packed << 2), i - packed, bits, to);
    to = varint(to, <u32>(run - i) << 1);
    for (let shift: u32 = 0; shift < bits; shift += 8) store<u8>(to++, <u8>(code >> shift));
    i = run;
    packed = run;
  }
  return <u32>(flushGroups(codes + (packed << 2), count - packed, bits, to) - start);
}

/** Bytes of 0 and 1 as bits, lowest bit first; returns the bytes written. Up to 15 bytes more are read and up to 2 more written. */
export function packBits(values: usize, count: usize, to: usize): u32 {
  const zero = i8x16.splat(0);
  for (let at: usize = 0; at < count; at += 16) {
    let mask = <u32>i8x16.bitmask(i8x16.ne(v128.load(values + at), zero));
    const left = count - at;
    if (left < 16) mask &= (1 << <u32>left) - 1;
    store<u16>(to + (at >> 3), <u16>mask);
  }
  return <u32>((count + 7) >> 3);
}

/** Bytes that hold numbers of `bits` bits (up to 8) as those bits, the last group of 8 filled up with zeros; returns the bytes written. */
export function packLevels(values: usize, count: usize, bits: u32, to: usize): u32 {
  const start = to;
  for (let at: usize = 0; at < count; at += 8) {
    const end = min(at + 8, count);
    let held: u64 = 0;
    for (let i = at; i < end; i++) held |= <u64>load<u8>(values + i) << ((<u64>(i - at)) * bits);
    store<u64>(to, held);
    to += bits;
  }
  return <u32>(to - start);
}

/** How many of the bytes are `wanted`. */
export function countBytes(values: usize, count: usize, wanted: u32): u32 {
  let found: u32 = 0;
  let at: usize = 0;
  const all = i8x16.splat(<u8>wanted);
  for (; at + 16 <= count; at += 16) found += popcnt(<u32>i8x16.bitmask(i8x16.eq(v128.load(values + at), all)));
  for (; at < count; at++) found += <u32>(<u32>load<u8>(values + at) == wanted);
  return found;
}

/** 128-bit numbers as their low `length` bytes, highest first; returns the bytes written. */
export function packBigEndian(values: usize, count: usize, length: usize, to: usize): u32 {
  const start = to;
  const end = values + (count << 4);
  for (let at = values; at < end; at += 16) {
    for (let byte = length; byte > 0; byte--) store<u8>(to++, load<u8>(at + byte - 1));
  }
  return <u32>(to - start);
}
