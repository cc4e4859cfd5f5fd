import type { Bound } from "../../expr/nodes.js";
import { literalToValue } from "../../functions/literal.js";
import { type DataType, type Value, valueForm } from "../../schema/types.js";
import type { Call, Piece, RowStatements } from "./codegenPiece.js";
import { narrowOf } from "./codegenRange.js";

/** Shorter lists are compared one after the other. */
const fewValues = 8;

/**
 * Membership in a long list of literals, by a set instead of one comparison after the other; null for other calls. JavaScript's sets have
 * the equality of SQL for these types: NaN is in a set that has NaN, and -0 in one that has 0.
 */
export function setMembership(row: RowStatements, call: Call, args: readonly Piece[], type: DataType): Piece | null {
  const [value] = args;
  const list = call.args.slice(1);
  if (value === undefined || value.isNull === "true" || list.length <= fewValues) return null;
  if (!["number", "bigint", "string"].includes(valueForm(type)) || !list.every(isLiteral)) return null;
  const values = list.map((item): Value => (item.kind === "literal" ? literalToValue(item.value, type) : null));
  const wanted = values.filter((one) => one !== null);
  const narrow = narrowOf(value, type);
  // A whole number beyond 2^53 is never that of a row that is held in a double.
  const exact = narrow === null ? wanted : wanted.filter((one) => typeof one !== "bigint" || isSafe(one)).map(Number);
  const test = `${row.scope.parameter(new Set<Value>(exact))}.has(${narrow?.text ?? value.value})`;
  const found = row.name(value.isNull === null ? test : `!${value.isNull} && ${test}`);
  if (wanted.length === values.length) return { value: found, isNull: value.isNull };
  return { value: found, isNull: row.name(value.isNull === null ? `!${found}` : `${value.isNull} || !${found}`) };
}

const isLiteral = (bound: Bound): boolean => bound.kind === "literal";
const isSafe = (value: bigint): boolean => Number.isSafeInteger(Number(value)) && BigInt(Number(value)) === value;
