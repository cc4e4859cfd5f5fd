import type { Column } from "../batch/column.js";
import type { DataType } from "../schema/types.js";
import { type GroupKernels, padding } from "./groups/groupKernels.js";
import { KeyLayout, type KeyType, PackedRows } from "./groups/groupKeys.js";
import { giveGroupKernels, Region, takeGroupKernels } from "./groups/groupMemory.js";
import { appendLive, type ColumnParts, ValueBuffer } from "./valueBuffer.js";
import type { Kernels } from "./wasm.js";

export interface OrderKey extends KeyType {
  readonly descending: boolean;
  readonly nulls: "first" | "last";
}

/** A key that is never null, in ascending order. */
export const ascendingKey = (type: DataType): OrderKey => ({ type, nullable: false, descending: false, nulls: "last" });

/** Flags beside a key's order, as `placedKeys` of the kernels reads them. */
export const flagsOf = ({ descending, nulls }: OrderKey): number => (descending ? 256 : 0) | (nulls === "first" ? 512 : 0);

/**
 * Collects rows in kernel memory and gives them out sorted by their keys, then by where they came from: byte strings that compare so, no two of
 * them equal, and the columns in that order. NaN is the largest number, -0 equals 0, texts compare by code point.
 */
export class SortBuffer {
  readonly #kernels: Kernels = takeGroupKernels();
  readonly #functions: GroupKernels;
  readonly #layout: KeyLayout;
  readonly #flags: readonly number[];
  readonly #keys: PackedRows;
  readonly #values: readonly ValueBuffer[];
  readonly #regions: readonly Region[];
  readonly #selection: Region;
  /** Rows that were taken before. */
  #before = 0;

  constructor(keys: readonly OrderKey[], columns: readonly DataType[]) {
    const { memory } = this.#kernels;
    this.#functions = this.#kernels.functions<GroupKernels>();
    this.#layout = new KeyLayout(this.#kernels, keys);
    this.#flags = keys.map(flagsOf);
    this.#keys = new PackedRows(this.#layout);
    this.#values = columns.map((type) => new ValueBuffer(this.#kernels, type));
    this.#selection = new Region(memory);
    this.#regions = Array.from({ length: 7 }, () => new Region(memory));
  }

  /** Rows that wait. */
  get rows(): number {
    return this.#keys.rows;
  }

  /** Bytes of what waits. */
  get bytes(): number {
    return this.#values.reduce((sum, buffer) => sum + buffer.bytes, this.#keys.wordCount * 8);
  }

  /** Appends the live rows of a batch. */
  append(keys: readonly Column[], columns: readonly Column[], selection: Int32Array | null, length: number): void {
    this.#keys.append(keys, selection, length);
    appendLive(this.#kernels, this.#values, columns, selection, length, this.#selection);
  }

  /**
   * The rows, sorted, and begins anew: the strings, then the columns. Views on kernel memory, good until the next call. Rows with equal keys come
   * by `place` (a u32), then in the order in which they were appended since the buffer was made.
   */
  take(place: number): { readonly rows: number; readonly columns: readonly ColumnParts[] } {
    const { rows } = this;
    const strings = this.#strings(place);
    const [bytes, offsets, records, spare, order, sorted, sortedOffsets] = this.#regions as [
      Region,
      Region,
      Region,
      Region,
      Region,
      Region,
      Region,
    ];
    for (const region of [records, spare]) region.reserve(rows * 16 + padding);
    order.reserve(rows * 4 + padding);
    this.#functions.sortKeys(bytes.address, offsets.address, rows, 0, 0, records.address, spare.address, order.address);
    for (const region of [records, spare]) region.free();
    sorted.reserve(strings + padding);
    sortedOffsets.reserve((rows + 1) * 4);
    const { permuteBytes } = this.#functions;
    permuteBytes(bytes.address, offsets.address, order.address, rows, sorted.address, sortedOffsets.address);
    bytes.free();
    // Every view is made after the last piece of memory was asked for.
    const values = this.#values.map((buffer) => buffer.arrange(order.address));
    const u8 = this.#kernels.memory.u8();
    const view = (address: number, length: number) => u8.subarray(address, address + length);
    const key: ColumnParts = {
      values: view(sorted.address, strings),
      offsets: view(sortedOffsets.address, (rows + 1) * 4),
      valid: null,
    };
    for (const buffer of this.#values) buffer.clear();
    this.#before += rows;
    return { rows, columns: [key, ...values.map((parts) => parts())] };
  }

  /** Ends the use of the memory. */
  free(): void {
    this.#keys.free();
    this.#layout.free();
    for (const buffer of this.#values) buffer.free();
    for (const region of [this.#selection, ...this.#regions]) region.free();
    giveGroupKernels(this.#kernels);
  }

  /** Makes the byte strings of all rows, and gives the packed keys back; answers how long they are. */
  #strings(place: number): number {
    const [bytes, offsets] = this.#regions as [Region, Region];
    const { keys, flags, columns } = this.#layout;
    const { rows, wordCount, words, offsets: packed } = this.#keys;
    bytes.reserve(wordCount * 16 + rows * (keys.length * 16 + 8) + padding);
    offsets.reserve((rows + 1) * 4);
    this.#layout.describeOrder(this.#flags);
    const used = this.#functions.placedKeys(
      columns,
      keys.length,
      flags,
      words.address,
      packed.address,
      rows,
      place,
      this.#before,
      bytes.address,
      offsets.address,
    );
    this.#keys.clear();
    words.free();
    return used >>> 0;
  }
}
