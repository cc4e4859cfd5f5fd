// Shared by the kernels, not exported by the module.

/** Bits of the 64 bytes at `p` that equal `c`. */
@inline
export function equalMask(v0: v128, v1: v128, v2: v128, v3: v128, c: v128): u64 {
  return (
    <u64>i8x16.bitmask(i8x16.eq(v0, c)) |
    ((<u64>i8x16.bitmask(i8x16.eq(v1, c))) << 16) |
    ((<u64>i8x16.bitmask(i8x16.eq(v2, c))) << 32) |
    ((<u64>i8x16.bitmask(i8x16.eq(v3, c))) << 48)
  );
}
