import { type Batch, rowCount } from "../../batch/column.js";
import { encodeIpcStream } from "../../batch/ipc.js";
import { RowBuffer } from "../../batch/rowBuffer.js";
import type { Schema } from "../../schema/types.js";
import { type ArrowBlock, arrowFooter, arrowMagic, messageOf, schemaMessage } from "../arrow/arrowFile.js";
import type { FileOutput, OutputSummary } from "./sinkOutput.js";

const batchRows = 65_536;

/** Writes an Arrow IPC file in record batches of 65,536 rows; the bytes do not depend on how rows were cut into batches. */
export class ArrowFileWriter {
  readonly #output: FileOutput;
  readonly #schema: Schema;
  readonly #schemaBytes: number;
  readonly #blocks: ArrowBlock[] = [];
  readonly #buffer: RowBuffer;
  #rows = 0;

  constructor(output: FileOutput, schema: Schema) {
    this.#output = output;
    this.#schema = schema;
    this.#buffer = new RowBuffer(schema);
    const head = schemaMessage(schema);
    this.#schemaBytes = head.length;
    output.write([arrowMagic, head]);
  }

  get rows(): number {
    return this.#rows;
  }

  get bufferedBytes(): number {
    return this.#buffer.length * this.#schema.length * 16;
  }

  write(batch: Batch): void {
    const count = rowCount(batch);
    for (let from = 0; from < count; ) {
      const to = Math.min(count, from + batchRows - this.#buffer.length);
      this.#buffer.add(batch, from, to);
      if (this.#buffer.length === batchRows) this.flushRowGroup();
      from = to;
    }
    this.#rows += count;
  }

  flushRowGroup(): void {
    if (this.#buffer.length === 0) return;
    const batch = this.#buffer.take();
    const { bytes, metadataBytes } = messageOf(encodeIpcStream(this.#schema, [batch]), this.#schemaBytes);
    this.#blocks.push({ offset: this.#output.bytes, metadataBytes, bodyBytes: bytes.length - metadataBytes });
    this.#output.write([bytes]);
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
