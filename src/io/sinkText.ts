import type { Column } from "../batch/column.js";
import { copyBytes } from "../batch/text.js";
import { columnReader } from "../batch/reader.js";
import { formatDouble, formatFloat, formatValue } from "../functions/format.js";
import type { DataType } from "../schema/types.js";

/** Bytes of text that grow at the end. */
export class TextOut {
  bytes: Uint8Array = new Uint8Array(1 << 16);
  length = 0;

  reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.length + more, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  byte(value: number): void {
    if (this.length === this.bytes.length) this.reserve(1);
    this.bytes[this.length++] = value;
  }

  /** Appends text that is ASCII throughout. */
  ascii(text: string): void {
    this.reserve(text.length);
    const { bytes } = this;
    let at = this.length;
    for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
    this.length = at;
  }

  text(text: string): void {
    this.reserve(text.length * 3);
    this.length += Buffer.from(this.bytes.buffer, this.length).write(text);
  }

  raw(source: Uint8Array, start: number, end: number): void {
    this.reserve(end - start);
    copyBytes(source, start, end, this.bytes, this.length);
    this.length += end - start;
  }

  /** A whole number below 2^53 in size. */
  integer(value: number): void {
    if (value > 999_999_999 || value < 0) {
      this.ascii(String(value));
      return;
    }
    let digits = 1;
    for (let bound = 10; bound <= value; bound *= 10) digits++;
    this.reserve(digits);
    let rest = value | 0;
    for (let at = this.length + digits - 1; at >= this.length; at--) {
      const tenth = (rest / 10) | 0;
      this.bytes[at] = 48 + rest - tenth * 10;
      rest = tenth;
    }
    this.length += digits;
  }

  clear(): void {
    this.length = 0;
  }
}

/** Writes the value of a row that is not null. */
export type CellWriter = (row: number) => void;

/** A double as its shortest decimal text, in the form of a cast to utf8. */
export function doubleText(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e-4 && size < 1e16) {
    const text = String(value);
    return Number.isInteger(value) ? `${text}.0` : text;
  }
  return formatDouble(value);
}

/** Writers of numbers, bools and times, whose text never needs quotes; null for the other types. */
export function scalarWriter(column: Column, out: TextOut): CellWriter | null {
  const { type } = column;
  switch (type.kind) {
    case "bool":
      return fixed(column, (values, row) => out.ascii(values[row] === 1 ? "true" : "false"));
    case "int8":
    case "int16":
    case "int32":
    case "uint8":
    case "uint16":
    case "uint32":
      return fixed(column, (values, row) => out.integer(values[row] as number));
    case "int64":
    case "uint64":
    case "timestamp":
    case "decimal":
      return bigWriter(column, type, out);
    case "date":
      return cached(column, type, out);
    case "float32":
      return fixed(column, (values, row) => out.ascii(formatFloat(values[row] as number)));
    case "float64":
      return fixed(column, (values, row) => out.ascii(doubleText(values[row] as number)));
    default:
      return null;
  }
}

function fixed(
  column: Column,
  write: (values: { readonly [row: number]: number | bigint }, row: number) => void,
): CellWriter | null {
  if (column.layout !== "fixed") return null;
  const { values } = column;
  return (row) => write(values, row);
}

function bigWriter(column: Column, type: DataType, out: TextOut): CellWriter {
  const read = columnReader(column);
  if (type.kind === "int64" || type.kind === "uint64") return (row) => out.ascii(String(read(row)));
  return (row) => out.ascii(formatValue(read(row), type));
}

/** Neighbouring rows often hold the same day. */
function cached(column: Column, type: DataType, out: TextOut): CellWriter | null {
  let last: number | bigint | null = null;
  let text = "";
  return fixed(column, (values, row) => {
    const value = values[row] as number;
    if (value !== last) {
      last = value;
      text = formatValue(value, type);
    }
    out.ascii(text);
  });
}
