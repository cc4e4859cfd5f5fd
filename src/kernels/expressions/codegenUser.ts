import { required } from "../../common/assert.js";
import type { Bound } from "../../expr/nodes.js";
import { emitFastResultTest, fromUser, passesUnchanged, toUser } from "../../functions/border.js";
import { type DataType, isInteger, typeName, type Value, valueForm } from "../../schema/types.js";
import type { Piece, RowStatements } from "./codegenPiece.js";

/**
 * A call of a user's function. It is called on every row it is reached for, with null for null arguments; its result is checked
 * against the declared type, in the loop itself where the check is a `typeof`.
 */
export function userCall(row: RowStatements, bound: Extract<Bound, { kind: "udf" }>): Piece {
  const numbers = bound.fn.kind === "source" ? (bound.fn.numbers ?? []) : [];
  const args = bound.args.map((arg, i) => argumentText(row, row.emit(arg), arg.type, numbers.includes(i)));
  const call = required(row.functions.get(bound.fn), `function ${bound.fn.name}`);
  const name = row.scope.constant(`user ${bound.fn.hash} ${bound.fn.name}`, call);
  const target = row.declare(bound.type, true);
  const result = row.scope.fresh("r");
  row.enterSite(bound.fn.name);
  row.line(`let ${result} = ${name}(${args.join(", ")});`);
  const { type } = bound;
  const where = `function ${bound.fn.name}`;
  const check = row.scope.constant(`from ${where} ${typeName(type)}`, (value: unknown): Value => fromUser(value, type, where));
  const fast = emitFastResultTest(result, type);
  row.line(`if (${result} !== null && ${result} !== undefined) {`);
  if (fast === null) {
    row.line(`${result} = ${check}(${result});`);
    row.line(`if (${result} !== null) { ${target.set(result)} }`);
  } else {
    // Adding 0 makes a 0 of the -0 that passes for an integer.
    row.line(`if (${fast}) { ${target.set(isInteger(type) ? `${result} + 0` : result)} }`);
    row.line(`else { ${result} = ${check}(${result}); if (${result} !== null) { ${target.set(result)} } }`);
  }
  row.line("}");
  return target.piece;
}

/** @param asNumber the function cannot tell a bigint from the number that `Number` makes of it, which is had without one. */
function argumentText(row: RowStatements, piece: Piece, type: DataType, asNumber: boolean): string {
  if (piece.isNull === "true") return "null";
  const number = asNumber && arrivesAsBigint(type) ? ((piece.narrow ?? piece.whole)?.text ?? piece.nearest) : undefined;
  if (number !== undefined) return row.nullable({ ...piece, value: number });
  const value = passesUnchanged(type)
    ? piece.value
    : `${row.scope.constant(`to user ${typeName(type)}`, (inner: Value): unknown => toUser(inner, type))}(${piece.value})`;
  return row.nullable({ ...piece, value });
}

const arrivesAsBigint = (type: DataType): boolean => valueForm(type) === "bigint" && passesUnchanged(type);
