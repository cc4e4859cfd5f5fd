import { rmSync } from "node:fs";
import type { Batch, Column } from "../batch/column.js";
import { SortBuffer, type OrderKey } from "../kernels/sortBuffer.js";
import { forceSpill } from "../runtime/forceSpill.js";
import { type Schema, types } from "../schema/types.js";
import { BlockFileWriter } from "./blockFile.js";
import { RunReader } from "./runReader.js";

/** A run is written once it holds this much. */
const runBytes = 2 ** 25;
const runRows = 2 ** 19;

/** Sorts more rows than memory has room for, within one task: runs in files of its own, which are gone once they were merged. */
export class SortedFiles {
  readonly #stem: string;
  readonly #schema: Schema;
  readonly #paths: string[] = [];
  #buffer: SortBuffer | null;
  #writer: BlockFileWriter | null = null;

  /** The files' names begin with `stem`. Rows with equal keys stay in the order in which they came. */
  constructor(stem: string, keys: readonly OrderKey[], schema: Schema) {
    this.#stem = stem;
    this.#schema = schema;
    this.#buffer = new SortBuffer(
      keys,
      schema.map(({ type }) => type),
    );
  }

  append(keys: readonly Column[], columns: readonly Column[], length: number): void {
    const buffer = this.#buffer;
    if (buffer === null) return;
    buffer.append(keys, columns, null, length);
    if (forceSpill || buffer.bytes >= runBytes || buffer.rows >= runRows) this.#writeRun(buffer);
  }

  /** Ends the input, and gives the rows in their order. A batch is good until the next one. */
  *merged(): Generator<Batch> {
    if (this.#buffer !== null && this.#buffer.rows > 0) this.#writeRun(this.#buffer);
    this.#free();
    const reader = new RunReader(this.#paths, this.#schema, { from: null, to: null });
    try {
      for (let batch = reader.next(); batch !== null; batch = reader.next()) yield batch;
    } finally {
      reader.close();
      this.#remove();
    }
  }

  abort(): void {
    this.#free();
    this.#writer?.abort();
    this.#remove();
  }

  #writeRun(buffer: SortBuffer): void {
    const path = `${this.#stem}-${this.#paths.length}`;
    const writer = new BlockFileWriter(path);
    this.#writer = writer;
    const { rows, columns } = buffer.take(0);
    writer.write([{ name: "__key", type: types.binary, nullable: false }, ...this.#schema], rows, [0, rows], columns);
    writer.finish();
    this.#writer = null;
    this.#paths.push(path);
  }

  #remove(): void {
    for (const path of this.#paths.splice(0)) rmSync(path, { force: true });
  }

  #free(): void {
    this.#buffer?.free();
    this.#buffer = null;
  }
}
