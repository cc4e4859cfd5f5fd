import type { Bound } from "../../expr/nodes.js";
import { castValue } from "../../functions/cast.js";
import { type DataType, isNumeric, isTemporal, typeName, type Value } from "../../schema/types.js";
import { writeDate, writeDecimal, writeDouble, writeFloat, writeTimestamp, writeWhole } from "./byteNumbers.js";
import { decodedText } from "./codegenMerge.js";
import type { Narrow, Piece, RowStatements, TextPiece } from "./codegenPiece.js";
import { isExact, narrowOf } from "./codegenRange.js";

type Cast = Extract<Bound, { kind: "cast" }>;

/** Whether a cast makes a text of a number or time, whose bytes can be had without a string. */
export const writesText = ({ input, type }: Cast): boolean =>
  type.kind === "utf8" && (isNumeric(input.type) || isTemporal(input.type));

/** A cast to text as bytes in a sink; `writesText` said that it can be. */
export function textCast(row: RowStatements, bound: Cast): Piece {
  const { scope } = row;
  const from = bound.input.type;
  const input = row.emit(bound.input);
  const { isNull } = input;
  if (isNull === "true") return { value: '""', isNull };
  const sink = scope.sink();
  const text: TextPiece = { bytes: `${sink}.bytes`, start: scope.fresh("s_"), end: scope.fresh("e_"), sink };
  row.line(`let ${text.start} = 0, ${text.end} = 0;`);
  row.line(isNull === null ? "{" : `if (!${isNull}) {`);
  row.line(`${text.start} = ${sink}.length; ${writeText(row, sink, input, from)} ${text.end} = ${sink}.length;`);
  row.line("}");
  return { value: decodedText(row, text), isNull, text };
}

function writeText(row: RowStatements, sink: string, input: Piece, from: DataType): string {
  const { scope } = row;
  const write = (name: string, writer: unknown, value: string): string => `${scope.constant(name, writer)}(${sink}, ${value});`;
  if (from.kind === "float64") return write("writeDouble", writeDouble, input.value);
  if (from.kind === "float32") return write("writeFloat", writeFloat, input.value);
  const narrow = exactOf(input, from);
  if (narrow !== null) {
    if (from.kind === "date") return write("writeDate", writeDate, narrow.text);
    if (from.kind === "timestamp") return write("writeTimestamp", writeTimestamp, narrow.text);
    if (from.kind !== "decimal" || from.scale === 0) return write("writeWhole", writeWhole, narrow.text);
    if (from.scale <= mostScale) {
      const { scale, precision } = from;
      return write("writeDecimal", writeDecimal, `${narrow.text}, ${scale}, ${10 ** scale}, ${precision === scale}`);
    }
  }
  const text = scope.constant(`cast false ${typeName(from)} to utf8`, (value: Value) => castValue(value, from, { kind: "utf8" }));
  return `${sink}.writeText(${text}(${input.value}));`;
}

/** Powers of ten up to this one are exact in the text of a program. */
const mostScale = 15;

function exactOf(input: Piece, from: DataType): Narrow | null {
  const narrow = narrowOf(input, from);
  return narrow !== null && isExact(narrow.min, narrow.max) ? narrow : null;
}
