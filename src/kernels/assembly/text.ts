// Whole-block questions about text: how many of a byte, is it all ASCII, is it valid UTF-8.

import { sumOfBytes } from "./simd";

/** How many bytes of [ptr, ptr + len) equal `byte`. */
export function countByte(ptr: usize, len: u32, byte: u32): u32 {
  const c = i8x16.splat(<u8>byte);
  let count: u32 = 0;
  let i: u32 = 0;
  while (i + 64 <= len) {
    // A lane, of which each 64 bytes may add four, is emptied before it is full.
    const stop = i + min<u32>(63 * 64, (len - i) & ~63);
    let lanes = i8x16.splat(0);
    for (; i < stop; i += 64) {
      const p = ptr + i;
      const low = i8x16.add(i8x16.eq(v128.load(p), c), i8x16.eq(v128.load(p, 16), c));
      const high = i8x16.add(i8x16.eq(v128.load(p, 32), c), i8x16.eq(v128.load(p, 48), c));
      lanes = i8x16.sub(lanes, i8x16.add(low, high));
    }
    count += sumOfBytes(lanes);
  }
  for (; i < len; i++) count += <u32>(<u32>load<u8>(ptr + i) == byte);
  return count;
}

/** Offset of the first `byte` in [ptr, ptr + len), or len. */
export function findByte(ptr: usize, len: u32, byte: u32): u32 {
  const c = i8x16.splat(<u8>byte);
  let i: u32 = 0;
  for (; i + 16 <= len; i += 16) {
    const m = i8x16.bitmask(i8x16.eq(v128.load(ptr + i), c));
    if (m != 0) return i + <u32>ctz(m);
  }
  for (; i < len; i++) if (<u32>load<u8>(ptr + i) == byte) return i;
  return len;
}

/** 1 when no byte has its high bit set. */
export function isAscii(ptr: usize, len: u32): u32 {
  let i: u32 = 0;
  let any = i8x16.splat(0);
  for (; i + 64 <= len; i += 64) {
    const p = ptr + i;
    any = v128.or(any, v128.or(v128.or(v128.load(p), v128.load(p, 16)), v128.or(v128.load(p, 32), v128.load(p, 48))));
  }
  let rest: u32 = 0;
  for (; i < len; i++) rest |= load<u8>(ptr + i);
  return <u32>(i8x16.bitmask(any) == 0 && rest < 128);
}

/** 1 when the bytes are well-formed UTF-8 (no overlong forms, surrogates, or values past U+10FFFF). */
export function isUtf8(ptr: usize, len: u32): u32 {
  let p = ptr;
  const end = ptr + len;
  while (p < end) {
    while (p + 16 <= end && i8x16.bitmask(v128.load(p)) == 0) p += 16;
    if (p >= end) break;
    const c = <u32>load<u8>(p);
    if (c < 0x80) {
      p++;
    } else if (c < 0xc2) {
      return 0;
    } else if (c < 0xe0) {
      if (p + 2 > end || (load<u8>(p, 1) & 0xc0) != 0x80) return 0;
      p += 2;
    } else if (c < 0xf0) {
      if (p + 3 > end) return 0;
      const d = <u32>load<u8>(p, 1);
      if ((d & 0xc0) != 0x80 || (load<u8>(p, 2) & 0xc0) != 0x80) return 0;
      if ((c == 0xe0 && d < 0xa0) || (c == 0xed && d > 0x9f)) return 0;
      p += 3;
    } else {
      if (c > 0xf4 || p + 4 > end) return 0;
      const d = <u32>load<u8>(p, 1);
      if ((d & 0xc0) != 0x80 || (load<u8>(p, 2) & 0xc0) != 0x80 || (load<u8>(p, 3) & 0xc0) != 0x80) return 0;
      if ((c == 0xf0 && d < 0x90) || (c == 0xf4 && d > 0x8f)) return 0;
      p += 4;
    }
  }
  return 1;
}

/** Row numbers (u32) whose utf8 view [starts, ends) over `bytes` is not well-formed go to `out`; says how many. */
export function invalidUtf8Rows(bytes: usize, starts: usize, ends: usize, valid: usize, n: u32, out: usize): u32 {
  let count: u32 = 0;
  for (let i: u32 = 0; i < n; i++) {
    if (load<u8>(valid + i) == 0) continue;
    const s = load<u32>(starts + (<usize>i << 2));
    const e = load<u32>(ends + (<usize>i << 2));
    if (isUtf8(bytes + s, e - s) == 0) {
      store<u32>(out + (<usize>count << 2), i);
      count++;
    }
  }
  return count;
}
