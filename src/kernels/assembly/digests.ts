// Digests of short texts: MD5 (RFC 1321) and SHA-256 (FIPS 180-4), as hexadecimal digits.

import { isUtf8 } from "./text";

const md5Constants: StaticArray<u32> = [
  0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501, 0x698098d8, 0x8b44f7af,
  0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa,
  0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8,
  0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
  0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665, 0xf4292244, 0x432aff97,
  0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1,
  0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
];

const sha256Constants: StaticArray<u32> = [
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
  0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
  0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
  0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
  0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
  0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];

/** Fills the text up to whole blocks of 64 bytes: a 1 bit, zeros, and room for its length in 8 bytes. The address behind them. */
@inline
function padded(text: usize, size: usize): usize {
  const end = text + ((size + 72) & ~63);
  store<u8>(text + size, 0x80);
  memory.fill(text + size + 1, 0, end - (text + size + 1));
  return end;
}

/** Writes 16 bytes as hexadecimal digits. */
@inline
function writeHex(out: usize, bytes: v128): void {
  const digits = i8x16(48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 97, 98, 99, 100, 101, 102);
  const high = i8x16.swizzle(digits, i8x16.shr_u(bytes, 4));
  const low = i8x16.swizzle(digits, v128.and(bytes, i8x16.splat(15)));
  v128.store(out, i8x16.shuffle(high, low, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
  v128.store(out, i8x16.shuffle(high, low, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31), 16);
}

/** One step of MD5: `mixed` is what the round makes of the three other words, `i` the number of the step, `k` that of the text's word. */
@inline
function step(block: usize, a: u32, b: u32, mixed: u32, i: usize, k: usize, by: u32): u32 {
  const constant = load<u32>(changetype<usize>(md5Constants) + (i << 2));
  return b + rotl<u32>(a + mixed + constant + load<u32>(block + ((k & 15) << 2)), by);
}

/**
 * Writes the 32 digits of the MD5 of [text, text + size) to `out`; 0, and nothing, where the text is not well-formed UTF-8. Behind the
 * text lies room for 72 bytes.
 */
export function md5Text(text: usize, size: usize, out: usize): u32 {
  if (isUtf8(text, <u32>size) == 0) return 0;
  const end = padded(text, size);
  store<u64>(end - 8, <u64>size << 3);
  let a: u32 = 0x67452301;
  let b: u32 = 0xefcdab89;
  let c: u32 = 0x98badcfe;
  let d: u32 = 0x10325476;
  for (let block = text; block < end; block += 64) {
    const a0 = a;
    const b0 = b;
    const c0 = c;
    const d0 = d;
    for (let i: usize = 0; i < 16; i += 4) {
      a = step(block, a, b, d ^ (b & (c ^ d)), i, i, 7);
      d = step(block, d, a, c ^ (a & (b ^ c)), i + 1, i + 1, 12);
      c = step(block, c, d, b ^ (d & (a ^ b)), i + 2, i + 2, 17);
      b = step(block, b, c, a ^ (c & (d ^ a)), i + 3, i + 3, 22);
    }
    for (let i: usize = 16; i < 32; i += 4) {
      a = step(block, a, b, (b & d) + (c & ~d), i, 5 * i + 1, 5);
      d = step(block, d, a, (a & c) + (b & ~c), i + 1, 5 * i + 6, 9);
      c = step(block, c, d, (d & b) + (a & ~b), i + 2, 5 * i + 11, 14);
      b = step(block, b, c, (c & a) + (d & ~a), i + 3, 5 * i + 16, 20);
    }
    for (let i: usize = 32; i < 48; i += 4) {
      a = step(block, a, b, b ^ c ^ d, i, 3 * i + 5, 4);
      d = step(block, d, a, a ^ b ^ c, i + 1, 3 * i + 8, 11);
      c = step(block, c, d, d ^ a ^ b, i + 2, 3 * i + 11, 16);
      b = step(block, b, c, c ^ d ^ a, i + 3, 3 * i + 14, 23);
    }
    for (let i: usize = 48; i < 64; i += 4) {
      a = step(block, a, b, c ^ (b | ~d), i, 7 * i, 6);
      d = step(block, d, a, b ^ (a | ~c), i + 1, 7 * i + 7, 10);
      c = step(block, c, d, a ^ (d | ~b), i + 2, 7 * i + 14, 15);
      b = step(block, b, c, d ^ (c | ~a), i + 3, 7 * i + 21, 21);
    }
    a += a0;
    b += b0;
    c += c0;
    d += d0;
  }
  const low = i32x4.replace_lane(i32x4.splat(a), 1, b);
  writeHex(out, i32x4.replace_lane(i32x4.replace_lane(low, 2, c), 3, d));
  return 1;
}

/** The 64 words that a block of SHA-256 is spread to, written to `words`. */
function spread(block: usize, words: usize): void {
  for (let i: usize = 0; i < 64; i += 4) store<u32>(words + i, bswap<u32>(load<u32>(block + i)));
  for (let i: usize = 64; i < 256; i += 4) {
    const at = words + i;
    const early = load<u32>(at - 60);
    const late = load<u32>(at - 8);
    const s0 = rotr<u32>(early, 7) ^ rotr<u32>(early, 18) ^ (early >> 3);
    const s1 = rotr<u32>(late, 17) ^ rotr<u32>(late, 19) ^ (late >> 10);
    store<u32>(at, load<u32>(at - 64) + s0 + load<u32>(at - 28) + s1);
  }
}

/** Takes the words of a block into the state of eight words. */
function compress(state: usize, words: usize): void {
  let a = load<u32>(state);
  let b = load<u32>(state, 4);
  let c = load<u32>(state, 8);
  let d = load<u32>(state, 12);
  let e = load<u32>(state, 16);
  let f = load<u32>(state, 20);
  let g = load<u32>(state, 24);
  let h = load<u32>(state, 28);
  for (let i: usize = 0; i < 256; i += 4) {
    const constant = load<u32>(changetype<usize>(sha256Constants) + i);
    const chosen = g ^ (e & (f ^ g));
    const first = h + (rotr<u32>(e, 6) ^ rotr<u32>(e, 11) ^ rotr<u32>(e, 25)) + chosen + constant + load<u32>(words + i);
    const second = (rotr<u32>(a, 2) ^ rotr<u32>(a, 13) ^ rotr<u32>(a, 22)) + ((a & b) | (c & (a | b)));
    h = g;
    g = f;
    f = e;
    e = d + first;
    d = c;
    c = b;
    b = a;
    a = first + second;
  }
  store<u32>(state, load<u32>(state) + a);
  store<u32>(state, load<u32>(state, 4) + b, 4);
  store<u32>(state, load<u32>(state, 8) + c, 8);
  store<u32>(state, load<u32>(state, 12) + d, 12);
  store<u32>(state, load<u32>(state, 16) + e, 16);
  store<u32>(state, load<u32>(state, 20) + f, 20);
  store<u32>(state, load<u32>(state, 24) + g, 24);
  store<u32>(state, load<u32>(state, 28) + h, 28);
}

/** Likewise the 64 digits of the SHA-256; `words` has room for 256 bytes. */
export function sha256Text(text: usize, size: usize, out: usize, words: usize): u32 {
  if (isUtf8(text, <u32>size) == 0) return 0;
  const end = padded(text, size);
  store<u64>(end - 8, bswap<u64>(<u64>size << 3));
  // The digits come where the state was: eight words are read before they are written.
  v128.store(out, i32x4(0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a));
  v128.store(out, i32x4(0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19), 16);
  for (let block = text; block < end; block += 64) {
    spread(block, words);
    compress(out, words);
  }
  const first = turned(v128.load(out));
  const second = turned(v128.load(out, 16));
  writeHex(out, first);
  writeHex(out + 32, second);
  return 1;
}

/** Four words with the most significant byte first. */
@inline
function turned(words: v128): v128 {
  return i8x16.shuffle(words, words, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
}
