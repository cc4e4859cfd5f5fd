import { planError } from "../common/errors.js";
import type { AggregateExpr, Expr } from "../expr/nodes.js";
import { type Check, type CheckOptions, columnList, makeCheck, requireColumn, splitOptions } from "./checkOptions.js";
import { when } from "./checkColumns.js";
import type { CheckDimension } from "./checkSpec.js";
import { columnOf } from "./columnExpr.js";
import type { Literal } from "./columns.js";
import { describe, toExpr } from "./literal.js";
import { fillOptions, options } from "./options.js";

/** Bounds of a figure; both inclusive. */
export interface FigureBounds {
  readonly min?: Literal;
  readonly max?: Literal;
}

interface Figure {
  readonly kind: string;
  readonly dimension: CheckDimension;
  readonly columns: readonly string[];
  readonly aggregate: AggregateExpr;
  readonly ofRows?: boolean;
  readonly unless?: AggregateExpr;
}

const bounds = { min: options.other<unknown>(null), max: options.other<unknown>(null) };
const aggregate = (fn: string, column: string | null, extra: Partial<AggregateExpr> = {}): AggregateExpr => ({
  kind: "aggregate",
  fn,
  args: column === null ? [] : [{ kind: "column", name: column }],
  ...extra,
});

function figureCheck<N extends string>(figure: Figure, given: FigureBounds & CheckOptions): Check<N> {
  const where = `check.${figure.kind}`;
  const { own, shared } = splitOptions(given);
  const { min, max } = fillOptions(own, bounds, where);
  if (min === null && max === null) throw planError("MISSING_OPTION", `${where}: expected a bound, as in { min: 0, max: 100 }`);
  const expr = (bound: unknown): Expr | null => (bound === null ? null : toExpr(bound, where));
  const { kind, dimension, columns, ofRows = false, unless } = figure;
  const special = unless === undefined ? {} : { unless };
  const test = {
    scope: "statistic",
    aggregate: figure.aggregate,
    ofRows,
    ...special,
    least: expr(min),
    most: expr(max),
  } as const;
  return makeCheck({ kind, dimension, columns, expected: boundsText(min, max), threshold: 1, test }, shared);
}

function boundsText(min: unknown, max: unknown): string {
  const text = (value: unknown) => (value instanceof Date ? value.toISOString() : String(value));
  if (min === null) return `at most ${text(max)}`;
  return max === null ? `at least ${text(min)}` : `from ${text(min)} to ${text(max)}`;
}

/** Beyond it the square of a value is none, or few of them are. */
const mostSpread = 1e140;

/** The aggregate of a figure: one that no value makes fail, since a check has to come to a verdict. */
function figureOf(fn: string, column: string): Pick<Figure, "aggregate" | "unless"> {
  if (fn === "sum") return { aggregate: aggregate(fn, column, { options: { exact: true } }) };
  if (fn !== "stddev") return { aggregate: aggregate(fn, column) };
  const value = columnOf<"any">({ kind: "column", name: column });
  const usual = toExpr(value.gte(-mostSpread).and(value.lte(mostSpread)), "check.stddev");
  const strange: Expr = { kind: "call", fn: "not", args: [usual] };
  return {
    aggregate: { kind: "aggregate", fn, args: [when(usual, { kind: "column", name: column }, null)] },
    unless: { kind: "aggregate", fn: "count", args: [when(strange, { kind: "literal", value: 1 }, null)] },
  };
}

/** A figure of one column as a check: the builder of that name. */
function ofColumn(kind: string, fn: string) {
  return function columnFigure<const N extends string>(column: N, given: FigureBounds & CheckOptions): Check<N> {
    requireColumn(column, `check.${kind}`);
    return figureCheck({ kind, dimension: "distribution", columns: [column], ...figureOf(fn, column) }, given);
  };
}

/** Rows of the dataset. */
function rowCount(given: FigureBounds & CheckOptions): Check<never> {
  return figureCheck({ kind: "rowCount", dimension: "volume", columns: [], aggregate: aggregate("count", null) }, given);
}

/** The value below which the share `q` (0 to 1) of the values lies, interpolated. */
function quantile<const N extends string>(column: N, q: number, given: FigureBounds & CheckOptions): Check<N> {
  requireColumn(column, "check.quantile");
  if (typeof q !== "number" || !(q >= 0 && q <= 1)) {
    throw planError("INVALID_ARGUMENT", `check.quantile: expected a share from 0 to 1, found ${describe(q)}`);
  }
  const figure = aggregate("quantile", column, { options: { q } });
  return figureCheck({ kind: "quantile", dimension: "distribution", columns: [column], aggregate: figure }, given);
}

/** Share of the rows that are null, 0 to 1. */
function nullRate<const N extends string>(column: N, given: FigureBounds & CheckOptions): Check<N> {
  requireColumn(column, "check.nullRate");
  const figure = aggregate("count", column);
  return figureCheck({ kind: "nullRate", dimension: "completeness", columns: [column], aggregate: figure, ofRows: true }, given);
}

export interface DriftOptions {
  /** Which figure of the column; "mean" by default. */
  readonly figure?: "mean" | "min" | "max" | "sum" | "stddev" | "distinctCount" | "nullRate";
  /** Largest change against the usual figure, as a share of it: 0.1 is ten percent. */
  readonly within: number;
  /** Accepted runs that the usual figure is the mean of; 20 by default. */
  readonly runs?: number;
  /** With fewer accepted runs than this the check holds; 1 by default. */
  readonly atLeast?: number;
}

const driftFigures = {
  mean: "avg",
  min: "min",
  max: "max",
  sum: "sum",
  stddev: "stddev",
  distinctCount: "countDistinct",
  nullRate: "count",
} as const;

/**
 * A figure of a column of numbers is about what it was in the last accepted runs of the job: those that did not fail and whose checks held. Their
 * figures come from the history, by the name of the check.
 */
function drift<const N extends string>(column: N, given: DriftOptions & CheckOptions): Check<N> {
  const where = "check.drift";
  const { own, shared } = splitOptions(given);
  const known = {
    figure: options.oneOf("mean", Object.keys(driftFigures) as (keyof typeof driftFigures)[]),
    within: options.other<unknown>(null),
    runs: options.whole(20, 1),
    atLeast: options.whole(1, 1),
  };
  const { figure, within, runs, atLeast } = fillOptions(own, known, where);
  if (typeof within !== "number" || !(within >= 0)) {
    throw planError("INVALID_OPTION", `${where}: option "within": expected a share of at least 0, found ${describe(within)}`);
  }
  const test = {
    scope: "statistic",
    ...figureOf(driftFigures[figure], requireColumn(column, where)),
    ofRows: figure === "nullRate",
    least: null,
    most: null,
    drift: { within, runs, atLeast },
  } as const;
  const expected = `within ${100 * within} % of the usual ${figure}`;
  const named = { name: ["drift", figure, column].join(" "), ...shared };
  return makeCheck({ kind: "drift", dimension: "distribution", columns: [column], expected, threshold: 1, test }, named);
}

/** The dataset has these columns; `exact`: these alone, in this order. Decided before anything is read. */
function columns(names: readonly string[], given: { readonly exact?: boolean } & CheckOptions = {}): Check<never> {
  const where = "check.columns";
  const { own, shared } = splitOptions(given);
  const { exact } = fillOptions(own, { exact: options.flag(false) }, where);
  const list = columnList(names, where);
  const expected = `${exact ? "exactly " : ""}the columns ${list.join(", ")}`;
  return makeCheck(
    { kind: "columns", dimension: "schema", columns: list, expected, threshold: 1, test: { scope: "columns", exact } },
    shared,
  );
}

export interface FreshOptions {
  /** How old a value may be: milliseconds, or a text such as "15m", "24h", "7d". */
  readonly within: number | string;
  /** The moment to count from; when the plan is made by default. */
  readonly now?: Date;
  /** Whether each row has to be fresh (default), or just the newest. */
  readonly of?: "rows" | "newest";
}

/** Dates and timestamps are no older than `within`. Null passes. */
function fresh<const N extends string>(column: N, given: FreshOptions & CheckOptions): Check<N> {
  const where = "check.fresh";
  const { own, shared } = splitOptions(given);
  const known = {
    within: options.other<unknown>(null),
    now: options.other<unknown>(null),
    of: options.oneOf("rows", ["rows", "newest"]),
  };
  const { within, now, of } = fillOptions(own, known, where);
  const moment = now === null ? new Date() : now;
  if (!(moment instanceof Date))
    throw planError("INVALID_OPTION", `${where}: option "now": expected a Date, found ${describe(now)}`);
  const since = new Date(moment.getTime() - milliseconds(within, where));
  const parts = { kind: "fresh", dimension: "timeliness", columns: [requireColumn(column, where)] } as const;
  const expected = `not before ${since.toISOString()}`;
  const name: Expr = { kind: "column", name: column };
  if (of === "newest") {
    const test = {
      scope: "statistic",
      aggregate: aggregate("max", column),
      ofRows: false,
      least: toExpr(since, where),
      most: null,
    } as const;
    return makeCheck({ ...parts, expected, threshold: 1, test }, shared);
  }
  const expr = toExpr(columnOf<"any">(name).gte(since), where);
  return makeCheck({ ...parts, expected, test: { scope: "row", expr, ofValues: true } }, shared);
}

export interface OnTimeOptions {
  /** When a row arrived: the column that says so. */
  readonly arrived: string;
  /** How much later than `column` that may be: milliseconds, or a text such as "15m", "24h", "7d". */
  readonly within: number | string;
}

/** Rows arrive no later than `within` after the moment in `column`; late ones fail. Null in either column passes. */
function onTime<const N extends string>(column: N, given: OnTimeOptions & CheckOptions): Check<string> {
  const where = "check.onTime";
  const { own, shared } = splitOptions(given);
  const { arrived, within } = fillOptions(own, { arrived: options.text(""), within: options.other<unknown>(null) }, where);
  const of = (name: string) => columnOf<"any">({ kind: "column", name: requireColumn(name, where) });
  const allowed = milliseconds(within, where);
  // In microseconds, so that a part of a millisecond too late is late.
  const expr = toExpr(
    of(column)
      .dateDiff(of(arrived), "microsecond")
      .lte(Math.round(1000 * allowed)),
    where,
  );
  const expected = `${arrived} no later than ${durationText(allowed)} after ${column}`;
  const parts = { kind: "onTime", dimension: "timeliness", columns: [column, arrived], expected } as const;
  return makeCheck({ ...parts, test: { scope: "row", expr, ofValues: true } }, shared);
}

function durationText(ms: number): string {
  const found = Object.entries(units).findLast(([, size]) => ms >= size && ms % size === 0);
  return found === undefined ? `${ms}ms` : `${ms / found[1]}${found[0]}`;
}

const units: { readonly [unit: string]: number } = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

function milliseconds(value: unknown, where: string): number {
  if (typeof value === "number" && value >= 0) return value;
  const [, amount, unit] = (typeof value === "string" && /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)$/.exec(value.trim())) || [];
  const size = unit === undefined ? undefined : units[unit];
  if (size !== undefined) return Number(amount) * size;
  throw planError(
    "INVALID_OPTION",
    `${where}: option "within": expected milliseconds or a text such as "24h", found ${describe(value)}`,
  );
}

/** Checks of figures of the whole dataset. */
export const figureChecks = {
  rowCount,
  columns,
  mean: ofColumn("mean", "avg"),
  min: ofColumn("min", "min"),
  max: ofColumn("max", "max"),
  sum: ofColumn("sum", "sum"),
  stddev: ofColumn("stddev", "stddev"),
  median: ofColumn("median", "median"),
  distinctCount: ofColumn("distinctCount", "countDistinct"),
  quantile,
  nullRate,
  fresh,
  onTime,
  drift,
} as const;
