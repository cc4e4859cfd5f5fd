// Shared by the kernels, not exported by the module.

/** One bit for each of 64 bytes, of which each is all ones or zero. */
@inline
export function bitsOf(v0: v128, v1: v128, v2: v128, v3: v128): u64 {
  const low = i8x16.bitmask(v0) | (i8x16.bitmask(v1) << 16);
  const high = i8x16.bitmask(v2) | (i8x16.bitmask(v3) << 16);
  return <u64><u32>low | (<u64><u32>high << 32);
}

/** Bits of those of 64 bytes that equal those of `c`. */
@inline
export function equalMask(v0: v128, v1: v128, v2: v128, v3: v128, c: v128): u64 {
  return bitsOf(i8x16.eq(v0, c), i8x16.eq(v1, c), i8x16.eq(v2, c), i8x16.eq(v3, c));
}

/** The sum of 16 bytes. */
@inline
export function sumOfBytes(counts: v128): u32 {
  const sums = i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(counts));
  return i32x4.extract_lane(sums, 0) + i32x4.extract_lane(sums, 1) + i32x4.extract_lane(sums, 2) + i32x4.extract_lane(sums, 3);
}
