import type { BoundNode, ColumnRange } from "../plan/bound.js";
import { exponentOf, roundMacro } from "./floatSum.js";
import { unsureSum } from "./refusal.js";

/** What is known of an argument of a sum: bounds of its values, and of their number. */
export interface SumBounds {
  readonly min: number;
  readonly max: number;
  readonly rows: number;
}

/** With more rows the rests are summed too coarsely: the rounding test would often refuse. */
const mostRows = 2 ** 24;

const refuse = `CAST(error('${unsureSum}') AS DOUBLE)`;

/**
 * The sum of a SQL expression of type DOUBLE, as an aggregate expression. It needs one pass, and is exact and rounded once, as those of
 * floatSum.ts, or refused. A refused sum fails the query (see refusal.ts), which is run again with the pre-pass of floatSum.ts. Whether it is
 * refused may depend on timing; the sum does not.
 *
 * `wholeSum`, where the file's statistics bound the column so closely that every value is a 64-bit integer times one power of two: the sum of
 * those integers, which DuckDB computes exactly.
 *
 * `pairSum`, where they bound it less closely: x is cut at a grid u so coarse that the sum of all parts q on the grid is exact
 * in double in any order, x = q + r with |r| <= u/2. The sum R of the rests is a plain one, at most n(n+2)u/2^54 wrong. With s + d = Q + R
 * exactly (two-sum, Knuth), s is the rounded sum if s + (d + e) and s + (d - e) are both s for an e of more than that (the rounding test
 * of Ziv, 1991).
 *
 * `limbSum`, for any other argument: the parts of x above and below 2^-8 as 64-bit integers, which DuckDB sums exactly, and a count of
 * values that do not fit: those of 2^55 and more, those with bits below 2^-70, NaN and infinities.
 */
export function quickSumSql(argument: string, bounds: SumBounds | null): string {
  return (bounds === null ? null : (wholeSum(argument, bounds) ?? pairSum(argument, bounds))) ?? limbSum(argument);
}

function wholeSum(x: string, { min, max }: SumBounds): string | null {
  if (min <= 0) return null;
  // The last place of the smallest value, of which all others are multiples.
  const unit = exponentOf(min) - 52;
  if (exponentOf(max) + 1 - unit > 63 || Math.abs(unit) > 900) return null;
  const sum = `sum(CAST(${x} * ${power(-unit)} AS BIGINT))`;
  // Of fewer than 106 bits: the upper and the lower 53 are doubles, and adding them rounds once.
  const [upper, lower] = [`CAST(${sum} >> 53 AS DOUBLE)`, `CAST(${sum} & ${2 ** 53 - 1}::HUGEINT AS DOUBLE)`];
  return `(${upper} * ${power(53)} + ${lower}) * ${power(unit)}`;
}

function pairSum(x: string, { min, max, rows }: SumBounds): string | null {
  if (rows > mostRows || min <= 0) return null;
  // 2^top is more than the sum of all values; the grid is the last place of numbers from there to twice that.
  const top = exponentOf(max) + 1 + Math.max(2, Math.ceil(Math.log2(rows + 1)));
  const grid = top - 52;
  // Smaller values stand by themselves too far below the grid for the test to let a group of few rows pass.
  if (top > 900 || grid < -900 || exponentOf(min) < grid + 8) return null;
  const shift = `'${1.5 * 2 ** top}'::DOUBLE`;
  const onGrid = `((${x} + ${shift}) - ${shift})`;
  const [q, r, n] = [`sum(${onGrid})`, `sum(${x} - ${onGrid})`, `count(${x})`];
  const s = `(${q} + ${r})`;
  const d = `((${q} - (${s} - (${s} - ${q}))) + (${r} - (${s} - ${q})))`;
  const e = `((${n} + 4.0::DOUBLE) * (${n} + 4.0::DOUBLE) * ${power(grid - 53)})`;
  const sure = `isfinite(${s}) AND ${s} + (${d} + ${e}) = ${s} AND ${s} + (${d} - ${e}) = ${s}`;
  return `CASE WHEN ${n} = 0 THEN NULL::DOUBLE WHEN ${sure} THEN ${s} ELSE ${refuse} END`;
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

/** What the statistics of files say of a column of a node. */
export function boundsOf(node: BoundNode, index: number): SumBounds | null {
  switch (node.kind) {
    case "scan": {
      const { ranges, rows } = node.source;
      const range = ranges?.find((one: ColumnRange) => one.name === node.schema[index]?.name);
      return range === undefined || rows === null ? null : { min: range.min, max: range.max, rows };
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
