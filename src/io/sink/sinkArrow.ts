import { builderFor, type ColumnBuilder } from "../../batch/builder.js";
import { type Batch, rowCount } from "../../batch/column.js";
import { encodeIpcStream } from "../../batch/ipc.js";
import { columnReader } from "../../batch/reader.js";
import type { Schema } from "../../schema/types.js";
import { type ArrowBlock, arrowFooter, arrowMagic, messageOf, schemaMessage } from "../arrow/arrowFile.js";
import type { OutputFile, OutputSummary } from "./sinkOutput.js";

const batchRows = 65_536;

/** Writes an Arrow IPC file in record batches of 65,536 rows; the bytes do not depend on how rows were cut into batches. */
export class ArrowFileWriter {
  readonly #output: OutputFile;
  readonly #schema: Schema;
  readonly #schemaBytes: number;
  readonly #blocks: ArrowBlock[] = [];
  #builders: readonly ColumnBuilder[];
  #buffered = 0;
  #rows = 0;

  constructor(output: OutputFile, schema: Schema) {
    this.#output = output;
    this.#schema = schema;
    this.#builders = this.#newBuilders();
    const head = schemaMessage(schema);
    this.#schemaBytes = head.length;
    output.write([arrowMagic, head]);
  }

  #newBuilders(): ColumnBuilder[] {
    return this.#schema.map((field) => builderFor(field.type));
  }

  get rows(): number {
    return this.#rows;
  }

  get bufferedBytes(): number {
    return this.#buffered * this.#schema.length * 16;
  }

  write(batch: Batch): void {
    const readers = batch.columns.map(columnReader);
    const count = rowCount(batch);
    for (let i = 0; i < count; i++) {
      const row = batch.selection === null ? i : (batch.selection[i] as number);
      readers.forEach((read, c) => {
        this.#builders[c]?.append(read(row));
      });
      if (++this.#buffered === batchRows) this.flushRowGroup();
    }
    this.#rows += count;
  }

  flushRowGroup(): void {
    if (this.#buffered === 0) return;
    const columns = this.#builders.map((builder) => builder.finish());
    const batch: Batch = { schema: this.#schema, length: this.#buffered, columns, selection: null, origin: null };
    const { bytes, metadataBytes } = messageOf(encodeIpcStream(this.#schema, [batch]), this.#schemaBytes);
    this.#blocks.push({ offset: this.#output.bytes, metadataBytes, bodyBytes: bytes.length - metadataBytes });
    this.#output.write([bytes]);
    this.#builders = this.#newBuilders();
    this.#buffered = 0;
  }

  finish(): OutputSummary {
    this.flushRowGroup();
    this.#output.write([arrowFooter(this.#schema, this.#blocks)]);
    return this.#output.finish();
  }

  abort(): void {
    this.#output.abort();
  }
}
