import type { Batch, Column } from "../batch/column.js";
import { sliceColumn } from "../batch/gather.js";
import { required } from "../common/assert.js";
import { internalError } from "../common/errors.js";
import type { BatchReader } from "../io/contracts.js";
import { giveGroupKernels, Region, takeGroupKernels } from "../kernels/groups/groupMemory.js";
import { partsColumn } from "../kernels/partsColumn.js";
import { ValueBuffer } from "../kernels/valueBuffer.js";
import { type Schema, types } from "../schema/types.js";
import type { PartitionSpec, ScanResult } from "../task/protocol.js";
import { BlockFile } from "./blockFile.js";
import type { Block } from "./blockFooter.js";
import { lookInto, openBeside } from "./openBeside.js";
import { giveReadMemory, ReadMemory, takeReadMemory } from "./readMemory.js";

export type PlacedPart = Extract<PartitionSpec, { kind: "placed" }>;

/** The last column of keyed rows where they have several buckets: row i of the input stands at row `place` of the block. */
export const placeColumn = { name: "__place", type: types.uint32, nullable: false } as const;

/** Rows of one task, about. */
const taskRows = 2 ** 19;
const batchRows = 2 ** 16;

/** Cuts the blocks of keyed files into tasks. It depends on the files alone. */
export function planPlaced(paths: readonly string[]): PlacedPart[] {
  const parts: PlacedPart[] = [];
  let before = 0;
  paths.forEach((path, index) => {
    const blocks = lookInto(path, (file) => file.blocks);
    let [from, rows] = [0, 0];
    blocks.forEach((block, i) => {
      rows += block.came ?? block.rows;
      if (rows < taskRows && i + 1 < blocks.length) return;
      parts.push({ kind: "placed", file: index, from, to: i + 1, before });
      [from, rows] = [i + 1, 0];
    });
    before += blocks.length;
  });
  return parts.length > 0 ? parts : [{ kind: "placed", file: 0, from: 0, to: 0, before: 0 }];
}

/** Puts keyed rows back in the order in which they came, with what was computed of them. */
export class PlacedReader implements BatchReader {
  readonly #kernels = takeGroupKernels();
  readonly #schema: Schema;
  readonly #part: PlacedPart;
  readonly #file: BlockFile | null;
  readonly #beside: readonly BlockFile[];
  readonly #how: "columns" | "keep";
  readonly #values: readonly ValueBuffer[];
  readonly #places: Region;
  #memory: ReadMemory | null = takeReadMemory();
  #next: number;
  #columns: readonly Column[] = [];
  #rows = 0;
  #given = 0;
  #delivered = 0;
  #closed = false;

  /** `path`: null where there are no rows at all. `schema`: of what is delivered. */
  constructor(path: string | null, schema: Schema, part: PlacedPart, paths: readonly string[], how: "columns" | "keep") {
    this.#schema = schema;
    this.#part = part;
    this.#next = part.from;
    this.#how = how;
    this.#file = path === null ? null : new BlockFile(path);
    const all = how === "keep" ? [...schema, { type: types.bool }] : schema;
    this.#values = all.map(({ type }) => new ValueBuffer(this.#kernels, type));
    this.#places = new Region(this.#kernels.memory);
    this.#beside = path === null ? [] : openBeside(this.#file, paths, (one) => new BlockFile(one));
  }

  next(): Batch | null {
    while (this.#given >= this.#rows) if (!this.#load()) return null;
    const from = this.#given;
    const to = Math.min(this.#rows, from + batchRows);
    this.#given = to;
    const columns = this.#columns.map((column) => sliceColumn(column, from, to));
    const batch = { schema: this.#schema, length: to - from, columns, selection: null, origin: null };
    if (this.#how === "columns") return this.#counted(batch);
    const keep = required(columns.pop(), "column of what stays");
    return this.#counted({ ...batch, selection: selected(keep) });
  }

  result(): ScanResult {
    return { rows: this.#delivered, rejected: 0, bytes: 0, start: null, end: null, lines: 0 };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const file of [this.#file, ...this.#beside]) file?.close();
    for (const buffer of this.#values) buffer.free();
    this.#places.free();
    giveGroupKernels(this.#kernels);
    if (this.#memory !== null) giveReadMemory(this.#memory);
    this.#memory = null;
  }

  #counted(batch: Batch): Batch {
    this.#delivered += batch.selection === null ? batch.length : batch.selection.length;
    return batch;
  }

  /** Reads the next block; false at the end. */
  #load(): boolean {
    const index = this.#next++;
    if (this.#file === null || index >= this.#part.to) return false;
    const block = this.#file.block(index);
    const memory = this.#memory ?? new ReadMemory();
    // One bucket has its rows as they came.
    const moved = block.bounds.length > 2;
    const own = this.#file.schemaOf(block).length - (moved ? 1 : 0);
    for (const buffer of this.#values) buffer.clear();
    for (let i = 0; i < own; i++) {
      const column = this.#file.readColumn(block, i, 0, block.rows, memory);
      required(this.#values[i], "column").append(column, null, 0, block.rows);
    }
    this.#loadBeside(this.#part.before + index, block.rows, own, memory);
    const order = moved ? this.#orderOf(this.#file, block, own, memory) : 0;
    // Every view is made after the last piece of memory was asked for.
    const parts = this.#values.map((buffer) => buffer.arrange(order));
    this.#columns = parts.map((made, i) => partsColumn(this.#schema[i]?.type ?? types.bool, block.rows, made()));
    this.#rows = block.rows;
    this.#given = 0;
    return true;
  }

  #loadBeside(number: number, rows: number, first: number, memory: ReadMemory): void {
    let found = 0;
    for (const file of this.#beside) {
      const block = file.block(number);
      if (block.rows === 0) continue;
      found += block.rows;
      file.schemaOf(block).forEach((_, i) => {
        const column = file.readColumn(block, i, 0, block.rows, memory);
        required(this.#values[first + i], "column").append(column, null, 0, block.rows);
      });
    }
    if (found !== rows) throw internalError(`of ${rows} rows ${found} have results`);
  }

  /** Address of the rows in their order, which column `index` of the block says. */
  #orderOf(file: BlockFile, block: Block, index: number, memory: ReadMemory): number {
    const places = file.readColumn(block, index, 0, block.rows, memory);
    if (places.layout !== "fixed") throw internalError("places are numbers");
    const address = this.#places.reserve(Math.max(1, block.rows) * 4);
    this.#kernels.memory.u32().set(places.values as Uint32Array, address >>> 2);
    return address;
  }
}

/** The rows that stay; null where all do. */
function selected(keep: Column): Int32Array | null {
  if (keep.layout !== "fixed") throw internalError("what stays is told by booleans");
  const { values, length } = keep;
  const rows = new Int32Array(length);
  let count = 0;
  for (let row = 0; row < length; row++) {
    rows[count] = row;
    count += values[row] as number;
  }
  return count === length ? null : rows.subarray(0, count);
}
