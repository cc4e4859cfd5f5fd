import { Merge } from "./codegenMerge.js";
import type { Call, Piece, RowStatements, Want } from "./codegenPiece.js";

/** Calls that evaluate an argument only where its value matters, or that look at nothing but its nullness. */
export const lazyCalls: { readonly [fn: string]: (row: RowStatements, call: Call, want: Want) => Piece } = {
  and: (row, call) => connective(row, call, false),
  or: (row, call) => connective(row, call, true),
  coalesce,
  isNull: (row, call) => nullTest(row, call, true),
  isNotNull: (row, call) => nullTest(row, call, false),
};

/** Three-valued `and` (`decides` false) and `or` (`decides` true): the deciding value ends it, else a null makes it null. */
function connective(row: RowStatements, call: Call, decides: boolean): Piece {
  const value = row.scope.fresh("v");
  const isNull = row.scope.fresh("n");
  const label = row.scope.fresh("l");
  let mayBeNull = false;
  row.line(`let ${value} = ${!decides}, ${isNull} = false;`);
  row.line(`${label}: {`);
  for (const arg of call.args) {
    const piece = row.emit(arg);
    if (piece.isNull !== null) mayBeNull = true;
    const decided = `${decides ? "" : "!"}${piece.value}`;
    const stop = `{ ${value} = ${decides}; ${isNull} = false; break ${label}; }`;
    if (piece.isNull === "true") row.line(`${isNull} = true;`);
    else if (piece.isNull === null) row.line(`if (${decided}) ${stop}`);
    else row.line(`if (${piece.isNull}) ${isNull} = true; else if (${decided}) ${stop}`);
  }
  row.line("}");
  return { value, isNull: mayBeNull ? isNull : null };
}

function coalesce(row: RowStatements, call: Call, want: Want): Piece {
  const merge = new Merge(row, call.type, want);
  const label = row.scope.fresh("l");
  let always = false;
  row.line(`${label}: {`);
  for (const arg of call.args) {
    const piece = row.emit(arg, want);
    if (piece.isNull === "true") continue;
    merge.take(piece, `break ${label};`);
    always = piece.isNull === null;
    if (always) break;
  }
  row.line("}");
  const piece = merge.finish(true);
  return always ? { ...piece, isNull: null } : piece;
}

function nullTest(row: RowStatements, call: Call, wanted: boolean): Piece {
  const arg = call.args[0];
  if (arg === undefined) return { value: String(wanted), isNull: null };
  const piece = row.emit(arg, "text");
  if (piece.isNull === null || piece.isNull === "true")
    return { value: String((piece.isNull !== null) === wanted), isNull: null };
  return { value: wanted ? `(${piece.isNull})` : `(!${piece.isNull})`, isNull: null };
}
