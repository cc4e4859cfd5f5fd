import type { Column } from "../../batch/column.js";
import { copyBytes } from "../../batch/text.js";
import { columnReader } from "../../batch/reader.js";
import { formatDate, formatDouble, formatFloat, formatValue } from "../../functions/format.js";
import type { DataType } from "../../schema/types.js";

/** Bytes of text that grow at the end. */
export class TextOut {
  /** Few at first: there may be a hundred thousand files of a row or two. */
  bytes: Uint8Array = new Uint8Array(1 << 9);
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

  /**
   * A double of at most two decimals below ten million, the common case of amounts; false, and nothing written, for any other. Two numbers of
   * up to 15 digits are never the same double, so the digits are the shortest that read back as the value.
   */
  amount(value: number, wholeEnd: "" | ".0"): boolean {
    const size = Math.abs(value);
    if (!(size < 10_000_000)) return false;
    const hundredths = Math.round(size * 100);
    if (hundredths / 100 !== size || Object.is(value, -0)) return false;
    if (value < 0) this.byte(45);
    const whole = (hundredths / 100) | 0;
    this.integer(whole);
    const rest = hundredths - whole * 100;
    if (rest === 0) {
      if (wholeEnd !== "") this.ascii(wholeEnd);
      return true;
    }
    const tens = (rest / 10) | 0;
    this.byte(46);
    this.byte(48 + tens);
    if (rest !== tens * 10) this.byte(48 + rest - tens * 10);
    return true;
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
      return fixed(column, (values, row) => {
        const value = Number(values[row]);
        if (Number.isSafeInteger(value)) out.integer(value);
        else out.ascii(String(values[row]));
      });
    case "decimal": {
      const read = columnReader(column);
      return (row) => out.ascii(formatValue(read(row), type));
    }
    case "timestamp":
      return timestampWriter(column, out, " ");
    case "date":
      return dateWriter(column, type, out);
    case "float32":
      return fixed(column, (values, row) => out.ascii(formatFloat(values[row] as number)));
    case "float64":
      return fixed(column, (values, row) => {
        const value = values[row] as number;
        if (!out.amount(value, ".0")) out.ascii(doubleText(value));
      });
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

const dayMicros = 86_400_000_000;

/** Timestamps, with `separator` between day and clock. Neighbouring rows often hold the same day, whose text is kept. */
export function timestampWriter(column: Column, out: TextOut, separator: " " | "T"): CellWriter | null {
  if (column.layout !== "fixed") return null;
  const { values, type } = column;
  let lastDay = Number.NaN;
  let dayText = "";
  return (row) => {
    const micros = Number(values[row]);
    const day = Math.floor(micros / dayMicros);
    // Beyond 2^53 microseconds, and before the year 1, the exact and slower way.
    if (!Number.isSafeInteger(micros) || day < -719_162) {
      out.ascii(formatValue(BigInt(values[row] ?? 0), type).replace(" ", separator));
      return;
    }
    if (day !== lastDay) {
      lastDay = day;
      dayText = formatDate(day) + separator;
    }
    out.ascii(dayText);
    clock(micros - day * dayMicros, out);
  };
}

/** `10:11:12.5`: as many digits behind the point as needed. */
function clock(microsOfDay: number, out: TextOut): void {
  const seconds = Math.floor(microsOfDay / 1_000_000);
  const fraction = microsOfDay - seconds * 1_000_000;
  const minutes = (seconds / 60) | 0;
  const hours = (minutes / 60) | 0;
  twoDigits(hours, out);
  out.byte(58);
  twoDigits(minutes - hours * 60, out);
  out.byte(58);
  twoDigits(seconds - minutes * 60, out);
  if (fraction > 0) out.ascii(`.${String(fraction).padStart(6, "0").replace(/0+$/, "")}`);
}

function twoDigits(value: number, out: TextOut): void {
  const tens = (value / 10) | 0;
  out.byte(48 + tens);
  out.byte(48 + value - tens * 10);
}

/** Days; neighbouring rows often hold the same one. */
export function dateWriter(column: Column, type: DataType, out: TextOut): CellWriter | null {
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
