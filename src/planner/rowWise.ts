import type { BoundNode } from "../plan/bound.js";

/** Whether a node takes its input row by row (or batch by batch), so that it joins the loop of the step before it. */
export function isRowWise(node: BoundNode): boolean {
  switch (node.kind) {
    case "filter":
    case "project":
    case "map":
    case "flatMap":
    case "mapBatches":
    case "expect":
    case "sample":
    case "number":
      return true;
    default:
      return false;
  }
}
