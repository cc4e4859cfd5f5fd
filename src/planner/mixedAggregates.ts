import { required } from "../common/assert.js";
import type { BoundAggregate } from "../expr/nodes.js";
import { aggregateFunction } from "../functions/registry.js";
import { stateTypes } from "../kernels/groups/groupForms.js";
import { topological, withInputs } from "../optimize/rewrite.js";
import { type BoundNode, boundInputs, type JoinOutput } from "../plan/bound.js";
import { type AggregateNode, groupsInWorkers } from "./groupStages.js";
import { computeBelow, overItsColumns } from "./hoist.js";
import type { Placement } from "./stages.js";

/**
 * Takes aggregations apart of which one part needs all values of a group at once, which DuckDB has to gather, while it would gather and sort them once
 * more for what is folded value by value. Workers do the latter, and the groups of both are put beside each other again.
 */
export function splitMixed(outputs: readonly BoundNode[], place: () => ReadonlyMap<BoundNode, Placement>): readonly BoundNode[] {
  const nodes = topological(outputs);
  if (!nodes.some((node) => node.kind === "aggregate" && foldedPart(node) !== null)) return outputs;
  const placed = place();
  const done = new Map<BoundNode, BoundNode>();
  const of = (node: BoundNode): BoundNode => required(done.get(node), "input");
  for (const node of nodes) {
    const same = withInputs(node, boundInputs(node).map(of));
    const overWorkers =
      node.kind === "aggregate" && placed.get(node)?.where === "duckdb" && placed.get(node.input)?.where === "worker";
    done.set(node, overWorkers && same.kind === "aggregate" ? (split(same) ?? same) : same);
  }
  return outputs.map(of);
}

/** What workers can do of an aggregation in which DuckDB would sort values to fold them; null for all others. */
export function foldedPart(node: AggregateNode): AggregateNode | null {
  if (!node.aggregates.some(({ fn }) => aggregateFunction(fn).folded === true)) return null;
  const part = partOf(node, (one) => stateTypes(one) !== null);
  return groupsInWorkers(part) ? part : null;
}

function split(node: AggregateNode): BoundNode | null {
  if (foldedPart(node) === null) return null;
  const shared = computeBelow(node, (expr) => expr.kind !== "column");
  const folded = foldedPart(shared);
  const whole = partOf(shared, (one) => stateTypes(one) === null);
  if (folded === null || whole.aggregates.length === 0) return null;
  const count = node.keys.length;
  const next = { left: count, right: count };
  const output = [
    ...node.keys.map((_, index): JoinOutput => ({ side: "left", index })),
    ...shared.aggregates.map((one): JoinOutput => {
      const side = whole.aggregates.includes(one) ? "left" : "right";
      return { side, index: next[side]++ };
    }),
  ];
  const on = node.keys.map((_, index) => ({ left: index, right: index }));
  // Its rows are written for DuckDB.
  const left = overItsColumns(whole, () => false);
  return { kind: "join", left, right: folded, on, how: "inner", groups: true, output, schema: node.schema };
}

function partOf(node: AggregateNode, belongs: (one: BoundAggregate) => boolean): AggregateNode {
  const count = node.keys.length;
  const aggregates = node.aggregates.filter(belongs);
  const fields = node.schema.slice(count).filter((_, i) => belongs(node.aggregates[i] as BoundAggregate));
  return { ...node, aggregates, schema: [...node.schema.slice(0, count), ...fields] };
}
