import { topological } from "../optimize/rewrite.js";
import type { BoundNode } from "../plan/bound.js";
import type { RowOp } from "../task/protocol.js";

/** What a loop over rows does. */
export const rowsName = (ops: readonly RowOp[]): string => [...new Set(ops.map((op) => op.kind))].join(" + ");

/** What a query does, from its sources up. */
export function queryName(node: BoundNode): string {
  const names: string[] = [];
  for (const one of topological([node])) {
    if (one.kind === "stageInput" || one.kind === "project") continue;
    const name = one.kind === "mergeAggregate" ? "aggregate" : one.kind === "scan" ? `scan ${one.source.spec.format}` : one.kind;
    if (!names.includes(name)) names.push(name);
  }
  return names.length > 0 ? names.join(", ") : "select";
}
