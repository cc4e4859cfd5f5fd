// The hash of packed keys, word by word.

const K0: u64 = 0x9e3779b97f4a7c15;
export const K1: u64 = 0xd6e8feb86659fd93;

@inline
export function mixWord(h: u64, w: u64): u64 {
  return rotl((h ^ w) * K0, 29);
}

/** Every bit of the words reaches every bit of the result. */
@inline
export function finishHash(h: u64): u32 {
  const x = (h ^ (h >> 32)) * K1;
  return <u32>(x >> 32) ^ <u32>x;
}
