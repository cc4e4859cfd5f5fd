import { type Coded, codedColumn, codesOf, textColumn } from "../batch/coded.js";
import type { BytesColumn, Column } from "../batch/column.js";
import { gatherColumn } from "../batch/gather.js";
import type { DataType } from "../schema/types.js";
import { concatColumns } from "./joinColumns.js";

/** Keeps, of each group, the values that its first row has in columns that are the same in all of its rows. */
export class FirstValues {
  readonly #columns: readonly FirstColumn[];
  #groups = 0;
  #rows = new Int32Array(0);

  constructor(columnTypes: readonly DataType[]) {
    this.#columns = columnTypes.map((type) => new FirstColumn(type));
  }

  /** Takes a batch's rows; groups are numbered in the order of their first rows. `count`: how many there are with these. */
  add(columns: readonly Column[], groups: Int32Array, count: number): void {
    const more = count - this.#groups;
    if (more === 0) return;
    if (this.#rows.length < more) this.#rows = new Int32Array(more * 2);
    const rows = this.#rows.subarray(0, more);
    firstRows(groups, this.#groups, rows);
    this.#groups = count;
    for (const [i, column] of columns.entries()) this.#columns[i]?.add(column, rows);
  }

  /** The values of all groups in this order. */
  columns(order: Int32Array): Column[] {
    return this.#columns.map((column) => column.ordered(order));
  }
}

// Loops over many rows are functions of their own: what is compiled for a long loop is the whole function around it.

/** The first row of each group from `from` on; as many as there is room for, which all are there. */
function firstRows(groups: Int32Array, from: number, rows: Int32Array): void {
  for (let row = 0, found = 0; found < rows.length; row++) if (groups[row] === from + found) rows[found++] = row;
}

/** One column: by codes, for as long as its values come so and there are few texts. */
class FirstColumn {
  readonly #type: DataType;
  readonly #parts: Column[] = [];
  #texts: FewTexts | null = new FewTexts();

  constructor(type: DataType) {
    this.#type = type;
  }

  add(column: Column, rows: Int32Array): void {
    if (this.#texts !== null) {
      const coded = codesOf(column);
      if (coded !== null && this.#texts.add(coded, rows)) return;
      if (this.#texts.rows > 0) this.#parts.push(this.#texts.column(this.#type, null));
      this.#texts = null;
    }
    this.#parts.push(gatherColumn(column, rows));
  }

  ordered(order: Int32Array): Column {
    if (this.#texts !== null && this.#texts.rows > 0) return this.#texts.column(this.#type, order);
    return gatherColumn(concatColumns(this.#type, this.#parts), order);
  }
}

const mostTexts = 2 ** 16;

/** Rows by codes whose texts are put together of many small lists of them. */
class FewTexts {
  readonly #values: (Uint8Array | null)[] = [];
  readonly #numbers = new Map<string, number>();
  /** What the codes of a list became; a list comes with many batches. */
  #list: BytesColumn | null = null;
  #listed = new Uint16Array(0);
  #codes = new Uint16Array(1024);
  rows = 0;

  /** False, and nothing taken, where there would be too many texts. */
  add({ codes, texts }: Coded, rows: Int32Array): boolean {
    if (texts !== this.#list && !this.#take(texts)) return false;
    const { length } = rows;
    if (this.#codes.length < this.rows + length) {
      const grown = new Uint16Array(Math.max(this.rows + length, this.#codes.length * 2));
      grown.set(this.#codes.subarray(0, this.rows));
      this.#codes = grown;
    }
    const out = this.#codes.subarray(this.rows, this.rows + length);
    if (codes instanceof Uint8Array) translate8(codes, rows, this.#listed, out);
    else translate16(codes, rows, this.#listed, out);
    this.rows += length;
    return true;
  }

  /** `order`: the rows; null for all. */
  column(type: DataType, order: Int32Array | null): BytesColumn {
    const texts = textColumn(type as BytesColumn["type"], this.#values);
    const all = this.#codes.subarray(0, this.rows);
    if (order === null) return codedColumn({ codes: all, texts }, this.rows);
    const codes = this.#values.length <= 256 ? new Uint8Array(order.length) : new Uint16Array(order.length);
    if (codes instanceof Uint8Array) pick8(all, order, codes);
    else pick16(all, order, codes);
    return codedColumn({ codes, texts }, order.length);
  }

  #take(texts: BytesColumn): boolean {
    const { bytes, starts, ends, valid, length } = texts;
    if (this.#values.length + length > mostTexts) return false;
    const listed = new Uint16Array(length);
    for (let i = 0; i < length; i++) {
      const isNull = valid !== null && valid[i] === 0;
      const text = isNull ? null : bytes.slice(starts[i], ends[i]);
      const key = text === null ? "null" : `=${Buffer.from(text).toString("latin1")}`;
      const number = this.#numbers.get(key) ?? this.#values.push(text) - 1;
      this.#numbers.set(key, number);
      listed[i] = number;
    }
    [this.#list, this.#listed] = [texts, listed];
    return true;
  }
}

function translate8(codes: Uint8Array, rows: Int32Array, listed: Uint16Array, out: Uint16Array): void {
  for (let i = 0; i < rows.length; i++) out[i] = listed[codes[rows[i] as number] as number] as number;
}

function translate16(codes: Uint16Array, rows: Int32Array, listed: Uint16Array, out: Uint16Array): void {
  for (let i = 0; i < rows.length; i++) out[i] = listed[codes[rows[i] as number] as number] as number;
}

function pick8(codes: Uint16Array, rows: Int32Array, out: Uint8Array): void {
  for (let i = 0; i < rows.length; i++) out[i] = codes[rows[i] as number] as number;
}

function pick16(codes: Uint16Array, rows: Int32Array, out: Uint16Array): void {
  for (let i = 0; i < rows.length; i++) out[i] = codes[rows[i] as number] as number;
}
