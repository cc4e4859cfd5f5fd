// The double nearest to `value * 10^exponent`, correctly rounded (ties to even): D. Lemire, "Number parsing at a gigabyte per second",
// and N. Mushtak and D. Lemire, "Fast number parsing without fallback". The 128-bit powers of five it needs are computed when they are
// first asked for, in room that lies before the host's heap.

const LEAST: i32 = -342; // below it every 19-digit number is 0
const MOST: i32 = 308; // above it every one is infinite
const LIMBS: i32 = 30; // of 32 bits: 2^959 / 5^342 still has more than 128 bits
const TABLE_BYTES: usize = 10416; // 651 powers

/** Bytes that this file keeps from `__heap_base` on. */
export const doubleRoom: usize = TABLE_BYTES + 248;

let ready: bool = false;

const exactPowers: StaticArray<f64> = [
  1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/** Stores the highest 128 bits of the number in the limbs, the highest one set: upper half first, `more` added to the lower. */
function storeTop(limbs: usize, entry: usize, more: u64): void {
  let top = limbs + (LIMBS << 2) - 4;
  while (load<u32>(top) == 0) top -= 4;
  const shift = <u64>clz(load<u32>(top));
  const a = (<u64>load<u32>(top) << 32) | limbBelow(limbs, top, 4);
  const b = (limbBelow(limbs, top, 8) << 32) | limbBelow(limbs, top, 12);
  const c = limbBelow(limbs, top, 16) << 32;
  const high = shift == 0 ? a : (a << shift) | (b >> (64 - shift));
  const low = (shift == 0 ? b : (b << shift) | (c >> (64 - shift))) + more;
  store<u64>(entry, high);
  store<u64>(entry, low, 8);
}

function limbBelow(limbs: usize, top: usize, back: usize): u64 {
  return top >= limbs + back ? <u64>load<u32>(top - back) : 0;
}

/** Address of the table: 5^q for q from -342 to 308, each normalised to 128 bits and cut; reciprocals of 5^1 to 5^27 are rounded up. */
export function powersOfFive(): usize {
  const table = (__heap_base + 7) & ~7;
  if (ready) return table;
  const limbs = table + TABLE_BYTES;
  memory.fill(limbs, 0, LIMBS << 2);
  store<u32>(limbs, 1);
  for (let q = 0; q <= MOST; q++) {
    storeTop(limbs, table + (<usize>(q - LEAST) << 4), 0);
    let carry: u64 = 0;
    for (let i: i32 = 0; i < LIMBS << 2; i += 4) {
      carry += <u64>load<u32>(limbs + i) * 5;
      store<u32>(limbs + i, <u32>carry);
      carry >>= 32;
    }
  }
  // Dividing again and again, each time cut, gives the whole part of the division by the power.
  memory.fill(limbs, 0, LIMBS << 2);
  store<u32>(limbs + (LIMBS << 2) - 4, 0x80000000);
  for (let q = -1; q >= LEAST; q--) {
    let rest: u64 = 0;
    for (let i: i32 = (LIMBS << 2) - 4; i >= 0; i -= 4) {
      rest = (rest << 32) | <u64>load<u32>(limbs + i);
      store<u32>(limbs + i, <u32>(rest / 5));
      rest %= 5;
    }
    storeTop(limbs, table + (<usize>(q - LEAST) << 4), q >= -27 ? 1 : 0);
  }
  ready = true;
  return table;
}

/** The upper half of a 128-bit product. */
@inline
export function upperHalf(a: u64, b: u64): u64 {
  const a0 = a & 0xffffffff;
  const a1 = a >> 32;
  const b0 = b & 0xffffffff;
  const b1 = b >> 32;
  const middle = a1 * b0 + ((a0 * b0) >> 32);
  const other = a0 * b1 + (middle & 0xffffffff);
  return a1 * b1 + (middle >> 32) + (other >> 32);
}

/** The double nearest to `value * 10^exponent`: 0 where it is too small, infinity where it is too large. */
export function nearestDouble(value: u64, exponent: i32): f64 {
  // A whole number up to 2^53 times or over a power of ten up to 10^22: both are exact, and one operation rounds once.
  if (value <= 9007199254740992 && <u32>(exponent + 22) <= 44) {
    if (exponent < 0) return <f64>value / unchecked(exactPowers[-exponent]);
    return <f64>value * unchecked(exactPowers[exponent]);
  }
  if (value == 0 || exponent < LEAST) return 0;
  if (exponent > MOST) return Infinity;
  return reinterpret<f64>(roundedBits(value, exponent));
}

function roundedBits(value: u64, exponent: i32): u64 {
  const entry = powersOfFive() + (<usize>(exponent - LEAST) << 4);
  const zeros = clz(value);
  const w = value << zeros;
  const factor = load<u64>(entry);
  let low = w * factor;
  let high = upperHalf(w, factor);
  if ((high & 0x1ff) == 0x1ff) {
    // The bits that decide the rounding could still change: the power's lower half decides.
    const more = upperHalf(w, load<u64>(entry, 8));
    low += more;
    if (more > low) high++;
  }
  const upper = <i32>(high >> 63);
  const shift = <u64>(upper + 9);
  let mantissa = high >> shift;
  let power = ((217706 * exponent) >> 16) + 63 + upper - <i32>zeros + 1023;
  if (power <= 0) {
    if (power <= -63) return 0;
    mantissa >>= <u64>(1 - power);
    mantissa = (mantissa + (mantissa & 1)) >> 1;
    // A mantissa that was rounded up to 2^52 is the least normal number, whose bits are the same.
    return mantissa;
  }
  // Exactly between two doubles: only then are the bits cut off all zero, and only for such small powers.
  if (low <= 1 && exponent >= -4 && exponent <= 23 && (mantissa & 3) == 1 && mantissa << shift == high) mantissa &= ~(<u64>1);
  mantissa = (mantissa + (mantissa & 1)) >> 1;
  if (mantissa >= 0x20000000000000) {
    mantissa = 0x10000000000000;
    power++;
  }
  if (power >= 0x7ff) return 0x7ff0000000000000;
  return (mantissa & 0xfffffffffffff) | (<u64>power << 52);
}
