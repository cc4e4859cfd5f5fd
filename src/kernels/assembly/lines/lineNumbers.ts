// Numbers as decimal text. Stores are of eight bytes at a time: there must be room for some more than the text.

const ZEROS: u64 = 0x3030303030303030;

/** The digits of a number below 10^8, one a byte, the highest one lowest. */
@inline
function eightDigits(value: u32): u64 {
  const high = value / 10000;
  const fours = <u64>high | (<u64>(value - high * 10000) << 32);
  const hundreds = ((fours * 10486) >> 20) & 0x0000007f0000007f;
  const pairs = hundreds | ((fours - hundreds * 100) << 16);
  const tens = ((pairs * 103) >> 10) & 0x000f000f000f000f;
  return tens | ((pairs - tens * 10) << 8);
}

/** Two digits as two bytes. */
@inline
export function twoDigits(value: u32): u16 {
  const tens = (value * 103) >> 10;
  return <u16>((tens | ((value - tens * 10) << 8)) + 0x3030);
}

/** Writes a number below 10^8; answers the text's end. */
@inline
function shortNumber(out: usize, value: u32): usize {
  const digits = eightDigits(value);
  // The last digit stands even where it is 0.
  const skipped = ctz(digits | (<u64>1 << 56)) >> 3;
  store<u64>(out, (digits | ZEROS) >> (skipped << 3));
  return out + 8 - <usize>skipped;
}

export function unsigned(out: usize, value: u64): usize {
  if (value < 10) {
    store<u8>(out, <u8>(value + 48));
    return out + 1;
  }
  if (value < 100_000_000) return shortNumber(out, <u32>value);
  const high = value / 100_000_000;
  const low = <u32>(value - high * 100_000_000);
  let at: usize;
  if (high < 100_000_000) at = shortNumber(out, <u32>high);
  else {
    const top = high / 100_000_000;
    at = shortNumber(out, <u32>top);
    store<u64>(at, eightDigits(<u32>(high - top * 100_000_000)) | ZEROS);
    at += 8;
  }
  store<u64>(at, eightDigits(low) | ZEROS);
  return at + 8;
}

export function signed(out: usize, value: i64): usize {
  if (value >= 0) return unsigned(out, <u64>value);
  store<u8>(out, 45);
  return unsigned(out + 1, <u64>0 - <u64>value);
}

/** Writes a number below 10^`count` with so many digits, zeros before it. */
export function fixedDigits(out: usize, value: u64, count: u32): usize {
  let rest = value;
  let left = count;
  while (left > 8) {
    const high = rest / 100_000_000;
    left -= 8;
    store<u64>(out + left, eightDigits(<u32>(rest - high * 100_000_000)) | ZEROS);
    rest = high;
  }
  const digits = (eightDigits(<u32>rest) | ZEROS) >> (<u64>(8 - left) << 3);
  if (count <= 8) store<u64>(out, digits);
  else {
    // What follows is written already.
    for (let i: u32 = 0; i < left; i++) store<u8>(out + i, <u8>(digits >> (<u64>i << 3)));
  }
  return out + count;
}

/** A decimal of `scale` places by its unscaled value; `bare`: without a 0 before the point. `power`: 10^scale. */
export function decimalText(out: usize, value: i64, scale: u32, power: u64, bare: bool): usize {
  if (scale == 0) return signed(out, value);
  let rest = <u64>value;
  if (value < 0) {
    store<u8>(out++, 45);
    rest = <u64>0 - rest;
  }
  const whole = (rest | power) >> 32 == 0 ? <u64>(<u32>rest / <u32>power) : rest / power;
  if (whole != 0 || !bare) out = unsigned(out, whole);
  store<u8>(out, 46);
  return fixedDigits(out + 1, rest - whole * power, scale);
}
