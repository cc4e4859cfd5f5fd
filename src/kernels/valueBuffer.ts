import { layoutOf } from "../batch/builder.js";
import type { BytesColumn, Column } from "../batch/column.js";
import { required } from "../common/assert.js";
import { internalError } from "../common/errors.js";
import type { DataType } from "../schema/types.js";
import { type GroupKernels, padding } from "./groups/groupKernels.js";
import { ColumnStaging, widthOfType } from "./groups/groupKeys.js";
import { bytesOf, Region } from "./groups/groupMemory.js";
import { KernelViews, keptView } from "./kernelViews.js";
import type { Kernels } from "./wasm.js";

/** Room for texts that are a little longer than those seen so far. */
const textSlack = 1.0625;

/** A column as plain bytes. Values of a fixed width lie one after the other; byte strings too, and `offsets` (u32, one more than rows) bound them. */
export interface ColumnParts {
  readonly values: Uint8Array;
  readonly offsets: Uint8Array | null;
  /** Instead of offsets, for byte strings that all have this many bytes. */
  readonly stride?: number;
  /** Bytes that hold each value, where those are 64-bit integers and were written with fewer. */
  readonly narrow?: 1 | 2 | 4;
  /** One byte a row; null where there are no nulls. */
  readonly valid: Uint8Array | null;
  /** Where the values are codes of one or two bytes: the texts that they stand for. */
  readonly texts?: BytesColumn;
}

/** Collects the values of one column in kernel memory and gives them back in another order. */
export class ValueBuffer {
  readonly #memory: Kernels["memory"];
  readonly #functions: GroupKernels;
  readonly #isBytes: boolean;
  readonly #width: number;
  readonly #staging: ColumnStaging;
  readonly #values: Region;
  readonly #offsets: Region;
  readonly #valid: Region;
  readonly #out: readonly Region[];
  #rows = 0;
  #used = 0;
  #hasNulls = false;
  /** Where the values lie, if not in memory of this buffer; see `borrow`. */
  #borrowed: number | null = null;

  constructor(kernels: Kernels, type: DataType) {
    const { memory } = kernels;
    this.#memory = memory;
    this.#functions = kernels.functions<GroupKernels>();
    if (layoutOf(type) === "object") throw internalError("nested values are not buffered");
    this.#isBytes = layoutOf(type) === "bytes";
    this.#width = this.#isBytes ? 0 : widthOfType(type);
    this.#staging = new ColumnStaging(kernels);
    this.#values = new Region(memory);
    this.#offsets = new Region(memory);
    this.#valid = new Region(memory);
    this.#out = [new Region(memory), new Region(memory), new Region(memory)];
  }

  /** Bytes of the values so far. */
  get bytes(): number {
    return this.#isBytes ? this.#used : this.#rows * this.#width;
  }

  /** Appends the `live` rows of a column. `selection`: the same rows in kernel memory, 0 for all. */
  append(column: Column, rows: Int32Array | null, selection: number, live: number): void {
    if (column.layout === "object") throw internalError("nested values are not buffered");
    this.#appendValidity(column.valid, rows, live);
    if (column.layout === "bytes") this.#appendBytes(column, selection, live);
    else this.#appendFixed(column, selection, live);
    this.#rows += live;
  }

  /**
   * As `append` to an empty buffer whose rows are arranged before the column or the kernel memory changes: fixed values without nulls stay where they
   * lie, if that is kernel memory.
   */
  borrow(column: Column, rows: Int32Array | null, selection: number, live: number): void {
    if (this.#isBytes || selection !== 0 || column.valid !== null) {
      this.append(column, rows, selection, live);
      return;
    }
    this.#borrowed = this.#staging.stage(column, 0, live).values;
    this.#rows = live;
  }

  /** Byte strings, whose lengths differ. */
  get isBytes(): boolean {
    return this.#isBytes;
  }

  /**
   * Puts the rows in this order (an address; 0: as they came). What it answers gives views on kernel memory, which growing that detaches. `places`:
   * the same order as the place of each row; values of a fixed width then need no other.
   */
  arrange(order: number, places = 0): () => ColumnParts {
    const [values, offsets, valid] = this.#out as [Region, Region, Region];
    const rows = this.#rows;
    const bits = this.#hasNulls ? this.#gathered(this.#valid.address, 1, order, places, valid) : null;
    const validity = () => (bits === null ? null : this.#view(bits, rows));
    if (!this.#isBytes) {
      const fixed = this.#gathered(this.#borrowed ?? this.#values.address, this.#width, order, places, values);
      return () => ({ values: this.#view(fixed, rows * this.#width), offsets: null, valid: validity() });
    }
    const used = this.#used;
    let [text, bounds] = [this.#values.address, this.#offsets.address];
    if (order !== 0) {
      text = values.reserve(used + padding);
      bounds = offsets.reserve((rows + 1) * 4);
      this.#functions.permuteBytes(this.#values.address, this.#offsets.address, order, rows, text, bounds);
    }
    return () => ({ values: this.#view(text, used), offsets: this.#view(bounds, (rows + 1) * 4), valid: validity() });
  }

  /** As `arrange`, for any `count` rows: one may come several times, or not at all. */
  gather(order: number, count: number): () => ColumnParts {
    const [values, offsets, valid] = this.#out as [Region, Region, Region];
    const bits = this.#hasNulls ? valid.reserve(count + padding) : null;
    if (bits !== null) this.#functions.permuteFixed(this.#valid.address, 1, order, count, bits);
    const validity = () => (bits === null ? null : this.#view(bits, count));
    if (!this.#isBytes) {
      const fixed = values.reserve(count * this.#width + padding);
      this.#functions.permuteFixed(this.#values.address, this.#width, order, count, fixed);
      return () => ({ values: this.#view(fixed, count * this.#width), offsets: null, valid: validity() });
    }
    const used = this.#bytesOf(order, count);
    const text = values.reserve(used + padding);
    const bounds = offsets.reserve((count + 1) * 4);
    this.#functions.permuteBytes(this.#values.address, this.#offsets.address, order, count, text, bounds);
    return () => ({ values: this.#view(text, used), offsets: this.#view(bounds, (count + 1) * 4), valid: validity() });
  }

  /** Bytes of these rows' texts. @throws MillraceError Internal where they are over 2 GiB */
  #bytesOf(order: number, count: number): number {
    const u32 = this.#memory.u32();
    const [rows, offsets] = [order >>> 2, this.#offsets.address >>> 2];
    let bytes = 0;
    for (let i = 0; i < count; i++) {
      const at = offsets + (u32[rows + i] as number);
      bytes += (u32[at + 1] as number) - (u32[at] as number);
    }
    if (bytes > 0x7fff_ffff) throw internalError("a gathered column holds more than 2 GiB of bytes");
    return bytes;
  }

  /** Makes room for this many rows in all, as far as their size is known. */
  expect(rows: number): void {
    if (!this.#isBytes) this.#values.reserve(rows * this.#width + padding, this.#rows * this.#width);
  }

  /** Makes room for this many rows in all, texts being about as long as those that are there: exact room instead of doubling. */
  expectLike(rows: number): void {
    this.expect(rows);
    if (!this.#isBytes || this.#rows === 0) return;
    const bytes = (this.#used / this.#rows) * rows * textSlack;
    this.#values.reserve(Math.ceil(bytes) + padding, this.#used);
    this.#offsets.reserve((rows + 1) * 4, (this.#rows + 1) * 4);
  }

  clear(): void {
    this.#rows = 0;
    this.#used = 0;
    this.#hasNulls = false;
    this.#borrowed = null;
  }

  free(): void {
    this.#staging.free();
    for (const region of [this.#values, this.#offsets, this.#valid, ...this.#out]) region.free();
  }

  #view(address: number, bytes: number): Uint8Array {
    return this.#memory.u8().subarray(address, address + bytes);
  }

  #gathered(source: number, width: number, order: number, places: number, out: Region): number {
    if (order === 0 && places === 0) return source;
    const address = out.reserve(this.#rows * width + padding);
    if (places !== 0) this.#functions.placeFixed(source, width, places, this.#rows, address);
    else this.#functions.permuteFixed(source, width, order, this.#rows, address);
    return address;
  }

  #appendValidity(valid: Uint8Array | null, rows: Int32Array | null, live: number): void {
    if (valid === null && !this.#hasNulls) return;
    const from = this.#rows;
    const bits = valid === null ? null : keptView(valid);
    const at = this.#valid.reserve(from + live + padding, this.#hasNulls ? from : 0);
    const u8 = this.#memory.u8();
    if (!this.#hasNulls) u8.fill(1, at, at + from);
    this.#hasNulls = true;
    const now = bits?.() ?? null;
    if (now === null) u8.fill(1, at + from, at + from + live);
    else if (rows === null) u8.set(now.subarray(0, live), at + from);
    else pick(now, rows, u8.subarray(at + from, at + from + live));
  }

  #appendFixed(column: Extract<Column, { layout: "fixed" | "wide" }>, selection: number, live: number): void {
    const width = this.#width;
    const used = this.#rows * width;
    const values = keptView(bytesOf(column.values));
    const staged = selection === 0 ? null : this.#staging.stage({ ...column, valid: null }, selection, live);
    const at = this.#values.reserve(used + live * width + padding, used) + used;
    if (staged === null) {
      this.#memory.u8().set(values().subarray(0, live * width), at);
      return;
    }
    this.#functions.permuteFixed(staged.values, width, selection, live, at);
  }

  #appendBytes(column: Extract<Column, { layout: "bytes" }>, selection: number, live: number): void {
    const staged = this.#staging.stage(column, selection, live);
    const at = this.#values.reserve(this.#used + staged.textBytes + padding, this.#used);
    const offsets = this.#offsets.reserve((this.#rows + live + 1) * 4, this.#rows * 4) + this.#rows * 4;
    const { values, ends, bytes, valid } = staged;
    this.#functions.appendTexts(bytes, values, ends, valid, selection, live, at, this.#used, offsets);
    this.#used += staged.textBytes;
  }
}

/**
 * Appends the live rows of a batch to a buffer for each of its columns. `room` takes the list of live rows, where there is one. `borrows`: the rows
 * are arranged at once; see `ValueBuffer.borrow`.
 */
export function appendLive(
  kernels: Kernels,
  buffers: readonly ValueBuffer[],
  columns: readonly Column[],
  selection: Int32Array | null,
  length: number,
  room: Region,
  borrows = false,
): void {
  const views = new KernelViews(columns);
  let chosen = 0;
  if (selection !== null) {
    chosen = room.reserve(Math.max(1, selection.length) * 4);
    kernels.memory.i32().set(selection, chosen >>> 2);
  }
  const live = selection === null ? length : selection.length;
  for (const [i, buffer] of buffers.entries()) {
    const column = required(views.columns(i, i + 1)[0], "column");
    if (borrows) buffer.borrow(column, selection, chosen, live);
    else buffer.append(column, selection, chosen, live);
  }
}

/** A loop over many rows is a function of its own: what is compiled for a long loop is the whole function around it. */
function pick(from: Uint8Array, rows: Int32Array, out: Uint8Array): void {
  for (let i = 0; i < out.length; i++) out[i] = from[rows[i] as number] as number;
}
