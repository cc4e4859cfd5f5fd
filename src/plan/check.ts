import { planError } from "../common/errors.js";
import type { Expr } from "../expr/nodes.js";
import {
  type Check,
  type CheckOptions,
  columnList,
  makeCheck,
  requireColumn,
  requireReference,
  splitOptions,
} from "./checkOptions.js";
import type { ReferenceDataset } from "./checkOptions.js";
import { figureChecks } from "./checkFigures.js";
import { columnOf, columnsRow } from "./columnExpr.js";
import type { AnyColumn, BoolOperand, Expression, Literal, Row } from "./columns.js";
import { describe, toExpr } from "./literal.js";
import { fillOptions, options } from "./options.js";
import type { Loose, TypeSpec } from "./types.js";
import { type AnyFunction, typeOption, udf } from "./udf.js";

const columnExpr = (name: string): AnyColumn => columnOf<"any">({ kind: "column", name });
const exprOf = (value: unknown, kind: string): Expr => toExpr(value, `check.${kind}`);

/** The column has a value. Great Expectations: expect_column_values_to_not_be_null. */
function notNull<const N extends string>(column: N, given?: CheckOptions): Check<N> {
  const expr = exprOf(columnExpr(requireColumn(column, "check.notNull")).isNotNull(), "notNull");
  return makeCheck(
    { kind: "notNull", dimension: "completeness", columns: [column], expected: "a value", test: { scope: "row", expr } },
    given,
  );
}

/** The text has a character that is not white space: null, "" and blanks fail. */
function notBlank<const N extends string>(column: N, given?: CheckOptions): Check<N> {
  const text = columnExpr(requireColumn(column, "check.notBlank"));
  const expr = exprOf(text.isNotNull().and(text.regexpMatches("[^\\s\\x0B\\pZ]")), "notBlank");
  const expected = "a text that is not blank";
  return makeCheck(
    { kind: "notBlank", dimension: "completeness", columns: [column], expected, test: { scope: "row", expr } },
    given,
  );
}

/** The text has a match of the pattern (RE2's dialect); anchor it for a whole match. Null passes. */
function matches<const N extends string>(column: N, pattern: RegExp | string, given?: CheckOptions): Check<N> {
  const where = "check.matches";
  const [source, flags] = pattern instanceof RegExp ? [pattern.source, pattern.flags.replace(/[gdy]/g, "")] : [pattern, ""];
  if (typeof source !== "string") {
    throw planError("INVALID_ARGUMENT", `${where}: expected a regular expression, found ${describe(pattern)}`);
  }
  const call: Expr = {
    kind: "call",
    fn: "regexpMatches",
    args: [
      { kind: "column", name: requireColumn(column, where) },
      { kind: "literal", value: source },
    ],
    ...(flags.replace("u", "") === "" ? {} : { options: { flags: flags.replace("u", "") } }),
  };
  const expected = `a match of /${source}/${flags}`;
  return makeCheck(
    { kind: "matches", dimension: "validity", columns: [column], expected, test: { scope: "row", expr: call, ofValues: true } },
    given,
  );
}

/** Bounds of a value; both inclusive. */
export interface Range {
  readonly min?: Literal;
  readonly max?: Literal;
}

/** The value lies within the bounds. NaN is greater than every number. Null passes. The options may stand beside the bounds, as in checks of figures. */
function between<const N extends string>(column: N, range: Range & CheckOptions, given?: CheckOptions): Check<N> {
  const where = "check.between";
  const { own, shared } = splitOptions(range);
  const { min, max } = fillOptions(own, { min: options.other<unknown>(null), max: options.other<unknown>(null) }, where);
  const value = columnExpr(requireColumn(column, where));
  const terms = [...(min === null ? [] : [value.gte(min as Literal)]), ...(max === null ? [] : [value.lte(max as Literal)])];
  const [first, ...rest] = terms;
  if (first === undefined) throw planError("MISSING_OPTION", `${where}: expected a bound, as in { min: 0, max: 100 }`);
  const expr = exprOf(first.and(...rest), "between");
  const expected = [min === null ? "" : `at least ${said(min)}`, max === null ? "" : `at most ${said(max)}`]
    .filter(Boolean)
    .join(", ");
  const parts = {
    kind: "between",
    dimension: "validity",
    columns: [column],
    expected,
    test: { scope: "row", expr, ofValues: true },
  } as const;
  return makeCheck(parts, { ...shared, ...given });
}

const said = (value: unknown): string => (value instanceof Date ? value.toISOString() : String(value));

/** The value is one of a list. Null passes. */
function inSet<const N extends string>(column: N, values: Iterable<Literal>, given?: CheckOptions): Check<N> {
  const list = [...values];
  const expr = exprOf(columnExpr(requireColumn(column, "check.inSet")).isIn(list), "inSet");
  const expected = `one of ${list.slice(0, 10).map(said).join(", ")}${list.length > 10 ? ", …" : ""}`;
  return makeCheck(
    { kind: "inSet", dimension: "validity", columns: [column], expected, test: { scope: "row", expr, ofValues: true } },
    given,
  );
}

/** The value can be cast to the type. Null passes. */
function type<const N extends string>(column: N, to: TypeSpec, given?: CheckOptions): Check<N> {
  const wanted = typeOption(to, "check.type", "type");
  const value = columnExpr(requireColumn(column, "check.type"));
  const expr = exprOf(value.isNull().or(value.tryCast(wanted).isNotNull()), "type");
  const expected = `a value that is ${typeof to === "string" ? to : wanted.kind}`;
  return makeCheck(
    { kind: "type", dimension: "validity", columns: [column], expected, test: { scope: "row", expr, ofValues: true } },
    given,
  );
}

/**
 * A condition of one row, over one or several columns: an expression, or a callback that makes one. Null passes; a row for which it cannot be computed
 * fails, and the report says why.
 */
function satisfies(condition: Expression<"bool" | "any"> | ((c: Row<Loose>) => BoolOperand), given?: CheckOptions): Check<never>;
/** A function of the columns' values, which runs in the workers. */
function satisfies<const N extends string>(
  columns: N | readonly N[],
  test: AnyFunction,
  given?: CheckOptions & SatisfiesOptions,
): Check<N>;
function satisfies(first: unknown, second?: unknown, third?: object): Check<string> {
  if (typeof first === "string" || Array.isArray(first)) return functionCheck(first as string | readonly string[], second, third);
  const value = typeof first === "function" ? (first as (c: unknown) => unknown)(columnsRow<Loose>()) : first;
  const expr = exprOf(value, "satisfies");
  const columns = [...columnsIn(expr)];
  const dimension = columns.length > 1 ? "consistency" : "validity";
  return makeCheck(
    { kind: "satisfies", dimension, columns, expected: "the condition", test: { scope: "row", expr } },
    second as object,
  );
}

export interface SatisfiesOptions {
  /** Values that the function takes from around it, by the names it uses. */
  readonly with?: { readonly [name: string]: unknown };
}

function functionCheck(given: string | readonly string[], test: unknown, settings: object | undefined): Check<string> {
  const where = "check.satisfies";
  const columns = columnList(given, where);
  if (typeof test !== "function") throw planError("INVALID_ARGUMENT", `${where}: expected a function, found ${describe(test)}`);
  const { own, shared } = splitOptions(settings);
  const { with: captured } = fillOptions(own, { with: options.other<unknown>({}) }, where);
  const fn = udf(test as AnyFunction, { returns: "bool", with: captured as { readonly [name: string]: unknown } });
  const expr = exprOf(fn(...columns.map(columnExpr)), "satisfies");
  const dimension = columns.length > 1 ? "consistency" : "validity";
  return makeCheck(
    { kind: "satisfies", dimension, columns, expected: "the function's consent", test: { scope: "row", expr } },
    shared,
  );
}

function columnsIn(expr: unknown, found = new Set<string>()): Set<string> {
  if (typeof expr !== "object" || expr === null) return found;
  const { kind, name } = expr as { readonly kind?: unknown; readonly name?: unknown };
  if (kind === "column" && typeof name === "string") found.add(name);
  else for (const part of Object.values(expr)) columnsIn(part, found);
  return found;
}

/** No two rows have the same values in these columns; rows with a null among them are left out. The later ones fail. */
function unique<const N extends string>(columns: N | readonly N[], given?: CheckOptions): Check<N> {
  const list = columnList(columns, "check.unique");
  const parts = { kind: "unique", dimension: "uniqueness", columns: list, expected: "no duplicates", threshold: 1 } as const;
  return makeCheck({ ...parts, test: { scope: "unique" } }, given);
}

/** The values stand in columns of another dataset (a foreign key); rows with a null among them are left out. */
function references<const N extends string>(
  columns: N | readonly N[],
  dataset: ReferenceDataset,
  on: string | readonly string[] = columns,
  given?: CheckOptions,
): Check<N> {
  const where = "check.references";
  const list = columnList(columns, where);
  const others = columnList(on, where);
  if (others.length !== list.length) {
    throw planError("INVALID_ARGUMENT", `${where}: ${list.length} columns cannot refer to ${others.length}`);
  }
  const reference = requireReference(dataset, where);
  const test = { scope: "references", reference: 0, on: others } as const;
  const expected = `a row of the other dataset with that ${others.join(", ")}`;
  return makeCheck(
    { kind: "references", dimension: "consistency", columns: list, expected, threshold: 1, test, reference },
    given,
  );
}

export interface AgreesOptions<K extends string> {
  /** Columns that name the same row in both datasets. */
  readonly key: K | readonly K[];
  /** The reference's column; that of the same name by default. */
  readonly column?: string;
  /** Largest absolute difference of numbers; equal by default. */
  readonly tolerance?: number;
}

/** The value agrees with that of a reference dataset's row of the same key. Rows without such a row are left out. */
function agrees<const N extends string, const K extends string>(
  column: N,
  dataset: ReferenceDataset,
  given: AgreesOptions<K> & CheckOptions,
): Check<N | K> {
  const where = "check.agrees";
  const { own, shared } = splitOptions(given);
  const known = {
    key: options.texts([]),
    column: options.text(requireColumn(column, where)),
    tolerance: options.other<unknown>(null),
  };
  const { key, column: against, tolerance } = fillOptions(own, known, where);
  if (key.length === 0) throw planError("MISSING_OPTION", `${where}: option "key" is missing: the columns that name a row`);
  if (tolerance !== null && !(typeof tolerance === "number" && tolerance >= 0)) {
    throw planError(
      "INVALID_OPTION",
      `${where}: option "tolerance": expected a number, at least 0, found ${describe(tolerance)}`,
    );
  }
  const test = { scope: "agrees", reference: 0, key, against, tolerance: tolerance as number | null } as const;
  const expected = tolerance === null ? "the reference's value" : `the reference's value, give or take ${String(tolerance)}`;
  const parts = { kind: "agrees", dimension: "accuracy", columns: [column], expected, test } as const;
  return makeCheck({ ...parts, reference: requireReference(dataset, where) }, shared);
}

/** Checks for `dataset.expect`. docs/CHECKS.md lists them with their names in Great Expectations. */
export const check = {
  notNull,
  notBlank,
  matches,
  between,
  inSet,
  type,
  satisfies,
  unique,
  references,
  agrees,
  ...figureChecks,
} as const;
