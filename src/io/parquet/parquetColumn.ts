import { internalError } from "../../common/errors.js";
import { type Gather, type ParquetKernels, writerKernels, Region } from "../../kernels/parquet.js";
import type { Leaf } from "./parquetLeaves.js";
import { wordsPerValue } from "./parquetSchema.js";
import { loadValues, type SliceColumn } from "./parquetSlice.js";

/** The values of a column in one row group, in kernel memory: nulls left out, as the bytes that a plain page holds. */
export type PlainValues =
  /** `width` 32-bit words a value, low word first. */
  | { readonly kind: "words"; readonly region: Region; readonly width: number; readonly count: number }
  /** One byte of 0 or 1 a value. */
  | { readonly kind: "bits"; readonly region: Region; readonly count: number }
  /** A length of 4 bytes before each value, `used` bytes in all; `ends` holds where each value ends (u32). */
  | { readonly kind: "bytes"; readonly region: Region; readonly used: number; readonly ends: Region; readonly count: number };

/** A column of a row group, ready to encode. It stays good until the buffer is reset. */
export interface ColumnData {
  readonly leaf: Leaf;
  /** Rows; in lists one for each item, and one for each list without any. */
  readonly slots: number;
  /** Definition levels, one byte a slot; null when there is a value in each. */
  readonly levels: Region | null;
  /** Repetition levels, one byte a slot; null outside of lists. */
  readonly reps: Region | null;
  readonly values: PlainValues;
}

/** How the elements of a column become plain values. */
interface FixedCopy {
  readonly gather: Gather;
  /** Elements a row. */
  readonly each: number;
  /** The elements are the plain values as they stand. */
  readonly same: boolean;
}

function fixedCopy(column: SliceColumn["column"], width: number): FixedCopy {
  const kernels = writerKernels().functions<ParquetKernels>();
  if (column.layout === "wide") return { gather: kernels.gather128, each: 2, same: true };
  if (column.layout !== "fixed") throw internalError(`a ${column.layout} column holds no fixed values`);
  const { values } = column;
  if (width === 0) return { gather: kernels.gatherBytes, each: 1, same: true };
  if (values.BYTES_PER_ELEMENT === 8) {
    return width === 1
      ? { gather: kernels.gatherLow32, each: 1, same: false }
      : { gather: kernels.gather64, each: 1, same: true };
  }
  if (values.BYTES_PER_ELEMENT === 4) return { gather: kernels.gather32, each: 1, same: true };
  if (values instanceof Int8Array) return { gather: kernels.gatherInt8, each: 1, same: false };
  if (values instanceof Int16Array) return { gather: kernels.gatherInt16, each: 1, same: false };
  return { gather: values instanceof Uint16Array ? kernels.gatherUint16 : kernels.gatherUint8, each: 1, same: false };
}

/** Collects a column of a row group slice by slice. Its memory is used again for the next row group. */
export class ColumnBuffer {
  readonly #leaf: Leaf;
  readonly #width: number;
  readonly #isBytes: boolean;
  readonly #levels = new Region();
  readonly #reps = new Region();
  readonly #values = new Region();
  readonly #ends = new Region();
  #hasNulls = false;
  #slots = 0;
  #count = 0;
  #used = 0;

  constructor(leaf: Leaf) {
    const { type } = leaf.field;
    this.#leaf = leaf;
    this.#width = wordsPerValue(type);
    this.#isBytes = type.kind === "utf8" || type.kind === "binary";
  }

  /** Appends a slice; `bytes` is the address that a text column's starts count from. */
  append(slice: SliceColumn, bytes: number): void {
    this.#appendLevels(slice);
    if (this.#isBytes) this.#appendTexts(slice, bytes);
    else this.#appendFixed(slice);
    this.#slots += slice.slots;
    this.#count += slice.live;
  }

  #appendLevels({ levels, reps, slots }: SliceColumn): void {
    if (reps !== 0) {
      const to = this.#reps.reserve(this.#slots + slots, this.#slots) + this.#slots;
      writerKernels()
        .memory.u8()
        .copyWithin(to, reps, reps + slots);
    }
    if (levels === 0 && !this.#hasNulls) return;
    const at = this.#levels.reserve(this.#slots + slots, this.#hasNulls ? this.#slots : 0);
    const memory = writerKernels().memory.u8();
    const { level } = this.#leaf;
    if (!this.#hasNulls) memory.fill(level, at, at + this.#slots);
    this.#hasNulls = true;
    const end = at + this.#slots;
    if (levels === 0) memory.fill(level, end, end + slots);
    else memory.copyWithin(end, levels, levels + slots);
  }

  #appendFixed(slice: SliceColumn): void {
    const size = this.#width === 0 ? 1 : this.#width * 4;
    const { gather, each, same } = fixedCopy(slice.column, this.#width);
    const from = this.#count * size;
    const to = this.#values.reserve(from + slice.live * size, from) + from;
    if (slice.rows === 0 && same) {
      const { column, low, live } = slice;
      if (column.layout !== "fixed" && column.layout !== "wide") throw internalError("not a fixed column");
      const part = column.values.subarray(low * each, (low + live) * each);
      writerKernels()
        .memory.u8()
        .set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), to);
    } else {
      const source = loadValues(slice, each);
      gather(source, slice.rows, slice.live, to);
    }
  }

  #appendTexts({ column, text, rows, live }: SliceColumn, bytes: number): void {
    if (text === null) throw internalError(`a ${column.layout} column holds no byte strings`);
    const to = this.#values.reserve(this.#used + text.total + live * 4, this.#used);
    const toEnds = this.#ends.reserve((this.#count + live) * 4, this.#count * 4) + this.#count * 4;
    const { gatherText } = writerKernels().functions<ParquetKernels>();
    this.#used = gatherText(bytes, text.starts, text.ends, rows, live, to, this.#used, toEnds) >>> 0;
  }

  /** What was collected. */
  data(): ColumnData {
    return {
      leaf: this.#leaf,
      slots: this.#slots,
      levels: this.#hasNulls ? this.#levels : null,
      reps: this.#leaf.lists > 0 ? this.#reps : null,
      values: this.#plain(),
    };
  }

  #plain(): PlainValues {
    const region = this.#values;
    const count = this.#count;
    if (this.#width > 0) return { kind: "words", region, width: this.#width, count };
    return this.#isBytes ? { kind: "bytes", region, used: this.#used, ends: this.#ends, count } : { kind: "bits", region, count };
  }

  reset(): void {
    this.#slots = 0;
    this.#count = 0;
    this.#used = 0;
    this.#hasNulls = false;
  }

  /** Gives the memory back; the buffer is empty then. */
  free(): void {
    this.reset();
    for (const region of [this.#levels, this.#reps, this.#values, this.#ends]) region.free();
  }
}
