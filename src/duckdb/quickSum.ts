import type { SumBounds } from "./bounds.js";
import { exponentOf, roundMacro, sumOfHalves } from "./floatSum.js";
import { unsureSum } from "./refusal.js";

/** With more rows there is too little room for the bits of rests. */
const mostRows = 2 ** 32;

const refuse = `CAST(error('${unsureSum}') AS DOUBLE)`;

/**
 * The sum of a SQL expression of type DOUBLE, as an aggregate expression. It needs one pass, and is exact and rounded once, as those of
 * floatSum.ts, or refused. A refused sum fails the query (see refusal.ts), which is run again with the pre-pass of floatSum.ts. Whether it is
 * refused may depend on timing; the sum does not.
 *
 * `wholeSum`, where the file's statistics bound the argument so closely that every value is a 64-bit integer times one power of two: the sum of
 * those integers, which DuckDB computes exactly.
 *
 * `restSum`, where they bound it less closely: x is cut at a grid so fine that the whole part of its largest value still is a 64-bit integer.
 * The rests, which only the smaller values have, are less than 1, and their plain sum is exact where each is a multiple of 2^-b, for a b that the
 * number of rows leaves room for. Where the statistics leave room for others, a value with bits below that refuses the sum at once: no aggregate has
 * to count such.
 *
 * `limbSum`, for any other argument: the parts of x above and below 2^-8 as 64-bit integers, which DuckDB sums exactly, and a count of
 * values that do not fit: those of 2^55 and more, those with bits below 2^-70, NaN and infinities.
 */
export function quickSumSql(argument: string, bounds: SumBounds | null): string {
  return (bounds === null ? null : (wholeSum(argument, bounds) ?? restSum(argument, bounds))) ?? limbSum(argument);
}

function wholeSum(x: string, { min, max }: SumBounds): string | null {
  if (min <= 0) return null;
  // The last place of the smallest value, of which all others are multiples.
  const unit = exponentOf(min) - 52;
  if (exponentOf(max) + 1 - unit > 63 || Math.abs(unit) > 900) return null;
  const whole = `sum(CAST(${x} * ${power(-unit)} AS BIGINT))`;
  return `((${sumOfHalves(whole)}) * ${power(unit)})`;
}

function restSum(x: string, { min, max, rows, computed }: SumBounds): string | null {
  const most = Math.max(-min, max);
  if (most === 0 || rows > mostRows) return null;
  const unit = exponentOf(most) - 62;
  // Scaling must lose no bits: of the values of which only those below a large maximum are known, some may be too small for that.
  if (Math.abs(unit) > 900 || (unit > 0 && min < 1)) return null;
  const bits = 52 - Math.max(1, Math.ceil(Math.log2(rows + 1)));
  // The last place of the smallest value, of which all others are multiples, may lie on the grid.
  const sure = min > 0 && exponentOf(min) - 52 >= unit - bits;
  // Bounds that the values stay far within would make the grid too coarse for numbers of everyday size, of which limbs refuse none.
  if (!sure && computed && unit - bits > -60) return null;
  const scaled = `(${x} * ${power(-unit)})`;
  const rest = `(${scaled} - trunc${scaled})`;
  // Adding this leaves no bits below 2^-bits.
  const shift = `'${1.5 * 2 ** (52 - bits)}'::DOUBLE`;
  const checked = sure ? rest : `CASE WHEN ${rest} <> (${rest} + ${shift}) - ${shift} THEN ${refuse} ELSE ${rest} END`;
  const low = `CAST(sum(${checked}) * ${power(bits)} AS BIGINT)`;
  return `(${roundMacro}(sum(CAST(trunc${scaled} AS BIGINT)) * ${2 ** bits}::HUGEINT + ${low}) * ${power(unit - bits)})`;
}

function limbSum(x: string): string {
  const scaled = `(${x} * ${power(8)})`;
  const high = `TRY_CAST(trunc${scaled} AS BIGINT)`;
  const rest = `((${scaled} - trunc${scaled}) * ${power(62)})`;
  const low = `TRY_CAST(${rest} AS BIGINT)`;
  const inexact = `count(nullif(${rest}, CAST(${low} AS DOUBLE)))`;
  const n = `count(${x})`;
  const sure = `count(${high}) = ${n} AND ${inexact} = 0 AND abs(sum(${high})) < 9223372036854775808::HUGEINT`;
  const sum = `${roundMacro}(sum(${high}) * 4611686018427387904::HUGEINT + sum(${low})) * ${power(-70)}`;
  return `CASE WHEN ${n} = 0 THEN NULL::DOUBLE WHEN ${sure} THEN ${sum} ELSE ${refuse} END`;
}

function power(exponent: number): string {
  return `'${2 ** exponent}'::DOUBLE`;
}
