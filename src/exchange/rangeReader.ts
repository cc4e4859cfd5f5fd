import type { Batch, Column } from "../batch/column.js";
import { sliceColumn } from "../batch/gather.js";
import { required } from "../common/assert.js";
import type { BatchReader } from "../io/contracts.js";
import type { GroupKernels } from "../kernels/groups/groupKernels.js";
import { giveGroupKernels, Region, takeGroupKernels } from "../kernels/groups/groupMemory.js";
import { partsColumn } from "../kernels/partsColumn.js";
import { ValueBuffer } from "../kernels/valueBuffer.js";
import { forceSpill } from "../runtime/forceSpill.js";
import { type Schema, types } from "../schema/types.js";
import type { ScanResult } from "../task/protocol.js";
import { BlockFile } from "./blockFile.js";
import { giveReadMemory, type ReadMemory, takeReadMemory } from "./readMemory.js";
import { SortedKeys } from "./runRanges.js";
import { type KeyRange, RunReader } from "./runReader.js";

/** A range up to this size is sorted in memory; larger ones are merged chunk by chunk. */
const mostBytes = 2 ** 26;
const batchRows = 2 ** 16;

/** Rows [from, to) of a sorted file, in which a range lies. */
interface Stretch {
  readonly path: string;
  readonly from: number;
  readonly to: number;
}

/** The rows of sorted files (first column: distinct byte strings) whose key lies in a range, in the order of their keys, without those. */
export function openRange(paths: readonly string[], schema: Schema, range: KeyRange): BatchReader {
  const stretches: Stretch[] = [];
  let bytes = 0;
  for (const path of paths) {
    const file = new BlockFile(path);
    try {
      const keys = new SortedKeys(file);
      const from = range.from === null ? 0 : keys.lowerBound(range.from);
      const to = range.to === null ? keys.rows : keys.lowerBound(range.to);
      if (to <= from) continue;
      stretches.push({ path, from, to });
      // By the average row: a file's rows can be of very different sizes, but not all of them can be large.
      bytes += Math.ceil((file.bytes * (to - from)) / keys.rows);
    } finally {
      file.close();
    }
    if (bytes > mostBytes || forceSpill) return new RunReader(paths, schema, range);
  }
  return new RangeReader(stretches, schema);
}

/** Reads stretches of sorted files and merges them in kernel memory, as a whole: faster than row by row. */
class RangeReader implements BatchReader {
  readonly #kernels = takeGroupKernels();
  readonly #stretches: readonly Stretch[];
  readonly #schema: Schema;
  readonly #key: ValueBuffer;
  readonly #values: readonly ValueBuffer[];
  readonly #regions: readonly Region[];
  /** Where each stretch begins among the rows, and the end of the last. */
  readonly #bounds: number[] = [0];
  #columns: readonly Column[] | null = null;
  #rows = 0;
  #given = 0;
  #closed = false;

  constructor(stretches: readonly Stretch[], schema: Schema) {
    const { memory } = this.#kernels;
    this.#stretches = stretches;
    this.#schema = schema;
    this.#key = new ValueBuffer(this.#kernels, types.binary);
    this.#values = schema.map(({ type }) => new ValueBuffer(this.#kernels, type));
    this.#regions = Array.from({ length: 4 }, () => new Region(memory));
  }

  next(): Batch | null {
    this.#columns ??= this.#sorted();
    const from = this.#given;
    const to = Math.min(this.#rows, from + batchRows);
    if (to === from) return null;
    this.#given = to;
    const columns = this.#columns.map((column) => sliceColumn(column, from, to));
    return { schema: this.#schema, length: to - from, columns, selection: null, origin: null };
  }

  result(): ScanResult {
    return { rows: this.#given, rejected: 0, bytes: 0, start: null, end: null, lines: 0 };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const buffer of [this.#key, ...this.#values]) buffer.free();
    for (const region of this.#regions) region.free();
    giveGroupKernels(this.#kernels);
  }

  #sorted(): Column[] {
    const memory = takeReadMemory();
    const all = this.#stretches.reduce((sum, { from, to }) => sum + to - from, 0);
    for (const stretch of this.#stretches) {
      this.#read(stretch, memory);
      if (this.#bounds.length === 1) for (const buffer of [this.#key, ...this.#values]) buffer.expectLike(all);
      this.#bounds.push(this.#rows);
    }
    giveReadMemory(memory);
    const rows = this.#rows;
    if (rows === 0) return [];
    const [records, spare, order, bounds] = this.#regions as [Region, Region, Region, Region];
    for (const region of [records, spare]) region.reserve(rows * 16);
    order.reserve(rows * 4);
    const runs = this.#bounds.length - 1;
    bounds.reserve((runs + 1) * 4);
    this.#kernels.memory.u32().set(this.#bounds, bounds.address >>> 2);
    const { values, offsets } = this.#key.arrange(0)();
    const starts = required(offsets ?? undefined, "offsets of keys");
    const { sortKeys } = this.#kernels.functions<GroupKernels>();
    const at = [values.byteOffset, starts.byteOffset] as const;
    sortKeys(...at, rows, bounds.address, runs, records.address, spare.address, order.address);
    // What only the sort needed makes room for the columns in their order.
    this.#key.free();
    for (const region of [records, spare, bounds]) region.free();
    // Every view is made after the last piece of memory was asked for.
    const parts = this.#values.map((buffer) => buffer.arrange(order.address));
    return parts.map((made, i) => partsColumn(required(this.#schema[i], "column").type, rows, made()));
  }

  #read({ path, from, to }: Stretch, memory: ReadMemory): void {
    const file = new BlockFile(path);
    let first = 0;
    try {
      for (const block of file.blocks) {
        const [start, end] = [Math.max(0, from - first), Math.min(block.rows, to - first)];
        first += block.rows;
        if (end <= start) continue;
        const [key, ...columns] = file.read(block, start, end, memory);
        this.#key.append(required(key, "key"), null, 0, end - start);
        for (const [i, buffer] of this.#values.entries()) buffer.append(required(columns[i], "column"), null, 0, end - start);
        this.#rows += end - start;
      }
    } finally {
      file.close();
    }
  }
}
