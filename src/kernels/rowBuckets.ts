import type { BytesColumn, Column } from "../batch/column.js";
import type { DataType } from "../schema/types.js";
import type { GroupKernels } from "./groups/groupKernels.js";
import { KeyLayout, type KeyType, PackedRows } from "./groups/groupKeys.js";
import { giveGroupKernels, Region, takeGroupKernels } from "./groups/groupMemory.js";
import { KernelViews } from "./kernelViews.js";
import { endSharing, shareReaderKernels } from "./taskKernels.js";
import { appendLive, type ColumnParts, ValueBuffer } from "./valueBuffer.js";
import type { Kernels } from "./wasm.js";

/** Rows with packed keys, put together by the upper bits of their keys' hash. */
export interface BucketedRows {
  readonly rows: number;
  /** Where each bucket begins, and the end of the last. */
  readonly bounds: readonly number[];
  /** The packed keys, then the values. Views on kernel memory, good until the next call. */
  readonly columns: readonly ColumnParts[];
}

/** Collects rows and gives them out bucket by bucket; within a bucket they keep their order. */
export class RowBuckets {
  readonly #kernels: Kernels;
  readonly #isSharing: boolean;
  readonly #functions: GroupKernels;
  readonly #layout: KeyLayout;
  readonly #keys: PackedRows;
  readonly #values: readonly ValueBuffer[];
  readonly #bits: number;
  readonly #selection: Region;
  readonly #places: Region;
  readonly #order: Region;
  readonly #bounds: Region;
  readonly #keyOut: Region;
  readonly #keyOffsets: Region;

  /** How many rows room is still to be made for. */
  #usualRows: number;

  /**
   * 2^`bits` buckets. `usualRows`: how many rows are collected before they are taken, if that is known. `sharing`: in the memory of the task's reader;
   * see `shareReaderKernels` for what that asks of the caller.
   */
  constructor(keys: readonly KeyType[], values: readonly DataType[], bits: number, usualRows = 0, sharing = false) {
    this.#isSharing = sharing;
    this.#kernels = sharing ? shareReaderKernels() : takeGroupKernels();
    this.#usualRows = usualRows;
    const { memory } = this.#kernels;
    this.#functions = this.#kernels.functions<GroupKernels>();
    this.#layout = new KeyLayout(this.#kernels, keys);
    this.#keys = new PackedRows(this.#layout);
    this.#values = values.map((type) => new ValueBuffer(this.#kernels, type));
    this.#bits = bits;
    this.#selection = new Region(memory);
    this.#places = new Region(memory);
    this.#order = new Region(memory);
    this.#bounds = new Region(memory);
    this.#keyOut = new Region(memory);
    this.#keyOffsets = new Region(memory);
  }

  get rows(): number {
    return this.#keys.rows;
  }

  /** Bytes of what was collected. */
  get bytes(): number {
    return this.#values.reduce((sum, buffer) => sum + buffer.bytes, this.#keys.wordCount * 8);
  }

  /** Appends live rows: their keys, which are packed, and their values. */
  append(keys: readonly Column[], values: readonly Column[], selection: Int32Array | null, length: number): void {
    const [keyViews, views] = [new KernelViews(keys), new KernelViews(values)];
    if (this.rows > 0 && this.#usualRows > 0) this.#makeRoom();
    this.#keys.append(keyViews.columns(0, keys.length), selection, length);
    this.#appendValues(views.columns(0, values.length), selection, length);
  }

  /** The live rows of one batch, which nothing was collected before; `clear` ends them. What lies in the kernels' memory is not copied first. */
  takeBatch(keys: readonly Column[], values: readonly Column[], selection: Int32Array | null, length: number): BucketedRows {
    const views = new KernelViews(values);
    this.#keys.append(keys, selection, length);
    appendLive(this.#kernels, this.#values, views.columns(0, values.length), selection, length, this.#selection, true);
    return this.take();
  }

  /** Takes groups with packed keys; nothing else may have been collected. */
  load(packed: BytesColumn, values: readonly Column[]): void {
    this.#keys.load(packed);
    this.#appendValues(values, null, packed.length);
  }

  /** What was collected, by bucket. `clear` begins anew. */
  take(): BucketedRows {
    const { rows } = this;
    const bounds = this.#place();
    const perRow = this.#wordsPerRow();
    const places = this.#bits === 0 ? 0 : this.#places.address;
    const order = this.#orderFor(places, perRow);
    const key = perRow > 0 ? this.#placeKeys(perRow, places) : this.#gatherKeys(order);
    // Every view is made after the last piece of memory was asked for.
    const values = this.#values.map((buffer) => buffer.arrange(order, places));
    return { rows, bounds, columns: [key(), ...values.map((parts) => parts())] };
  }

  /** Finds the place of each row; gives the bounds of the buckets. */
  #place(): number[] {
    const { rows } = this;
    if (this.#bits === 0) return [0, rows];
    const buckets = 2 ** this.#bits;
    const bounds = this.#bounds.reserve((buckets + 1) * 4);
    const places = this.#places.reserve(Math.max(1, rows) * 4);
    this.#functions.bucketPlaces(this.#keys.hashes.address, rows, this.#bits, bounds, places);
    return [...this.#kernels.memory.u32().subarray(bounds >>> 2, (bounds >>> 2) + buckets + 1)];
  }

  /** The rows in order, which only those of different lengths need; 0 otherwise. */
  #orderFor(places: number, perRow: number): number {
    if (places === 0 || (perRow > 0 && !this.#values.some((buffer) => buffer.isBytes))) return 0;
    const order = this.#order.reserve(Math.max(1, this.rows) * 4);
    this.#functions.orderOfPlaces(places, this.rows, order);
    return order;
  }

  clear(): void {
    this.#keys.clear();
    for (const buffer of this.#values) buffer.clear();
  }

  /** Ends the use of the memory. */
  free(): void {
    this.#keys.free();
    this.#layout.free();
    for (const buffer of this.#values) buffer.free();
    for (const region of [this.#selection, this.#places, this.#order, this.#bounds, this.#keyOut, this.#keyOffsets])
      region.free();
    if (this.#isSharing) endSharing(this.#kernels);
    else giveGroupKernels(this.#kernels);
  }

  /** Once more than one batch comes, makes room for as many rows as there usually are, instead of growing with each. */
  #makeRoom(): void {
    const { rows, wordCount, words, offsets, hashes } = this.#keys;
    const usual = this.#usualRows;
    this.#usualRows = 0;
    words.reserve(usual * this.#layout.fixedWords * 8, wordCount * 8);
    offsets.reserve((usual + 1) * 4, (rows + 1) * 4);
    hashes.reserve(usual * 4, rows * 4);
    for (const buffer of this.#values) buffer.expect(usual);
  }

  #appendValues(values: readonly Column[], selection: Int32Array | null, length: number): void {
    appendLive(this.#kernels, this.#values, values, selection, length, this.#selection);
  }

  /** Packed keys of `perRow` words each. */
  #placeKeys(perRow: number, places: number): () => ColumnParts {
    const { rows, wordCount, words } = this.#keys;
    const { memory } = this.#kernels;
    const at = places === 0 ? words.address : this.#keyOut.reserve(wordCount * 8 + 16);
    if (places !== 0) this.#functions.placeWords(words.address, perRow, places, rows, at);
    const values = () => memory.u8().subarray(at, at + wordCount * 8);
    return () => ({ values: values(), offsets: null, stride: perRow * 8, valid: null });
  }

  /** Packed keys as byte strings of different lengths. */
  #gatherKeys(order: number): () => ColumnParts {
    const { rows, wordCount, words, offsets } = this.#keys;
    const { memory } = this.#kernels;
    const view = (address: number, bytes: number) => memory.u8().subarray(address, address + bytes);
    const u32 = memory.u32();
    const first = offsets.address >>> 2;
    for (let i = 0; i <= rows; i++) u32[first + i] = (u32[first + i] as number) * 8;
    const parts = (at: number, ends: number) => () => {
      return { values: view(at, wordCount * 8), offsets: view(ends, (rows + 1) * 4), valid: null };
    };
    if (order === 0) return parts(words.address, offsets.address);
    const out = this.#keyOut.reserve(wordCount * 8 + 16);
    const bounds = this.#keyOffsets.reserve((rows + 1) * 4);
    this.#functions.permuteBytes(words.address, offsets.address, order, rows, out, bounds);
    return parts(out, bounds);
  }

  /** How many words every packed key has; 0 where they differ, or have none. */
  #wordsPerRow(): number {
    const { rows, wordCount, offsets } = this.#keys;
    const each = rows === 0 ? 0 : wordCount / rows;
    if (!Number.isInteger(each) || each === 0) return 0;
    return this.#functions.areEven(offsets.address, rows, each) === 0 ? 0 : each;
  }
}
