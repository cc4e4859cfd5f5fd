import { builderFor, type ColumnBuilder, layoutOf, newFixed } from "../../batch/builder.js";
import type { BytesColumn, Column, FixedValues, ObjectColumn } from "../../batch/column.js";
import { copyBytes } from "../../batch/text.js";
import { internalError, resourceError } from "../../common/errors.js";
import { compareValues } from "../../functions/compare.js";
import type { DataType, Value } from "../../schema/types.js";

/** The distinct values of one key column, by group. */
export interface KeyStore {
  /** The column that `equals` and `add` read from now on. */
  bind(column: Column): void;
  equals(group: number, row: number): boolean;
  /** Keeps the value of a row for the next group. */
  add(row: number): void;
  finish(): Column;
}

export function keyStoreFor(type: DataType): KeyStore {
  switch (layoutOf(type)) {
    case "fixed":
      return newFixed(type, 0) instanceof BigInt64Array || type.kind === "uint64" ? new WordKeys(type, 2) : new NumberKeys(type);
    case "wide":
      return new WordKeys(type, 4);
    case "bytes":
      return new BytesKeys(type);
    default:
      return new ObjectKeys(type);
  }
}

/** Validity by group, kept for every group. */
class GroupValid {
  bytes = new Uint8Array(512);
  nulls = 0;

  set(group: number, bit: number): void {
    if (group === this.bytes.length) this.bytes = grown(this.bytes, new Uint8Array(group * 2));
    this.bytes[group] = bit;
    this.nulls += bit ^ 1;
  }

  finish(length: number): Uint8Array | null {
    return this.nulls === 0 ? null : this.bytes.subarray(0, length);
  }
}

function grown<T extends Uint8Array | Int32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

/** Numbers of at most 32 bits, and doubles: NaN equals NaN, and -0 is kept as 0. */
class NumberKeys implements KeyStore {
  readonly #type: DataType;
  readonly #valid = new GroupValid();
  #values: FixedValues;
  #count = 0;
  #source: FixedValues;
  #sourceValid: Uint8Array | null = null;

  constructor(type: DataType) {
    this.#type = type;
    this.#values = newFixed(type, 512);
    this.#source = this.#values;
  }

  bind(column: Column): void {
    if (column.layout !== "fixed") throw internalError("a key column changed its layout");
    this.#source = column.values;
    this.#sourceValid = column.valid;
  }

  equals(group: number, row: number): boolean {
    const bit = this.#sourceValid === null ? 1 : this.#sourceValid[row];
    if (this.#valid.bytes[group] !== bit) return false;
    if (bit === 0) return true;
    const a = this.#values[group] as number;
    const b = this.#source[row] as number;
    return a === b || (Number.isNaN(a) && Number.isNaN(b));
  }

  add(row: number): void {
    const group = this.#count++;
    if (group === this.#values.length) {
      const bigger = newFixed(this.#type, group * 2) as Float64Array;
      bigger.set(this.#values as Float64Array);
      this.#values = bigger;
    }
    const bit = this.#sourceValid === null ? 1 : (this.#sourceValid[row] as number);
    this.#valid.set(group, bit);
    if (bit === 1) this.#values[group] = (this.#source[row] as number) + 0;
  }

  finish(): Column {
    const length = this.#count;
    const values = this.#values.subarray(0, length);
    return { layout: "fixed", type: this.#type, length, values, valid: this.#valid.finish(length) };
  }
}

/** 64-bit and 128-bit values, compared by their 32-bit words. */
class WordKeys implements KeyStore {
  readonly #type: DataType;
  readonly #step: number;
  readonly #valid = new GroupValid();
  #words: Int32Array<ArrayBuffer>;
  #count = 0;
  #source: Int32Array = new Int32Array(0);
  #sourceValid: Uint8Array | null = null;

  constructor(type: DataType, step: number) {
    this.#type = type;
    this.#step = step;
    this.#words = new Int32Array(512 * step);
  }

  bind(column: Column): void {
    if (column.layout !== "fixed" && column.layout !== "wide") throw internalError("a key column changed its layout");
    this.#source = new Int32Array(column.values.buffer, column.values.byteOffset, column.length * this.#step);
    this.#sourceValid = column.valid;
  }

  equals(group: number, row: number): boolean {
    const bit = this.#sourceValid === null ? 1 : this.#sourceValid[row];
    if (this.#valid.bytes[group] !== bit) return false;
    if (bit === 0) return true;
    const step = this.#step;
    for (let k = 0; k < step; k++) if (this.#words[group * step + k] !== this.#source[row * step + k]) return false;
    return true;
  }

  add(row: number): void {
    const group = this.#count++;
    const step = this.#step;
    if (group * step === this.#words.length) this.#words = grown(this.#words, new Int32Array(group * step * 2));
    const bit = this.#sourceValid === null ? 1 : (this.#sourceValid[row] as number);
    this.#valid.set(group, bit);
    if (bit === 1) for (let k = 0; k < step; k++) this.#words[group * step + k] = this.#source[row * step + k] as number;
  }

  finish(): Column {
    const length = this.#count;
    const valid = this.#valid.finish(length);
    const { buffer } = this.#words;
    if (this.#step === 4)
      return { layout: "wide", type: this.#type, length, values: new BigInt64Array(buffer, 0, length * 2), valid };
    const values = this.#type.kind === "uint64" ? new BigUint64Array(buffer, 0, length) : new BigInt64Array(buffer, 0, length);
    return { layout: "fixed", type: this.#type, length, values, valid };
  }
}

/** Texts and binary values, compared byte by byte. */
class BytesKeys implements KeyStore {
  readonly #type: DataType;
  readonly #valid = new GroupValid();
  #bytes: Uint8Array = new Uint8Array(8192);
  #offsets: Int32Array = new Int32Array(513);
  #count = 0;
  #source: BytesColumn | null = null;
  #sourceBytes: Uint8Array = new Uint8Array(0);
  #starts: Int32Array = new Int32Array(0);
  #ends: Int32Array = new Int32Array(0);

  constructor(type: DataType) {
    this.#type = type;
  }

  bind(column: Column): void {
    if (column.layout !== "bytes") throw internalError("a key column changed its layout");
    this.#source = column;
    this.#sourceBytes = column.bytes;
    this.#starts = column.starts;
    this.#ends = column.ends;
  }

  equals(group: number, row: number): boolean {
    const valid = this.#source?.valid ?? null;
    const bit = valid === null ? 1 : valid[row];
    if (this.#valid.bytes[group] !== bit) return false;
    if (bit === 0) return true;
    const mine = this.#offsets[group] as number;
    const start = this.#starts[row] as number;
    const size = (this.#ends[row] as number) - start;
    if ((this.#offsets[group + 1] as number) - mine !== size) return false;
    const a = this.#bytes;
    const b = this.#sourceBytes;
    for (let i = 0; i < size; i++) if (a[mine + i] !== b[start + i]) return false;
    return true;
  }

  add(row: number): void {
    const group = this.#count++;
    if (group + 1 === this.#offsets.length) this.#offsets = grown(this.#offsets, new Int32Array(this.#offsets.length * 2));
    const valid = this.#source?.valid ?? null;
    const bit = valid === null ? 1 : (valid[row] as number);
    this.#valid.set(group, bit);
    const at = this.#offsets[group] as number;
    const start = this.#starts[row] as number;
    const size = bit === 0 ? 0 : (this.#ends[row] as number) - start;
    if (at + size > this.#bytes.length) this.#grow(at, at + size);
    copyBytes(this.#sourceBytes, start, start + size, this.#bytes, at);
    this.#offsets[group + 1] = at + size;
  }

  finish(): Column {
    const length = this.#count;
    const bytes = this.#bytes.subarray(0, this.#offsets[length]);
    const [starts, ends] = [this.#offsets.subarray(0, length), this.#offsets.subarray(1, length + 1)];
    return { layout: "bytes", type: this.#type, length, bytes, starts, ends, valid: this.#valid.finish(length) };
  }

  #grow(used: number, needed: number): void {
    if (needed > 0x7fff_ffff) {
      throw resourceError("TOO_MANY_GROUPS", "the keys of one partition hold more than 2 GiB of text", {
        hint: "Lower the partition size.",
      });
    }
    const bigger = new Uint8Array(Math.min(0x7fff_ffff, Math.max(needed, this.#bytes.length * 2)));
    bigger.set(this.#bytes.subarray(0, used));
    this.#bytes = bigger;
  }
}

/** Lists and structs, compared part by part. */
class ObjectKeys implements KeyStore {
  readonly #builder: ColumnBuilder;
  readonly #kept: Value[] = [];
  #source: ObjectColumn | null = null;

  constructor(type: DataType) {
    this.#builder = builderFor(type);
  }

  bind(column: Column): void {
    if (column.layout !== "object") throw internalError("a key column changed its layout");
    this.#source = column;
  }

  equals(group: number, row: number): boolean {
    return compareValues(this.#kept[group] ?? null, this.#value(row)) === 0;
  }

  add(row: number): void {
    this.#kept.push(this.#value(row));
    this.#builder.append(this.#value(row));
  }

  finish(): Column {
    return this.#builder.finish();
  }

  #value(row: number): Value {
    const source = this.#source;
    if (source === null || (source.valid !== null && source.valid[row] === 0)) return null;
    return (source.values[row] ?? null) as Value;
  }
}
