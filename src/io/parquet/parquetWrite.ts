import { type Batch, rowCount } from "../../batch/column.js";
import { configError } from "../../common/errors.js";
import type { JsonValue } from "../../expr/nodes.js";
import { checksums } from "../../runtime/safety.js";
import type { Schema } from "../../schema/types.js";
import type { WrittenRowGroup } from "../../task/protocol.js";
import { ColumnBuffer } from "./parquetColumn.js";
import { type Leaf, leavesOf, withLeaves } from "./parquetLeaves.js";
import { encodeFooter, groupsAsWritten, magic } from "./parquetFooter.js";
import { type Compression, checkCompression, compressions, encodeChunk } from "./parquetPages.js";
import { loadSlice, loadTexts, rowsOfItems, rowsWithin, type Slice, type SliceColumn, sliceRows } from "./parquetSlice.js";
import { wordsPerValue } from "./parquetSchema.js";
import type { FileOutput, OutputSummary } from "../sink/sinkOutput.js";

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
  pageChecksum: checksums,
};

/** Items of lists that are brought into kernel memory at a time. */
const sliceItems = 65_536;

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

/** Buffers of this thread's last file. The next task writes the same columns: what has grown to the size of a row group need not grow again. */
let idle: { readonly columns: string; readonly buffers: readonly ColumnBuffer[] } | null = null;

function takeBuffers(schema: Schema, leaves: readonly Leaf[]): readonly ColumnBuffer[] {
  const last = idle;
  idle = null;
  if (last !== null && last.columns === JSON.stringify(schema)) return last.buffers;
  for (const buffer of last?.buffers ?? []) buffer.free();
  return leaves.map((leaf) => new ColumnBuffer(leaf));
}

function leaveBuffers(schema: Schema, buffers: readonly ColumnBuffer[]): void {
  if (idle === null) {
    for (const buffer of buffers) buffer.reset();
    idle = { columns: JSON.stringify(schema), buffers };
  } else for (const buffer of buffers) buffer.free();
}

/**
 * Writes a Parquet file. The bytes depend on the rows and the options alone, not on how rows were cut into batches.
 * Synchronous; memory is one row group.
 */
export class ParquetFileWriter {
  readonly #output: FileOutput;
  readonly #schema: Schema;
  readonly #leaves: readonly Leaf[];
  readonly #options: ParquetOptions;
  /** Bytes of a slot of each leaf; byte strings have their own. */
  readonly #widths: readonly number[];
  /** None once it is finished: they may be another file's then. */
  #buffers: readonly ColumnBuffer[];
  readonly #groups: WrittenRowGroup[] = [];
  #rows = 0;
  #bufferedRows = 0;
  #bufferedBytes = 0;

  constructor(output: FileOutput, schema: Schema, options: ParquetOptions = parquetDefaults) {
    this.#output = output;
    this.#schema = schema;
    this.#leaves = leavesOf(schema);
    this.#options = options;
    this.#buffers = takeBuffers(schema, this.#leaves);
    this.#widths = this.#leaves.map(({ field }) => wordsPerValue(field.type) * 4);
    output.writeHead(magic);
  }

  get rows(): number {
    return this.#rows;
  }

  /** Bytes of the rows that are not written yet. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  write(given: Batch): void {
    const batch = withLeaves(given);
    const count = rowCount(batch);
    for (let from = 0; from < count; ) {
      const room = Math.min(sliceRows, this.#options.rowGroupRows - this.#bufferedRows, count - from);
      const slice = this.#sliceThatFits(batch, from, rowsOfItems(batch, from, from + room, sliceItems));
      const texts = loadTexts(slice);
      this.#buffers.forEach((buffer, i) => {
        buffer.append(slice.columns[i] as SliceColumn, texts[i] as number);
      });
      this.#bufferedRows += slice.rows;
      this.#bufferedBytes += this.#bytesOf(slice);
      this.#rows += slice.rows;
      from += slice.rows;
      const full = this.#bufferedRows >= this.#options.rowGroupRows || this.#bufferedBytes >= this.#options.rowGroupBytes;
      if (full) this.#writeRowGroup();
    }
  }

  /** The live rows `from..to`, or those up to and with the first one that fills the row group. */
  #sliceThatFits(batch: Batch, from: number, to: number): Slice {
    const slice = loadSlice(batch, from, to, this.#leaves);
    const room = this.#options.rowGroupBytes - this.#bufferedBytes;
    if (this.#bytesOf(slice) < room) return slice;
    const end = rowsWithin(batch, this.#leaves, from, to, room);
    return end === to ? slice : loadSlice(batch, from, end, this.#leaves);
  }

  #bytesOf(slice: Slice): number {
    return slice.columns.reduce((sum, { slots }, i) => sum + slots * (this.#widths[i] as number), slice.textBytes);
  }

  /** Ends the row group here. Its memory is given back: whoever asks has many files open and writes to another one next. */
  flushRowGroup(): void {
    this.#writeRowGroup();
    for (const buffer of this.#buffers) buffer.free();
  }

  #writeRowGroup(): void {
    if (this.#bufferedRows === 0) return;
    const chunks = this.#buffers.map((buffer) => {
      const { parts, chunk } = encodeChunk(buffer.data(), this.#options);
      this.#output.writeParts(parts);
      return chunk;
    });
    this.#groups.push({ rows: this.#bufferedRows, chunks });
    for (const buffer of this.#buffers) buffer.reset();
    this.#bufferedRows = 0;
    this.#bufferedBytes = 0;
  }

  /** Writes what is left and the footer, and closes the file. */
  finish(): OutputSummary {
    this.#writeRowGroup();
    leaveBuffers(this.#schema, this.#buffers);
    this.#buffers = [];
    this.#output.writeTail({ rowGroups: this.#groups, bytes: () => this.#footer() });
    return this.#output.finish();
  }

  #footer(): Uint8Array {
    const groups = groupsAsWritten(this.#leaves, this.#groups, magic.length, this.#options.compression);
    return encodeFooter(this.#schema, this.#leaves.length, groups);
  }

  abort(): void {
    for (const buffer of this.#buffers) buffer.free();
    this.#output.abort();
  }
}
