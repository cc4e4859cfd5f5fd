import type { Batch, Column } from "../batch/column.js";
import { everyRow, sliceColumn } from "../batch/gather.js";
import { required } from "../common/assert.js";
import { internalError } from "../common/errors.js";
import type { BatchReader } from "../io/contracts.js";
import { giveGroupKernels, Region, takeGroupKernels } from "../kernels/groups/groupMemory.js";
import { partsColumn } from "../kernels/partsColumn.js";
import { ValueBuffer } from "../kernels/valueBuffer.js";
import type { JoinOutput } from "../plan/bound.js";
import type { Schema } from "../schema/types.js";
import type { ScanResult } from "../task/protocol.js";
import { BlockFile } from "./blockFile.js";
import type { Block } from "./blockFooter.js";
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
  #block: LoadedBlock | null = null;
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
      this.#block = new LoadedBlock(this.#file, block, this.#matches, this.#part.before + index, this.#memory);
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

/** Left rows of one block, of which some are joined already. */
class LoadedBlock {
  /** Where the rows of the input stand in the block; null where they stand as they came. */
  readonly #places: Uint32Array | null;
  readonly #counts: Uint32Array;
  /** The first match of each row of the block, and the end of the last. */
  readonly #starts: Float64Array;
  readonly #buckets: BlockBuckets;
  readonly #files: readonly MatchFile[];
  /** The first row of the block that each file has matches of, and the end of the last. */
  readonly #fileRows: number[] = [0];
  readonly #number: number;
  readonly #memory: ReadMemory;
  /** Rows of the input that were joined, and matches of the next one that were. */
  #done = 0;
  #part = 0;

  constructor(file: BlockFile, block: Block, files: readonly MatchFile[], number: number, memory: ReadMemory) {
    const { rows } = block;
    this.#files = files;
    this.#number = number;
    this.#memory = memory;
    const moved = block.bounds.length > 2;
    const places = moved ? file.readColumn(block, file.schemaOf(block).length - 1, 0, rows, memory) : null;
    if (places !== null && places.layout !== "fixed") throw internalError("places are numbers");
    this.#places = places === null ? null : (places.values as Uint32Array).slice(0, rows);
    this.#counts = new Uint32Array(rows);
    let at = 0;
    for (const one of files) {
      const counts = one.counts(number, memory);
      if (at + counts.length > rows) throw internalError("there are matches of more rows than there are");
      this.#counts.set(counts, at);
      at += counts.length;
      this.#fileRows.push(at);
    }
    if (at !== rows) throw internalError(`of ${rows} rows ${at} were looked for`);
    this.#starts = new Float64Array(rows + 1);
    for (let i = 0; i < rows; i++) this.#starts[i + 1] = (this.#starts[i] as number) + (this.#counts[i] as number);
    this.#buckets = new BlockBuckets(block);
  }

  get isDone(): boolean {
    return this.#done >= this.#counts.length;
  }

  /**
   * The next joined rows, about `most` of them: rows of the block, and matches by their place among those that `append` gets. Rows of one bucket
   * stand in the block in the order in which they came, so that what is read of each bucket is one piece.
   */
  take(
    most: number,
    append: (column: Column, index: number) => void,
  ): { readonly leftRows: Int32Array; readonly rightRows: Int32Array } {
    const large = this.#countOf(this.#done) > most;
    return large ? this.#takePart(most, append) : this.#takeRows(most, append);
  }

  #placeOf(row: number): number {
    return this.#places === null ? row : (this.#places[row] as number);
  }

  #countOf(row: number): number {
    return this.#counts[this.#placeOf(row)] as number;
  }

  #takeRows(most: number, append: (column: Column, index: number) => void) {
    const { length } = this.#counts;
    let total = 0;
    let end = this.#done;
    for (; end < length; end++) {
      const count = this.#countOf(end);
      if (total + count > most) break;
      total += count;
    }
    const from = this.#done;
    const shifts = this.#readMatches(from, end, append);
    this.#done = end;
    const [leftRows, rightRows] = [new Int32Array(total), new Int32Array(total)];
    let at = 0;
    for (let row = from; row < end; row++) {
      const place = this.#placeOf(row);
      const count = this.#counts[place] as number;
      const first = (this.#starts[place] as number) - (shifts[this.#buckets.of(place)] as number);
      for (let i = 0; i < count; i++) {
        leftRows[at] = place;
        rightRows[at++] = first + i;
      }
    }
    return { leftRows, rightRows };
  }

  /** Reads the matches of rows [from, end) of the input; what is to be taken off a match's number for its place among them, by bucket. */
  #readMatches(from: number, end: number, append: (column: Column, index: number) => void): Float64Array {
    const buckets = this.#buckets;
    const reached = buckets.next.slice();
    for (let row = from; row < end; row++) {
      const bucket = buckets.of(this.#placeOf(row));
      (reached[bucket] as number)++;
    }
    const shifts = new Float64Array(reached.length);
    let read = 0;
    for (let b = 0; b < reached.length; b++) {
      const [first, last] = [buckets.next[b] as number, reached[b] as number];
      const [start, stop] = [this.#starts[first] as number, this.#starts[last] as number];
      shifts[b] = start - read;
      read += stop - start;
    }
    this.#readPieces(reached, append);
    buckets.next.set(reached);
    return shifts;
  }

  /** Reads the matches of rows of the block from `next` to `reached` of each bucket; pieces that touch are read as one. */
  #readPieces(reached: Int32Array, append: (column: Column, index: number) => void): void {
    const { next } = this.#buckets;
    let [from, to] = [0, 0];
    for (let b = 0; b < reached.length; b++) {
      const [first, last] = [next[b] as number, reached[b] as number];
      if (first === last) continue;
      if (first !== to) {
        this.#read(from, to, append);
        from = first;
      }
      to = last;
    }
    this.#read(from, to, append);
  }

  /** Reads the matches of rows [from, to) of the block. */
  #read(from: number, to: number, append: (column: Column, index: number) => void): void {
    for (const [i, file] of this.#files.entries()) {
      const first = this.#fileRows[i] as number;
      const start = Math.max(from, first);
      const end = Math.min(to, this.#fileRows[i + 1] as number);
      if (start >= end) continue;
      const base = this.#starts[first] as number;
      file.read(this.#number, (this.#starts[start] as number) - base, (this.#starts[end] as number) - base, this.#memory, append);
    }
  }

  /** Some of the many matches of the next row. */
  #takePart(most: number, append: (column: Column, index: number) => void) {
    const place = this.#placeOf(this.#done);
    const count = this.#countOf(this.#done);
    const size = Math.min(most, count - this.#part);
    const file = this.#fileRows.findLastIndex((first, i) => i < this.#files.length && first <= place);
    const base = (this.#starts[place] as number) - (this.#starts[this.#fileRows[file] as number] as number) + this.#part;
    required(this.#files[file], "matches").read(this.#number, base, base + size, this.#memory, append);
    this.#part += size;
    if (this.#part === count) {
      this.#part = 0;
      this.#done++;
      const bucket = this.#buckets.of(place);
      (this.#buckets.next[bucket] as number)++;
    }
    return { leftRows: new Int32Array(size).fill(place), rightRows: everyRow(size) };
  }
}

/** Which bucket each row of a block is in, and the next row of each that is to be joined. */
class BlockBuckets {
  readonly next: Int32Array;
  readonly #of: Uint16Array;

  constructor({ bounds, rows }: Block) {
    this.next = Int32Array.from(bounds.slice(0, -1));
    this.#of = new Uint16Array(rows);
    for (let b = 0; b + 1 < bounds.length; b++) this.#of.fill(b, bounds[b], bounds[b + 1]);
  }

  of(place: number): number {
    return this.#of[place] as number;
  }
}
