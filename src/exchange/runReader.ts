import { builderFor, layoutOf, newFixed } from "../batch/builder.js";
import type { Batch, BytesColumn, Column } from "../batch/column.js";
import { sliceColumn } from "../batch/gather.js";
import { columnReader } from "../batch/reader.js";
import { copyBytes } from "../batch/text.js";
import { required } from "../common/assert.js";
import { internalError } from "../common/errors.js";
import type { BatchReader } from "../io/contracts.js";
import { widthOfType } from "../kernels/groups/groupKeys.js";
import type { Schema } from "../schema/types.js";
import type { ScanResult } from "../task/protocol.js";
import { BlockFile } from "./blockFile.js";
import { ReadMemory } from "./readMemory.js";
import { SortedKeys } from "./runRanges.js";

/** Rows that all sorted files together hold in memory. */
const heldRows = 2 ** 19;
const mostChunkRows = 2 ** 14;
const leastChunkRows = 256;
const outRows = 2 ** 14;

/** Keys from `from` on and before `to`, in hex; null where there is no bound. */
export interface KeyRange {
  readonly from: string | null;
  readonly to: string | null;
}

/** Merges files that are sorted by their first column (byte strings, distinct) and delivers the other columns in that order. */
export class RunReader implements BatchReader {
  readonly #schema: Schema;
  readonly #runs: readonly Run[];
  /** Runs that have rows left; a binary heap by their next key. */
  readonly #heap: Run[];
  #rows = 0;

  constructor(paths: readonly string[], schema: Schema, range: KeyRange) {
    this.#schema = schema;
    const chunk = Math.min(mostChunkRows, Math.max(leastChunkRows, Math.floor(heldRows / Math.max(1, paths.length))));
    this.#runs = paths.map((path, i) => new Run(path, i, chunk, range));
    this.#heap = this.#runs.filter((run) => run.fill());
    for (let i = (this.#heap.length >>> 1) - 1; i >= 0; i--) this.#sink(i);
  }

  next(): Batch | null {
    const [top] = this.#heap;
    if (top === undefined) return null;
    // A run that used up its rows is filled again only now: the batch before may be made of them.
    if (this.#heap.length === 1 && this.#runs.length === 1) return this.#deliver(this.#takeAll(top));
    return this.#deliver(this.#merge());
  }

  result(): ScanResult {
    return { rows: this.#rows, rejected: 0, bytes: 0, start: null, end: null, lines: 0 };
  }

  close(): void {
    for (const run of this.#runs) run.close();
  }

  #deliver(columns: Column[] | null): Batch | null {
    if (columns === null) return null;
    const length = columns[0]?.length ?? 0;
    this.#rows += length;
    return { schema: this.#schema, length, columns, selection: null, origin: null };
  }

  /** The only run left needs no comparing. */
  #takeAll(run: Run): Column[] | null {
    if (run.isEmpty && !run.fill()) {
      this.#heap.length = 0;
      return null;
    }
    return run.rest();
  }

  #merge(): Column[] {
    const heap = this.#heap;
    const sources = new Int32Array(outRows);
    const rows = new Int32Array(outRows);
    let count = 0;
    let empty: Run | null = null;
    while (count < outRows && empty === null) {
      const top = heap[0] as Run;
      sources[count] = top.index;
      rows[count++] = top.take();
      if (top.isEmpty) empty = top;
      else this.#sink(0);
    }
    const columns = this.#schema.map((_, i) => this.#gather(i, sources.subarray(0, count), rows));
    if (empty === null) return columns;
    if (!empty.fill()) {
      const last = heap.pop();
      if (last !== undefined && last !== empty) heap[0] = last;
    }
    if (heap.length > 0) this.#sink(0);
    return columns;
  }

  #sink(from: number): void {
    const heap = this.#heap;
    const run = heap[from] as Run;
    let at = from;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right?.isBefore(heap[child] as Run)) child++;
      const best = heap[child] as Run;
      if (!best.isBefore(run)) break;
      heap[at] = best;
      at = child;
    }
    heap[at] = run;
  }

  #gather(column: number, sources: Int32Array, rows: Int32Array): Column {
    const parts = this.#runs.map((run) => run.column(column));
    const { type } = required(this.#schema[column], "column");
    switch (layoutOf(type)) {
      case "fixed":
        return gatherFixed(type, parts, sources, rows);
      case "bytes":
        return gatherBytes(type, parts, sources, rows);
      default: {
        const readers = parts.map((part) => (part === null ? null : columnReader(part)));
        const builder = builderFor(type, sources.length);
        for (let i = 0; i < sources.length; i++) builder.append(readers[sources[i] as number]?.(rows[i] as number) ?? null);
        return builder.finish();
      }
    }
  }
}

type Part = Column | null;
type Type = Column["type"];

function validity(parts: readonly Part[], sources: Int32Array, rows: Int32Array): Uint8Array | null {
  if (parts.every((part) => part === null || part.valid === null)) return null;
  const valids = parts.map((part) => part?.valid ?? null);
  return Uint8Array.from(sources, (source, i) => valids[source]?.[rows[i] as number] ?? 1);
}

function gatherFixed(type: Type, parts: readonly Part[], sources: Int32Array, rows: Int32Array): Column {
  const length = sources.length;
  if (widthOfType(type) === 8) return gatherWords(type, parts, sources, rows);
  const values = newFixed(type, length) as Float64Array;
  const from = parts.map((part) => (part?.layout === "fixed" ? (part.values as Float64Array) : values));
  for (let i = 0; i < length; i++) values[i] = (from[sources[i] as number] as Float64Array)[rows[i] as number] as number;
  return { layout: "fixed", type, length, values, valid: validity(parts, sources, rows) };
}

/** 64-bit values by their halves: a bigint for each would cost more than the rest of the merge. */
function gatherWords(type: Type, parts: readonly Part[], sources: Int32Array, rows: Int32Array): Column {
  const length = sources.length;
  const values = newFixed(type, length);
  const words = new Int32Array(values.buffer);
  const from = parts.map((part) => {
    if (part?.layout !== "fixed") return words;
    return new Int32Array(part.values.buffer, part.values.byteOffset, part.length * 2);
  });
  for (let i = 0; i < length; i++) {
    const source = from[sources[i] as number] as Int32Array;
    const row = (rows[i] as number) * 2;
    words[i * 2] = source[row] as number;
    words[i * 2 + 1] = source[row + 1] as number;
  }
  return { layout: "fixed", type, length, values, valid: validity(parts, sources, rows) };
}

function gatherBytes(type: Type, parts: readonly Part[], sources: Int32Array, rows: Int32Array): Column {
  const length = sources.length;
  const offsets = new Int32Array(length + 1);
  const from = parts.map((part) => (part?.layout === "bytes" ? part : null));
  let total = 0;
  for (let i = 0; i < length; i++) {
    const part = from[sources[i] as number] as BytesColumn;
    const row = rows[i] as number;
    total += (part.ends[row] as number) - (part.starts[row] as number);
    offsets[i + 1] = total;
  }
  const bytes = new Uint8Array(total);
  for (let i = 0; i < length; i++) {
    const part = from[sources[i] as number] as BytesColumn;
    const row = rows[i] as number;
    copyBytes(part.bytes, part.starts[row] as number, part.ends[row] as number, bytes, offsets[i] as number);
  }
  const [starts, ends] = [offsets.subarray(0, length), offsets.subarray(1)];
  return { layout: "bytes", type, length, bytes, starts, ends, valid: validity(parts, sources, rows) };
}

/** One sorted file, of which some rows are in memory. */
class Run {
  readonly index: number;
  readonly #path: string;
  readonly #chunkRows: number;
  readonly #memory = new ReadMemory();
  #file: BlockFile | null = null;
  readonly #range: KeyRange;
  #block = 0;
  #next = 0;
  /** Rows that are still to be read. */
  #left = 0;
  #columns: Column[] = [];
  #key: BytesColumn | null = null;
  #row = 0;
  #length = 0;
  /** The first six bytes of each key as a number, and the next six. */
  #heads = new Float64Array(0);

  constructor(path: string, index: number, chunkRows: number, range: KeyRange) {
    this.#range = range;
    this.#path = path;
    this.index = index;
    this.#chunkRows = chunkRows;
  }

  get isEmpty(): boolean {
    return this.#row >= this.#length;
  }

  /** Reads the next rows; false at the end, where the file is closed. */
  fill(): boolean {
    const file = this.#open();
    for (; this.#left > 0 && file !== null && this.#block < file.blocks.length; this.#block++, this.#next = 0) {
      const block = required(file.blocks[this.#block], "block");
      if (this.#next >= block.rows) continue;
      const to = Math.min(block.rows, this.#next + Math.min(this.#chunkRows, this.#left));
      const [key, ...columns] = file.read(block, this.#next, to, this.#memory);
      if (key?.layout !== "bytes") throw internalError("sorted files begin with their keys");
      this.#take(key, columns, to - this.#next);
      this.#left -= to - this.#next;
      this.#next = to;
      return true;
    }
    this.close();
    return false;
  }

  /** The file, which is opened at the first row of the range; null once it was read. */
  #open(): BlockFile | null {
    if (this.#file !== null || this.#block < 0) return this.#file;
    const file = new BlockFile(this.#path);
    this.#file = file;
    const keys = new SortedKeys(file);
    const { from, to } = this.#range;
    let skip = from === null ? 0 : keys.lowerBound(from);
    this.#left = Math.max(0, (to === null ? keys.rows : keys.lowerBound(to)) - skip);
    for (let block = file.blocks[0]; block !== undefined && skip >= block.rows; block = file.blocks[++this.#block])
      skip -= block.rows;
    this.#next = skip;
    return file;
  }

  take(): number {
    return this.#row++;
  }

  /** The rows that were not taken. */
  rest(): Column[] {
    const from = this.#row;
    this.#row = this.#length;
    if (from === 0) return this.#columns;
    return this.#columns.map((column) => sliceColumn(column, from, this.#length));
  }

  column(index: number): Column | null {
    return this.#columns[index] ?? null;
  }

  isBefore(other: Run): boolean {
    const [i, j] = [this.#row * 2, other.#row * 2];
    const a = this.#heads[i] as number;
    const b = other.#heads[j] as number;
    if (a !== b) return a < b;
    const c = this.#heads[i + 1] as number;
    const d = other.#heads[j + 1] as number;
    return c === d ? this.#compare(other) < 0 : c < d;
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
    this.#block = -1;
  }

  #take(key: BytesColumn, columns: Column[], length: number): void {
    this.#key = key;
    this.#columns = columns;
    this.#length = length;
    this.#row = 0;
    if (this.#heads.length < length * 2) this.#heads = new Float64Array(length * 2);
    const { bytes, starts, ends } = key;
    for (let i = 0; i < length; i++) {
      const start = starts[i] as number;
      const size = (ends[i] as number) - start;
      for (let half = 0; half < 2; half++) {
        let head = 0;
        for (let k = half * 6; k < half * 6 + 6; k++) head = head * 256 + (k < size ? (bytes[start + k] as number) : 0);
        this.#heads[i * 2 + half] = head;
      }
    }
  }

  #compare(other: Run): number {
    const [a, b] = [this.#key, other.#key];
    if (a === null || b === null) throw internalError("a run without rows was compared");
    const [x, y] = [a.starts[this.#row] as number, b.starts[other.#row] as number];
    const [xSize, ySize] = [(a.ends[this.#row] as number) - x, (b.ends[other.#row] as number) - y];
    const shared = Math.min(xSize, ySize);
    for (let k = 0; k < shared; k++) {
      const difference = (a.bytes[x + k] as number) - (b.bytes[y + k] as number);
      if (difference !== 0) return difference;
    }
    return xSize - ySize;
  }
}
