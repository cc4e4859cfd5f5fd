import type { BoundSortKey } from "../expr/nodes.js";
import { aggregateFunction } from "../functions/registry.js";
import { type BoundNode, boundInputs } from "../plan/bound.js";

/** The key that puts the same rows the other way round. */
export const reversed = <K extends Pick<BoundSortKey, "descending" | "nulls">>(key: K): K => ({
  ...key,
  descending: !key.descending,
  nulls: key.nulls === "first" ? "last" : "first",
});

/** The nodes whose order of rows somebody above them, or an output, may see. The last digit of a sum of floats is nothing to see it by. */
export const seenInOrder = (outputs: readonly BoundNode[]): ReadonlySet<BoundNode> => wantedNodes(outputs, true, asksForOrder);

/** The nodes of which something is wanted: of the roots by `wanted`, of every input where `asks` says so of its reader, of whom it is wanted or not. */
export function wantedNodes(
  roots: readonly BoundNode[],
  wanted: boolean,
  asks: (node: BoundNode, wanted: boolean, input: BoundNode) => boolean,
): ReadonlySet<BoundNode> {
  const marked = new Set<BoundNode>();
  const visited = new Set<BoundNode>();
  const visit = (node: BoundNode, wanted: boolean): void => {
    if (visited.has(node) && (!wanted || marked.has(node))) return;
    visited.add(node);
    if (wanted) marked.add(node);
    for (const input of boundInputs(node)) visit(input, asks(node, wanted, input));
  };
  for (const root of roots) visit(root, wanted);
  return marked;
}

function asksForOrder(node: BoundNode, wanted: boolean, input: BoundNode): boolean {
  switch (node.kind) {
    case "filter":
    case "project":
    case "union":
      return wanted;
    case "join":
      return wanted && !(node.groups === true && input === node.right);
    case "sort":
      return wanted && missingKeys(node)?.length !== 0;
    case "distinct":
      return wanted || !isWholeRow(node);
    case "aggregate":
      return node.aggregates.some(({ fn }) => aggregateFunction(fn).ordered === true);
    default:
      return true;
  }
}

/** Whether all columns decide, and equal rows look the same (which -0 and 0 do not), so that any of them may be kept. */
export function isWholeRow(node: BoundNode & { readonly kind: "distinct" }): boolean {
  if (node.keep !== undefined) return false;
  const plain = node.schema.every((field) => !["float32", "float64", "list", "struct"].includes(field.type.kind));
  return plain && new Set(node.columns).size === node.schema.length;
}

type Sort = Extract<BoundNode, { kind: "sort" }>;

/** The keys of groups that are not among those of their sort, which tells all rows apart where none is missing; null where not groups are sorted. */
export function missingKeys({ input, keys }: Sort): readonly number[] | null {
  const sorted = new Set(keys.map(({ expr }) => (expr.kind === "column" ? expr.index : -1)));
  return groupKeys(input)?.filter((key) => !sorted.has(key)) ?? null;
}

/** The columns of a node's rows that are the keys of groups, of which each has one row; null where there are none such, or not all of them. */
function groupKeys(node: BoundNode): readonly number[] | null {
  switch (node.kind) {
    case "aggregate":
      return node.keys.map((_, i) => i);
    case "filter":
      return groupKeys(node.input);
    case "project": {
      const columns = groupKeys(node.input)?.map((key) =>
        node.columns.findIndex(({ expr }) => expr.kind === "column" && expr.index === key),
      );
      return columns === undefined || columns.includes(-1) ? null : columns;
    }
    default:
      return null;
  }
}
