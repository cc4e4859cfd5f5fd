import { topological } from "../optimize/rewrite.js";
import type { BoundNode } from "../plan/bound.js";
import type { AggregateNode } from "./groupStages.js";

/** Aggregates whose result is the same whichever of their rows comes first, but for the last digit of floats. */
const orderFree: ReadonlySet<string> = new Set([
  ...["sum", "avg", "count", "countDistinct", "min", "max", "boolAnd", "boolOr"],
  ...["stddev", "variance", "stddevPop", "variancePop"],
]);

/**
 * Groups that nobody sees in the order of their keys: their only reader aggregates them, or what a filter and computed columns leave of them, in
 * workers. They stay bucket by bucket, which is an order that follows from plan and input, too.
 */
export function unorderedGroups(
  outputs: readonly BoundNode[],
  consumers: ReadonlyMap<BoundNode, number>,
  inWorkers: (node: BoundNode) => boolean,
): ReadonlySet<AggregateNode> {
  const found = new Set<AggregateNode>();
  for (const node of topological(outputs)) {
    if (node.kind !== "aggregate" || !inWorkers(node) || !node.aggregates.every(({ fn }) => orderFree.has(fn))) continue;
    let { input } = node;
    const isAlone = () => inWorkers(input) && consumers.get(input) === 1;
    while ((input.kind === "filter" || input.kind === "project") && isAlone()) input = input.input;
    if (input.kind === "aggregate" && isAlone()) found.add(input);
  }
  return found;
}
