import { type Batch, rowCount } from "../../batch/column.js";
import { encodeIpcStream } from "../../batch/ipc.js";
import { RowBuffer } from "../../batch/rowBuffer.js";
import type { Schema } from "../../schema/types.js";
import { encodeFooterLike, type Footer, groupAsRead, magic, parseFooter, type RowGroup, shiftRowGroup } from "./parquetFooter.js";
import type { Compression } from "./parquetPages.js";
import { parquetWasm } from "./parquetWasm.js";
import type { ParquetOptions } from "./parquetWrite.js";
import type { FileOutput, OutputSummary } from "../sink/sinkOutput.js";

/** Numbers of parquet-wasm's own enumeration. */
const wasmCompression: { readonly [C in Compression]: number } = { uncompressed: 0, snappy: 1, gzip: 2, zstd: 5 };

/**
 * Writes a Parquet file with lists. Every row group is encoded by parquet-wasm as a file of its own, whose pages are then
 * copied: memory stays at one row group, and the bytes depend on the rows and the options alone.
 */
export class ListParquetWriter {
  readonly #output: FileOutput;
  readonly #schema: Schema;
  readonly #options: ParquetOptions;
  readonly #groups: RowGroup[] = [];
  readonly #buffer: RowBuffer;
  #first: Footer | null = null;
  #rows = 0;

  constructor(output: FileOutput, schema: Schema, options: ParquetOptions) {
    this.#output = output;
    this.#schema = schema;
    this.#options = options;
    this.#buffer = new RowBuffer(schema);
    output.writeHead(magic);
  }

  get rows(): number {
    return this.#rows;
  }

  /** A rough figure: values of nested types have no known size. */
  get bufferedBytes(): number {
    return this.#buffer.length * this.#schema.length * 32;
  }

  write(batch: Batch): void {
    const count = rowCount(batch);
    const most = this.#options.rowGroupRows;
    for (let from = 0; from < count; ) {
      const to = Math.min(count, from + most - this.#buffer.length);
      this.#buffer.add(batch, from, to);
      this.#rows += to - from;
      if (this.#buffer.length === most) this.flushRowGroup();
      from = to;
    }
  }

  flushRowGroup(): void {
    if (this.#buffer.length > 0) this.#encode();
  }

  #encode(): void {
    const batch = this.#buffer.take();
    const { Table, WriterPropertiesBuilder, writeParquet } = parquetWasm();
    const properties = new WriterPropertiesBuilder()
      .setCompression(wasmCompression[this.#options.compression])
      .setDictionaryEnabled(this.#options.dictionary)
      .setCreatedBy("millrace version 1")
      .setMaxRowGroupSize(this.#options.rowGroupRows)
      .build();
    const bytes = writeParquet(Table.fromIPCStream(encodeIpcStream(this.#schema, [batch])), properties);
    const footer = parseFooter(this.#output.path, bytes.length, (from, to) => bytes.subarray(from, to));
    this.#first ??= footer;
    const shift = this.#output.bytes - magic.length;
    this.#output.write([bytes.subarray(magic.length, footer.dataEnd)]);
    for (const group of footer.rowGroups) this.#groups.push(shiftRowGroup(group, shift));
  }

  finish(): OutputSummary {
    this.flushRowGroup();
    if (this.#first === null) this.#encode();
    const like = this.#first as Footer | null;
    const groups = this.#groups.filter((group) => group.rows > 0).map(groupAsRead);
    this.#output.write([encodeFooterLike(like?.metadata ?? new Map(), groups)]);
    return this.#output.finish();
  }

  abort(): void {
    this.#output.abort();
  }
}
