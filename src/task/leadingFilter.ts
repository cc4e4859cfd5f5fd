import type { Bound } from "../expr/nodes.js";
import { sureTerms } from "../functions/sureTerms.js";
import type { Step } from "./protocol.js";

/**
 * The condition that a row must meet to be more than counted as filtered, over the columns of the scan: that of the filters that the one step begins
 * with that reads it. null for none.
 */
export function leadingFilter(steps: readonly Step[]): Bound | null {
  const [first, ...others] = steps.filter(({ input }) => input < 0);
  if (first?.op !== "rows" || others.length > 0) return null;
  const end = first.ops.findIndex(({ kind }) => kind !== "filter");
  const leading = end < 0 ? first.ops : first.ops.slice(0, end);
  return sureTerms(leading.flatMap((op) => (op.kind === "filter" ? [op.predicate] : [])));
}
