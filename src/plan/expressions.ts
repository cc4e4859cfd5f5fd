import { planError } from "../common/errors.js";
import type { Expr, SortKey } from "../expr/nodes.js";
import { parseType } from "../schema/types.js";
import { callExpr, columnOf } from "./columnExpr.js";
import type { AnyColumn, BoolColumn, BoolOperand, Column, Expression, Literal, NameOfValue, TextOperand } from "./columns.js";
import { isExpression, toExpr } from "./literal.js";
import { requireOneOf } from "./options.js";
import type { NameOf, TypeSpec } from "./types.js";

type Value = Expression | Literal;

/** The one type of several values; `numeric` for different numbers. */
type CommonName<V> = NameOfValue<V> extends infer N extends string ? Unified<N> : never;
type Unified<N extends string> = IsUnion<N> extends true ? ("any" extends N ? "any" : MixedName<N>) : N;
type MixedName<N extends string> = [N] extends [import("./types.js").NumericName]
  ? "numeric"
  : [N] extends ["date" | "timestamp"]
    ? "timestamp"
    : "any";
type IsUnion<T, U = T> = [T] extends [never] ? false : T extends U ? ([U] extends [T] ? false : true) : never;
/** Null takes any type, so it does not count. */
type Known<V> = V extends null ? never : V;

/** A column by name, unchecked until the plan is bound. */
export function col(name: string): AnyColumn {
  if (typeof name !== "string" || name === "") {
    throw planError("INVALID_ARGUMENT", "col: expected the name of a column", { hint: 'Write col("region").' });
  }
  return columnOf<"any">({ kind: "column", name });
}

/** A constant. Without `type`: int32 (int64 when it does not fit) or float64, int64 for a bigint, utf8, bool, timestamp for a Date. */
export function lit<const V extends Literal>(value: V): Column<NameOfValue<V>>;
export function lit<const N extends TypeSpec>(value: Literal, type: N): Column<NameOf<N>>;
export function lit(value: Literal, type?: TypeSpec): Column {
  const expr = toExpr(value, "lit");
  return columnOf(type === undefined ? expr : { kind: "cast", input: expr, to: parseType(type), safe: false });
}

/** The branches so far; `otherwise` ends them (null where nothing applies, if left out by `end`). */
export interface CaseBuilder<V> {
  when<W extends Value>(condition: BoolOperand, then: W): CaseBuilder<V | W>;
  when(condition: BoolOperand): CaseThen<V>;
  otherwise<W extends Value>(value: W): Column<CommonName<Known<V | W>>>;
  /** Null where no branch applies. */
  end(): Column<CommonName<Known<V>>>;
}

export interface CaseThen<V> {
  then<W extends Value>(value: W): CaseBuilder<V | W>;
}

/** `when(cond).then(x).when(cond, y).otherwise(z)`: the value of the first branch whose condition is true. */
export function when<W extends Value>(condition: BoolOperand, then: W): CaseBuilder<W>;
export function when(condition: BoolOperand): CaseThen<never>;
export function when(condition: BoolOperand, then?: Value): unknown {
  return branch([], condition, then);
}

type Branches = readonly { readonly when: Expr; readonly then: Expr }[];

function branch(before: Branches, condition: BoolOperand, then: Value | undefined): unknown {
  const test = toExpr(condition, "when");
  // biome-ignore lint/suspicious/noThenProperty: the contract's own name; nothing awaits this object
  const withValue = (value: Value) => caseBuilder([...before, { when: test, then: toExpr(value, "then") }]);
  // biome-ignore lint/suspicious/noThenProperty: the word that users know; nothing awaits this object
  return then === undefined ? { then: withValue } : withValue(then);
}

function caseBuilder(branches: Branches): unknown {
  const end = (otherwise: Expr | null) => columnOf({ kind: "case", branches, otherwise });
  return {
    when: (condition: BoolOperand, then?: Value) => branch(branches, condition, then),
    otherwise: (value: Value) => end(toExpr(value, "otherwise")),
    end: () => end(null),
  };
}

function several<V>(fn: string, values: readonly Value[]): Column<CommonName<Known<V>>> {
  if (values.length === 0) throw planError("INVALID_ARGUMENT", `${fn}: expected at least one value`);
  return columnOf(callExpr(fn, values)) as Column<CommonName<Known<V>>>;
}

/** The first value that is not null. */
export const coalesce = <V extends readonly Value[]>(...values: V) => several<V[number]>("coalesce", values);
/** The greatest value; nulls are left out. */
export const greatest = <V extends readonly Value[]>(...values: V) => several<V[number]>("greatest", values);
/** The least value; nulls are left out. */
export const least = <V extends readonly Value[]>(...values: V) => several<V[number]>("least", values);

/** Text put together; null where one part is. */
export function concat(...parts: TextOperand[]): Column<"utf8"> {
  if (parts.length === 0) throw planError("INVALID_ARGUMENT", "concat: expected at least one value");
  return columnOf(callExpr("concat", parts));
}

/** True where every condition is. */
export function and(...conditions: BoolOperand[]): BoolColumn {
  if (conditions.length === 0) return columnOf<"bool">({ kind: "literal", value: true });
  return conditions.length === 1 ? columnOf<"bool">(toExpr(conditions[0], "and")) : columnOf<"bool">(callExpr("and", conditions));
}

/** True where at least one condition is. */
export function or(...conditions: BoolOperand[]): BoolColumn {
  if (conditions.length === 0) return columnOf<"bool">({ kind: "literal", value: false });
  return conditions.length === 1 ? columnOf<"bool">(toExpr(conditions[0], "or")) : columnOf<"bool">(callExpr("or", conditions));
}

export function not(condition: BoolOperand): BoolColumn {
  return columnOf<"bool">(callExpr("not", [condition]));
}

/** A sort key with its direction. `Name` is the column's name where it was given as text. */
export interface SortTerm<Name extends string = string> {
  readonly sortKey: SortKey;
  readonly name?: Name;
}

export interface SortOptions {
  /** Where nulls go; "last" by default, in both directions. */
  readonly nulls?: "first" | "last";
}

/** Ascending, nulls last. NaN is the largest number; text is ordered by code point. */
export function asc(column: Expression, options?: SortOptions): SortTerm<never>;
export function asc<const N extends string>(column: N, options?: SortOptions): SortTerm<N>;
export function asc(column: string | Expression, options: SortOptions = {}): SortTerm {
  return sortTerm(column, false, options);
}

/** Descending, nulls last. */
export function desc(column: Expression, options?: SortOptions): SortTerm<never>;
export function desc<const N extends string>(column: N, options?: SortOptions): SortTerm<N>;
export function desc(column: string | Expression, options: SortOptions = {}): SortTerm {
  return sortTerm(column, true, options);
}

function sortTerm(column: string | Expression, descending: boolean, options: SortOptions): SortTerm {
  const where = descending ? "desc" : "asc";
  const nulls = requireOneOf(options.nulls ?? "last", ["first", "last"] as const, where, "nulls");
  const expr: Expr = typeof column === "string" ? { kind: "column", name: column } : toExpr(column, where);
  return { sortKey: { expr, descending, nulls } };
}

/** Any form in which a sort key is given, as a key. */
export function toSortKey(value: unknown, where: string): SortKey {
  if (typeof value === "object" && value !== null && "sortKey" in value) return (value as SortTerm).sortKey;
  if (typeof value === "string") return { expr: { kind: "column", name: value }, descending: false, nulls: "last" };
  if (isExpression(value)) return { expr: toExpr(value, where), descending: false, nulls: "last" };
  throw planError("INVALID_ARGUMENT", `${where}: expected a column name, asc(…), desc(…) or (c) => c.name`);
}
