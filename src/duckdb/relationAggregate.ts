import { required } from "../common/assert.js";
import { internalError } from "../common/errors.js";
import type { BoundAggregate } from "../expr/nodes.js";
import type { AggregateSql, CallTypes } from "../functions/definition.js";
import { aggregateFunction } from "../functions/registry.js";
import type { BoundNode } from "../plan/bound.js";
import { isFloat } from "../schema/types.js";
import { boundsOf } from "./bounds.js";
import { type QueryBuilder, type Rel, type Selected, selectList } from "./builder.js";
import { expressionSql, valueSql } from "./expression.js";
import { sqlNames } from "./names.js";
import { ascending, isCheap } from "./order.js";
import { type FloatSum, floatSumToken, rangesSql } from "./query.js";
import { quickSumSql } from "./quickSum.js";
import { breaksTies } from "./relationWindow.js";
import { typeToSql } from "./types.js";

type AggregateNode = Extract<BoundNode, { readonly kind: "aggregate" | "mergeAggregate" }>;

/** Whether one of a node's aggregates or window functions looks at the order of rows, found by asking each for its text. */
export function looksAtOrder(node: BoundNode): boolean {
  if (node.kind === "window") return node.calls.some((call) => breaksTies(node, call));
  if (node.kind !== "aggregate" && node.kind !== "mergeAggregate") return false;
  let looked = false;
  const probe: AggregateSql = {
    floatSum: () => "0",
    get order() {
      looked = true;
      return "0";
    },
  };
  aggregateTexts(
    node,
    node.input.schema.map((_, i) => `c${i}`),
    () => probe,
  );
  return looked;
}

/** An aggregate over rows, or the merge of partial ones; ordered by its keys, ascending, nulls last. */
export function aggregateRel(builder: QueryBuilder, node: AggregateNode): Rel {
  let input = builder.relation(node.input);
  const sums: FloatSum[] = [];
  let order: string | null = null;
  if (looksAtOrder(node)) {
    const placed = builder.withPosition(input);
    input = placed.rel;
    order = placed.column;
  }
  const contextOf = (aggregate: BoundAggregate): AggregateSql => ({
    floatSum: (argument) =>
      builder.onQuick !== null ? quickSum(builder, node, aggregate, argument) : floatSumToken(sumOf(builder, sums, argument)),
    get order() {
      if (order === null) throw internalError("an aggregate looked at the order of rows only the second time");
      return order;
    },
  });
  const texts = aggregateTexts(node, input.columns, contextOf, builder.onQuick);
  if (sums.length > 0) {
    if (!isCheap(node.input)) input = builder.materialise(input);
    builder.steps.push({ kind: "ranges", sums, sql: builder.withDefinitions(rangesSql(sums, input.from), [input]) });
  }
  const names = sqlNames(node.schema);
  const keys = keyTexts(node, input.columns);
  const columns = [...keys, ...texts].map((sql, i): Selected => ({ sql, name: required(names[i], "name") }));
  const keyNames = names.slice(0, keys.length);
  const group = keys.length === 0 ? "" : `\nGROUP BY ${keys.map((_, i) => i + 1).join(", ")}`;
  const from = builder.define(`SELECT ${selectList(columns)}\nFROM ${input.from}${group}`, [input]);
  return { from, columns: names, order: builder.wantsOrder(node) ? keyNames.map(ascending) : [] };
}

function quickSum(builder: QueryBuilder, node: AggregateNode, { args: [arg] }: BoundAggregate, argument: string): string {
  builder.onQuick?.();
  return quickSumSql(argument, node.kind === "aggregate" && arg !== undefined ? boundsOf(node.input, arg) : null);
}

function sumOf(builder: QueryBuilder, sums: FloatSum[], argument: string): number {
  const known = sums.find((sum) => sum.argument === argument);
  if (known !== undefined) return known.id;
  const id = builder.sumId();
  sums.push({ id, argument });
  return id;
}

function keyTexts(node: AggregateNode, columns: readonly string[]): string[] {
  const texts =
    node.kind === "aggregate"
      ? node.keys.map((key) => expressionSql(key.expr, (index) => required(columns[index], "column")))
      : columns.slice(0, node.keyCount);
  return texts.map((text, i) => (isFloat(required(node.schema[i], "key").type) ? oneFloat(text) : text));
}

/** Keys that are equal must look the same, or the group's key would be that of whichever row came first: 0 for -0, one NaN for all. */
const oneFloat = (sql: string): string => `CASE WHEN ${sql} = 0 THEN 0 WHEN isnan(${sql}) THEN 'NaN' ELSE ${sql} END`;

function aggregateTexts(
  node: AggregateNode,
  columns: readonly string[],
  contextOf: (aggregate: BoundAggregate) => AggregateSql,
  onQuick: (() => void) | null = null,
): string[] {
  let state = node.kind === "mergeAggregate" ? node.keyCount : 0;
  return node.aggregates.map((aggregate) => {
    const call: CallTypes = {
      args: aggregate.args.map((arg) => arg.type),
      returns: aggregate.type,
      options: aggregate.options,
    };
    const context = contextOf(aggregate);
    const sql =
      node.kind === "aggregate"
        ? rowsSql(aggregate, columns, call, context, onQuick)
        : mergeSql(aggregate, columns, state, call, context);
    if (node.kind === "mergeAggregate") state += required(partialOf(aggregate), "partial form").states(call).length;
    return `CAST(${sql} AS ${typeToSql(aggregate.type)})`;
  });
}

const partialOf = (aggregate: BoundAggregate) => aggregateFunction(aggregate.fn).partial;

/** Aggregates to which a decimal's width does not matter: DuckDB sums decimals of any width in 38 digits. */
const valueAggregates = ["sum", "avg"];

function rowsSql(
  aggregate: BoundAggregate,
  columns: readonly string[],
  call: CallTypes,
  context: AggregateSql,
  onQuick: (() => void) | null,
): string {
  const textOf = valueAggregates.includes(aggregate.fn) ? valueSql : expressionSql;
  const args = aggregate.args.map((arg) => textOf(arg, (index) => required(columns[index], "column"), onQuick));
  return aggregateFunction(aggregate.fn).sql(args, call, context);
}

function mergeSql(
  aggregate: BoundAggregate,
  columns: readonly string[],
  first: number,
  call: CallTypes,
  context: AggregateSql,
): string {
  const partial = partialOf(aggregate);
  if (partial === undefined) throw internalError(`the aggregate ${aggregate.fn} has no partial form to merge`);
  return partial.merge(columns.slice(first, first + partial.states(call).length), call, context);
}
