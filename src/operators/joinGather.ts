import { fixedArrayOf } from "../batch/builder.js";
import { type Coded, codedColumn } from "../batch/coded.js";
import type { BytesColumn, Column, FixedValues } from "../batch/column.js";
import { assertNever, required } from "../common/assert.js";
import type { BuildColumn } from "./joinCodes.js";

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
  /** Does for codes of the right side what `rows` and `to` say. */
  readonly codes?: (codes: Coded["codes"], out: Coded["codes"]) => void;
}

/** Gathers the codes that text columns share, once a batch. What it gives is valid until the next one. */
class CodeGather {
  readonly #codes: Uint8Array | Uint16Array;
  /** The code of a row without a match. */
  readonly #none: number;
  #out: Uint8Array | Uint16Array;
  /** One object for all columns of a batch, so that they are seen to share it. */
  #taken: Uint8Array | Uint16Array;
  #placing: Placing | null = null;

  constructor({ codes, texts }: Coded) {
    this.#codes = codes;
    this.#none = texts.length - 1;
    this.#out = codes.slice(0, 0);
    this.#taken = this.#out;
  }

  take(placing: Placing): Uint8Array | Uint16Array {
    const { rows, to, length } = placing;
    if (this.#placing !== placing) {
      const codes = this.#codes;
      if (this.#out.length < length) this.#out = codes instanceof Uint8Array ? new Uint8Array(length) : new Uint16Array(length);
      if (placing.codes !== undefined) placing.codes(codes, this.#out.subarray(0, length));
      else if (codes instanceof Uint8Array) moveCodes8(codes, this.#out as Uint8Array, rows, to, this.#none);
      else moveCodes16(codes, this.#out as Uint16Array, rows, to, this.#none);
      this.#placing = placing;
      this.#taken = this.#out.subarray(0, length);
    }
    return this.#taken;
  }
}

/** A gather for each column of a right side. */
export function columnGathers(columns: ReadonlyMap<number, BuildColumn>): ReadonlyMap<number, ColumnGather> {
  const shared = new Map<Coded["codes"], CodeGather>();
  return new Map(
    [...columns].map(([index, source]) => {
      if (source.coded === null) return [index, new ColumnGather(source, null)];
      const codes = shared.get(source.coded.codes) ?? new CodeGather(source.coded);
      shared.set(source.coded.codes, codes);
      return [index, new ColumnGather(source, codes)];
    }),
  );
}

/** Gathers one column of a join's right side batch by batch. A column it gives is valid until the next one. */
export class ColumnGather {
  readonly #source: BuildColumn;
  #values = new ArrayBuffer(0);
  #starts = new Int32Array(0);
  #ends = new Int32Array(0);
  #valid = new Uint8Array(0);
  readonly #codes: CodeGather | null;
  #missed = false;
  /** The coded texts where every row has one. */
  readonly #found: BytesColumn | null;

  /** `codes`: of the source, where it has some; several columns may share them. */
  constructor(source: BuildColumn, codes: CodeGather | null) {
    this.#source = source;
    this.#codes = codes;
    this.#found = source.coded === null ? null : { ...source.coded.texts, valid: null };
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
        const { coded } = this.#source;
        if (coded !== null && this.#codes !== null) return this.#coded(coded, this.#codes, placing);
        this.#reservePlaces(length);
        const [starts, ends] = [this.#starts.subarray(0, length), this.#ends.subarray(0, length)];
        movePlaces(column.starts, column.ends, starts, ends, placing);
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

  /** Texts by their codes alone. */
  #coded({ texts: all }: Coded, codes: CodeGather, placing: Placing): Column {
    // Once a row was missed the texts stay the same, so that whoever keeps codes need not begin anew with each batch.
    this.#missed ||= placing.misses;
    const texts = this.#missed || this.#source.column.valid !== null ? all : (this.#found ?? all);
    return codedColumn({ codes: codes.take(placing), texts }, placing.length);
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
    const source = this.#source.column.valid;
    if (source === null && !misses) return null;
    if (this.#valid.length < length) this.#valid = new Uint8Array(Math.ceil(length * 1.25));
    const valid = this.#valid.subarray(0, length);
    for (let j = 0; j < rows.length; j++) {
      const row = rows[j] as number;
      const known = row >= 0 && (source === null || source[row] !== 0);
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

function moveCodes8(codes: Uint8Array, out: Uint8Array, rows: Int32Array, to: Int32Array | null, none: number): void {
  for (let j = 0; j < rows.length; j++) {
    const row = rows[j] as number;
    out[to === null ? j : (to[j] as number)] = row < 0 ? none : (codes[row] as number);
  }
}

function moveCodes16(codes: Uint16Array, out: Uint16Array, rows: Int32Array, to: Int32Array | null, none: number): void {
  for (let j = 0; j < rows.length; j++) {
    const row = rows[j] as number;
    out[to === null ? j : (to[j] as number)] = row < 0 ? none : (codes[row] as number);
  }
}
