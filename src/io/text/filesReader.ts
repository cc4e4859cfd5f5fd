import type { Batch } from "../../batch/column.js";
import type { PartitionSpec, ScanResult } from "../../task/protocol.js";
import type { BatchReader } from "../contracts.js";

export type FilesPart = Extract<PartitionSpec, { kind: "files" }>;

/** Reads whole text files, one after the other. `open` gives the reader of one. */
export class FilesReader implements BatchReader {
  readonly #open: (part: PartitionSpec) => BatchReader;
  readonly #end: number;
  #next: number;
  #reader: BatchReader | null = null;
  #done: ScanResult = { rows: 0, rejected: 0, bytes: 0, start: null, end: null, lines: 0 };

  constructor({ file, count }: FilesPart, open: (part: PartitionSpec) => BatchReader) {
    this.#open = open;
    this.#next = file;
    this.#end = file + count;
  }

  next(): Batch | null | Promise<Batch | null> {
    for (;;) {
      if (this.#reader === null) {
        if (this.#next === this.#end) return null;
        this.#reader = this.#open({ kind: "wholeFile", file: this.#next++ });
      }
      const step = this.#reader.next();
      if (step instanceof Promise) return step.then((batch) => this.#given(batch) ?? this.next());
      const batch = this.#given(step);
      if (batch !== null) return batch;
    }
  }

  /** At the end of a file its reader makes room for that of the next. */
  #given(batch: Batch | null): Batch | null {
    if (batch === null) {
      this.#done = this.result();
      this.close();
    }
    return batch;
  }

  result(): ScanResult {
    const done = this.#done;
    const now = this.#reader?.result();
    if (now === undefined) return done;
    const { rows, rejected, bytes, lines } = now;
    return {
      ...done,
      rows: done.rows + rows,
      rejected: done.rejected + rejected,
      bytes: done.bytes + bytes,
      lines: done.lines + lines,
    };
  }

  close(): void {
    const reader = this.#reader;
    this.#reader = null;
    void reader?.close();
  }
}
