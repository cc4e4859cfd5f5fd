import type { BytesColumn, Column } from "../../batch/column.js";
import type { JsonValue } from "../../expr/nodes.js";
import type { Schema } from "../../schema/types.js";
import { jsonCell } from "./sinkJsonl.js";
import type { LineFormat } from "./sinkLineFormat.js";
import { LineFileWriter } from "./sinkLines.js";
import type { OutputTarget } from "./sinkOutput.js";
import { type CellWriter, scalarWriter, TextOut } from "./sinkText.js";

export interface CsvSinkOptions {
  readonly delimiter: string;
  readonly quote: string;
  readonly header: boolean;
  /** What stands for null; an equal text is quoted, so that the two stay apart. */
  readonly nullValue: string;
}

export function csvSinkOptions(given: { readonly [name: string]: JsonValue }): CsvSinkOptions {
  const { delimiter, quote, header, nullValue } = given;
  return {
    delimiter: typeof delimiter === "string" ? delimiter : ",",
    quote: typeof quote === "string" ? quote : '"',
    header: header !== false,
    nullValue: typeof nullValue === "string" ? nullValue : "",
  };
}

const lineFeed = 10;
const carriageReturn = 13;

/** The header line as bytes; none without a header. */
export function csvHeader(schema: Schema, options: CsvSinkOptions): Uint8Array {
  const out = new TextOut();
  if (!options.header) return new Uint8Array(0);
  const quoting = new Quoting(options, out);
  schema.forEach((field, i) => {
    if (i > 0) out.byte(quoting.delimiter);
    const name = Buffer.from(field.name);
    quoting.cell(name, 0, name.length);
  });
  out.byte(lineFeed);
  return out.bytes.slice(0, out.length);
}

/** Puts quotes around a cell where RFC 4180 asks for them, and where it would read as null. */
class Quoting {
  readonly delimiter: number;
  readonly #quote: number;
  readonly #nullBytes: Uint8Array;
  readonly #out: TextOut;

  constructor(options: CsvSinkOptions, out: TextOut) {
    this.delimiter = options.delimiter.charCodeAt(0);
    this.#quote = options.quote.charCodeAt(0);
    this.#nullBytes = Buffer.from(options.nullValue);
    this.#out = out;
  }

  cell(bytes: Uint8Array, start: number, end: number): void {
    if (!this.#needsQuotes(bytes, start, end)) {
      this.#out.raw(bytes, start, end);
      return;
    }
    const out = this.#out;
    const quote = this.#quote;
    out.reserve((end - start) * 2 + 2);
    const to = out.bytes;
    let next = out.length;
    to[next++] = quote;
    for (let at = start; at < end; at++) {
      const byte = bytes[at] as number;
      to[next++] = byte;
      if (byte === quote) to[next++] = quote;
    }
    to[next++] = quote;
    out.length = next;
  }

  #needsQuotes(bytes: Uint8Array, start: number, end: number): boolean {
    for (let at = start; at < end; at++) {
      const byte = bytes[at];
      if (byte === this.delimiter || byte === this.#quote || byte === lineFeed || byte === carriageReturn) return true;
    }
    return this.#readsAsNull(bytes, start, end);
  }

  #readsAsNull(bytes: Uint8Array, start: number, end: number): boolean {
    const nullBytes = this.#nullBytes;
    // The empty text is quoted whatever stands for null: readers commonly take an empty cell as null.
    if (start === end) return true;
    if (end - start !== nullBytes.length) return false;
    for (let i = 0; i < nullBytes.length; i++) if (bytes[start + i] !== nullBytes[i]) return false;
    return true;
  }
}

/**
 * Writes CSV by RFC 4180 with line feeds: quotes only where needed, null as `nullValue` (nothing by default) and the empty text as `""`.
 * Numbers and times are written as a cast to utf8 writes them; binary as its bytes; lists and structs as JSON.
 */
export class CsvFileWriter extends LineFileWriter {
  constructor(output: OutputTarget, schema: Schema, options: CsvSinkOptions, sharing = false) {
    const delimiter = options.delimiter.charCodeAt(0);
    const clashing = clashes(options);
    const format: LineFormat = {
      schema,
      header: csvHeader(schema, options),
      heads: schema.map((_, i) => (i === 0 ? new Uint8Array(0) : Uint8Array.of(delimiter))),
      tail: Uint8Array.of(lineFeed),
      none: Buffer.from(options.nullValue),
      json: false,
      delimiter,
      quote: options.quote.charCodeAt(0),
      takes: () => !clashing,
      cell: (column, out) => cellWriter(column, out, options, clashing),
    };
    super(output, format, sharing);
  }
}

/** Whether the text of a number or a time could hold a special character of this dialect, or some text stands for null. */
function clashes({ nullValue, delimiter, quote }: CsvSinkOptions): boolean {
  return nullValue !== "" || /[^ -\x7f]|[-+.0-9a-z: ]/i.test(delimiter + quote);
}

function cellWriter(column: Column, out: TextOut, options: CsvSinkOptions, clashing: boolean): CellWriter {
  const quoting = new Quoting(options, out);
  if (column.layout === "bytes") {
    const { bytes, starts, ends }: BytesColumn = column;
    return (row) => quoting.cell(bytes, starts[row] as number, ends[row] as number);
  }
  const scalar = scalarWriter(column, out);
  if (scalar !== null && !clashing) return scalar;
  const shadow = new TextOut();
  const plain = scalarWriter(column, shadow) ?? jsonCell(column, shadow);
  return (row) => {
    shadow.clear();
    plain(row);
    quoting.cell(shadow.bytes, 0, shadow.length);
  };
}
