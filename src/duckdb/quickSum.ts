import type { BoundNode, ColumnRange } from "../plan/bound.js";
import { exponentOf, roundMacro } from "./floatSum.js";
import { unsureSum } from "./refusal.js";

/** What is known of an argument of a sum: bounds of its values. */
export interface SumBounds {
  readonly min: number;
  readonly max: number;
}

const refuse = `CAST(error('${unsureSum}') AS DOUBLE)`;

/**
 * The sum of a SQL expression of type DOUBLE, as an aggregate expression. It needs one pass, and is exact and rounded once, as those of
 * floatSum.ts, or refused. A refused sum fails the query (see refusal.ts), which is run again with the pre-pass of floatSum.ts. Whether it is
 * refused may depend on timing; the sum does not.
 *
 * `wholeSum`, where the file's statistics bound the column so closely that every value is a 64-bit integer times one power of two: the sum of
 * those integers, which DuckDB computes exactly.
 *
 * `restSum`, where they bound it less closely, but from below by zero: x is cut at a grid so fine that the whole part q of its largest value
 * still is a 64-bit integer. The sum Q of those is exact. The rests r, which only the smaller values have, are from 0 to 1, so that their plain
 * sum R is at most (n - 1)R/2^53 wrong, in whatever order. With s + d = Q + R, s + (d + e) and s + (d - e) are both the rounded sum if they are
 * the same for an e of more than that and the roundings of d (the rounding test of Ziv, 1991). Where R is 0, no value has a rest.
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
  const { upper, lower } = halves(`sum(CAST(${x} * ${power(-unit)} AS BIGINT))`);
  // Of fewer than 106 bits: the upper and the lower 53 are doubles, and adding them rounds once.
  return `((${upper} + ${lower}) * ${power(unit)})`;
}

function restSum(x: string, { min, max }: SumBounds): string | null {
  if (min < 0 || max <= 0) return null;
  const unit = exponentOf(max) - 62;
  // Scaling must lose no bits: of the values of which only those below a large maximum are known, some may be too small for that.
  if (Math.abs(unit) > 900 || (unit > 0 && min < 1)) return null;
  const scaled = `(${x} * ${power(-unit)})`;
  const { upper, lower } = halves(`sum(CAST(trunc${scaled} AS BIGINT))`);
  const [r, n] = [`sum(${scaled} - trunc${scaled})`, `count(${x})`];
  const s = `(${upper} + ${lower})`;
  const d = `((${lower} - (${s} - ${upper})) + ${r})`;
  const e = `(CASE WHEN ${r} = 0 THEN 0.0::DOUBLE ELSE ${r} * ${n} * ${power(-52)} + abs(${d}) * ${power(-51)} END)`;
  const sum = `(${s} + (${d} + ${e}))`;
  const sure = `${sum} = ${s} + (${d} - ${e})`;
  return `CASE WHEN ${n} = 0 THEN NULL::DOUBLE WHEN ${sure} THEN ${sum} * ${power(unit)} ELSE ${refuse} END`;
}

/** The upper and the lower 53 bits of a HUGEINT of fewer than 106 bits that is not negative, as doubles. */
const halves = (sum: string): { readonly upper: string; readonly lower: string } => ({
  upper: `(CAST(CAST(${sum} >> 53 AS BIGINT) AS DOUBLE) * ${power(53)})`,
  lower: `CAST(CAST(${sum} & ${2 ** 53 - 1}::HUGEINT AS BIGINT) AS DOUBLE)`,
});

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

/** What the statistics of files say of a column of a node. */
export function boundsOf(node: BoundNode, index: number): SumBounds | null {
  switch (node.kind) {
    case "scan": {
      return node.source.ranges?.find((one: ColumnRange) => one.name === node.schema[index]?.name) ?? null;
    }
    case "filter":
    case "limit":
    case "window":
    case "sort":
    case "distinct":
      return boundsOf(node.input, index);
    case "project": {
      const expr = node.columns[index]?.expr;
      return expr?.kind === "column" ? boundsOf(node.input, expr.index) : null;
    }
    default:
      return null;
  }
}
