import { required } from "../common/assert.js";
import type { AggregateExpr, Expr, NamedExpr } from "../expr/nodes.js";
import { types } from "../schema/types.js";
import { type CheckSpec, hasVerdict } from "./checkSpec.js";
import { aggregateOf, and, call, column, keyed, literal, present, when } from "./checkColumns.js";
import { comparison, verdictOf } from "./checkVerdicts.js";
import { type ExpectNode, inputsOf, type LogicalNode } from "./nodes.js";
import { topological } from "./walk.js";

/**
 * A query that decides checks of more than one row: a plan of its own beside the outputs.
 * - `figures`: one row: `rows`, then for each check of values of rows `t<id>`, how many rows have them, and for each check `v<id>` (the figure as text) and `ok<id>` (null where there is no figure).
 * - `groups`: the ten most frequent groups that fail: their values as text in `v0`, `v1` …, their rows `n`, and in every row the total `failed`.
 * - `agreement`: one row with `total` and `failed`; `differing`: the first rows that differ, as `v0` (found), `v1` (expected) and the key after them.
 */
export interface CheckQuery {
  readonly kind: "figures" | "groups" | "agreement" | "differing";
  /** Checks that it decides; all of the same `expect`. */
  readonly checks: readonly number[];
  readonly node: LogicalNode;
}

export interface PlanChecks {
  /** The plan's outputs, whose `expect` nodes have row checks alone. */
  readonly outputs: readonly LogicalNode[];
  /** Every check of the plan, by id. */
  readonly checks: readonly CheckSpec[];
  readonly queries: readonly CheckQuery[];
  /** Checks of the columns themselves, and the dataset they are about. */
  readonly shapes: readonly { readonly check: number; readonly node: LogicalNode }[];
}

/** Numbers a plan's checks and takes those of more than one row out of it, as queries over the rows that their `expect` sees. */
export function planChecks(outputs: readonly LogicalNode[]): PlanChecks {
  const done = new Map<LogicalNode, LogicalNode>();
  const checks: CheckSpec[] = [];
  const queries: CheckQuery[] = [];
  const shapes: { check: number; node: LogicalNode }[] = [];
  for (const node of topological(outputs)) {
    const now = (input: LogicalNode) => required(done.get(input), "input");
    if (node.kind !== "expect") {
      done.set(node, withInputs(node, now));
      continue;
    }
    const input = now(node.input);
    const numbered = node.checks.map((check, i): NumberedCheck => ({ ...check, id: checks.length + i }));
    checks.push(...numbered);
    queries.push(...queriesOf(numbered, input, node.references.map(now)));
    for (const { id, test } of numbered) if (test.scope === "columns") shapes.push({ check: id, node: input });
    const rows = numbered.filter((check) => check.test.scope === "row" || hasVerdict(check));
    const verdicts = rows.filter(hasVerdict).map((check) => verdictOf(check, input, node.references.map(now)));
    const kept: ExpectNode = { kind: "expect", input, references: [], checks: rows, verdicts };
    done.set(node, rows.length === 0 ? input : kept);
  }
  return { outputs: outputs.map((output) => required(done.get(output), "output")), checks, queries, shapes };
}

type NumberedCheck = CheckSpec & { readonly id: number };

function withInputs(node: LogicalNode, now: (input: LogicalNode) => LogicalNode): LogicalNode {
  if (inputsOf(node).every((input) => now(input) === input)) return node;
  switch (node.kind) {
    case "scan":
      return node;
    case "join":
      return { ...node, left: now(node.left), right: now(node.right) };
    case "union":
      return { ...node, inputs: node.inputs.map(now) };
    case "sql":
      return { ...node, inputs: node.inputs.map(({ name, node: input }) => ({ name, node: now(input) })) };
    default:
      return { ...node, input: now(node.input) };
  }
}

function queriesOf(checks: readonly NumberedCheck[], input: LogicalNode, references: readonly LogicalNode[]): CheckQuery[] {
  const queries = checks.flatMap((check): CheckQuery[] => {
    const { test, id } = check;
    switch (test.scope) {
      case "unique":
        if (hasVerdict(check)) return [];
        return [{ kind: "groups", checks: [id], node: duplicates(check.columns, input) }];
      case "references": {
        if (hasVerdict(check)) return [];
        const reference = required(references[test.reference], "reference");
        return [{ kind: "groups", checks: [id], node: orphans(check.columns, input, reference, test.on) }];
      }
      case "agrees": {
        const joined = comparison(check, test, input, required(references[test.reference], "reference"));
        const counted: CheckQuery = { kind: "agreement", checks: [id], node: agreement(joined) };
        if (hasVerdict(check)) return [counted];
        return [counted, { kind: "differing", checks: [id], node: differing(joined, test.key.length) }];
      }
      default:
        return [];
    }
  });
  const figures = checks.filter(({ test }) => test.scope === "statistic");
  const mergeable = figures.filter((check) => !needsAllValues(check));
  const alone = figures.filter(needsAllValues).map((check): CheckQuery => {
    return { kind: "figures", checks: [check.id], node: figuresOf([check], [], input) };
  });
  const counted = checks.filter(
    (check) => !hasVerdict(check) && (check.test.scope === "unique" || check.test.scope === "references"),
  );
  if (mergeable.length + counted.length === 0) return [...alone, ...queries];
  const together = [...mergeable, ...counted].map(({ id }) => id);
  return [{ kind: "figures", checks: together, node: figuresOf(mergeable, counted, input) }, ...alone, ...queries];
}

/** Figures that are not made of partial ones: their column is set aside for DuckDB, so they must not keep the others from the workers. */
const needsAllValues = ({ test }: CheckSpec): boolean =>
  test.scope === "statistic" && ["quantile", "median", "countDistinct"].includes(test.aggregate.fn);

const text = (input: Expr): Expr => ({ kind: "cast", input, to: types.utf8, safe: false });

function figuresOf(checks: readonly NumberedCheck[], counted: readonly NumberedCheck[], input: LogicalNode): LogicalNode {
  const tests = checks.flatMap(({ id, test }) => (test.scope === "statistic" ? [{ id, test }] : []));
  const aggregates = [
    { name: "rows", expr: aggregateOf("count") },
    ...tests.map(({ id, test }) => ({ name: `f${id}`, expr: test.aggregate })),
    ...tests.flatMap(({ id, test }) => (test.unless === undefined ? [] : [{ name: `u${id}`, expr: test.unless }])),
    ...counted.map(({ id, columns }) => ({ name: `t${id}`, expr: wholeRows(columns) })),
  ];
  const used = [...new Set([...checks, ...counted].flatMap((check) => check.columns))].map((name) => ({
    name,
    expr: column(name),
  }));
  const narrow: LogicalNode = used.length === 0 ? input : { kind: "select", input, columns: used };
  const totals: LogicalNode = { kind: "aggregate", input: narrow, keys: [], aggregates };
  const columns = tests.flatMap(({ id, test }): NamedExpr[] => {
    // Of no rows none is null.
    const rate = call("sub", literal(1), call("divide", column(`f${id}`), column("rows")));
    const plain = test.ofRows ? call("coalesce", rate, literal(0)) : column(`f${id}`);
    const strange = call("gt", column(`u${id}`), literal(0));
    const figure = test.unless === undefined ? plain : when(strange, literal(Number.NaN), plain);
    const terms = [
      ...(test.least === null ? [] : [call("gte", figure, test.least)]),
      ...(test.most === null ? [] : [call("lte", figure, test.most)]),
    ];
    return [
      { name: `v${id}`, expr: text(figure) },
      { name: `ok${id}`, expr: and(terms) },
    ];
  });
  const totalled = ["rows", ...counted.map(({ id }) => `t${id}`)].map((name) => ({ name, expr: column(name) }));
  return { kind: "select", input: totals, columns: [...totalled, ...columns] };
}

/** How many rows have a value in each of the columns. */
function wholeRows(columns: readonly string[]): AggregateExpr {
  const [only, ...others] = columns;
  if (only !== undefined && others.length === 0) return aggregateOf("count", column(only));
  return aggregateOf("sum", { kind: "cast", input: present(columns), to: types.int64, safe: false });
}

/** Groups of more than one row. All but the first row of a group fail. */
function duplicates(columns: readonly string[], input: LogicalNode): LogicalNode {
  const whole: LogicalNode = { kind: "filter", input, predicate: present(columns) };
  const groups = countGroups(whole, keyed(columns));
  const several: LogicalNode = { kind: "filter", input: groups, predicate: call("gt", column("n"), literal(1)) };
  return worstGroups(several, columns.length, "n - 1");
}

/** Values that the reference does not have. */
function orphans(columns: readonly string[], input: LogicalNode, reference: LogicalNode, on: readonly string[]): LogicalNode {
  const left: LogicalNode = {
    kind: "select",
    input: { kind: "filter", input, predicate: present(columns) },
    columns: keyed(columns),
  };
  const right: LogicalNode = {
    kind: "select",
    input: reference,
    columns: on.map((name, i) => ({ name: `r${i}`, expr: column(name) })),
  };
  const pairs = on.map((_, i) => ({ left: `v${i}`, right: `r${i}` }));
  const missing: LogicalNode = { kind: "join", left, right, on: pairs, how: "anti", suffix: "_right" };
  return worstGroups(countGroups(missing, keyed(columns.map((_, i) => `v${i}`))), columns.length, "n");
}

const countGroups = (input: LogicalNode, keys: readonly NamedExpr[]): LogicalNode => ({
  kind: "aggregate",
  input,
  keys,
  aggregates: [{ name: "n", expr: aggregateOf("count") }],
});

function worstGroups(groups: LogicalNode, width: number, failing: string): LogicalNode {
  const names = Array.from({ length: width }, (_, i) => `v${i}`);
  const columns = [...names.map((name) => ({ name, expr: text(column(name)) })), { name: "n", expr: column("n") }];
  const input: LogicalNode = { kind: "select", input: groups, columns };
  const order = ["n DESC", ...names].join(", ");
  const query = `SELECT ${names.join(", ")}, n, CAST(sum(${failing}) OVER () AS BIGINT) AS failed FROM input ORDER BY ${order} LIMIT 10`;
  return { kind: "sql", inputs: [{ name: "input", node: input }], text: query };
}

function agreement(joined: LogicalNode): LogicalNode {
  const failing: Expr = { kind: "cast", input: column("differs"), to: types.int32, safe: false };
  const aggregates = [
    { name: "total", expr: aggregateOf("count") },
    { name: "failed", expr: aggregateOf("sum", failing) },
  ];
  return { kind: "aggregate", input: joined, keys: [], aggregates };
}

function differing(joined: LogicalNode, keys: number): LogicalNode {
  const filtered: LogicalNode = { kind: "filter", input: joined, predicate: column("differs") };
  const names = Array.from({ length: keys }, (_, i) => `k${i}`);
  const columns = [
    { name: "v0", expr: text(column("found")) },
    { name: "v1", expr: text(column("least")) },
    ...names.map((name) => ({ name, expr: text(column(name)) })),
  ];
  return { kind: "limit", input: { kind: "select", input: filtered, columns }, count: 5, offset: 0 };
}
