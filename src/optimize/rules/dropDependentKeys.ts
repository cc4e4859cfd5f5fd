import { required } from "../../common/assert.js";
import type { Bound, BoundNamed } from "../../expr/nodes.js";
import { boundChildren, columnsUsed, remapColumns } from "../../expr/walk.js";
import { isFallible } from "../../functions/bind.js";
import type { BoundNode } from "../../plan/bound.js";
import { type DataType, isFloat } from "../../schema/types.js";
import { rewrite } from "../rewrite.js";

type Aggregate = Extract<BoundNode, { readonly kind: "aggregate" }>;
type Column = Extract<Bound, { readonly kind: "column" }>;

/**
 * Takes keys out of a grouping that follow from keys before them, such as the year of a day that is a key as well, and computes them once a group
 * instead of once a row. The groups are the same, and so is their order: a key that follows from earlier ones never decides it.
 */
export const dropDependentKeys = (outputs: readonly BoundNode[]): BoundNode[] =>
  rewrite(outputs, (node) => (node.kind === "aggregate" && node.keys.length > 1 ? withoutDependent(node) : node));

function withoutDependent(node: Aggregate): BoundNode {
  const kept: BoundNamed[] = [];
  const known: Known[] = [];
  // What each key is over the output of the smaller grouping.
  const above = node.keys.map((key): Bound => {
    const derived = kept.length === 0 ? null : derive(key.expr, node.input, known);
    if (derived !== null) return derived;
    const column: Column = {
      kind: "column",
      index: kept.length,
      name: key.name,
      type: key.expr.type,
      nullable: key.expr.nullable,
    };
    if (key.expr.kind === "column" && tellsApart(key.expr.type)) known.push({ ...origin(node.input, key.expr.index), column });
    kept.push(key);
    return column;
  });
  if (kept.length === node.keys.length) return node;
  const results = node.schema.slice(node.keys.length);
  const schema = [...kept.map(({ name, expr }) => ({ name, type: expr.type, nullable: expr.nullable })), ...results];
  const columns = node.schema.map(({ name, type, nullable }, i): BoundNamed => {
    const index = kept.length + i - node.keys.length;
    return { name, expr: above[i] ?? { kind: "column", index, name, type, nullable } };
  });
  return { kind: "project", input: { ...node, keys: kept, schema }, columns, schema: node.schema };
}

/** A column of some node below, and the key that it is. */
interface Known extends Place {
  readonly column: Column;
}

interface Place {
  readonly node: BoundNode;
  readonly index: number;
}

/** Whether equal keys are the same value: of floats, -0 and 0 group as one but compute differently. */
const tellsApart = (type: DataType): boolean => !isFloat(type) && type.kind !== "list" && type.kind !== "struct";

/** Where a column's values come from unchanged. */
function origin(node: BoundNode, index: number): Place {
  switch (node.kind) {
    case "filter":
    case "sort":
    case "limit":
      return origin(node.input, index);
    case "project": {
      const { expr } = required(node.columns[index], "column");
      return expr.kind === "column" ? origin(node.input, expr.index) : { node, index };
    }
    case "join": {
      const from = required(node.output[index], "column of a join");
      const whole = node.how === "inner" || node.how === "left" || node.how === "semi" || node.how === "anti";
      return from.side === "left" && whole ? origin(node.left, from.index) : { node, index };
    }
    default:
      return { node, index };
  }
}

/** An expression over a node's rows as one over the known keys; null where it takes more than those. */
function derive(expr: Bound, node: BoundNode, known: readonly Known[]): Bound | null {
  if (expr.kind === "column") return deriveColumn(origin(node, expr.index), known);
  if (isFallible(expr) || boundChildren(expr).length === 0) return null;
  const parts = new Map<number, Column>();
  for (const index of columnsUsed(expr)) {
    const part = deriveColumn(origin(node, index), known);
    // A part that is itself computed would be computed again here.
    if (part?.kind !== "column") return null;
    parts.set(index, part);
  }
  if (parts.size === 0) return null;
  return remapColumns(expr, (index) => required(parts.get(index), "part").index);
}

function deriveColumn({ node, index }: Place, known: readonly Known[]): Bound | null {
  const key = known.find((one) => one.node === node && one.index === index);
  if (key !== undefined) return key.column;
  return node.kind === "project" ? derive(required(node.columns[index], "column").expr, node.input, known) : null;
}
