import { internalError } from "../common/errors.js";
import type { BoundNode } from "../plan/bound.js";
import { sameType } from "../schema/types.js";
import { dropDependentKeys } from "./rules/dropDependentKeys.js";
import { dropIdentityProjects } from "./rules/dropIdentityProjects.js";
import { groupDistinct } from "./rules/groupDistinct.js";
import { pruneColumns } from "./rules/pruneColumns.js";
import { pushFilters } from "./rules/pushFilters.js";
import { sortGroups } from "./rules/sortGroups.js";

export interface OptimizerRule {
  readonly name: string;
  readonly apply: (outputs: readonly BoundNode[]) => BoundNode[];
}

/** The rules in the order they run, with the reason for the order. */
export const rules: readonly OptimizerRule[] = [
  // First, because a filter that moved changes which columns are needed where.
  { name: "pushFilters", apply: pushFilters },
  // Before columns are pruned, so that what only a dropped key read is not computed.
  { name: "dropDependentKeys", apply: dropDependentKeys },
  // Then carry only what is used; it leaves projections behind that do nothing.
  { name: "pruneColumns", apply: pruneColumns },
  // After it, because a distinct over columns that nobody reads may be one over all that are left.
  { name: "groupDistinct", apply: groupDistinct },
  // After it, because those groups are sorted, too.
  { name: "sortGroups", apply: sortGroups },
  // Last, to clean up after the others.
  { name: "dropIdentityProjects", apply: dropIdentityProjects },
];

/**
 * Applies the rules. Each must keep the outputs' schemas.
 * @throws MillraceError Internal naming the rule that did not.
 */
export function optimize(outputs: readonly BoundNode[], enabled: readonly OptimizerRule[] = rules): readonly BoundNode[] {
  let current = outputs;
  for (const rule of enabled) {
    const next = rule.apply(current);
    next.forEach((node, i) => {
      const before = (current[i] as BoundNode).schema;
      const same =
        node.schema.length === before.length &&
        node.schema.every((field, j) => field.name === before[j]?.name && sameType(field.type, before[j].type));
      if (!same) throw internalError(`optimizer rule ${rule.name} changed the schema of output ${i}`);
    });
    current = next;
  }
  return current;
}
