import type { Bound } from "../expr/nodes.js";
import { scalarFunction } from "../functions/registry.js";
import { type DataType, types } from "../schema/types.js";
import type { Piece, RowStatements } from "./codegenPiece.js";

const comparisons: { readonly [fn: string]: string } = { eq: "===", ne: "!==", lt: "<", lte: "<=", gt: ">", gte: ">=" };

const microsecondsPerDay = 86_400_000_000;

/** A call on 64-bit values that this batch lets us read as plain numbers: no bigint is made. null where it is not one. */
export function narrowCall(row: RowStatements, call: Extract<Bound, { kind: "call" }>, args: readonly Piece[]): Piece | null {
  const [a, b] = args;
  if (a !== undefined && call.fn === "toDate") {
    const day = narrowCast(a, call.args[0]?.type ?? types.null, types.date);
    if (day !== null) return day;
  }
  if (a !== undefined && dayParts.has(call.fn)) return narrowDayPart(row, call, a);
  const operator = comparisons[call.fn];
  if (operator === undefined || a?.narrow === undefined || b?.narrow === undefined) return null;
  const nulls = [a.isNull, b.isNull].filter((text) => text !== null);
  const value = row.scope.fresh("v");
  const isNull = nulls.length === 0 ? null : nulls.includes("true") ? "true" : `(${nulls.join(" || ")})`;
  row.line(`const ${value} = ${a.narrow} ${operator} ${b.narrow};`);
  return { value, isNull };
}

/** Functions of a timestamp that its day decides. */
const dayParts: ReadonlySet<string> = new Set(["year", "quarter", "month", "day", "dayOfWeek", "dayOfYear", "weekOfYear"]);

/** A part of a timestamp as that part of its day. */
function narrowDayPart(row: RowStatements, call: Extract<Bound, { kind: "call" }>, arg: Piece): Piece | null {
  const definition = scalarFunction(call.fn);
  if (arg.narrow === undefined || call.args[0]?.type.kind !== "timestamp" || definition.emit === undefined) return null;
  const day = row.scope.fresh("a");
  row.line(`const ${day} = Math.floor(${arg.narrow} / ${microsecondsPerDay});`);
  const value = row.scope.fresh("v");
  const text = definition.emit([day], { args: [types.date], returns: call.type, options: call.options }, row.scope);
  row.line(`const ${value} = ${text};`);
  return { value, isNull: arg.isNull };
}

/** The same for casts: timestamp to date, integers to doubles. */
export function narrowCast(input: Piece, from: DataType, to: DataType): Piece | null {
  if (input.narrow === undefined) return null;
  if (from.kind === "timestamp" && to.kind === "date")
    return { ...only(input), value: `Math.floor(${input.narrow} / ${microsecondsPerDay})` };
  if (from.kind === "int64" && to.kind === "float64") return { ...only(input), value: `(${input.narrow})` };
  return null;
}

const only = (piece: Piece): { readonly isNull: string | null } => ({ isNull: piece.isNull });
