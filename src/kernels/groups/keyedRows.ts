import type { Column } from "../../batch/column.js";
import type { DataType } from "../../schema/types.js";
import type { GroupKernels } from "./groupKernels.js";
import { KeyLayout, type KeyType, PackedRows } from "./groupKeys.js";
import { giveGroupKernels, Region, takeGroupKernels } from "./groupMemory.js";
import { appendLive, type ColumnParts, ValueBuffer } from "../valueBuffer.js";
import type { Kernels } from "../wasm.js";

/** Rows put together by the upper bits of their keys' hash. Views on kernel memory, good until the next call. */
export interface PlacedRows {
  readonly rows: number;
  /** Where each bucket begins, and the end of the last. */
  readonly bounds: readonly number[];
  readonly columns: readonly ColumnParts[];
  /** Where each row went, u32 in the order in which they came; null where none moved. */
  readonly places: Uint8Array | null;
}

/** Collects rows and gives them out bucket by bucket, with what it takes to put them back; within a bucket they keep their order. */
export class KeyedRows {
  readonly #kernels: Kernels = takeGroupKernels();
  readonly #functions: GroupKernels;
  readonly #layout: KeyLayout;
  readonly #keys: PackedRows;
  readonly #values: readonly ValueBuffer[];
  readonly #bits: number;
  readonly #selection: Region;
  readonly #places: Region;
  readonly #order: Region;
  readonly #bounds: Region;

  /** 2^`bits` buckets. */
  constructor(keys: readonly KeyType[], columns: readonly DataType[], bits: number) {
    const { memory } = this.#kernels;
    this.#functions = this.#kernels.functions<GroupKernels>();
    this.#layout = new KeyLayout(this.#kernels, keys);
    this.#keys = new PackedRows(this.#layout);
    this.#values = columns.map((type) => new ValueBuffer(this.#kernels, type));
    this.#bits = bits;
    this.#selection = new Region(memory);
    this.#places = new Region(memory);
    this.#order = new Region(memory);
    this.#bounds = new Region(memory);
  }

  get rows(): number {
    return this.#keys.rows;
  }

  /** Bytes of what was collected. */
  get bytes(): number {
    return this.#values.reduce((sum, buffer) => sum + buffer.bytes, this.rows * 4);
  }

  /** Appends the live rows of a batch. */
  append(keys: readonly Column[], columns: readonly Column[], selection: Int32Array | null, length: number): void {
    // Only the hashes of keys are kept: their words make room for the next ones.
    this.#keys.wordCount = 0;
    this.#keys.append(keys, selection, length);
    appendLive(this.#kernels, this.#values, columns, selection, length, this.#selection);
  }

  /** What was collected, by bucket; begins anew. */
  take(): PlacedRows {
    const { rows } = this;
    const { memory } = this.#kernels;
    const { bounds, places, order } = this.#place();
    // Every view is made after the last piece of memory was asked for.
    const made = this.#values.map((buffer) => buffer.arrange(order, places));
    const columns = made.map((parts) => parts());
    const moved = places === 0 ? null : memory.u8().subarray(places, places + rows * 4);
    this.#keys.clear();
    for (const buffer of this.#values) buffer.clear();
    return { rows, bounds, columns, places: moved };
  }

  #place() {
    const { rows } = this;
    if (this.#bits === 0) return { bounds: [0, rows], places: 0, order: 0 };
    const buckets = 2 ** this.#bits;
    const bounds = this.#bounds.reserve((buckets + 1) * 4);
    const places = this.#places.reserve(Math.max(1, rows) * 4);
    this.#functions.bucketPlaces(this.#keys.hashes.address, rows, this.#bits, bounds, places);
    // Only values of different lengths need the order itself.
    const isBytes = this.#values.some((buffer) => buffer.isBytes);
    const order = isBytes ? this.#order.reserve(Math.max(1, rows) * 4) : 0;
    if (isBytes) this.#functions.orderOfPlaces(places, rows, order);
    const first = bounds >>> 2;
    return { bounds: [...this.#kernels.memory.u32().subarray(first, first + buckets + 1)], places, order };
  }

  /** Ends the use of the memory. */
  free(): void {
    this.#keys.free();
    this.#layout.free();
    for (const buffer of this.#values) buffer.free();
    for (const region of [this.#selection, this.#places, this.#order, this.#bounds]) region.free();
    giveGroupKernels(this.#kernels);
  }
}
