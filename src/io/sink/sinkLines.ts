import { type Batch, type Column, rowCount } from "../../batch/column.js";
import { LineBatch } from "./sinkLineBatch.js";
import type { LineFormat } from "./sinkLineFormat.js";
import { isMostlyKnown, LineRoom } from "./sinkLineRoom.js";
import type { OutputSummary, OutputTarget } from "./sinkOutput.js";
import { type CellWriter, TextOut } from "./sinkText.js";

const flushBytes = 1 << 20;
/** For fewer rows at a time it is not worth bringing them into kernel memory. */
const fewRows = 64;

/** Writes rows as lines of text. */
export class LineFileWriter {
  readonly #output: OutputTarget;
  readonly #format: LineFormat;
  readonly #out = new TextOut();
  /** Memory that batches of the task's reader lie in. */
  #shared: LineRoom | null;
  #rows = 0;

  /** `sharing`: the writer is made before the task's reader has given a batch, and may take some of its memory. */
  constructor(output: OutputTarget, format: LineFormat, sharing: boolean) {
    this.#output = output;
    this.#format = format;
    if (format.header !== null) output.writeHead(format.header);
    this.#shared = sharing ? LineRoom.shared(format) : null;
  }

  get rows(): number {
    return this.#rows;
  }

  get bufferedBytes(): number {
    return this.#out.length;
  }

  write(batch: Batch): void {
    const count = rowCount(batch);
    const writeRow = this.#rowWriter(batch);
    if (count < fewRows || !isMostlyKnown(batch.columns, this.#format)) {
      for (let i = 0; i < count; i++) writeRow(batch.selection === null ? i : (batch.selection[i] as number));
    } else {
      const target = { take: (bytes: Uint8Array) => this.#take(bytes), writeRow };
      new LineBatch(batch, this.#format, target, this.#shared).write();
    }
    this.#rows += count;
  }

  /** Writes a row without the kernel. */
  #rowWriter({ columns }: Batch): (row: number) => void {
    const { heads, tail, none } = this.#format;
    const out = this.#out;
    let cells: readonly CellWriter[] | null = null;
    return (row) => {
      cells ??= columns.map((column) => this.#format.cell(column, out));
      for (let c = 0; c < cells.length; c++) {
        const head = heads[c] as Uint8Array;
        out.raw(head, 0, head.length);
        const valid = (columns[c] as Column).valid;
        if (valid !== null && valid[row] === 0) out.raw(none, 0, none.length);
        else (cells[c] as CellWriter)(row);
      }
      out.raw(tail, 0, tail.length);
      if (out.length >= flushBytes) this.flushRowGroup();
    };
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
    this.#freeShared();
    this.flushRowGroup();
    return this.#output.finish();
  }

  abort(): void {
    this.#freeShared();
    this.#output.abort();
  }

  #freeShared(): void {
    this.#shared?.free();
    this.#shared = null;
  }
}
