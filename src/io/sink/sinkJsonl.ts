import type { Column } from "../../batch/column.js";
import { listItems } from "../../batch/lists.js";
import { columnReader } from "../../batch/reader.js";
import { fieldColumns } from "../../batch/structs.js";
import { assertNever } from "../../common/assert.js";
import { formatDate, formatDecimal, formatFloat, formatTimestamp } from "../../functions/format.js";
import type { DataType, Field, Schema, Value } from "../../schema/types.js";
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
  return String(Number(formatFloat(value)));
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
      return `"${base64(value as Uint8Array)}"`;
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

const base64 = ({ buffer, byteOffset, length }: Uint8Array): string => Buffer.from(buffer, byteOffset, length).toString("base64");

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
      cell: jsonCell,
    };
    super(output, format, sharing);
  }
}

/** Writes values as `jsonText` gives them; those of lists and structs field by field and item by item where they are columns. */
export function jsonCell(column: Column, out: TextOut): CellWriter {
  const { type } = column;
  const inner = type.kind === "struct" ? structWriter(column, type.fields, out) : listWriter(column, out);
  if (inner !== null) return inner;
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
  if (type.kind === "binary") return (row) => out.ascii(jsonText(read(row), type));
  return (row) => out.text(jsonText(read(row), type));
}

function structWriter(column: Column, fields: readonly Field[], out: TextOut): CellWriter | null {
  const columns = fieldColumns(column);
  if (columns === null || columns.length === 0) return null;
  const heads = fields.map(({ name }, i) => Buffer.from(`${i === 0 ? "{" : ","}${JSON.stringify(name)}:`));
  const cells = columns.map((one) => cellOrNull(one, out));
  return (row) => {
    for (let i = 0; i < cells.length; i++) {
      const head = heads[i] as Uint8Array;
      out.raw(head, 0, head.length);
      (cells[i] as CellWriter)(row);
    }
    out.byte(125);
  };
}

function listWriter(column: Column, out: TextOut): CellWriter | null {
  const own = listItems(column);
  if (own === null) return null;
  const { starts, ends } = own;
  const item = cellOrNull(own.items, out);
  return (row) => {
    const start = starts[row] as number;
    const end = ends[row] as number;
    out.byte(91);
    for (let i = start; i < end; i++) {
      if (i > start) out.byte(44);
      item(i);
    }
    out.byte(93);
  };
}

function cellOrNull(column: Column, out: TextOut): CellWriter {
  const { valid } = column;
  const cell = jsonCell(column, out);
  if (valid === null) return cell;
  return (row) => {
    if (valid[row] === 0) out.ascii("null");
    else cell(row);
  };
}

/** Control characters, the quote and the backslash. */
function needsEscape(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte < 32 || byte === 34 || byte === 92) return true;
  }
  return false;
}
