// How many bits the magnitudes of whole numbers take.

/** Bits of the largest value where each is taken for its complement if it is negative. */
export function bitsI32(values: usize, count: u32): u32 {
  let i: u32 = 0;
  let many = i32x4.splat(0);
  for (; i + 4 <= count; i += 4) {
    const v = v128.load(values + (<usize>i << 2));
    many = v128.or(many, v128.xor(v, i32x4.shr_s(v, 31)));
  }
  let seen =
    i32x4.extract_lane(many, 0) | i32x4.extract_lane(many, 1) | i32x4.extract_lane(many, 2) | i32x4.extract_lane(many, 3);
  for (; i < count; i++) {
    const v = load<i32>(values + (<usize>i << 2));
    seen |= v ^ (v >> 31);
  }
  return 32 - <u32>clz(seen);
}

@inline
function bits64(values: usize, count: u32, signed: bool): u32 {
  let many = i64x2.splat(0);
  let i: u32 = 0;
  for (; i + 2 <= count; i += 2) {
    const v = v128.load(values + (<usize>i << 3));
    many = v128.or(many, signed ? v128.xor(v, i64x2.shr_s(v, 63)) : v);
  }
  let seen = i64x2.extract_lane(many, 0) | i64x2.extract_lane(many, 1);
  for (; i < count; i++) {
    const v = load<i64>(values + (<usize>i << 3));
    seen |= signed ? v ^ (v >> 63) : v;
  }
  return 64 - <u32>clz(seen);
}

export function bitsI64(values: usize, count: u32): u32 {
  return bits64(values, count, true);
}

export function bitsU64(values: usize, count: u32): u32 {
  return bits64(values, count, false);
}
