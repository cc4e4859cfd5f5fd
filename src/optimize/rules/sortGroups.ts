import { required } from "../../common/assert.js";
import type { BoundSortKey } from "../../expr/nodes.js";
import type { BoundNode } from "../../plan/bound.js";
import { rewrite } from "../rewrite.js";
import { groupKeys } from "../rowOrder.js";

type Sort = Extract<BoundNode, { kind: "sort" }>;

/** Gives a sort of groups their keys as its last ones. They come in that order anyway, so ties do; but now nobody needs to bring them into it before. */
export const sortGroups = (outputs: readonly BoundNode[]): BoundNode[] =>
  rewrite(outputs, (node) => (node.kind === "sort" ? withGroupKeys(node) : node));

function withGroupKeys(node: Sort): BoundNode {
  const { input, keys } = node;
  const sorted = new Set(keys.map(({ expr }) => (expr.kind === "column" ? expr.index : -1)));
  const more = (groupKeys(input) ?? []).filter((index) => !sorted.has(index));
  if (more.length === 0) return node;
  const added = more.map((index): BoundSortKey => {
    const { name, type, nullable } = required(input.schema[index], "column");
    return { expr: { kind: "column", index, name, type, nullable }, descending: false, nulls: "last" };
  });
  return { ...node, keys: [...keys, ...added] };
}
