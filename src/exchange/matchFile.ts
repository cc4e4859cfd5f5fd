import type { Column } from "../batch/column.js";
import { internalError } from "../common/errors.js";
import { type Schema, types } from "../schema/types.js";
import { BlockFile } from "./blockFile.js";
import type { ReadMemory } from "./readMemory.js";

/**
 * The matches of keyed rows, as `bucketJoin` writes them: a group for each block of those, of some blocks of matches in the order of the rows and then one
 * that says how many each row has.
 */
export const countSchema: Schema = [{ name: "__matches", type: types.uint32, nullable: false }];

export class MatchFile {
  readonly #file: BlockFile;

  constructor(path: string) {
    this.#file = new BlockFile(path);
  }

  /** How many matches the rows of a block have that are in this file's buckets. In `memory`, good until it is used again. */
  counts(number: number, memory: ReadMemory): Uint32Array {
    const counts = this.#file.block(this.#file.group(number).to - 1);
    const column = this.#file.readColumn(counts, 0, 0, counts.rows, memory);
    if (column.layout !== "fixed") throw internalError("matches are counted in numbers");
    return column.values as Uint32Array;
  }

  /** Calls for each column of the matches [from, to) of a block's rows; what it gives is good until the next call. */
  read(number: number, from: number, to: number, memory: ReadMemory, take: (column: Column, index: number) => void): void {
    const group = this.#file.group(number);
    let first = 0;
    for (let i = group.from; i + 1 < group.to; i++) {
      const block = this.#file.block(i);
      const [start, end] = [Math.max(0, from - first), Math.min(block.rows, to - first)];
      first += block.rows;
      if (end <= start) continue;
      const columns = this.#file.schemaOf(block).length;
      for (let c = 0; c < columns; c++) take(this.#file.readColumn(block, c, start, end, memory), c);
    }
  }

  close(): void {
    this.#file.close();
  }
}
