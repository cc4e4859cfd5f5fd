import { type Batch, type Column, rowCount } from "../../batch/column.js";
import { LineSlices } from "./sinkLineSlice.js";
import type { OutputSummary, OutputTarget } from "./sinkOutput.js";
import { type CellWriter, TextOut } from "./sinkText.js";

const flushBytes = 1 << 20;
/** For fewer rows at a time it is not worth bringing them into kernel memory. */
const fewRows = 64;

/** How a format writes rows as lines. */
export interface LineFormat {
  /** What stands before each value. */
  readonly heads: readonly Uint8Array[];
  /** What ends a line; at most 16 bytes. */
  readonly tail: Uint8Array;
  /** What stands for null. */
  readonly none: Uint8Array;
  readonly json: boolean;
  /** Byte codes, of CSV. */
  readonly delimiter: number;
  readonly quote: number;
  /** Whether the kernel may write the values of a column. */
  isKnown(column: Column): boolean;
  /** A writer of the values of a column that are not null. */
  cell(column: Column, out: TextOut): CellWriter;
}

/** Writes rows as lines of text. */
export class LineFileWriter {
  readonly #output: OutputTarget;
  readonly #format: LineFormat;
  readonly #out = new TextOut();
  #rows = 0;

  constructor(output: OutputTarget, format: LineFormat) {
    this.#output = output;
    this.#format = format;
  }

  get rows(): number {
    return this.#rows;
  }

  get bufferedBytes(): number {
    return this.#out.length;
  }

  write(batch: Batch): void {
    const count = rowCount(batch);
    if (count < fewRows || !batch.columns.some((column) => this.#format.isKnown(column))) this.#writeFew(batch, count);
    else new LineSlices(batch, this.#format, (bytes) => this.#take(bytes)).write();
    this.#rows += count;
  }

  /** Row by row, without the kernel. */
  #writeFew(batch: Batch, count: number): void {
    const { heads, tail, none } = this.#format;
    const out = this.#out;
    const cells = batch.columns.map((column) => this.#format.cell(column, out));
    for (let i = 0; i < count; i++) {
      const row = batch.selection === null ? i : (batch.selection[i] as number);
      for (let c = 0; c < cells.length; c++) {
        const head = heads[c] as Uint8Array;
        out.raw(head, 0, head.length);
        const valid = (batch.columns[c] as Column).valid;
        if (valid !== null && valid[row] === 0) out.raw(none, 0, none.length);
        else (cells[c] as CellWriter)(row);
      }
      out.raw(tail, 0, tail.length);
      if (out.length >= flushBytes) this.flushRowGroup();
    }
  }

  /** Much at a time is written as it stands; the rest waits for more. */
  #take(bytes: Uint8Array): void {
    const out = this.#out;
    if (out.length + bytes.length < flushBytes) {
      out.raw(bytes, 0, bytes.length);
      return;
    }
    this.#output.write([out.bytes.subarray(0, out.length), bytes]);
    out.clear();
  }

  flushRowGroup(): void {
    this.#output.write([this.#out.bytes.subarray(0, this.#out.length)]);
    this.#out.clear();
  }

  finish(): OutputSummary {
    this.flushRowGroup();
    return this.#output.finish();
  }

  abort(): void {
    this.#output.abort();
  }
}
