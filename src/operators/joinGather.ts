import { fixedArrayOf } from "../batch/builder.js";
import type { Column, FixedValues } from "../batch/column.js";
import { assertNever, required } from "../common/assert.js";
import type { BuildColumn } from "./joinColumns.js";

/**
 * Where rows of a join's right side go: row `rows[j]` (-1: none) to row `to[j]` of `length` output rows, or to row j where `to` is null.
 * Output rows that nothing goes to are unspecified, but can be read.
 */
export interface Placing {
  readonly rows: Int32Array;
  readonly to: Int32Array | null;
  readonly length: number;
  /** Whether some row is -1. */
  readonly misses: boolean;
}

/** Gathers one column of a join's right side batch by batch. A column it gives is valid until the next one. */
export class ColumnGather {
  readonly #source: BuildColumn;
  #values = new ArrayBuffer(0);
  #starts = new Int32Array(0);
  #ends = new Int32Array(0);
  #valid = new Uint8Array(0);

  constructor(source: BuildColumn) {
    this.#source = source;
  }

  take(placing: Placing): Column {
    const { column } = this.#source;
    const { length } = placing;
    const { type } = column;
    switch (column.layout) {
      case "fixed": {
        const width = column.values.BYTES_PER_ELEMENT;
        const { buffer, byteOffset } = column.values;
        this.#move(new Uint8Array(buffer, byteOffset, column.length * width), width, placing);
        const array = required(fixedArrayOf(type), "fixed array") as unknown as new (
          buffer: ArrayBuffer,
          at: number,
          n: number,
        ) => FixedValues;
        return { layout: "fixed", type, length, values: new array(this.#values, 0, length), valid: this.#validity(placing) };
      }
      case "wide": {
        const { buffer, byteOffset } = column.values;
        this.#move(new Uint8Array(buffer, byteOffset, column.length * 16), 16, placing);
        const values = new BigInt64Array(this.#values, 0, length * 2);
        return { layout: "wide", type, length, values, valid: this.#validity(placing) };
      }
      case "bytes": {
        this.#reservePlaces(length);
        const [starts, ends] = [this.#starts.subarray(0, length), this.#ends.subarray(0, length)];
        const { codes } = this.#source;
        if (codes === null) movePlaces(column.starts, column.ends, starts, ends, placing);
        else moveCoded(codes, column.starts, column.ends, starts, ends, placing);
        return { layout: "bytes", type, length, bytes: column.bytes, starts, ends, valid: this.#validity(placing) };
      }
      case "object": {
        const values: unknown[] = new Array(length).fill(null);
        const { rows, to } = placing;
        for (let j = 0; j < rows.length; j++) {
          const row = rows[j] as number;
          values[to === null ? j : (to[j] as number)] = row < 0 ? null : column.values[row];
        }
        return { layout: "object", type, length, values, valid: this.#validity(placing) };
      }
      default:
        return assertNever(column, "column layout");
    }
  }

  #move(from: Uint8Array, width: number, placing: Placing): void {
    const size = placing.length * width;
    if (this.#values.byteLength < size) this.#values = new ArrayBuffer(Math.ceil((size * 1.25) / 16) * 16);
    const { buffer, byteOffset, byteLength } = from;
    switch (width) {
      case 1:
        move1(from, new Uint8Array(this.#values), placing);
        return;
      case 2:
        move2(new Uint16Array(buffer, byteOffset, byteLength / 2), new Uint16Array(this.#values), placing);
        return;
      case 4:
        move4(new Int32Array(buffer, byteOffset, byteLength / 4), new Int32Array(this.#values), placing);
        return;
      default:
        moveWords(new Int32Array(buffer, byteOffset, byteLength / 4), new Int32Array(this.#values), width / 4, placing);
    }
  }

  #reservePlaces(length: number): void {
    if (this.#starts.length >= length) return;
    const size = Math.ceil(length * 1.25);
    this.#starts = new Int32Array(size);
    this.#ends = new Int32Array(size);
  }

  #validity({ rows, to, length, misses }: Placing): Uint8Array | null {
    const { column, codes } = this.#source;
    const source = column.valid;
    if (source === null && !misses) return null;
    if (this.#valid.length < length) this.#valid = new Uint8Array(Math.ceil(length * 1.25));
    const valid = this.#valid.subarray(0, length);
    for (let j = 0; j < rows.length; j++) {
      const row = rows[j] as number;
      const known = row >= 0 && (source === null || source[codes === null ? row : (codes[row] as number)] !== 0);
      valid[to === null ? j : (to[j] as number)] = known ? 1 : 0;
    }
    return valid;
  }
}

// One loop for each width, so that each sees one kind of array and compiles to plain loads and stores.

function move1(from: Uint8Array, out: Uint8Array, { rows, to }: Placing): void {
  for (let j = 0; j < rows.length; j++) out[to === null ? j : (to[j] as number)] = from[Math.max(0, rows[j] as number)] as number;
}

function move2(from: Uint16Array, out: Uint16Array, { rows, to }: Placing): void {
  for (let j = 0; j < rows.length; j++) out[to === null ? j : (to[j] as number)] = from[Math.max(0, rows[j] as number)] as number;
}

function move4(from: Int32Array, out: Int32Array, { rows, to }: Placing): void {
  for (let j = 0; j < rows.length; j++) out[to === null ? j : (to[j] as number)] = from[Math.max(0, rows[j] as number)] as number;
}

function moveWords(from: Int32Array, out: Int32Array, step: number, { rows, to }: Placing): void {
  for (let j = 0; j < rows.length; j++) {
    const source = Math.max(0, rows[j] as number) * step;
    const target = (to === null ? j : (to[j] as number)) * step;
    for (let k = 0; k < step; k++) out[target + k] = from[source + k] as number;
  }
}

function movePlaces(
  fromStarts: Int32Array,
  fromEnds: Int32Array,
  starts: Int32Array,
  ends: Int32Array,
  { rows, to }: Placing,
): void {
  for (let j = 0; j < rows.length; j++) {
    const row = rows[j] as number;
    const target = to === null ? j : (to[j] as number);
    starts[target] = row < 0 ? 0 : (fromStarts[row] as number);
    ends[target] = row < 0 ? 0 : (fromEnds[row] as number);
  }
}

function moveCoded(
  codes: Uint8Array | Uint16Array,
  fromStarts: Int32Array,
  fromEnds: Int32Array,
  starts: Int32Array,
  ends: Int32Array,
  { rows, to }: Placing,
): void {
  for (let j = 0; j < rows.length; j++) {
    const row = rows[j] as number;
    const target = to === null ? j : (to[j] as number);
    const code = row < 0 ? 0 : (codes[row] as number);
    starts[target] = row < 0 ? 0 : (fromStarts[code] as number);
    ends[target] = row < 0 ? 0 : (fromEnds[code] as number);
  }
}
