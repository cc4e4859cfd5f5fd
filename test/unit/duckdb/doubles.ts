/** A double as an integer multiple of 2^-1074. */
export function exactInteger(value: number): bigint {
  const bits = new DataView(new Float64Array([value]).buffer).getBigUint64(0, true);
  const exponent = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  const magnitude = exponent === 0 ? fraction : (fraction | (1n << 52n)) << BigInt(exponent - 1);
  return bits >> 63n === 1n ? -magnitude : magnitude;
}

/** The double nearest to an integer multiple of 2^-1074, ties to even. */
export function nearest(units: bigint): number {
  const magnitude = units < 0n ? -units : units;
  const extra = Math.max(0, magnitude.toString(2).length - 53);
  const shift = BigInt(extra);
  let kept = magnitude >> shift;
  const rest = magnitude - (kept << shift);
  const half = extra === 0 ? 0n : 1n << (shift - 1n);
  if (extra > 0 && (rest > half || (rest === half && (kept & 1n) === 1n))) kept += 1n;
  const scaled = extra > 1000 ? Number(kept) * 2 ** (extra - 1074) : Number(kept) * 2 ** -537 * 2 ** (extra - 537);
  return units < 0n ? -scaled : scaled;
}

/** The sum of doubles by integers, rounded once. */
export const exactSum = (values: readonly number[]): number =>
  nearest(values.reduce((sum, value) => sum + exactInteger(value), 0n));
