import { type ColumnReader, columnReader } from "../batch/reader.js";
import { internalError } from "../common/errors.js";
import type { Value } from "../schema/types.js";
import { BlockFile } from "./blockFile.js";
import { ReadMemory } from "./readMemory.js";

/**
 * Goes once over the rows of a file whose first column (int32) says which group a row belongs to, one group after the other, and whose second (bool)
 * whether its keys are those of the row before it. One block is in memory at a time.
 */
export class SortedCursor {
  /** Rows before this one; at the end, all of them. */
  at = 0;
  readonly #file: BlockFile;
  readonly #memory = new ReadMemory();
  #block = 0;
  #readers: readonly ColumnReader[] = [];
  #groups = new Int32Array(0);
  #ties = new Uint8Array(0);
  #row = -1;
  #length = 0;

  constructor(path: string) {
    this.#file = new BlockFile(path);
    this.#next();
  }

  /** The row's group; -1 at the end. */
  get group(): number {
    return this.#row < this.#length ? (this.#groups[this.#row] as number) : -1;
  }

  /** Whether the row has the keys of the one before it, in the same group. */
  get isTie(): boolean {
    return this.#ties[this.#row] === 1;
  }

  /** The row's value in a column of the file; bytes are good until the next `advance`. */
  value(column: number): Value {
    return this.#readers[column]?.(this.#row) ?? null;
  }

  advance(): void {
    if (this.#row >= this.#length) return;
    this.at++;
    this.#next();
  }

  close(): void {
    this.#file.close();
  }

  #next(): void {
    if (++this.#row < this.#length) return;
    for (; this.#block < this.#file.blocks.length; this.#block++) {
      const block = this.#file.blocks[this.#block];
      if (block === undefined || block.rows === 0) continue;
      const columns = this.#file.read(block, 0, block.rows, this.#memory);
      const [groups, ties] = columns;
      if (groups?.layout !== "fixed" || ties?.layout !== "fixed") throw internalError("sorted rows begin with group and tie");
      this.#readers = columns.map(columnReader);
      this.#groups = groups.values as Int32Array<ArrayBuffer>;
      this.#ties = ties.values as Uint8Array<ArrayBuffer>;
      this.#row = 0;
      this.#length = block.rows;
      this.#block++;
      return;
    }
    this.#length = 0;
    this.#row = 0;
  }
}
