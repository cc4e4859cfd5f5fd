import type { Bound } from "../expr/nodes.js";
import { types } from "../schema/types.js";
import { isFallible } from "../functions/bind.js";
import { conjuncts } from "../optimize/rules/pushFilters.js";
import type { Step } from "./protocol.js";

/**
 * The condition that a row must meet to be more than counted as filtered, over the columns of the scan: the filters that the one step begins with that
 * reads it, up to the first term that could fail or calls a user's function. null for none.
 */
export function leadingFilter(steps: readonly Step[]): Bound | null {
  const [first, ...others] = steps.filter(({ input }) => input < 0);
  if (first?.op !== "rows" || others.length > 0) return null;
  const terms: Bound[] = [];
  for (const op of first.ops) {
    const own = op.kind === "filter" ? conjuncts(op.predicate) : [];
    const failing = own.findIndex(isFallible);
    terms.push(...(failing < 0 ? own : own.slice(0, failing)));
    if (op.kind !== "filter" || failing >= 0) break;
  }
  const [only] = terms;
  if (only === undefined || terms.length === 1) return only ?? null;
  return {
    kind: "call",
    fn: "and",
    args: terms,
    options: {},
    type: types.bool,
    nullable: terms.some(({ nullable }) => nullable),
  };
}
