import { isWholeRow, wantedNodes } from "../optimize/rowOrder.js";
import { type BoundNode, boundInputs } from "../plan/bound.js";
import { outerOrder } from "./userSql.js";

/** One term of a relation's row order: the SQL name of one of its columns. */
export interface OrderTerm {
  readonly column: string;
  readonly descending: boolean;
  readonly nulls: "first" | "last";
  /** A never-null BIGINT that is distinct in every row. */
  readonly position: boolean;
}

export const ascending = (column: string): OrderTerm => ({ column, descending: false, nulls: "last", position: false });
export const position = (column: string): OrderTerm => ({ column, descending: false, nulls: "last", position: true });

export const orderSql = (terms: readonly OrderTerm[], prefix = ""): string =>
  terms.map((t) => `${prefix}${t.column} ${t.descending ? "DESC" : "ASC"} NULLS ${t.nulls.toUpperCase()}`).join(", ");

/** Whether DuckDB itself delivers the rows in the order that is ours: it keeps the order of scans through row-wise steps. */
export function comesInOrder(node: BoundNode): boolean {
  switch (node.kind) {
    case "scan":
    case "stageInput":
      return true;
    case "filter":
    case "project":
    case "limit":
      return comesInOrder(node.input);
    case "union":
      return node.inputs.every(comesInOrder);
    default:
      return false;
  }
}

/** Whether the query of a root node needs no ORDER BY of ours around it. */
export const rootInOrder = (node: BoundNode): boolean =>
  comesInOrder(node) || (node.kind === "sql" && outerOrder(node.text) !== null);

/** Whether computing a relation twice costs little more than reading its input twice. */
export function isCheap(node: BoundNode): boolean {
  if (node.kind === "union") return node.inputs.every(isCheap);
  if (node.kind === "filter" || node.kind === "project") return isCheap(node.input);
  return node.kind === "scan" || node.kind === "stageInput";
}

/** How often every node is read. */
export function consumers(root: BoundNode): ReadonlyMap<BoundNode, number> {
  const counts = new Map<BoundNode, number>();
  const visit = (node: BoundNode): void => {
    for (const input of boundInputs(node)) {
      const seen = counts.get(input) ?? 0;
      counts.set(input, seen + 1);
      if (seen === 0) visit(input);
    }
  };
  visit(root);
  return counts;
}

/** The nodes whose row order somebody above looks at; only they carry hidden order columns. `ordered` says which aggregates look. */
export function orderedNodes(root: BoundNode, wanted: boolean, ordered: (node: BoundNode) => boolean): ReadonlySet<BoundNode> {
  return wantedNodes([root], wanted, (node, isWanted, input) => asks(node, input, isWanted, ordered));
}

/** Whether the rows of a join that come of one left row are in the order of the right ones. */
export const ordersByRight = ({ how, groups }: BoundNode & { readonly kind: "join" }): boolean =>
  how !== "semi" && how !== "anti" && groups !== true;

function asks(node: BoundNode, input: BoundNode, wanted: boolean, ordered: (node: BoundNode) => boolean): boolean {
  switch (node.kind) {
    case "filter":
    case "project":
    case "union":
    case "sort":
      return wanted;
    case "limit":
      return wanted || !comesInOrder(input);
    case "join":
      return wanted && (input === node.left || ordersByRight(node));
    case "distinct":
      return wanted || !isWholeRow(node);
    case "window":
      return wanted || ordered(node);
    case "aggregate":
    case "mergeAggregate":
      return ordered(node);
    case "sql":
      return input.kind === "sort" || input.kind === "limit";
    default:
      return false;
  }
}
