import type { KernelRoom } from "../../kernels/kernelRoom.js";
import { pageKernels } from "../../kernels/parquetPages.js";
import { type ColumnRoom, columnArray } from "./parquetColumnRoom.js";
import type { FlatPage } from "./parquetFlatPages.js";
import type { ChunkForm } from "./parquetPageHeads.js";

/** The address of the dictionary places, as words, that each live row of a page has; null where one is not below `size`. */
export function placesOf({ at, length, live }: FlatPage, size: number, room: KernelRoom): number | null {
  const places = room.take((live + 1) * 4);
  const [bits] = room.view(at, Math.min(length, 1));
  if (bits === undefined && live > 0) return null;
  // Without a value there may be no width either.
  const width = live === 0 ? 0 : (bits ?? 0);
  const found = pageKernels(room).hybridPlaces(at + 1, length - 1, width, live, places, size);
  return found < 0 ? null : places;
}

/** Which rows of a column are there, once a page has nulls. */
export class RowsThere {
  /** One byte a row; null where all are. */
  valid: Uint8Array | null = null;
  /** Definition levels of a leaf in structs or lists; null where every row has a value. */
  levels: Uint8Array | null = null;
  /** Repetition levels of a leaf in lists. */
  readonly repeats: Uint8Array | null;
  readonly #rows: number;
  readonly #level: number;
  readonly #memory: ColumnRoom | null;

  constructor(rows: number, { level, depth }: ChunkForm, memory: ColumnRoom | null) {
    this.#memory = memory;
    this.#rows = rows;
    this.#level = level;
    this.repeats = depth === 0 ? null : new Uint8Array(rows);
  }

  /** Takes over what a page says of its rows, of which the first is the column's row `at`. */
  add({ valid, levels, repeats, rows }: FlatPage, at: number, room: KernelRoom): void {
    this.repeats?.set(room.view(repeats, rows), at);
    if (valid === 0) return;
    this.valid ??= columnArray(this.#memory, Uint8Array, this.#rows).fill(1);
    this.valid.set(room.view(valid, rows), at);
    if (this.#level < 2) return;
    this.levels ??= new Uint8Array(this.#rows).fill(this.#level);
    this.levels.set(room.view(levels, rows), at);
  }
}
