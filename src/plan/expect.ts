import { planError } from "../common/errors.js";
import type { Check, ReferenceDataset } from "./checkOptions.js";
import type { CheckSpec } from "./checkSpec.js";
import { describe } from "./literal.js";
import type { LogicalNode } from "./nodes.js";

/** The node of `dataset.expect`, and the datasets that its checks refer to. */
export function expectNode(
  input: LogicalNode,
  checks: readonly Check[],
): { readonly node: LogicalNode; readonly references: readonly ReferenceDataset[] } {
  const references: ReferenceDataset[] = [];
  if (checks.length === 0) throw planError("INVALID_ARGUMENT", "expect: expected at least one check");
  const specs = checks.map((check): CheckSpec => {
    const spec = (check as Partial<Check> | null)?.spec;
    if (spec === undefined) {
      throw planError("INVALID_ARGUMENT", `expect: expected checks, found ${describe(check)}`, {
        hint: 'A check is made by check.notNull("id") and the like.',
      });
    }
    const { reference } = check;
    if (reference === null || !("reference" in spec.test)) return spec;
    references.push(reference);
    return { ...spec, test: { ...spec.test, reference: references.length - 1 } };
  });
  return { node: { kind: "expect", input, references: references.map(({ node }) => node), checks: specs }, references };
}
