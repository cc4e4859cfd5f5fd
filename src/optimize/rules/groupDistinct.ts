import type { BoundNamed } from "../../expr/nodes.js";
import { columnOf } from "../../expr/walk.js";
import { type BoundNode, boundInputs } from "../../plan/bound.js";
import { topological, withInputs } from "../rewrite.js";
import { isWholeRow, seenInOrder } from "../rowOrder.js";

/**
 * Different rows of which nobody sees the order are groups without aggregates: partitions leave most of them out at once, and rows need not be brought
 * back to their places.
 */
export function groupDistinct(outputs: readonly BoundNode[]): BoundNode[] {
  const seen = seenInOrder(outputs);
  const done = new Map<BoundNode, BoundNode>();
  for (const node of topological(outputs)) {
    const inputs = boundInputs(node).map((input) => done.get(input) as BoundNode);
    const same = withInputs(node, inputs);
    done.set(node, same.kind === "distinct" && !seen.has(node) && isWholeRow(same) ? groupsOf(same.input) : same);
  }
  return outputs.map((output) => done.get(output) as BoundNode);
}

function groupsOf(input: BoundNode): BoundNode {
  const { schema } = input;
  const keys = schema.map((field, index): BoundNamed => ({ name: field.name, expr: columnOf(field, index) }));
  return { kind: "aggregate", input, keys, aggregates: [], schema };
}
