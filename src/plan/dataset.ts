import { planError } from "../common/errors.js";
import type { AggregateExpr, Expr, NamedExpr } from "../expr/nodes.js";
import type { AggregateColumns, NamedAggregates } from "./aggregates.js";
import type { Check } from "./checkOptions.js";
import { columnOf, columnsRow } from "./columnExpr.js";
import type { BoolOperand, Column, Expression, NamedColumns, NamedValues, Row } from "./columns.js";
import { expectNode } from "./expect.js";
import { type SortTerm, toSortKey } from "./expressions.js";
import { type JoinOn, joinNode, type JoinOptions, type RightKeys } from "./join.js";
import { describe, toExpr } from "./literal.js";
import type { LogicalNode, Plan } from "./nodes.js";
import { fillOptions, options } from "./options.js";
import { parseSchema } from "./schemaSpec.js";
import type {
  BatchResult,
  BatchValues,
  ColumnName,
  Columns,
  Flatten,
  IsLoose,
  JoinColumns,
  Loose,
  RowResult,
  RowValues,
  SchemaColumns,
  SchemaSpec,
} from "./types.js";
import { type ShippedFunction, shipStep } from "./udf.js";
import { type DedupeOptions, dedupeNode, type SampleOptions, sampleNode, type WindowOptions, windowNode } from "./window.js";
import { Writer } from "./write.js";

type RowsById = Plan["data"];

/** The columns of `select` and `groupBy`: names, then whatever the callback makes. */
type Picked<S, N extends readonly string[], R> = Flatten<
  { readonly [K in N[number]]: IsLoose<S> extends true ? "any" : K extends keyof S ? S[K] : "any" } & NamedColumns<R>
>;
type Renamed<S, N> =
  IsLoose<S> extends true
    ? Loose
    : { readonly [K in keyof S & string as K extends keyof N ? (N[K] extends string ? N[K] : K) : K]: S[K] };
type Added<S, R> = IsLoose<S> extends true ? Loose : Flatten<Omit<S, keyof R> & NamedColumns<R>>;
type Dropped<S, N extends string> = IsLoose<S> extends true ? Loose : Flatten<Omit<S, N>>;
/** Columns as the `Columns` constraint wants them. */
type AsColumns<T> = { readonly [K in keyof T & string]: T[K] & string };

interface MapOptions<R extends SchemaSpec> {
  /** Columns of the result. */
  readonly schema: R;
  /** Values that the function takes from around it, by the names it uses. */
  readonly with?: { readonly [name: string]: unknown };
}

/**
 * Rows on the way through a plan. Immutable: every step gives a new dataset, and nothing runs before the engine is given a plan.
 * `S` maps column names to type names.
 */
export class Dataset<S extends Columns = Loose> {
  readonly node: LogicalNode;
  /** Rows for `read.rows` sources, by id. */
  readonly data: RowsById;
  /** For the type checker alone. */
  declare readonly columns?: S;

  constructor(node: LogicalNode, data: RowsById) {
    this.node = node;
    this.data = data;
  }

  #next<T extends Columns>(node: LogicalNode, data: RowsById = this.data): Dataset<T> {
    return new Dataset<T>(node, data);
  }

  /** The given columns, in the order given: names, then a callback's new columns. */
  select<const N extends readonly ColumnName<S>[]>(...names: N): Dataset<Picked<S, N, object>>;
  select<const N extends readonly ColumnName<S>[], const R extends NamedValues>(
    ...items: [...names: N, columns: (c: Row<S>) => R]
  ): Dataset<Picked<S, N, R>>;
  select(...items: readonly unknown[]): Dataset<Columns> {
    if (items.length === 0) throw planError("INVALID_ARGUMENT", "select: expected at least one column");
    return this.#next({ kind: "select", input: this.node, columns: namedExprs(items, "select") });
  }

  /** Keeps the rows for which the condition is true; null counts as false. */
  filter(predicate: (c: Row<S>) => BoolOperand): Dataset<S>;
  filter(predicate: Expression<"bool" | "any">): Dataset<S>;
  filter(predicate: unknown): Dataset<S> {
    const value: unknown = typeof predicate === "function" ? predicate(columnsRow<S>()) : predicate;
    return this.#next({ kind: "filter", input: this.node, predicate: toExpr(value, "filter") });
  }

  /** Adds columns, or replaces those of the same name in their place. All are computed from the input's columns. */
  withColumns<const R extends NamedValues>(columns: (c: Row<S>) => R): Dataset<AsColumns<Added<S, R>>> {
    return this.#next({ kind: "withColumns", input: this.node, columns: namedExprs([columns], "withColumns") });
  }

  rename<const N extends { readonly [K in ColumnName<S>]?: string }>(names: N): Dataset<AsColumns<Renamed<S, N>>> {
    const entries = Object.entries(names) as [string, unknown][];
    for (const [from, to] of entries) requireName(to, `rename ${JSON.stringify(from)}`);
    return this.#next({ kind: "rename", input: this.node, names: Object.fromEntries(entries) as Record<string, string> });
  }

  drop<const N extends ColumnName<S>>(...names: readonly N[]): Dataset<AsColumns<Dropped<S, N>>> {
    for (const name of names) requireName(name, "drop");
    return this.#next({ kind: "drop", input: this.node, names });
  }

  /** One row from one row, by a function that runs in the workers. */
  map<const R extends SchemaSpec>(
    fn: ((row: RowValues<S>) => RowResult<SchemaColumns<R>>) | ShippedFunction,
    options: MapOptions<R>,
  ): Dataset<SchemaColumns<R>> {
    return this.#mapped("map", fn, options);
  }

  /** Any number of rows from one row. */
  flatMap<const R extends SchemaSpec>(
    fn: ((row: RowValues<S>) => Iterable<RowResult<SchemaColumns<R>>>) | ShippedFunction,
    options: MapOptions<R>,
  ): Dataset<SchemaColumns<R>> {
    return this.#mapped("flatMap", fn, options);
  }

  /** A batch from a batch; the function may be async. How rows are cut into batches is not part of the plan's meaning. */
  mapBatches<const R extends SchemaSpec>(
    fn: ((batch: BatchValues<S>) => BatchResult<SchemaColumns<R>> | Promise<BatchResult<SchemaColumns<R>>>) | ShippedFunction,
    options: MapOptions<R>,
  ): Dataset<SchemaColumns<R>> {
    return this.#mapped("mapBatches", fn, options);
  }

  #mapped<T extends Columns>(kind: "map" | "flatMap" | "mapBatches", fn: unknown, given: unknown): Dataset<T> {
    const filled = fillOptions(given, { schema: options.other<unknown>(undefined), with: options.other<unknown>({}) }, kind);
    const schema = parseSchema(filled.schema, kind);
    return this.#next({ kind, input: this.node, fn: shipStep(fn, kind, filled.with), schema });
  }

  /** Joins on equal keys. A null key matches nothing. `how` is "inner" by default, `suffix` "_right". */
  join<R extends Columns, const On extends JoinOn<S, R>, const X extends string = "_right">(
    other: Dataset<R>,
    options: JoinOptions<On, X> & { readonly how: "semi" | "anti" },
  ): Dataset<S>;
  join<R extends Columns, const On extends JoinOn<S, R>, const X extends string = "_right">(
    other: Dataset<R>,
    options: JoinOptions<On, X>,
  ): Dataset<AsColumns<JoinColumns<S, R, RightKeys<On>, X>>>;
  join(other: Dataset<Columns>, options: JoinOptions<unknown, string>): Dataset<Columns> {
    requireDataset(other, "join");
    return this.#next(joinNode(this.node, other.node, options), mergedData([this, other]));
  }

  /** Groups by columns, or by what a callback computes. Without keys all rows are one group. Null keys are one group. */
  groupBy<const N extends readonly ColumnName<S>[]>(...names: N): Grouped<S, Picked<S, N, object>>;
  groupBy<const N extends readonly ColumnName<S>[], const R extends NamedValues>(
    ...items: [...names: N, columns: (c: Row<S>) => R]
  ): Grouped<S, Picked<S, N, R>>;
  groupBy(...items: readonly unknown[]): Grouped<S, Columns> {
    return new Grouped<S, Columns>(this, namedExprs(items, "groupBy"));
  }

  /** Aggregates over all rows: one row. */
  agg<const R extends NamedAggregates>(aggregates: (c: Row<S>) => R): Dataset<AggregateColumns<R>> {
    return new Grouped<S, object>(this, []).agg(aggregates) as unknown as Dataset<AggregateColumns<R>>;
  }

  /** Leaves out rows that equal an earlier one, in all columns or in the given ones. */
  distinct(...columns: readonly ColumnName<S>[]): Dataset<S> {
    for (const name of columns) requireName(name, "distinct");
    return this.#next({ kind: "distinct", input: this.node, columns: columns.length === 0 ? null : columns });
  }

  /**
   * Of rows that are equal in the columns `by`, the first (or last) in the order of `orderBy`, ties in input order. The rows that stay keep
   * their places.
   */
  dedupe(given: DedupeOptions<ColumnName<S>>): Dataset<S> {
    return this.#next(dedupeNode(this.node, given));
  }

  /**
   * Adds columns computed from the rows around each row: `rowNumber`, `rank`, `denseRank`, `lag`, `lead`, and `sum`, `avg`, `min`, `max` and
   * `count` over a frame. Rows keep their order.
   */
  window<const R extends NamedAggregates>(
    given: WindowOptions<ColumnName<S>>,
    columns: (c: Row<S>) => R,
  ): Dataset<AsColumns<IsLoose<S> extends true ? Loose : Flatten<Omit<S, keyof R> & AggregateColumns<R>>>> {
    return this.#next(windowNode(this.node, given, requireCallback(columns, "window")(columnsRow<S>())));
  }

  /** About this share of the rows (0 to 1), chosen by their values: the same rows in every run. */
  sample(fraction: number, given?: SampleOptions<ColumnName<S>>): Dataset<S> {
    return this.#next(sampleNode(this.node, fraction, given));
  }

  /** Orders rows; ties keep their input order. `desc("b")` for descending, nulls last unless said otherwise. */
  sort(
    ...keys: readonly (ColumnName<S> | SortTerm<ColumnName<S>> | Expression | ((c: Row<S>) => Expression | SortTerm<never>))[]
  ): Dataset<S> {
    if (keys.length === 0) throw planError("INVALID_ARGUMENT", "sort: expected at least one key");
    const given = keys.map((key) => toSortKey(typeof key === "function" ? key(columnsRow<S>()) : key, "sort"));
    return this.#next({ kind: "sort", input: this.node, keys: given });
  }

  /** The first `count` rows in order, after leaving out `offset`. */
  limit(count: number, given?: { readonly offset?: number }): Dataset<S> {
    const { offset } = fillOptions(given, { offset: options.whole(0, 0) }, "limit");
    if (!Number.isSafeInteger(count) || count < 0) {
      throw planError("INVALID_ARGUMENT", `limit: expected a whole number, at least 0, found ${describe(count)}`);
    }
    return this.#next({ kind: "limit", input: this.node, count, offset });
  }

  /** All rows of this and of the others, which have the same columns (in any order). Duplicates are kept. */
  union<R extends { readonly [K in keyof S]: string }>(...others: readonly Dataset<R & Columns>[]): Dataset<S> {
    for (const other of others) requireDataset(other, "union");
    if (others.length === 0) return this;
    return this.#next(
      { kind: "union", inputs: [this.node, ...others.map((other) => other.node)] },
      mergedData([this, ...others]),
    );
  }

  /** DuckDB SQL over this dataset, named `input`, and further ones. A declared `schema` is what the result's columns are cast to. */
  sql<const R extends SchemaSpec>(text: string, options: SqlOptions & { readonly schema: R }): Dataset<SchemaColumns<R>>;
  sql(text: string, options?: SqlOptions): Dataset<Loose>;
  sql(text: string, given?: SqlOptions & { readonly schema?: SchemaSpec }): Dataset<Loose> {
    if (typeof text !== "string" || text.trim() === "") throw planError("INVALID_ARGUMENT", "sql: expected a query");
    const filled = fillOptions(given, { inputs: options.other<unknown>({}), schema: options.other<unknown>(undefined) }, "sql");
    const others = Object.entries(filled.inputs as { readonly [name: string]: Dataset<Columns> });
    for (const [name, other] of others) {
      requireDataset(other, `sql input ${JSON.stringify(name)}`);
      if (name === "input") throw planError("DUPLICATE_INPUT", 'sql: "input" is the dataset itself; give the other another name');
    }
    const inputs = [{ name: "input", node: this.node }, ...others.map(([name, other]) => ({ name, node: other.node }))];
    const schema = filled.schema === undefined ? {} : { schema: parseSchema(filled.schema, "sql") };
    return this.#next({ kind: "sql", inputs, text, ...schema }, mergedData([this, ...others.map(([, other]) => other)]));
  }

  /**
   * Checks the rows at this point of the plan; they pass on as they are, but for those that a check quarantines. All checks of one call see the same
   * rows; what they found is in `result.report.quality`.
   */
  expect(...checks: readonly Check<ColumnName<S>>[]): Dataset<S> {
    const { node, references } = expectNode(this.node, checks);
    return this.#next(node, mergedData([this, ...references]));
  }

  /** Where the rows go; gives a plan that can be run. */
  get write(): Writer<ColumnName<S>> {
    return new Writer<ColumnName<S>>(this.node, this.data);
  }

  /** The dataset as a plan without a sink, for `explain` and `collect`. */
  toPlan(): Plan {
    return { outputs: [this.node], data: this.data };
  }
}

export interface SqlOptions {
  /** Further datasets that the query names. */
  readonly inputs?: { readonly [name: string]: { readonly node: LogicalNode; readonly data: RowsById } };
}

/** Rows in groups, waiting for `agg`. */
export class Grouped<S extends Columns, K> {
  readonly #dataset: Dataset<S>;
  readonly #keys: readonly NamedExpr[];

  constructor(dataset: Dataset<S>, keys: readonly NamedExpr[]) {
    this.#dataset = dataset;
    this.#keys = keys;
  }

  /** One row per group: the keys, then the aggregates. */
  agg<const R extends NamedAggregates>(aggregates: (c: Row<S>) => R): Dataset<AsColumns<Flatten<K & AggregateColumns<R>>>> {
    const entries = Object.entries(requireRecord(requireCallback(aggregates, "agg")(columnsRow<S>()), "agg"));
    const named = entries.map(([name, value]) => ({ name, expr: requireAggregate(name, value) }));
    const { node, data } = this.#dataset;
    return new Dataset({ kind: "aggregate", input: node, keys: this.#keys, aggregates: named }, data);
  }

  /** Rows per group, as column `count`. */
  count(): Dataset<AsColumns<Flatten<K & { readonly count: "int64" }>>> {
    const { node, data } = this.#dataset;
    const expr: AggregateExpr = { kind: "aggregate", fn: "count", args: [] };
    return new Dataset({ kind: "aggregate", input: node, keys: this.#keys, aggregates: [{ name: "count", expr }] }, data);
  }
}

function requireCallback<F>(given: F, where: string): F {
  if (typeof given === "function") return given;
  throw planError(
    "INVALID_ARGUMENT",
    `${where}: expected a callback such as (c) => ({ total: sum(c.x) }), found ${describe(given)}`,
  );
}

function requireAggregate(name: string, value: unknown): AggregateExpr {
  const expr = (value as { readonly expr?: Expr } | null)?.expr;
  if (expr?.kind === "aggregate") return expr;
  throw planError(
    "NOT_AN_AGGREGATE",
    `agg ${JSON.stringify(name)}: expected an aggregate such as sum(c.x), found ${describe(value)}`,
    {
      column: name,
      hint: "A column that is one value per group belongs in groupBy; any one value is first(c.x).",
    },
  );
}

/** Names and callback results as named expressions. */
function namedExprs(items: readonly unknown[], where: string): NamedExpr[] {
  return items.flatMap((item): NamedExpr[] => {
    if (typeof item === "string") return [{ name: requireName(item, where), expr: { kind: "column", name: item } }];
    if (typeof item === "function") {
      const made = requireRecord(item(columnsRow()), where);
      return Object.entries(made).map(([name, value]) => ({ name, expr: toExpr(value, `${where} ${JSON.stringify(name)}`) }));
    }
    const expr = (item as Partial<Column> | null)?.expr;
    if (expr?.kind === "column") return [{ name: expr.name, expr }];
    throw planError("INVALID_ARGUMENT", `${where}: expected a column name or (c) => ({ name: … }), found ${describe(item)}`);
  });
}

function requireRecord(value: unknown, where: string): { readonly [name: string]: unknown } {
  const record = typeof value === "object" && value !== null && !Array.isArray(value) && !("expr" in value && isColumn(value));
  if (record) return value as { readonly [name: string]: unknown };
  throw planError(
    "INVALID_ARGUMENT",
    `${where}: the callback gives new columns by name, as in (c) => ({ total: c.a.mul(c.b) })`,
    {
      hint: "Mind the brackets: (c) => ({ … }).",
    },
  );
}

const isColumn = (value: object): boolean =>
  Object.getPrototypeOf(value) === Object.getPrototypeOf(columnOf({ kind: "column", name: "x" }));

function requireName(name: unknown, where: string): string {
  if (typeof name === "string" && name !== "") return name;
  throw planError("INVALID_ARGUMENT", `${where}: expected a column name, found ${describe(name)}`);
}

function requireDataset(value: unknown, where: string): void {
  if (value instanceof Dataset) return;
  throw planError("INVALID_ARGUMENT", `${where}: expected a dataset, found ${describe(value)}`);
}

function mergedData(sources: readonly { readonly data: RowsById }[]): RowsById {
  return new Map(sources.flatMap((source) => [...source.data]));
}
