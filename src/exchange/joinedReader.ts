import type { Batch, Column } from "../batch/column.js";
import { sliceColumn } from "../batch/gather.js";
import { required } from "../common/assert.js";
import type { BatchReader } from "../io/contracts.js";
import { giveGroupKernels, Region, takeGroupKernels } from "../kernels/groups/groupMemory.js";
import { partsColumn } from "../kernels/partsColumn.js";
import { ValueBuffer } from "../kernels/valueBuffer.js";
import type { JoinOutput } from "../plan/bound.js";
import type { Schema } from "../schema/types.js";
import type { ScanResult } from "../task/protocol.js";
import { BlockFile } from "./blockFile.js";
import { JoinedBlock } from "./joinedBlock.js";
import { MatchFile } from "./matchFile.js";
import { openBeside } from "./openBeside.js";
import type { PlacedPart } from "./placedReader.js";
import { giveReadMemory, type ReadMemory, takeReadMemory } from "./readMemory.js";

const batchRows = 2 ** 16;
/** Joined rows that are in memory at a time, unless one row has more. */
const mostRows = 2 ** 18;

/** The rows of a join in the order of the left ones, for each in that of the right ones, made of keyed left rows and their matches. */
export class JoinedReader implements BatchReader {
  readonly #kernels = takeGroupKernels();
  readonly #schema: Schema;
  readonly #part: PlacedPart;
  readonly #file: BlockFile | null;
  readonly #matches: readonly MatchFile[];
  readonly #sides: readonly Side[];
  readonly #memory: ReadMemory = takeReadMemory();
  #next: number;
  #block: JoinedBlock | null = null;
  #columns: readonly Column[] = [];
  #rows = 0;
  #given = 0;
  #delivered = 0;
  #closed = false;

  /** `path`: null where there are no left rows at all. `schema`: of what is delivered, each column of which `output` says. */
  constructor(path: string | null, schema: Schema, part: PlacedPart, paths: readonly string[], output: readonly JoinOutput[]) {
    this.#schema = schema;
    this.#part = part;
    this.#next = part.from;
    this.#file = path === null ? null : new BlockFile(path);
    this.#matches = path === null ? [] : openBeside(this.#file, paths, (one) => new MatchFile(one));
    this.#sides = (["left", "right"] as const).map((side) => {
      const wanted = output.flatMap((one, place) => (one.side === side ? [{ place, from: one.index }] : []));
      return new Side(this.#kernels, schema, wanted);
    });
  }

  next(): Batch | null {
    while (this.#given >= this.#rows) if (!this.#load()) return null;
    const from = this.#given;
    const to = Math.min(this.#rows, from + batchRows);
    this.#given = to;
    this.#delivered += to - from;
    const columns = this.#columns.map((column) => sliceColumn(column, from, to));
    return { schema: this.#schema, length: to - from, columns, selection: null, origin: null };
  }

  result(): ScanResult {
    return { rows: this.#delivered, rejected: 0, bytes: 0, start: null, end: null, lines: 0 };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const file of [this.#file, ...this.#matches]) file?.close();
    for (const side of this.#sides) side.free();
    giveGroupKernels(this.#kernels);
    giveReadMemory(this.#memory);
  }

  /** Makes the next joined rows; false at the end. */
  #load(): boolean {
    const [left, right] = this.#sides as readonly [Side, Side];
    while (this.#block === null || this.#block.isDone) {
      const index = this.#next++;
      if (this.#file === null || index >= this.#part.to) return false;
      const block = this.#file.block(index);
      left.clear();
      for (const from of left.wanted)
        left.append(from, this.#file.readColumn(block, from, 0, block.rows, this.#memory), block.rows);
      this.#block = new JoinedBlock(this.#file, block, this.#matches, this.#part.before + index, this.#memory);
    }
    right.clear();
    const { leftRows, rightRows } = this.#block.take(mostRows, (column, from) => right.append(from, column, column.length));
    this.#rows = leftRows.length;
    this.#given = 0;
    const made = [...left.gather(leftRows), ...right.gather(rightRows)];
    // Every view is made after the last piece of memory was asked for.
    const columns: Column[] = [];
    for (const { place, column } of made) columns[place] = column();
    this.#columns = columns;
    return true;
  }
}

/** The columns that a join takes from one side. */
class Side {
  /** Columns of that side. */
  readonly wanted: readonly number[];
  readonly #places: readonly { readonly place: number; readonly from: number }[];
  readonly #schema: Schema;
  readonly #kernels: ReturnType<typeof takeGroupKernels>;
  readonly #values: ReadonlyMap<number, ValueBuffer>;
  readonly #order: Region;

  constructor(
    kernels: ReturnType<typeof takeGroupKernels>,
    schema: Schema,
    places: readonly { readonly place: number; readonly from: number }[],
  ) {
    this.#kernels = kernels;
    this.#schema = schema;
    this.#places = places;
    this.wanted = [...new Set(places.map(({ from }) => from))];
    const typeOf = (from: number) => required(schema[places.find((one) => one.from === from)?.place ?? -1], "column").type;
    this.#values = new Map(this.wanted.map((from) => [from, new ValueBuffer(kernels, typeOf(from))]));
    this.#order = new Region(kernels.memory);
  }

  clear(): void {
    for (const buffer of this.#values.values()) buffer.clear();
  }

  append(from: number, column: Column, rows: number): void {
    this.#values.get(from)?.append(column, null, 0, rows);
  }

  /** The columns, row i from row `rows[i]` of those that were appended. */
  gather(rows: Int32Array): { readonly place: number; readonly column: () => Column }[] {
    const order = this.#order.reserve(Math.max(1, rows.length) * 4);
    this.#kernels.memory.i32().set(rows, order >>> 2);
    const parts = new Map([...this.#values].map(([from, buffer]) => [from, buffer.gather(order, rows.length)]));
    return this.#places.map(({ place, from }) => ({
      place,
      column: () => partsColumn(required(this.#schema[place], "column").type, rows.length, required(parts.get(from), "column")()),
    }));
  }

  free(): void {
    for (const buffer of this.#values.values()) buffer.free();
    this.#order.free();
  }
}
