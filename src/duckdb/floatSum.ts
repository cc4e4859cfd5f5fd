import { required } from "../common/assert.js";

/**
 * Sums of doubles that do not depend on the order of rows, threads or memory. Every value is cut into integers on power-of-two grids
 * ("limbs"), which HUGEINT sums exactly; a pre-pass over the same rows says which grids are needed.
 *
 * The result is the exact sum, rounded once. Mostly one grid of 126 bits takes every value (magnitudes within a factor of about 10^14 of
 * each other); otherwise there is a limb for every 64 bits between the smallest and the largest.
 * IEEE rules for the rest: NaN wins, infinities of both signs give NaN, no value at all gives null, zero is +0.
 */
export interface FloatScale {
  /** Exponents of the grids, ascending: a limb's unit is 2 to this power. */
  readonly limbs: readonly number[];
  /** Whether NaN or infinities occur. */
  readonly special: boolean;
}

/** What a pre-pass found about one argument. */
export interface FloatRange {
  /** Largest and smallest non-zero finite magnitude; null where there is none. */
  readonly max: number | null;
  readonly min: number | null;
  readonly count: bigint;
  readonly special: boolean;
}

const hugeintBits = 126;
const limbBits = 64;
/** The exponent of the smallest double. */
const leastExponent = -1074;

/** Names that the session defines; see `floatSumMacros`. */
export const roundMacro = "millrace_round_hugeint";
const foldMacro = "millrace_fold_limbs";

/** A HUGEINT of up to 105 bits as the nearest double: its upper and its lower 53 are doubles each, and adding them rounds once. */
export const sumOfHalves = (h: string): string =>
  `CAST(CAST(${h} >> 53 AS BIGINT) AS DOUBLE) * ${2 ** 53}::DOUBLE + CAST(CAST(${h} & ${2 ** 53 - 1}::HUGEINT AS BIGINT) AS DOUBLE)`;

/**
 * A HUGEINT as the nearest double. DuckDB's own cast rounds twice. Of more than 105 bits the upper ones are kept with a sticky last bit, so that
 * the one conversion of a 64-bit integer rounds to nearest, ties to even.
 */
export const floatSumMacros: readonly string[] = [
  `CREATE OR REPLACE TEMP MACRO millrace_shift(h) AS
     greatest(0, CAST(floor(log2(greatest(1.0::DOUBLE, CAST(abs(h) AS DOUBLE)))) AS INTEGER) - 59)`,
  `CREATE OR REPLACE TEMP MACRO ${roundMacro}(h) AS
     CASE WHEN abs(h) < 4611686018427387904 THEN CAST(CAST(h AS BIGINT) AS DOUBLE)
     WHEN abs(h) < ${2n ** 105n}::HUGEINT
       THEN ${sumOfHalves("h")}
     ELSE CAST(CAST((abs(h) >> millrace_shift(h)) |
         (CASE WHEN ((abs(h) >> millrace_shift(h)) << millrace_shift(h)) = abs(h) THEN 0 ELSE 1 END)::HUGEINT AS BIGINT) AS DOUBLE)
       * pow(2.0::DOUBLE, millrace_shift(h)) * (CASE WHEN h < 0 THEN -1.0 ELSE 1.0 END)::DOUBLE END`,
  // Limbs from the highest down, the lower ones as digits from 0 to 2^64 - 1: taken in while the number is small, then only as a sticky bit.
  `CREATE OR REPLACE TEMP MACRO ${foldMacro}(limbs) AS
     list_reduce(limbs, lambda a, b: CASE WHEN abs(a.v) < 1152921504606846976 AND a.e = b.e + 1
       THEN {'v': a.v * 18446744073709551616::HUGEINT + b.v, 'e': b.e}
       ELSE {'v': a.v | (CASE WHEN b.v = 0 THEN 0 ELSE 1 END)::HUGEINT, 'e': a.e} END)`,
  `CREATE OR REPLACE TEMP MACRO millrace_scale(x, k) AS x * pow(2.0::DOUBLE, k // 2) * pow(2.0::DOUBLE, k - k // 2)`,
  // The lambda stands for "once": a macro repeats its arguments, and this one is long.
  `CREATE OR REPLACE TEMP MACRO millrace_round_limbs(folded, unit) AS
     list_extract(list_transform([folded], lambda f: millrace_scale(${roundMacro}(f.v), unit + ${limbBits} * f.e)), 1)`,
];

/** Chooses the grids for what a pre-pass found. */
export function chooseScale(range: FloatRange): FloatScale {
  if (range.max === null || range.min === null) return { limbs: [0], special: range.special };
  const grid = Math.max(exponentOf(range.min) - 52, leastExponent);
  const bits = exponentOf(range.max) + 1 - grid;
  const countBits = range.count.toString(2).length;
  if (bits + countBits <= hugeintBits) return { limbs: [grid], special: range.special };
  const limbs = Array.from({ length: Math.ceil(bits / limbBits) }, (_, i) => grid + i * limbBits);
  return { limbs, special: range.special };
}

/** The power of two at or below a positive double. */
export function exponentOf(value: number): number {
  const high = new DataView(new Float64Array([value]).buffer).getUint32(4, true);
  const biased = (high >>> 20) & 0x7ff;
  if (biased !== 0) return biased - 1023;
  return exponentOf(value * 2 ** 64) - 64;
}

/** The SQL columns that find the range of `argument`, in the order that `readRange` takes them. */
export function rangeSql(argument: string): readonly string[] {
  const finite = `isfinite(${argument})`;
  return [
    `max(abs(${argument})) FILTER (${finite} AND ${argument} <> 0)`,
    `min(abs(${argument})) FILTER (${finite} AND ${argument} <> 0)`,
    `count(${argument})`,
    `coalesce(bool_or(NOT ${finite}), FALSE)`,
  ];
}

export function readRange(values: readonly unknown[]): FloatRange {
  return {
    max: values[0] as number | null,
    min: values[1] as number | null,
    count: BigInt(values[2] as bigint),
    special: values[3] === true,
  };
}

/** The sum as an aggregate expression, or as one over a window. `argument` is a SQL expression of type DOUBLE. */
export function floatSumSql(argument: string, scale: FloatScale, over?: string): string {
  const behind = over === undefined ? "" : ` ${over}`;
  const sums = scale.limbs.map((_, i) => `sum(${limbSql(argument, scale, i)})${behind}`);
  const unit = required(scale.limbs[0], "limb");
  const finite =
    sums.length === 1
      ? times(over === undefined ? `${roundMacro}(${sums[0]})` : roundOnce(required(sums[0], "sum")), unit)
      : `millrace_round_limbs(${foldMacro}(${digitsSql(sums)}), CAST(${unit} AS INTEGER))`;
  if (!scale.special) return finite;
  const minus = `bool_or(${argument} = '-Infinity'::DOUBLE)${behind}`;
  const plus = `bool_or(${argument} = 'Infinity'::DOUBLE)${behind}`;
  return (
    `(CASE WHEN bool_or(isnan(${argument}))${behind} OR (${plus} AND ${minus}) THEN 'NaN'::DOUBLE ` +
    `WHEN ${plus} THEN 'Infinity'::DOUBLE WHEN ${minus} THEN '-Infinity'::DOUBLE ELSE ${finite} END)`
  );
}

/** A macro repeats its argument, and each repetition of a window function is computed again. */
const roundOnce = (sum: string): string => `list_extract(list_transform([${sum}], lambda h: ${roundMacro}(h)), 1)`;

/** Sums of limbs as one number of digits in base 2^64, the highest first, which alone may be negative. */
function digitsSql(sums: readonly string[]): string {
  let carried = "";
  const digits = sums.map((sum, i) => {
    carried = i === 0 ? sum : `(${sum} + (${carried} >> ${limbBits}))`;
    const value = i === sums.length - 1 ? carried : `(${carried} & 18446744073709551615::HUGEINT)`;
    return `{'v': ${value}, 'e': CAST(${i} AS INTEGER)}`;
  });
  return `[${digits.reverse().join(", ")}]`;
}

/** The part of a value that lies on limb `i`, as HUGEINT. */
function limbSql(argument: string, scale: FloatScale, i: number): string {
  const unit = required(scale.limbs[i], "limb");
  const above = scale.limbs[i + 1];
  const below = i > 0 || above !== undefined;
  const here = below ? `trunc(${times(argument, -unit)})` : times(argument, -unit);
  if (above === undefined) return guarded(`CAST(${here} AS HUGEINT)`, argument, scale);
  const rest = `${here} - trunc(${times(argument, -above)}) * ${power(limbBits)}`;
  // From this magnitude on every bit of a double lies above this limb, and scaling it down here could overflow.
  const limit = above + 52;
  const whole = `CAST(${rest} AS HUGEINT)`;
  if (limit > 1023) return guarded(whole, argument, scale);
  return guarded(`CASE WHEN abs(${argument}) >= ${power(limit)} THEN 0::HUGEINT ELSE ${whole} END`, argument, scale);
}

const guarded = (sql: string, argument: string, scale: FloatScale): string =>
  scale.special ? `CASE WHEN isfinite(${argument}) THEN ${sql} END` : sql;

const power = (exponent: number): string => `'${2 ** exponent}'::DOUBLE`;

/** `sql * 2^exponent` in factors that are doubles themselves. */
function times(sql: string, exponent: number): string {
  if (exponent === 0) return sql;
  if (Math.abs(exponent) <= 1000) return `(${sql} * ${power(exponent)})`;
  const half = Math.trunc(exponent / 2);
  return `(${sql} * ${power(half)} * ${power(exponent - half)})`;
}
