import { required } from "../common/assert.js";
import type { Expr, NamedExpr } from "../expr/nodes.js";
import { aggregateOf, call, column, keyed, literal, present } from "./checkColumns.js";
import { type Schema, types } from "../schema/types.js";
import type { CheckSpec } from "./checkSpec.js";
import type { LogicalNode } from "./nodes.js";

/** The column that a `number` node adds for a check. */
const rowName = "__row_of_check";
/** Of a verdict's rows. */
export const verdictSchema: Schema = [{ name: rowName, type: types.int64, nullable: false }];
const row: NamedExpr = { name: rowName, expr: column(rowName) };

/**
 * The numbers of the rows that fail a check of more than one row, as a plan of its own: one column, in any order. It reads the very rows that the
 * `expect` judges, before they pass it.
 * - `unique`: of rows with the same values the first in the order of the input passes, the later ones fail.
 * - `references`: rows whose values the other dataset does not have.
 * - `agrees`: rows that differ from one of the reference's rows of their key.
 */
export function verdictOf(check: CheckSpec, input: LogicalNode, references: readonly LogicalNode[]): LogicalNode {
  const { test, columns } = check;
  const numbered: LogicalNode = { kind: "number", input, name: rowName };
  switch (test.scope) {
    case "unique":
      return later(columns, numbered);
    case "references":
      return orphanRows(columns, numbered, required(references[test.reference], "reference"), test.on);
    case "agrees": {
      const joined = comparison(check, test, numbered, required(references[test.reference], "reference"), [row]);
      return rowsOf({ kind: "filter", input: joined, predicate: column("differs") });
    }
    default:
      throw new TypeError(`a check of scope ${test.scope} has no verdict on rows`);
  }
}

const rowsOf = (input: LogicalNode): LogicalNode => ({ kind: "select", input, columns: [row] });

function later(columns: readonly string[], input: LogicalNode): LogicalNode {
  const whole: LogicalNode = { kind: "filter", input, predicate: present(columns) };
  const keys: LogicalNode = { kind: "select", input: whole, columns: [row, ...keyed(columns)] };
  const counted: LogicalNode = {
    kind: "window",
    input: keys,
    partitionBy: columns.map((_, i) => `v${i}`),
    orderBy: [],
    frame: null,
    columns: [{ name: "n", expr: aggregateOf("rowNumber") }],
  };
  return rowsOf({ kind: "filter", input: counted, predicate: call("gt", column("n"), literal(1)) });
}

function orphanRows(columns: readonly string[], input: LogicalNode, reference: LogicalNode, on: readonly string[]): LogicalNode {
  const whole: LogicalNode = { kind: "filter", input, predicate: present(columns) };
  const left: LogicalNode = { kind: "select", input: whole, columns: [row, ...keyed(columns)] };
  const others = on.map((name, i) => ({ name: `r${i}`, expr: column(name) }));
  const right: LogicalNode = { kind: "select", input: reference, columns: others };
  const pairs = on.map((_, i) => ({ left: `v${i}`, right: `r${i}` }));
  return rowsOf({ kind: "join", left, right, on: pairs, how: "anti", suffix: "_right" });
}

/** Rows with the least and greatest value that the reference has for their key; `differs` where they do not agree. */
export function comparison(
  check: CheckSpec,
  test: Extract<CheckSpec["test"], { scope: "agrees" }>,
  input: LogicalNode,
  reference: LogicalNode,
  also: readonly NamedExpr[] = [],
): LogicalNode {
  const found = required(check.columns[0], "column of a check");
  const keys = test.key.map((name, i) => ({ name: `k${i}`, expr: column(name) }));
  const left: LogicalNode = { kind: "select", input, columns: [...keys, { name: "found", expr: column(found) }, ...also] };
  const aggregates = [
    { name: "least", expr: aggregateOf("min", column(test.against)) },
    { name: "greatest", expr: aggregateOf("max", column(test.against)) },
  ];
  const renamed = keys.map(({ name, expr }) => ({ name: `r${name}`, expr }));
  const right: LogicalNode = { kind: "aggregate", input: reference, keys: renamed, aggregates };
  const on = keys.map(({ name }) => ({ left: name, right: `r${name}` }));
  const joined: LogicalNode = { kind: "join", left, right, on, how: "inner", suffix: "_right" };
  const apart = (other: Expr): Expr => {
    const differs =
      test.tolerance === null
        ? call("ne", column("found"), other)
        : call("gt", call("abs", call("sub", column("found"), other)), literal(test.tolerance));
    const oneMissing = call("ne", call("isNull", column("found")), call("isNull", other));
    return call("coalesce", differs, oneMissing);
  };
  const differs = call("or", apart(column("least")), apart(column("greatest")));
  return { kind: "withColumns", input: joined, columns: [{ name: "differs", expr: differs }] };
}
