import { required } from "../../common/assert.js";
import type { GroupKernels } from "./groupKernels.js";
import type { StagedKeys } from "./groupKeys.js";
import { Region } from "./groupMemory.js";
import type { Kernels } from "../wasm.js";

const entries = 4096;
const headerBytes = 64;
const entryBytes = 64;
/** Rows that the table does not know are packed so many at a time. */
const mostListed = 1024;
/** Past so many rows, a table that does not know this share of them is no longer asked. */
const seldom = { rows: 16_384, share: 1 / 4 };

/** A table of short texts in front of packed groups; see `assembly/groups/groupFront.ts`. Which groups rows get does not depend on it. */
export class TextFront {
  readonly #kernels: Kernels;
  readonly #functions: GroupKernels;
  readonly #table: Region;
  readonly #missed: Region;
  readonly #places: Region;
  #rows = 0;
  #misses = 0;

  constructor(kernels: Kernels) {
    const { memory } = kernels;
    this.#kernels = kernels;
    this.#functions = kernels.functions<GroupKernels>();
    this.#table = new Region(memory);
    this.#missed = new Region(memory);
    this.#places = new Region(memory);
  }

  get isWorthIt(): boolean {
    return this.#rows < seldom.rows || this.#misses < this.#rows * seldom.share;
  }

  /** Writes the group of every row to `groups`. `group` gives the address of the groups of rows that the table does not know. */
  assign({ columns, selection, rows }: StagedKeys, groups: Region, group: (missed: StagedKeys) => number): void {
    const { values, ends, bytes, valid } = required(columns[0], "key column");
    const table = this.#open();
    const missed = this.#missed.reserve(mostListed * 4);
    const places = this.#places.reserve(mostListed * 4);
    const out = groups.reserve(Math.max(1, rows) * 4);
    for (let done = 0; done < rows; ) {
      const f = this.#functions;
      done = f.probeTexts(table, bytes, values, ends, valid, selection, done, rows, out, missed, places, mostListed);
      const listed = this.#kernels.memory.u32()[(table >>> 2) + 4] as number;
      if (listed === 0) continue;
      this.#misses += listed;
      const found = group({ columns, selection: missed, rows: listed });
      f.keepTexts(table, bytes, values, ends, valid, missed, places, found, listed, out);
    }
    this.#rows += rows;
  }

  free(): void {
    for (const region of [this.#table, this.#missed, this.#places]) region.free();
  }

  #open(): number {
    if (this.#table.capacity > 0) return this.#table.address;
    const size = headerBytes + entries * entryBytes;
    const address = this.#table.reserve(size);
    const { memory } = this.#kernels;
    memory.u8().fill(0, address, address + size);
    memory.u32().set([entries, entries - 1, 0, entries / 2], address >>> 2);
    return address;
  }
}
