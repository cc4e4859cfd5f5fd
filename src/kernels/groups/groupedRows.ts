import type { Column } from "../../batch/column.js";
import { required } from "../../common/assert.js";
import type { DataType } from "../../schema/types.js";
import { type GroupKernels, padding } from "./groupKernels.js";
import { KeyLayout, type KeyType, PackedRows } from "./groupKeys.js";
import { giveGroupKernels, Region, takeGroupKernels } from "./groupMemory.js";
import { WordGroupTable } from "./groupTable.js";
import { partsColumn } from "../partsColumn.js";
import { flagsOf, type OrderKey } from "../sortBuffer.js";
import { ValueBuffer } from "../valueBuffer.js";
import type { Kernels } from "../wasm.js";

/** Rows of all groups, one group after the other. */
export interface GroupedOrder {
  /** The other columns, in the order in which rows were appended. Views on kernel memory, good until `free`. */
  readonly columns: readonly Column[];
  /** Rows by the order in which they were appended, each group sorted by its keys, rows with equal keys as they came. */
  readonly order: Int32Array;
  /** Where each group begins in `order`, and the end of the last. */
  readonly bounds: Int32Array;
  /** 1 where a row of `order` has other keys than the one before it in its group; null without keys, or where nobody asked for it. */
  readonly changes: Uint8Array | null;
}

/** What `placedKeys` of the kernels puts behind the keys. */
const placeBytes = 8;

/** Groups rows by some columns and sorts each group by others. NaN is the largest number, -0 equals 0, texts compare by code point. */
export class GroupedRows {
  readonly #kernels: Kernels = takeGroupKernels();
  readonly #functions: GroupKernels;
  readonly #layout: KeyLayout;
  readonly #flags: readonly number[];
  readonly #keys: PackedRows;
  readonly #table: WordGroupTable;
  readonly #values: readonly ValueBuffer[];
  readonly #types: readonly DataType[];
  #groups = new Int32Array(0);
  #rows = 0;
  #tableFreed = false;
  #freed = false;

  /** `marksTies`: whether `changes` are looked at. */
  constructor(
    groups: readonly KeyType[],
    order: readonly OrderKey[],
    columns: readonly DataType[],
    private readonly marksTies: boolean,
  ) {
    this.#functions = this.#kernels.functions<GroupKernels>();
    this.#layout = new KeyLayout(this.#kernels, order);
    this.#flags = order.map(flagsOf);
    this.#keys = new PackedRows(this.#layout);
    this.#table = new WordGroupTable(groups);
    this.#types = columns;
    this.#values = columns.map((type) => new ValueBuffer(this.#kernels, type));
  }

  /** Appends all rows of a batch. */
  append(groups: readonly Column[], order: readonly Column[], columns: readonly Column[], length: number): void {
    const found = this.#table.assign(groups, null, length);
    if (this.#groups.length < this.#rows + length) {
      const grown = new Int32Array(Math.max(this.#rows + length, this.#groups.length * 2));
      grown.set(this.#groups.subarray(0, this.#rows));
      this.#groups = grown;
    }
    this.#groups.set(found, this.#rows);
    this.#rows += length;
    if (order.length > 0) this.#keys.append(order, null, length);
    for (const [i, buffer] of this.#values.entries()) buffer.append(required(columns[i], "column"), null, 0, length);
  }

  /** The rows in their order. Nothing is appended after that. */
  finish(): GroupedOrder {
    const rows = this.#rows;
    const { count } = this.#table;
    const { memory } = this.#kernels;
    this.#freeTable();
    const regions = Array.from({ length: 8 }, () => new Region(memory)) as EightRegions;
    const [groups, bounds, order, bytes, offsets, records, spare, marks] = regions;
    groups.reserve(rows * 4 + padding);
    memory.i32().set(this.#groups.subarray(0, rows), groups.address >>> 2);
    bounds.reserve((count + 1) * 4);
    order.reserve(rows * 4 + padding);
    this.#functions.groupRows(groups.address, rows, count, bounds.address, order.address);
    groups.free();
    const isSorted = this.#flags.length > 0 && rows > 0;
    if (isSorted) {
      this.#strings(bytes, offsets);
      const largest = this.#largest(bounds, count);
      for (const region of [records, spare]) region.reserve(largest * 16 + padding);
      const at = [bytes.address, offsets.address] as const;
      this.#functions.sortGroups(...at, rows, bounds.address, count, records.address, spare.address, order.address);
      for (const region of [records, spare]) region.free();
      marks.reserve(rows + padding);
      if (this.marksTies) this.#functions.markChanges(...at, rows, placeBytes, order.address, marks.address);
    }
    const i32 = memory.i32();
    const placed = {
      order: i32.slice(order.address >>> 2, (order.address >>> 2) + rows),
      bounds: i32.slice(bounds.address >>> 2, (bounds.address >>> 2) + count + 1),
      changes: isSorted && this.marksTies ? memory.u8().slice(marks.address, marks.address + rows) : null,
    };
    for (const region of regions) region.free();
    const parts = this.#values.map((buffer) => buffer.arrange(0));
    const columns = parts.map((made, i) => partsColumn(required(this.#types[i], "type"), rows, made()));
    return { ...placed, columns };
  }

  /** Ends the use of the memory. */
  free(): void {
    if (this.#freed) return;
    this.#freed = true;
    this.#freeTable();
    this.#keys.free();
    this.#layout.free();
    for (const buffer of this.#values) buffer.free();
    giveGroupKernels(this.#kernels);
  }

  #freeTable(): void {
    if (!this.#tableFreed) this.#table.free();
    this.#tableFreed = true;
  }

  #largest(bounds: Region, count: number): number {
    const at = bounds.address >>> 2;
    const u32 = this.#kernels.memory.u32().subarray(at, at + count + 1);
    let largest = 0;
    for (let g = 0; g < count; g++) largest = Math.max(largest, (u32[g + 1] as number) - (u32[g] as number));
    return largest;
  }

  /** Byte strings that compare as the keys do; the packed keys are given back. */
  #strings(bytes: Region, offsets: Region): void {
    const { keys, flags, columns } = this.#layout;
    const { rows, wordCount, words, offsets: packed } = this.#keys;
    bytes.reserve(wordCount * 16 + rows * (keys.length * 16 + placeBytes) + padding);
    offsets.reserve((rows + 1) * 4);
    this.#layout.describeOrder(this.#flags);
    const from = [words.address, packed.address, rows, 0, 0] as const;
    this.#functions.placedKeys(columns, keys.length, flags, ...from, bytes.address, offsets.address);
    words.free();
  }
}

type EightRegions = [Region, Region, Region, Region, Region, Region, Region, Region];
