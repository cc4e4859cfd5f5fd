import { planError } from "../common/errors.js";
import { bindExpr } from "../functions/bind.js";
import { requireField, typeName, types } from "../schema/types.js";
import type { BoundCheck, BoundNode } from "./bound.js";
import { type CheckSpec, countsValues, tallied } from "./checkSpec.js";
import type { ExpectNode } from "./nodes.js";

/** The checks of an `expect` that judge each row; the others were made queries of their own before. */
export function bindExpect(node: ExpectNode, input: BoundNode, verdicts: readonly BoundNode[]): BoundNode {
  const byVerdict = node.checks.filter(({ test }) => test.scope !== "row");
  const checks = node.checks.map((check) => bindCheck(check, input, byVerdict.indexOf(check)));
  return { kind: "expect", input, checks, verdicts, schema: input.schema };
}

/** @throws MillraceError Plan/DUPLICATE_COLUMN */
export function bindNumber(name: string, input: BoundNode): BoundNode {
  if (input.schema.some((field) => field.name === name)) {
    throw planError(
      "DUPLICATE_COLUMN",
      `expect: a column is named ${JSON.stringify(name)}, which checks that set rows aside use`,
      {
        column: name,
      },
    );
  }
  return { kind: "number", input, schema: [...input.schema, { name, type: types.int64, nullable: false }] };
}

function bindCheck(check: CheckSpec, input: BoundNode, verdict: number): BoundCheck {
  const { id, name, test, action } = check;
  const where = `expect ${JSON.stringify(name)}`;
  if (id === undefined) throw new TypeError(`${where} is not numbered`);
  const columns = tallied(check).map((column) => requireField(input.schema, column, where));
  const rejects = action === "quarantine";
  const ofValues = countsValues(check);
  if (test.scope !== "row") return { id, name, condition: null, verdict, columns, ofValues, rejects };
  const condition = bindExpr(test.expr, input.schema, where);
  if (condition.type.kind !== "bool") {
    throw planError("TYPE_MISMATCH", `${where}: expected a condition (bool), found ${typeName(condition.type)}`, {
      hint: "Compare the value with something: c.quantity.gt(0).",
    });
  }
  return { id, name, condition, verdict: null, columns, ofValues, rejects };
}
