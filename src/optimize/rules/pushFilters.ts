import type { Bound } from "../../expr/nodes.js";
import { allOf, columnsUsed, conjuncts, remapColumns } from "../../expr/walk.js";
import type { BoundNode, JoinOutput } from "../../plan/bound.js";
import { consumerCounts, rewrite, withInputs } from "../rewrite.js";

/**
 * Moves filters towards the sources: through projections that only pass a column on, sorts, unions, and into the side of a join
 * whose rows they judge. Never into a node that others read too, whose rows would go missing there.
 */
export function pushFilters(outputs: readonly BoundNode[]): BoundNode[] {
  let current = [...outputs];
  for (;;) {
    const counts = consumerCounts(current);
    let changed = false;
    const next = rewrite(current, (node) => {
      if (node.kind !== "filter") return node;
      // An input that changed in this round has no count yet; the next round looks at it.
      if (counts.get(node.input) !== 1) return node;
      const pushed = push(node);
      if (pushed !== node) changed = true;
      return pushed;
    });
    current = next;
    if (!changed) return current;
  }
}

type Filter = Extract<BoundNode, { kind: "filter" }>;

function push(node: Filter): BoundNode {
  const { input } = node;
  switch (input.kind) {
    case "filter":
      return { ...node, input: input.input, predicate: allOf([input.predicate, node.predicate]) };
    case "project": {
      const plain = (index: number) => input.columns[index]?.expr.kind === "column";
      if (![...columnsUsed(node.predicate)].every(plain)) return node;
      const predicate = remapColumns(node.predicate, (index) => {
        const from = input.columns[index]?.expr as Extract<Bound, { kind: "column" }>;
        return from.index;
      });
      return withInputs(input, [filter(input.input, predicate)]);
    }
    case "sort":
      return withInputs(input, [filter(input.input, node.predicate)]);
    case "union":
      return withInputs(
        input,
        input.inputs.map((one) => filter(one, node.predicate)),
      );
    case "join":
      return pushIntoJoin(node, input);
    default:
      return node;
  }
}

function pushIntoJoin(node: Filter, join: Extract<BoundNode, { kind: "join" }>): BoundNode {
  const allowed = {
    left: join.how !== "right" && join.how !== "full",
    right: join.how === "inner" || join.how === "right",
  };
  const sides: { left: Bound[]; right: Bound[] } = { left: [], right: [] };
  const stays: Bound[] = [];
  for (const term of conjuncts(node.predicate)) {
    const from = [...columnsUsed(term)].map((index) => join.output[index] as JoinOutput);
    const side = from[0]?.side;
    if ((side === "left" || side === "right") && allowed[side] && from.every((one) => one.side === side)) {
      sides[side].push(remapColumns(term, (index) => (join.output[index] as { index: number }).index));
    } else stays.push(term);
  }
  if (sides.left.length + sides.right.length === 0) return node;
  const left = sides.left.length > 0 ? filter(join.left, allOf(sides.left)) : join.left;
  const right = sides.right.length > 0 ? filter(join.right, allOf(sides.right)) : join.right;
  const below: BoundNode = { ...join, left, right };
  return stays.length > 0 ? filter(below, allOf(stays)) : below;
}

function filter(input: BoundNode, predicate: Bound): BoundNode {
  return { kind: "filter", input, predicate, schema: input.schema };
}
