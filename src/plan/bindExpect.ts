import { planError } from "../common/errors.js";
import { bindExpr } from "../functions/bind.js";
import { requireField, typeName } from "../schema/types.js";
import type { BoundCheck, BoundNode } from "./bound.js";
import type { CheckSpec } from "./checkSpec.js";
import type { ExpectNode } from "./nodes.js";

/** The row checks of an `expect`; those of other scopes were made queries of their own before. */
export function bindExpect(node: ExpectNode, input: BoundNode): BoundNode {
  const checks = node.checks.map((check) => bindCheck(check, input));
  return { kind: "expect", input, checks, schema: input.schema };
}

function bindCheck(check: CheckSpec, input: BoundNode): BoundCheck {
  const { id, name, test, action } = check;
  const where = `expect ${JSON.stringify(name)}`;
  if (test.scope !== "row" || id === undefined) throw new TypeError(`${where} is not a numbered row check`);
  const columns = check.columns.map((column) => requireField(input.schema, column, where));
  const condition = bindExpr(test.expr, input.schema, where);
  if (condition.type.kind !== "bool") {
    throw planError("TYPE_MISMATCH", `${where}: expected a condition (bool), found ${typeName(condition.type)}`, {
      hint: "Compare the value with something: c.quantity.gt(0).",
    });
  }
  return { id, name, condition, columns, rejects: action === "quarantine" };
}
