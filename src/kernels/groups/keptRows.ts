import { builderFor, layoutOf, newFixed } from "../../batch/builder.js";
import type { BytesColumn, Column, FixedValues } from "../../batch/column.js";
import { columnReader, type ColumnReader } from "../../batch/reader.js";
import { copyBytes } from "../../batch/text.js";
import { internalError } from "../../common/errors.js";
import type { DataType, Value } from "../../schema/types.js";

/** One row of a column kept for each group, null until it is set. */
export interface KeptRows {
  /** Rows are taken from this column from now on, for up to `count` groups. */
  open(column: Column, count: number): void;
  take(group: number, row: number): void;
  /** What is kept. Nothing may be taken afterwards. */
  column(count: number): Column;
}

export function keptRows(type: DataType): KeptRows {
  const layout = type.kind === "null" ? "object" : layoutOf(type);
  if (layout === "bytes") return new KeptBytes(type);
  return layout === "object" ? new KeptValues(type) : new KeptWords(type, layout);
}

const wrongLayout = () => internalError("a column of rows to keep changed its layout");

/** How many groups there is room for where there has to be for `count`. */
function roomFor(count: number, has: number): number {
  return count <= has ? has : Math.max(count, has * 2, 64);
}

type Words = Uint8Array | Uint16Array | Int32Array;

/** The same memory as words, of four bytes at most: copying those makes no numbers of 64 bits. */
function wordsOf(values: FixedValues): Words {
  const { buffer, byteOffset, byteLength, BYTES_PER_ELEMENT: width } = values;
  if (width === 1) return new Uint8Array(buffer, byteOffset, byteLength);
  return width === 2 ? new Uint16Array(buffer, byteOffset, byteLength / 2) : new Int32Array(buffer, byteOffset, byteLength / 4);
}

/** Values of a fixed width, by their words. */
class KeptWords implements KeptRows {
  readonly #type: DataType;
  readonly #layout: "fixed" | "wide";
  #kept: FixedValues;
  #words: Words;
  #valid = new Uint8Array(0);
  readonly #each: number;
  #from: Words = new Uint8Array(0);
  #fromValid: Uint8Array | null = null;

  constructor(type: DataType, layout: "fixed" | "wide") {
    this.#type = type;
    this.#layout = layout;
    this.#kept = this.#room(0);
    this.#words = wordsOf(this.#kept);
    this.#each = (layout === "wide" ? 2 : 1) * Math.max(1, this.#kept.BYTES_PER_ELEMENT / 4);
  }

  #room(groups: number): FixedValues {
    return this.#layout === "wide" ? new BigInt64Array(groups * 2) : newFixed(this.#type, groups);
  }

  open(column: Column, count: number): void {
    if (column.layout !== this.#layout) throw wrongLayout();
    this.#from = wordsOf(column.values);
    this.#fromValid = column.valid;
    this.#reserve(count);
  }

  #reserve(count: number): void {
    const groups = roomFor(count, this.#valid.length);
    if (groups === this.#valid.length) return;
    const valid = new Uint8Array(groups);
    valid.set(this.#valid);
    this.#valid = valid;
    const words = this.#words;
    this.#kept = this.#room(groups);
    this.#words = wordsOf(this.#kept);
    this.#words.set(words);
  }

  take(group: number, row: number): void {
    if (this.#fromValid !== null && this.#fromValid[row] === 0) {
      this.#valid[group] = 0;
      return;
    }
    this.#valid[group] = 1;
    const each = this.#each;
    for (let k = 0, from = row * each, to = group * each; k < each; k++) this.#words[to + k] = this.#from[from + k] as number;
  }

  column(count: number): Column {
    this.#reserve(count);
    const [type, valid] = [this.#type, validOf(this.#valid, count)];
    const kept = this.#kept;
    if (this.#layout === "fixed") return { layout: "fixed", type, length: count, values: kept.subarray(0, count), valid };
    return { layout: "wide", type, length: count, values: (kept as BigInt64Array).subarray(0, count * 2), valid };
  }
}

function validOf(valid: Uint8Array, count: number): Uint8Array | null {
  const all = valid.subarray(0, count);
  return all.includes(0) ? all : null;
}

/** Texts and binary values. A group's place is used again where the next value fits in. */
class KeptBytes implements KeptRows {
  readonly #type: DataType;
  #bytes = new Uint8Array(1024);
  #used = 0;
  #starts = new Int32Array(0);
  #ends = new Int32Array(0);
  #room = new Int32Array(0);
  #valid = new Uint8Array(0);
  #from: BytesColumn | null = null;

  constructor(type: DataType) {
    this.#type = type;
  }

  open(column: Column, count: number): void {
    if (column.layout !== "bytes") throw wrongLayout();
    const { bytes, starts, ends, valid, length, type } = column;
    this.#from = { layout: "bytes", type, length, bytes, starts, ends, valid };
    this.#reserve(count);
  }

  #reserve(count: number): void {
    const groups = roomFor(count, this.#valid.length);
    if (groups === this.#valid.length) return;
    const grown = (old: Int32Array) => {
      const made = new Int32Array(groups);
      made.set(old);
      return made;
    };
    [this.#starts, this.#ends, this.#room] = [grown(this.#starts), grown(this.#ends), grown(this.#room)];
    const bits = new Uint8Array(groups);
    bits.set(this.#valid);
    this.#valid = bits;
  }

  take(group: number, row: number): void {
    const from = this.#from as BytesColumn;
    if (from.valid !== null && from.valid[row] === 0) {
      this.#valid[group] = 0;
      return;
    }
    this.#valid[group] = 1;
    const start = from.starts[row] as number;
    const size = (from.ends[row] as number) - start;
    if (size > (this.#room[group] as number)) this.#makeRoom(group, size);
    const at = this.#starts[group] as number;
    copyBytes(from.bytes, start, start + size, this.#bytes, at);
    this.#ends[group] = at + size;
  }

  #makeRoom(group: number, size: number): void {
    // Twice as much as before, so that longer and longer values leave no more behind than they take.
    const room = Math.max(size, (this.#room[group] as number) * 2);
    if (this.#used + room > this.#bytes.length) {
      const bigger = new Uint8Array(Math.max(this.#used + room, this.#bytes.length * 2));
      bigger.set(this.#bytes.subarray(0, this.#used));
      this.#bytes = bigger;
    }
    this.#starts[group] = this.#used;
    this.#room[group] = room;
    this.#used += room;
  }

  column(count: number): Column {
    this.#reserve(count);
    const bytes = this.#bytes.subarray(0, this.#used);
    const [starts, ends] = [this.#starts.subarray(0, count), this.#ends.subarray(0, count)];
    return { layout: "bytes", type: this.#type, length: count, bytes, starts, ends, valid: validOf(this.#valid, count) };
  }
}

/** Nested values. */
class KeptValues implements KeptRows {
  readonly #type: DataType;
  readonly #values: Value[] = [];
  #read: ColumnReader = () => null;

  constructor(type: DataType) {
    this.#type = type;
  }

  open(column: Column): void {
    this.#read = columnReader(column);
  }

  take(group: number, row: number): void {
    this.#values[group] = this.#read(row);
  }

  column(count: number): Column {
    const builder = builderFor(this.#type, count);
    for (let g = 0; g < count; g++) builder.append(this.#values[g] ?? null);
    return builder.finish();
  }
}
