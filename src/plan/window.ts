import { planError } from "../common/errors.js";
import type { AggregateExpr, CallOptions, NamedExpr, SortKey } from "../expr/nodes.js";
import type { Aggregate } from "./aggregates.js";
import type { Expression, Literal, NameOfValue } from "./columns.js";
import { type SortTerm, toSortKey } from "./expressions.js";
import { describe, toExpr } from "./literal.js";
import type { LogicalNode, WindowFrame } from "./nodes.js";
import { fillOptions, invalidOption, options } from "./options.js";

/** A key that orders rows: a name, `asc(…)`, `desc(…)` or an expression. */
export type OrderKey<Name extends string> = Name | SortTerm<Name> | Expression;

export interface WindowOptions<Name extends string> {
  /** Rows that are equal in these columns are looked at together; without it all rows are. */
  readonly partitionBy?: Name | readonly Name[];
  readonly orderBy?: OrderKey<Name> | readonly OrderKey<Name>[];
  /**
   * First and last row that an aggregate looks at, counted from the row itself (0), both inclusive; null: the partition's end. `[-6, 0]`
   * are the row and the six before it. Left out: with `orderBy` all rows up to this one and its ties, else the whole partition.
   */
  readonly rows?: readonly [number | null, number | null];
}

export interface DedupeOptions<Name extends string> {
  /** Rows that are equal in these columns are one; nulls are equal to each other. */
  readonly by: Name | readonly Name[];
  /** Which of them stays: the "first" (default) or the "last" in the order of `orderBy`, ties in input order. */
  readonly keep?: "first" | "last";
  readonly orderBy?: OrderKey<Name> | readonly OrderKey<Name>[];
}

export interface SampleOptions<Name extends string> {
  /** Another seed gives another sample. A whole number; 0 by default. */
  readonly seed?: number;
  /** Columns whose values decide; all that are not nested by default. Rows that are equal in them are all in the sample, or none is. */
  readonly by?: Name | readonly Name[];
}

function call<T extends string>(fn: string, args: readonly (Expression | Literal)[], given?: CallOptions): Aggregate<T> {
  const exprs = args.map((arg) => toExpr(arg, fn));
  const expr: AggregateExpr = { kind: "aggregate", fn, args: exprs };
  return { expr: given === undefined ? expr : { ...expr, options: given } };
}

/** Place of the row in its partition, from 1; ties in input order. Stands in `window` alone. */
export const rowNumber = (): Aggregate<"int64"> => call("rowNumber", []);
/** 1 and the number of rows that come before; ties share it. Stands in `window` alone. */
export const rank = (): Aggregate<"int64"> => call("rank", []);
/** As `rank`, without the gaps that ties leave. Stands in `window` alone. */
export const denseRank = (): Aggregate<"int64"> => call("denseRank", []);
/** The value `offset` rows before; `fallback` (null) where the partition has no such row. Stands in `window` alone. */
export const lag = <V extends Expression>(value: V, offset = 1, fallback: Expression | Literal = null) =>
  neighbour<V>("lag", value, offset, fallback);
/** The value `offset` rows after; `fallback` (null) where the partition has no such row. Stands in `window` alone. */
export const lead = <V extends Expression>(value: V, offset = 1, fallback: Expression | Literal = null) =>
  neighbour<V>("lead", value, offset, fallback);

function neighbour<V extends Expression>(fn: "lag" | "lead", value: V, offset: number, fallback: Expression | Literal) {
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw planError("INVALID_ARGUMENT", `${fn}: expected a whole number of rows, at least 0, found ${describe(offset)}`);
  }
  return call<NameOfValue<V>>(fn, fallback === null ? [value] : [value, fallback], { offset });
}

export function windowNode(input: LogicalNode, given: unknown, columns: unknown): LogicalNode {
  const known = {
    partitionBy: options.texts([]),
    orderBy: options.other<unknown>([]),
    rows: options.other<unknown>(null),
  };
  const { partitionBy, orderBy, rows } = fillOptions(given, known, "window");
  const record = typeof columns === "object" && columns !== null && !Array.isArray(columns) ? Object.entries(columns) : [];
  if (record.length === 0) {
    throw planError("INVALID_ARGUMENT", "window: the callback gives new columns by name, as in (c) => ({ n: rowNumber() })", {
      hint: "Mind the brackets: (c) => ({ … }).",
    });
  }
  const calls = record.map(([name, value]) => ({ name, expr: callOf(name, value) }));
  return { kind: "window", input, partitionBy, orderBy: sortKeys(orderBy, "window"), frame: frameOf(rows), columns: calls };
}

function callOf(name: string, value: unknown): AggregateExpr {
  const expr = (value as { readonly expr?: NamedExpr["expr"] } | null)?.expr;
  if (expr?.kind === "aggregate") return expr;
  throw planError(
    "NOT_AN_AGGREGATE",
    `window ${JSON.stringify(name)}: expected a function such as rowNumber() or sum(c.x), found ${describe(value)}`,
    {
      column: name,
    },
  );
}

function frameOf(rows: unknown): WindowFrame | null {
  if (rows === null) return null;
  const bound = (value: unknown) => value === null || Number.isSafeInteger(value);
  const pair = Array.isArray(rows) && rows.length === 2 && rows.every(bound) ? (rows as [number | null, number | null]) : null;
  const [from, to] = pair ?? [null, null];
  if (pair === null || (from !== null && to !== null && from > to)) {
    throw invalidOption("window", "rows", "[first, last] as whole numbers or null, the first not after the last", rows);
  }
  return { from, to };
}

export function dedupeNode(input: LogicalNode, given: unknown): LogicalNode {
  const known = {
    by: options.texts([]),
    keep: options.oneOf("first", ["first", "last"]),
    orderBy: options.other<unknown>([]),
  };
  const { by, keep, orderBy } = fillOptions(given, known, "dedupe");
  if (by.length === 0) {
    throw planError("MISSING_OPTION", 'dedupe: option "by" is missing: the columns that make two rows the same', {
      hint: "To compare all columns, use distinct().",
    });
  }
  return { kind: "dedupe", input, columns: by, keep, orderBy: sortKeys(orderBy, "dedupe") };
}

export function sampleNode(input: LogicalNode, fraction: unknown, given: unknown): LogicalNode {
  const { seed, by } = fillOptions(given, { seed: options.whole(0, Number.MIN_SAFE_INTEGER), by: options.texts([]) }, "sample");
  if (typeof fraction !== "number" || !(fraction >= 0 && fraction <= 1)) {
    throw planError("INVALID_ARGUMENT", `sample: expected a share of the rows from 0 to 1, found ${describe(fraction)}`);
  }
  return { kind: "sample", input, fraction, seed, columns: by.length === 0 ? null : by };
}

function sortKeys(given: unknown, where: string): SortKey[] {
  const keys: readonly unknown[] = Array.isArray(given) ? given : [given];
  return keys.map((key) => toSortKey(key, `${where} orderBy`));
}
