import type { Bound, BoundAggregate, BoundNamed, BoundSortKey } from "../expr/nodes.js";
import { columnOf, columnsUsed, remapColumns } from "../expr/walk.js";
import { aggregateFunction } from "../functions/registry.js";
import { rewrite } from "../optimize/rewrite.js";
import { type BoundNode, boundInputs } from "../plan/bound.js";
import type { Field } from "../schema/types.js";
import { isRowWise } from "./rowWise.js";

/**
 * Takes expressions that only workers compute out of aggregates and sorts, which DuckDB runs, and into a projection below them.
 * Aggregates that the workers begin themselves keep theirs: their loop computes them in passing.
 */
export function hoistComputed(outputs: readonly BoundNode[], needsWorker: (expr: Bound) => boolean): BoundNode[] {
  return rewrite(outputs, (node) => {
    if (node.kind === "aggregate") return hoistFromAggregate(node, needsWorker);
    return node.kind === "sort" ? hoistFromSort(node, needsWorker) : node;
  });
}

type Aggregate = Extract<BoundNode, { kind: "aggregate" }>;
type Sort = Extract<BoundNode, { kind: "sort" }>;

function hoistFromAggregate(node: Aggregate, needsWorker: (expr: Bound) => boolean): BoundNode {
  return beginsInWorkers(node) ? node : computeBelow(node, needsWorker);
}

/** An aggregation whose keys and arguments of a kind are computed by a projection below it. */
export function computeBelow(node: Aggregate, isMoved: (expr: Bound) => boolean): Aggregate {
  return keysAndArguments(node).some(isMoved) ? overItsColumns(node, isMoved) : node;
}

const keysAndArguments = ({ keys, aggregates }: Aggregate): Bound[] => [
  ...keys.map((key) => key.expr),
  ...aggregates.flatMap((one) => one.args),
];

/** An aggregation over a projection that has only the columns it uses, and what is moved as columns of their own. */
export function overItsColumns(node: Aggregate, isMoved: (expr: Bound) => boolean): Aggregate {
  const all = keysAndArguments(node);
  const moved = all.filter(isMoved);
  const others = all.filter((expr) => !isMoved(expr));
  const kept = [...new Set(others.flatMap((expr) => [...columnsUsed(expr)]))].sort((a, b) => a - b);
  const { below, at } = projection(node.input, kept, moved);
  const keys = node.keys.map((key): BoundNamed => ({ ...key, expr: at(key.expr) }));
  const aggregates = node.aggregates.map((one): BoundAggregate => ({ ...one, args: one.args.map(at) }));
  return { ...node, input: below, keys, aggregates };
}

function hoistFromSort(node: Sort, needsWorker: (expr: Bound) => boolean): BoundNode {
  const moved = node.keys.map((key) => key.expr).filter(needsWorker);
  if (moved.length === 0) return node;
  const { below, at } = projection(node.input, [...node.schema.keys()], moved);
  const keys = node.keys.map((key): BoundSortKey => ({ ...key, expr: at(key.expr) }));
  const sorted: BoundNode = { kind: "sort", input: below, keys, schema: below.schema };
  const columns = node.schema.map((field, index): BoundNamed => ({ name: field.name, expr: columnOf(field, index) }));
  return { kind: "project", input: sorted, columns, schema: node.schema };
}

/** The kept columns and the moved expressions as a projection, and what an expression over the input becomes above it. */
function projection(input: BoundNode, kept: readonly number[], moved: readonly Bound[]) {
  const taken = new Set(input.schema.map((field) => field.name));
  const passed = kept.map((index): BoundNamed => {
    const field = input.schema[index] as Field;
    return { name: field.name, expr: columnOf(field, index) };
  });
  const computed = moved.map((expr, i): BoundNamed => ({ name: freeName(`__computed_${i}`, taken), expr }));
  const columns = [...passed, ...computed];
  const schema = columns.map(({ name, expr }): Field => ({ name, type: expr.type, nullable: expr.nullable }));
  const below: BoundNode = { kind: "project", input, columns, schema };
  const at = (expr: Bound): Bound => {
    const index = moved.indexOf(expr);
    if (index < 0) return remapColumns(expr, (old) => kept.indexOf(old));
    return columnOf(schema[kept.length + index] as Field, kept.length + index);
  };
  return { below, at };
}

/** Whether the planner lets workers aggregate their partitions first: every aggregate merges, and rows come from a source step by step. */
function beginsInWorkers(node: Aggregate): boolean {
  if (!node.aggregates.every((one) => aggregateFunction(one.fn).partial !== undefined)) return false;
  let at: BoundNode | undefined = node.input;
  while (at !== undefined && isRowWise(at)) at = boundInputs(at)[0];
  return at?.kind === "scan";
}

function freeName(wanted: string, taken: ReadonlySet<string>): string {
  let name = wanted;
  while (taken.has(name)) name = `_${name}`;
  return name;
}
