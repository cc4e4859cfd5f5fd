import type { Column } from "../../batch/column.js";
import { columnReader } from "../../batch/reader.js";
import { assertNever } from "../../common/assert.js";
import { formatDate, formatDecimal, formatTimestamp } from "../../functions/format.js";
import type { DataType, Schema, Value } from "../../schema/types.js";
import type { LineFormat } from "./sinkLineFormat.js";
import { LineFileWriter } from "./sinkLines.js";
import type { OutputTarget } from "./sinkOutput.js";
import { type CellWriter, dateWriter, scalarWriter, type TextOut, timestampWriter } from "./sinkText.js";

/** A finite number as JSON has it; NaN and the infinities as the strings "NaN", "Infinity" and "-Infinity", so that none is lost. */
function jsonNumber(value: number): string {
  if (!Number.isFinite(value)) return `"${value}"`;
  return Object.is(value, -0) ? "-0" : String(value);
}

/** The shortest decimal text that reads back as the same 32-bit float. */
function jsonFloat32(value: number): string {
  if (!Number.isFinite(value) || Object.is(value, -0)) return jsonNumber(value);
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return String(short);
  }
  return String(value);
}

/**
 * A value as JSON: 64-bit integers and decimals as numbers with all their digits, dates and timestamps as ISO 8601 strings
 * (`2024-01-05`, `2024-01-05T10:11:12.5`), binary as base64, null as null.
 */
export function jsonText(value: Value, type: DataType): string {
  if (value === null) return "null";
  switch (type.kind) {
    case "null":
      return "null";
    case "utf8":
      return JSON.stringify(value);
    case "binary":
      return `"${Buffer.from(value as Uint8Array).toString("base64")}"`;
    case "float64":
      return jsonNumber(value as number);
    case "float32":
      return jsonFloat32(value as number);
    case "decimal": {
      const text = formatDecimal(value as bigint, type.precision, type.scale);
      return text.replace(/^(-?)\./, "$10.");
    }
    case "date":
      return `"${formatDate(value as number)}"`;
    case "timestamp":
      return `"${formatTimestamp(value as bigint).replace(" ", "T")}"`;
    case "list":
      return `[${(value as readonly Value[]).map((item) => jsonText(item, type.item)).join(",")}]`;
    case "struct": {
      const fields = value as { readonly [name: string]: Value };
      return `{${type.fields.map((f) => `${JSON.stringify(f.name)}:${jsonText(fields[f.name] ?? null, f.type)}`).join(",")}}`;
    }
    case "bool":
    case "int8":
    case "int16":
    case "int32":
    case "int64":
    case "uint8":
    case "uint16":
    case "uint32":
    case "uint64":
      return String(value);
    default:
      return assertNever(type, "type");
  }
}

/** Writes one JSON object a line, with every column of the schema in order; see `jsonText` for the values. */
export class JsonlFileWriter extends LineFileWriter {
  constructor(output: OutputTarget, schema: Schema, sharing = false) {
    const format: LineFormat = {
      schema,
      header: null,
      heads: schema.map((field, i) => Buffer.from(`${i === 0 ? "{" : ","}${JSON.stringify(field.name)}:`)),
      tail: Buffer.from(schema.length === 0 ? "{}\n" : "}\n"),
      none: Buffer.from("null"),
      json: true,
      delimiter: 0,
      quote: 0,
      takes: ({ type }) => type.kind !== "binary",
      cell: cellWriter,
    };
    super(output, format, sharing);
  }
}

function cellWriter(column: Column, out: TextOut): CellWriter {
  const { type } = column;
  const read = columnReader(column);
  if (column.layout === "bytes" && type.kind === "utf8") {
    const { bytes, starts, ends } = column;
    return (row) => {
      const start = starts[row] as number;
      const end = ends[row] as number;
      if (needsEscape(bytes, start, end)) out.text(jsonText(read(row), type));
      else {
        out.byte(34);
        out.raw(bytes, start, end);
        out.byte(34);
      }
    };
  }
  if (/^(bool|u?int\d+)$/.test(type.kind)) {
    const scalar = scalarWriter(column, out);
    if (scalar !== null) return scalar;
  }
  if (type.kind === "float64" && column.layout === "fixed") {
    const { values } = column;
    return (row) => {
      const value = values[row] as number;
      if (!out.amount(value, "")) out.ascii(jsonNumber(value));
    };
  }
  const time =
    type.kind === "timestamp" ? timestampWriter(column, out, "T") : type.kind === "date" ? dateWriter(column, type, out) : null;
  if (time !== null) {
    return (row) => {
      out.byte(34);
      time(row);
      out.byte(34);
    };
  }
  return (row) => out.text(jsonText(read(row), type));
}

/** Control characters, the quote and the backslash. */
function needsEscape(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte < 32 || byte === 34 || byte === 92) return true;
  }
  return false;
}
