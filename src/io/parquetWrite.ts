import { type Batch, type BytesColumn, type Column, rowCount } from "../batch/column.js";
import { configError } from "../common/errors.js";
import type { JsonValue } from "../expr/nodes.js";
import { isNested, type Schema } from "../schema/types.js";
import { ColumnBuffer, wordsPerValue } from "./parquetColumn.js";
import { describeRowGroup, encodeFooter, magic, type RowGroup } from "./parquetFooter.js";
import { type Compression, checkCompression, compressions, encodeChunk } from "./parquetPages.js";
import type { OutputFile, OutputSummary } from "./sinkOutput.js";

export interface ParquetOptions {
  readonly compression: Compression;
  /** Rows of a row group; the last one may have fewer. */
  readonly rowGroupRows: number;
  /** A row group ends earlier, after the first row with which its values reach so many bytes. */
  readonly rowGroupBytes: number;
  readonly dictionary: boolean;
  readonly pageChecksum: boolean;
}

export const parquetDefaults: ParquetOptions = {
  compression: "snappy",
  rowGroupRows: 122_880,
  rowGroupBytes: 64 << 20,
  dictionary: true,
  pageChecksum: true,
};

/** Options as a sink has them, with defaults filled in. @throws MillraceError Config/INVALID_OPTION, UNSUPPORTED_COMPRESSION */
export function parquetOptions(given: { readonly [name: string]: JsonValue }): ParquetOptions {
  const compression = given.compression ?? parquetDefaults.compression;
  if (!(compressions as readonly unknown[]).includes(compression)) {
    throw configError("INVALID_OPTION", `compression is ${JSON.stringify(compression)}; it can be ${compressions.join(", ")}`);
  }
  const rowGroupRows = given.rowGroupRows ?? parquetDefaults.rowGroupRows;
  if (typeof rowGroupRows !== "number" || !Number.isInteger(rowGroupRows) || rowGroupRows < 1) {
    throw configError("INVALID_OPTION", `rowGroupRows is ${JSON.stringify(rowGroupRows)}; it is a whole number of at least 1`);
  }
  checkCompression(compression as Compression);
  const dictionary = given.dictionary !== false;
  return { ...parquetDefaults, compression: compression as Compression, rowGroupRows, dictionary };
}

/** Whether our own pages can hold the schema; lists and structs need `NestedParquetWriter`. */
export const isFlat = (schema: Schema): boolean => schema.every((field) => !isNested(field.type));

/**
 * Writes a Parquet file of flat columns. The bytes depend on the rows and the options alone, not on how rows were cut into batches.
 * Synchronous; memory is one row group.
 */
export class ParquetFileWriter {
  readonly #output: OutputFile;
  readonly #schema: Schema;
  readonly #options: ParquetOptions;
  readonly #buffers: readonly ColumnBuffer[];
  /** Bytes a row whose columns are of fixed width; byte strings add their own. */
  readonly #fixedBytes: number;
  readonly #groups: RowGroup[] = [];
  #rows = 0;
  #bufferedRows = 0;
  #bufferedBytes = 0;

  constructor(output: OutputFile, schema: Schema, options: ParquetOptions = parquetDefaults) {
    this.#output = output;
    this.#schema = schema;
    this.#options = options;
    this.#buffers = schema.map((field) => new ColumnBuffer(field));
    this.#fixedBytes = schema.reduce((sum, field) => sum + wordsPerValue(field.type) * 4, 0);
    output.write([magic]);
  }

  get rows(): number {
    return this.#rows;
  }

  /** Bytes of the rows that are not written yet. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  write(batch: Batch): void {
    const count = rowCount(batch);
    for (let from = 0; from < count; ) {
      const room = Math.min(count, from + this.#options.rowGroupRows - this.#bufferedRows);
      const to = this.#rowsThatFit(batch, from, room);
      this.#buffers.forEach((buffer, i) => {
        buffer.append(batch.columns[i] as Column, batch.selection, from, to);
      });
      this.#bufferedRows += to - from;
      this.#rows += to - from;
      from = to;
      const full = this.#bufferedRows >= this.#options.rowGroupRows || this.#bufferedBytes >= this.#options.rowGroupBytes;
      if (full) this.flushRowGroup();
    }
  }

  /** The row after the first one that fills the row group, at most `to`; counts the bytes up to there. */
  #rowsThatFit(batch: Batch, from: number, to: number): number {
    const texts = batch.columns.filter((column) => column.layout === "bytes");
    let all = this.#bufferedBytes + (to - from) * this.#fixedBytes;
    for (const column of texts) all += textBytes(column, batch.selection, from, to);
    if (all < this.#options.rowGroupBytes) {
      this.#bufferedBytes = all;
      return to;
    }
    let i = from;
    while (i < to && this.#bufferedBytes < this.#options.rowGroupBytes) {
      this.#bufferedBytes += this.#fixedBytes;
      for (const column of texts) this.#bufferedBytes += textBytes(column, batch.selection, i, i + 1);
      i++;
    }
    return i;
  }

  /** Ends the row group here. */
  flushRowGroup(): void {
    if (this.#bufferedRows === 0) return;
    const offset = this.#output.bytes;
    const chunks = this.#buffers.map((buffer) => encodeChunk(buffer.data(), this.#options));
    this.#output.write(chunks.flatMap((chunk) => chunk.parts));
    this.#groups.push(describeRowGroup(this.#schema, chunks, this.#bufferedRows, offset, this.#options.compression));
    for (const buffer of this.#buffers) buffer.reset();
    this.#bufferedRows = 0;
    this.#bufferedBytes = 0;
  }

  /** Writes what is left and the footer, and closes the file. */
  finish(): OutputSummary {
    this.flushRowGroup();
    this.#output.write([encodeFooter(this.#schema, this.#groups)]);
    return this.#output.finish();
  }

  abort(): void {
    this.#output.abort();
  }
}

/** Plain bytes of the live rows `from..to` of a byte string column. */
function textBytes(column: BytesColumn, selection: Int32Array | null, from: number, to: number): number {
  const { starts, ends, valid } = column;
  let bytes = 0;
  for (let i = from; i < to; i++) {
    const row = selection === null ? i : (selection[i] as number);
    if (valid === null || valid[row] !== 0) bytes += (ends[row] as number) - (starts[row] as number) + 4;
  }
  return bytes;
}
