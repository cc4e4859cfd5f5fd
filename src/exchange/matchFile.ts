import type { Column } from "../batch/column.js";
import { required } from "../common/assert.js";
import { internalError } from "../common/errors.js";
import { type Schema, types } from "../schema/types.js";
import { type Block, BlockFile } from "./blockFile.js";
import type { ReadMemory } from "./readMemory.js";

/**
 * The matches of keyed rows, as `bucketJoin` writes them: for each block of those some blocks of matches, in the order of the rows, and then one that
 * says how many each row has.
 */
export const countSchema: Schema = [{ name: "__matches", type: types.uint32, nullable: false }];

/** What a file has of one block of keyed rows. */
interface Group {
  readonly counts: Block;
  readonly matches: readonly Block[];
}

export class MatchFile {
  readonly #file: BlockFile;
  readonly #groups: readonly Group[];

  constructor(path: string) {
    this.#file = new BlockFile(path);
    const groups: Group[] = [];
    let matches: Block[] = [];
    for (const block of this.#file.blocks) {
      if (this.#file.schemaOf(block)[0]?.name !== countSchema[0]?.name) matches.push(block);
      else {
        groups.push({ counts: block, matches });
        matches = [];
      }
    }
    this.#groups = groups;
  }

  /** How many matches the rows of a block have that are in this file's buckets. In `memory`, good until it is used again. */
  counts(number: number, memory: ReadMemory): Uint32Array {
    const { counts } = this.#group(number);
    const column = this.#file.readColumn(counts, 0, 0, counts.rows, memory);
    if (column.layout !== "fixed") throw internalError("matches are counted in numbers");
    return column.values as Uint32Array;
  }

  /** Calls for each column of the matches [from, to) of a block's rows; what it gives is good until the next call. */
  read(number: number, from: number, to: number, memory: ReadMemory, take: (column: Column, index: number) => void): void {
    let first = 0;
    for (const block of this.#group(number).matches) {
      const [start, end] = [Math.max(0, from - first), Math.min(block.rows, to - first)];
      first += block.rows;
      if (end <= start) continue;
      const columns = this.#file.schemaOf(block).length;
      for (let i = 0; i < columns; i++) take(this.#file.readColumn(block, i, start, end, memory), i);
    }
  }

  close(): void {
    this.#file.close();
  }

  #group(number: number): Group {
    return required(this.#groups[number], "matches of a block");
  }
}
