import type { BoundNode } from "../../plan/bound.js";
import { rewrite } from "../rewrite.js";

/** Removes projections that give back their input as it is. */
export function dropIdentityProjects(outputs: readonly BoundNode[]): BoundNode[] {
  return rewrite(outputs, (node) => {
    if (node.kind !== "project" || node.columns.length !== node.input.schema.length) return node;
    const same = node.columns.every(
      ({ name, expr }, i) => expr.kind === "column" && expr.index === i && node.input.schema[i]?.name === name,
    );
    return same ? node.input : node;
  });
}
