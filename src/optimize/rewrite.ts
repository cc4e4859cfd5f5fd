import { assertNever } from "../common/assert.js";
import { type BoundNode, boundInputs } from "../plan/bound.js";

/** All nodes below the outputs, inputs before their consumers, each once. */
export function topological(outputs: readonly BoundNode[]): BoundNode[] {
  const order: BoundNode[] = [];
  const seen = new Set<BoundNode>();
  const visit = (node: BoundNode): void => {
    if (seen.has(node)) return;
    seen.add(node);
    for (const input of boundInputs(node)) visit(input);
    order.push(node);
  };
  for (const output of outputs) visit(output);
  return order;
}

/** How many nodes (or outputs) read each node. */
export function consumerCounts(outputs: readonly BoundNode[]): Map<BoundNode, number> {
  const counts = new Map<BoundNode, number>();
  const add = (node: BoundNode) => counts.set(node, (counts.get(node) ?? 0) + 1);
  for (const node of topological(outputs)) for (const input of boundInputs(node)) add(input);
  for (const output of outputs) add(output);
  return counts;
}

/** The same node over other inputs. Filter, sort and limit take over their input's schema. */
export function withInputs(node: BoundNode, inputs: readonly BoundNode[]): BoundNode {
  const before = boundInputs(node);
  if (before.length === inputs.length && before.every((input, i) => input === inputs[i])) return node;
  const [input] = inputs as [BoundNode, ...BoundNode[]];
  switch (node.kind) {
    case "scan":
    case "stageInput":
      return node;
    case "join":
      return { ...node, left: input, right: inputs[1] as BoundNode };
    case "union":
      return { ...node, inputs };
    case "sql":
      return { ...node, inputs: node.inputs.map(({ name }, i) => ({ name, node: inputs[i] as BoundNode })) };
    case "filter":
    case "sort":
    case "limit":
    case "distinct":
    case "sample":
    case "stored":
      return { ...node, input, schema: input.schema };
    case "expect":
      return { ...node, input, verdicts: inputs.slice(1), schema: input.schema };
    case "number":
      return { ...node, input, schema: [...input.schema, ...node.schema.slice(-1)] };
    case "window":
      return { ...node, input, schema: [...input.schema, ...node.schema.slice(node.input.schema.length)] };
    case "project":
    case "map":
    case "flatMap":
    case "mapBatches":
    case "aggregate":
    case "mergeAggregate":
    case "sink":
      return { ...node, input };
    default:
      return assertNever(node, "plan node");
  }
}

/** Rewrites every node bottom-up, each once, so that shared nodes stay shared. */
export function rewrite(outputs: readonly BoundNode[], change: (node: BoundNode) => BoundNode): BoundNode[] {
  const done = new Map<BoundNode, BoundNode>();
  for (const node of topological(outputs)) {
    const inputs = boundInputs(node).map((input) => done.get(input) as BoundNode);
    done.set(node, change(withInputs(node, inputs)));
  }
  return outputs.map((output) => done.get(output) as BoundNode);
}
