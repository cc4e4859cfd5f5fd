import { required } from "../common/assert.js";
import { internalError } from "../common/errors.js";
import type { Column } from "../batch/column.js";
import type { DataType, Field } from "../schema/types.js";
import { isOptional } from "./parquetSchema.js";

/** The values of a column in one row group: nulls left out, as the bytes that a plain page holds. */
export type PlainValues =
  /** `width` 32-bit words a value, low word first. */
  | { readonly kind: "words"; readonly words: Int32Array; readonly width: number; readonly count: number }
  /** One byte of 0 or 1 a value. */
  | { readonly kind: "bits"; readonly bytes: Uint8Array; readonly count: number }
  /** A length of 4 bytes before each value; value i ends at `ends[i]`. */
  | { readonly kind: "bytes"; readonly bytes: Uint8Array; readonly ends: Int32Array; readonly count: number };

/** A column of a row group, ready to encode. Views stay good until the buffer is reset. */
export interface ColumnData {
  readonly field: Field;
  readonly rows: number;
  /** One byte a row; null when there are no nulls. */
  readonly valid: Uint8Array | null;
  readonly values: PlainValues;
}

/** Words that a value takes in a plain page; 0 for bits and byte strings. Wide decimals are held as 4 words until they are encoded. */
export function wordsPerValue(type: DataType): number {
  switch (type.kind) {
    case "bool":
    case "utf8":
    case "binary":
    case "list":
    case "struct":
      return 0;
    case "int64":
    case "uint64":
    case "float64":
    case "timestamp":
      return 2;
    case "decimal":
      return type.precision <= 9 ? 1 : type.precision <= 18 ? 2 : 4;
    default:
      return 1;
  }
}

type Numbers = Int8Array | Int16Array | Int32Array | Uint8Array | Uint16Array;

/** A fixed-width column as words: `stride` elements a row. Narrow integers are read as they are. */
function sourceWords(column: Column): { readonly values: Numbers; readonly stride: number } {
  if (column.layout !== "fixed" && column.layout !== "wide")
    throw internalError(`a ${column.layout} column holds no fixed values`);
  const { values } = column;
  if (values.BYTES_PER_ELEMENT >= 4) {
    const stride = (values.BYTES_PER_ELEMENT / 4) * (column.layout === "wide" ? 2 : 1);
    return { values: new Int32Array(values.buffer, values.byteOffset, values.byteLength >> 2), stride };
  }
  return { values: values as Numbers, stride: 1 };
}

const grownTo = (now: number, needed: number): number => Math.max(needed, Math.ceil(now * 1.5), 1024);

/** Collects a column of a row group batch by batch. Its memory is used again for the next row group. */
export class ColumnBuffer {
  readonly #field: Field;
  readonly #width: number;
  readonly #isBytes: boolean;
  #rows = 0;
  #count = 0;
  #valid: Uint8Array | null = null;
  #words = new Int32Array(0);
  #bytes = new Uint8Array(0);
  #used = 0;
  #ends = new Int32Array(0);

  constructor(field: Field) {
    this.#field = field;
    this.#width = wordsPerValue(field.type);
    this.#isBytes = field.type.kind === "utf8" || field.type.kind === "binary";
  }

  /** Bytes that the values take. */
  get byteLength(): number {
    return this.#used + this.#count * this.#width * 4;
  }

  /** Appends live rows: `rows[from..to)`, or the physical rows `from..to` where `rows` is null. */
  append(column: Column, rows: Int32Array | null, from: number, to: number): void {
    const live = this.#appendValidity(column.valid, rows, from, to);
    if (this.#isBytes) this.#appendBytes(column, live, from, to);
    else if (this.#width === 0) this.#appendBits(column, live, from, to);
    else this.#appendWords(column, live, from, to);
    this.#rows += to - from;
  }

  /** Notes which rows are null, and gives the rows that are not (null: all of `from..to`). */
  #appendValidity(valid: Uint8Array | null, rows: Int32Array | null, from: number, to: number): Int32Array | null {
    const nulls = valid === null ? 0 : countNulls(valid, rows, from, to);
    if (nulls === 0) {
      if (this.#valid !== null) this.#reserveValid(this.#rows + to - from).fill(1, this.#rows, this.#rows + to - from);
      return rows === null ? null : rows.subarray(from, to);
    }
    if (!isOptional(this.#field)) {
      throw internalError(`column ${JSON.stringify(this.#field.name)} is declared without nulls and has one`);
    }
    if (this.#valid === null) this.#reserveValid(this.#rows + to - from).fill(1, 0, this.#rows);
    const target = this.#reserveValid(this.#rows + to - from);
    const source = required(valid, "validity");
    const live = new Int32Array(to - from - nulls);
    let at = this.#rows;
    let n = 0;
    for (let i = from; i < to; i++) {
      const row = rows === null ? i : (rows[i] as number);
      const has = source[row] as number;
      target[at++] = has;
      if (has !== 0) live[n++] = row;
    }
    return live;
  }

  #reserveValid(rows: number): Uint8Array {
    if (this.#valid === null || this.#valid.length < rows) {
      const grown = new Uint8Array(grownTo(this.#valid?.length ?? 0, rows));
      if (this.#valid !== null) grown.set(this.#valid);
      this.#valid = grown;
    }
    return this.#valid;
  }

  #appendWords(column: Column, live: Int32Array | null, from: number, to: number): void {
    const { values, stride } = sourceWords(column);
    const width = this.#width;
    const more = live === null ? to - from : live.length;
    const needed = (this.#count + more) * width;
    if (this.#words.length < needed) {
      const grown = new Int32Array(grownTo(this.#words.length, needed));
      grown.set(this.#words.subarray(0, this.#count * width));
      this.#words = grown;
    }
    const target = this.#words;
    let at = this.#count * width;
    this.#count += more;
    if (live === null && stride === width) {
      target.set(values.subarray(from * width, to * width), at);
    } else if (width === 1) {
      for (let i = 0; i < more; i++) target[at++] = values[(live === null ? from + i : (live[i] as number)) * stride] as number;
    } else {
      for (let i = 0; i < more; i++) {
        const source = (live === null ? from + i : (live[i] as number)) * stride;
        for (let word = 0; word < width; word++) target[at++] = values[source + word] as number;
      }
    }
  }

  #appendBits(column: Column, live: Int32Array | null, from: number, to: number): void {
    if (column.layout !== "fixed") throw internalError(`a ${column.layout} column holds no bits`);
    const source = column.values as Uint8Array;
    const more = live === null ? to - from : live.length;
    const target = this.#reserveBytes(more);
    if (live === null) target.set(source.subarray(from, to), this.#used);
    else for (let i = 0; i < more; i++) target[this.#used + i] = source[live[i] as number] as number;
    this.#used += more;
    this.#count += more;
  }

  #appendBytes(column: Column, live: Int32Array | null, from: number, to: number): void {
    if (column.layout !== "bytes") throw internalError(`a ${column.layout} column holds no byte strings`);
    const { bytes, starts, ends } = column;
    const more = live === null ? to - from : live.length;
    let total = 4 * more;
    for (let i = 0; i < more; i++) {
      const row = live === null ? from + i : (live[i] as number);
      total += (ends[row] as number) - (starts[row] as number);
    }
    const target = this.#reserveBytes(total);
    const targetEnds = this.#reserveEnds(more);
    let at = this.#used;
    let n = this.#count;
    for (let i = 0; i < more; i++) {
      const row = live === null ? from + i : (live[i] as number);
      const start = starts[row] as number;
      const end = ends[row] as number;
      const length = end - start;
      target[at] = length;
      target[at + 1] = length >> 8;
      target[at + 2] = length >> 16;
      target[at + 3] = length >> 24;
      at += 4;
      if (length > 48) {
        target.set(bytes.subarray(start, end), at);
        at += length;
      } else for (let b = start; b < end; b++) target[at++] = bytes[b] as number;
      targetEnds[n++] = at;
    }
    this.#used = at;
    this.#count = n;
  }

  #reserveBytes(more: number): Uint8Array {
    if (this.#bytes.length < this.#used + more) {
      const grown = new Uint8Array(grownTo(this.#bytes.length, this.#used + more));
      grown.set(this.#bytes.subarray(0, this.#used));
      this.#bytes = grown;
    }
    return this.#bytes;
  }

  #reserveEnds(more: number): Int32Array {
    if (this.#ends.length < this.#count + more) {
      const grown = new Int32Array(grownTo(this.#ends.length, this.#count + more));
      grown.set(this.#ends.subarray(0, this.#count));
      this.#ends = grown;
    }
    return this.#ends;
  }

  /** What was collected. */
  data(): ColumnData {
    const valid = this.#valid === null ? null : this.#valid.subarray(0, this.#rows);
    return { field: this.#field, rows: this.#rows, valid, values: this.#values() };
  }

  #values(): PlainValues {
    const count = this.#count;
    if (this.#width > 0) return { kind: "words", words: this.#words.subarray(0, count * this.#width), width: this.#width, count };
    const bytes = this.#bytes.subarray(0, this.#used);
    return this.#isBytes ? { kind: "bytes", bytes, ends: this.#ends.subarray(0, count), count } : { kind: "bits", bytes, count };
  }

  reset(): void {
    this.#rows = 0;
    this.#count = 0;
    this.#used = 0;
    this.#valid = null;
  }
}

function countNulls(valid: Uint8Array, rows: Int32Array | null, from: number, to: number): number {
  let live = 0;
  if (rows === null) for (let i = from; i < to; i++) live += valid[i] as number;
  else for (let i = from; i < to; i++) live += valid[rows[i] as number] as number;
  return to - from - live;
}
