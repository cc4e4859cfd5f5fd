import { required } from "../../common/assert.js";
import type { BoundSortKey } from "../../expr/nodes.js";
import { columnOf } from "../../expr/walk.js";
import type { BoundNode } from "../../plan/bound.js";
import { rewrite } from "../rewrite.js";
import { missingKeys } from "../rowOrder.js";

type Sort = Extract<BoundNode, { kind: "sort" }>;

/** Gives a sort of groups their keys as its last ones. They come in that order anyway, so ties do; but now nobody needs to bring them into it before. */
export const sortGroups = (outputs: readonly BoundNode[]): BoundNode[] =>
  rewrite(outputs, (node) => (node.kind === "sort" ? withGroupKeys(node) : node));

function withGroupKeys(node: Sort): BoundNode {
  const { input, keys } = node;
  const added = (missingKeys(node) ?? []).map((index): BoundSortKey => {
    return { expr: columnOf(required(input.schema[index], "column"), index), descending: false, nulls: "last" };
  });
  return added.length === 0 ? node : { ...node, keys: [...keys, ...added] };
}
