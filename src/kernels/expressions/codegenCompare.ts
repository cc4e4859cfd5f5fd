import { compareText } from "../../functions/compare.js";
import { emitComparison, type Order, orderSymbol } from "../../functions/comparison.js";
import { type DataType, valueForm } from "../../schema/types.js";
import { compareSlices, undecided } from "./byteText.js";
import { Merge } from "./codegenMerge.js";
import { anyNull, type Call, type Piece, type RowStatements, type Want } from "./codegenPiece.js";
import { narrowOf } from "./codegenRange.js";
import { setMembership } from "./codegenSet.js";

/** JavaScript text of a comparison of two pieces that are not null. It may be evaluated on null rows too, but means nothing there. */
function comparisonText(row: RowStatements, order: Order, a: Piece, b: Piece, type: DataType): string {
  const [x, y] = [narrowOf(a, type), narrowOf(b, type)];
  if (x !== null && y !== null) return `(${x.text} ${orderSymbol(order)} ${y.text})`;
  if (a.text === undefined || b.text === undefined) return emitComparison(order, a.value, b.value, type, row.context);
  const compare = row.scope.constant("compareSlices", compareSlices);
  const [s, t] = [a.text, b.text];
  const found = row.name(`${compare}(${s.bytes}, ${s.start}, ${s.end}, ${t.bytes}, ${t.start}, ${t.end})`);
  const exact = row.scope.constant("compareText", compareText);
  return `((${found} === ${undecided} ? ${exact}(${a.value}, ${b.value}) : ${found}) ${orderSymbol(order)} 0)`;
}

/** Whether values of a type may be compared where one of them is null, and so not there. */
const isHarmless = (type: DataType, pieces: readonly Piece[]): boolean =>
  ["number", "boolean"].includes(valueForm(type)) || pieces.every((piece) => narrowOf(piece, type) !== null);

/** What a comparison of text can be made from. */
export const wantFor = (type: DataType | undefined): Want => (type?.kind === "utf8" ? "text" : "value");

/** Comparisons and what is made of them, written out in the loop; null for other calls. */
export function compareCall(row: RowStatements, call: Call, args: readonly Piece[]): Piece | null {
  const type = call.args[0]?.type;
  if (type === undefined || !comparable(type)) return null;
  switch (call.fn) {
    case "between":
      return between(row, args, type);
    case "in":
      return setMembership(row, call, args, type) ?? inList(row, args, type);
    case "greatest":
      return args.length === 2 ? extreme(row, args, type, "gt") : null;
    case "least":
      return args.length === 2 ? extreme(row, args, type, "lt") : null;
    case "nullIf":
      return nullIf(row, args, type);
    case "eq":
    case "ne":
    case "lt":
    case "lte":
    case "gt":
    case "gte":
      return isHarmless(type, args) || args.every((arg) => arg.text !== undefined) ? simple(row, call.fn, args, type) : null;
    default:
      return null;
  }
}

const comparable = (type: DataType): boolean => !["object", "null"].includes(valueForm(type));

function simple(row: RowStatements, order: Order, args: readonly Piece[], type: DataType): Piece | null {
  const [a, b] = args;
  const isNull = anyNull(args);
  if (a === undefined || b === undefined || isNull === "true") return null;
  if (isNull === null || isHarmless(type, args)) return { value: row.name(comparisonText(row, order, a, b, type)), isNull };
  return { value: guarded(row, isNull, () => comparisonText(row, order, a, b, type)), isNull };
}

/** A boolean that is computed only where a piece is not null, and is false elsewhere. */
function guarded(row: RowStatements, isNull: string | null, text: () => string): string {
  const value = row.scope.fresh("v");
  row.line(`let ${value} = false;`);
  row.line(isNull === null ? "{" : `if (!${isNull}) {`);
  row.line(`${value} = ${text()};`);
  row.line("}");
  return value;
}

function between(row: RowStatements, [value, low, high]: readonly Piece[], type: DataType): Piece | null {
  if (value === undefined || low === undefined || high === undefined) return null;
  if (value.isNull === "true") return { value: "false", isNull: "true" };
  const bound = (order: Order, piece: Piece): string =>
    piece.isNull === "true"
      ? "true"
      : guarded(row, anyNull([value, piece]), () => comparisonText(row, order, value, piece, type));
  const either = (piece: Piece, text: string): string =>
    piece.isNull === null || piece.isNull === "true" ? text : `(${piece.isNull} || ${text})`;
  const above = either(low, bound("gte", low));
  const below = either(high, bound("lte", high));
  const result = row.name(`${above} && ${below}`);
  // A bound that is null leaves it open, unless the other one says no.
  const open = anyNull([low, high]);
  const isNull = open === null ? value.isNull : row.name(`${value.isNull ?? "false"} || (${result} && ${open})`);
  return { value: result, isNull };
}

function inList(row: RowStatements, [value, ...list]: readonly Piece[], type: DataType): Piece | null {
  if (value === undefined || list.length > 32) return null;
  if (list.length === 0) return { value: "false", isNull: null };
  if (value.isNull === "true") return { value: "false", isNull: "true" };
  const found = row.scope.fresh("v");
  const label = row.scope.fresh("l");
  row.line(`let ${found} = false;`);
  row.line(`${label}: {`);
  if (value.isNull !== null) row.line(`if (${value.isNull}) break ${label};`);
  for (const item of list) {
    if (item.isNull === "true") continue;
    row.line(item.isNull === null ? "{" : `if (!${item.isNull}) {`);
    row.line(`if (${comparisonText(row, "eq", value, item, type)}) { ${found} = true; break ${label}; }`);
    row.line("}");
  }
  row.line("}");
  const open = anyNull(list);
  const isNull = open === null ? value.isNull : row.name(`${value.isNull ?? "false"} || (!${found} && ${open})`);
  return { value: found, isNull };
}

/** The greater or lesser of two; the one that is not null where the other is. */
function extreme(row: RowStatements, [a, b]: readonly Piece[], type: DataType, better: Order): Piece | null {
  if (a === undefined || b === undefined) return null;
  if (a.isNull === "true") return b;
  if (b.isNull === "true") return a;
  const merge = new Merge(row, type, wantFor(type));
  const label = row.scope.fresh("l");
  const first = a.isNull === null ? "false" : a.isNull;
  row.line(`${label}: {`);
  const second = guarded(row, anyNull([a, b]), () => comparisonText(row, better, b, a, type));
  row.line(`if (${first} || ${second}) {`);
  merge.take(b, `break ${label};`, a.isNull === null ? "" : `break ${label};`);
  row.line("}");
  merge.take(a);
  row.line("}");
  const piece = merge.finish(false);
  if (a.isNull === null || b.isNull === null) return { ...piece, isNull: null };
  return piece;
}

function nullIf(row: RowStatements, [a, b]: readonly Piece[], type: DataType): Piece | null {
  if (a === undefined || b === undefined) return null;
  if (a.isNull === "true" || b.isNull === "true") return a;
  const same = guarded(row, anyNull([a, b]), () => comparisonText(row, "eq", a, b, type));
  const { column: _, ...rest } = a;
  return { ...rest, isNull: row.name(a.isNull === null ? same : `${a.isNull} || ${same}`) };
}
