import type { JsonKernels } from "../../kernels/jsonKernels.js";
import type { KernelMemory } from "../../kernels/wasm.js";
import type { Field, Value } from "../../schema/types.js";
import { widthOf } from "../text/textValues.js";
import { JsonlPairs } from "./jsonlPairs.js";
import type { JsonPlace } from "./jsonlPlaces.js";
import { type Way, wayOf } from "./jsonlWays.js";

/** Columns that have one row each for every row of some pairs. */
export interface JsonTable {
  readonly pairs: JsonlPairs;
  readonly columns: readonly PlannedJson[];
  /** The columns and their fields, by the number of their place. */
  readonly every: readonly PlannedJson[];
}

/** A column with its buffers in kernel memory, filled anew for every batch. */
export interface PlannedJson {
  readonly field: Field;
  readonly way: Way;
  readonly index: number;
  /** Address of the values; for texts and lists that of the starts. */
  values: number;
  ends: number;
  valid: number;
  /** Those of a struct's fields, where they are columns. */
  readonly fields: readonly PlannedJson[];
  /** Those of a list, where they are a column. */
  readonly items: JsonItems | null;
  objects: Value[];
  nulls: number;
}

export interface JsonItems extends JsonTable {
  count: number;
  /** Lists that the exact reader has read, by their rows. */
  readonly exact: [row: number, list: readonly Value[]][];
}

/** Items that there is room for in the beginning. */
const firstItems = 1024;
/** Bytes that the items of one list column may take, with their pairs: where lists have more, a batch has fewer rows. */
const itemBytes = 2 * 1024 * 1024;

/** Plans columns and owns their memory. */
export class JsonPlan {
  readonly #memory: KernelMemory;
  readonly #kernels: JsonKernels;
  readonly table: JsonTable;
  readonly #tables: JsonTable[] = [];
  #slow = 0;
  #mostRows = 0;

  constructor(memory: KernelMemory, kernels: JsonKernels, pairs: JsonlPairs, places: readonly JsonPlace[]) {
    this.#memory = memory;
    this.#kernels = kernels;
    this.table = this.#plan(pairs, places);
  }

  /** Address of room for the numbers of all rows of any of the tables. */
  get slow(): number {
    return this.#slow;
  }

  /** Makes more room for items, whose pairs are lost; false where they may have no more. */
  growItems({ pairs, every }: JsonItems): boolean {
    const width = every.reduce((sum, column) => sum + widthsOf(column).reduce((a, b) => a + b), (pairs.stride + 1) * 4);
    const most = Math.max(firstItems, Math.floor(itemBytes / width));
    if (pairs.capacity === most) return false;
    pairs.makeRoom(Math.min(pairs.capacity * 2, most));
    this.#makeRoom(every, pairs.capacity);
    return true;
  }

  free(): void {
    this.#memory.free(this.#slow);
    for (const table of this.#tables) {
      for (const { values, ends, valid } of table.every) for (const address of [values, ends, valid]) this.#memory.free(address);
      // The pairs of the lines are the walker's.
      if (table !== this.table) table.pairs.free();
    }
  }

  #plan(pairs: JsonlPairs, places: readonly JsonPlace[]): JsonTable {
    const columns = places.map((place) => this.#planColumn(place));
    const table = { pairs, columns, every: every(columns) };
    this.#makeRoom(table.every, pairs.capacity);
    this.#tables.push(table);
    return table;
  }

  #planColumn({ field, index, fields, item }: JsonPlace): PlannedJson {
    const way = fields !== null ? "fields" : item !== null ? "items" : wayOf(field.type);
    const planned = (fields ?? []).map((place) => this.#planColumn(place));
    const items = item === null ? null : this.#planItems(item);
    return { field, way, index, values: 0, ends: 0, valid: 0, fields: planned, items, objects: [], nulls: 0 };
  }

  #planItems(place: JsonPlace): JsonItems {
    const pairs = new JsonlPairs(this.#memory, this.#kernels, [place], place.fields !== null, firstItems);
    return Object.assign(this.#plan(pairs, [place]), { count: 0, exact: [] });
  }

  #makeRoom(columns: readonly PlannedJson[], rows: number): void {
    const alloc = (old: number, bytes: number): number => {
      this.#memory.free(old);
      return this.#memory.alloc(bytes);
    };
    for (const column of columns) {
      const [values, ends, valid] = widthsOf(column);
      column.values = alloc(column.values, rows * values);
      column.ends = alloc(column.ends, rows * ends);
      column.valid = alloc(column.valid, rows * valid);
    }
    if (rows <= this.#mostRows) return;
    this.#slow = alloc(this.#slow, rows * 4);
    this.#mostRows = rows;
  }
}

/** Bytes a row in the buffers of values, ends and validity. */
function widthsOf({ way, field }: PlannedJson): readonly [number, number, number] {
  return way === "text" || way === "items" ? [4, 4, 1] : [widthOf(field.type), 0, 1];
}

const every = (columns: readonly PlannedJson[]): readonly PlannedJson[] =>
  columns.flatMap((column) => [column, ...every(column.fields)]);
