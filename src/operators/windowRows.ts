import { builderFor } from "../batch/builder.js";
import type { Column } from "../batch/column.js";
import { gatherColumn } from "../batch/gather.js";
import { columnReader } from "../batch/reader.js";
import { compareBytes, compareNumbers, compareValues } from "../functions/compare.js";
import type { GroupedOrder } from "../kernels/groups/groupedRows.js";
import { concatColumns } from "./joinColumns.js";
import type { FrameColumn } from "./windowValues.js";

/** The value of the row that `rows` says for each; null where that is -1. */
export function valuesOfRows(column: Column, rows: Int32Array): Column {
  if (!rows.includes(-1)) return gatherColumn(column, rows);
  if (column.length === 0) return allNull(column, rows.length);
  const there = new Int32Array(rows.length);
  const valid = new Uint8Array(rows.length);
  splitMissing(rows, there, valid);
  const found = gatherColumn(column, there);
  if (found.valid !== null) keepBoth(valid, found.valid);
  return { ...found, valid };
}

// Loops over rows are functions of their own: what is compiled for a long loop is the whole function around it.

function splitMissing(rows: Int32Array, there: Int32Array, valid: Uint8Array): void {
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as number;
    // Minus one has all bits set: no row is in its place, and the first one stands in for it.
    const isThere = ~(row >> 31);
    there[i] = row & isThere;
    valid[i] = isThere & 1;
  }
}

function keepBoth(valid: Uint8Array, other: Uint8Array): void {
  for (let i = 0; i < valid.length; i++) valid[i] = (valid[i] as number) & (other[i] as number);
}

function allNull({ type }: Column, rows: number): Column {
  const builder = builderFor(type, rows);
  for (let i = 0; i < rows; i++) builder.appendNull();
  return builder.finish();
}

/** The value `offset` rows after each (before, where it is negative) in its group; where there is none that of `other`, or null. */
export function neighbours({ order, bounds }: GroupedOrder, column: Column, other: Column | null, offset: number): Column {
  const rows = new Int32Array(order.length);
  for (let g = 0; g + 1 < bounds.length; g++) {
    const [first, end] = [bounds[g] as number, bounds[g + 1] as number];
    for (let i = first; i < end; i++) {
      const row = order[i] as number;
      const at = i + offset;
      const none = other === null ? -1 : column.length + row;
      rows[row] = at >= first && at < end ? (order[at] as number) : none;
    }
  }
  if (rows.length === 0) return column;
  return valuesOfRows(other === null ? column : concatColumns(column.type, [column, other]), rows);
}

/** The smallest or largest value of the frame; null without one. Of equal values that of the first row. */
export class FrameExtreme implements FrameColumn {
  readonly #argument: Column;
  readonly #isBefore: (a: number, b: number) => boolean;
  readonly #grows: boolean;
  readonly #found: Int32Array;
  /** Rows that are the best of those from them on, in the order of the frame; the best is at `#from`. */
  readonly #best: number[] = [];
  #from = 0;

  /** `sign`: 1 for the smallest, -1 for the largest. `grows`: no row is ever taken away. */
  constructor(argument: Column, sign: 1 | -1, grows: boolean) {
    this.#argument = argument;
    this.#grows = grows;
    this.#found = new Int32Array(argument.length);
    const compare = comparer(argument);
    this.#isBefore = (a, b) => compare(a, b) * sign < 0;
  }

  reset(): void {
    this.#best.length = 0;
    this.#from = 0;
  }

  add(row: number): void {
    const { valid } = this.#argument;
    if (valid !== null && valid[row] === 0) return;
    const best = this.#best;
    if (this.#grows) {
      if (best.length === 0 || this.#isBefore(row, best[0] as number)) best[0] = row;
      return;
    }
    while (best.length > this.#from && this.#isBefore(row, best[best.length - 1] as number)) best.pop();
    best.push(row);
  }

  remove(row: number): void {
    if (this.#best[this.#from] === row) this.#from++;
    if (this.#from > 1024 && this.#from * 2 > this.#best.length) {
      this.#best.splice(0, this.#from);
      this.#from = 0;
    }
  }

  write(row: number): void {
    this.#found[row] = this.#best[this.#from] ?? -1;
  }

  column(): Column {
    return this.#found.length === 0 ? this.#argument : valuesOfRows(this.#argument, this.#found);
  }
}

/** Compares two rows of a column that are not null. NaN is the largest number, -0 equals 0, texts compare by code point. */
function comparer(column: Column): (a: number, b: number) => number {
  if (column.layout === "fixed") {
    const { values } = column;
    return (a, b) => compareNumbers(values[a] as number, values[b] as number);
  }
  if (column.layout === "bytes") {
    const { bytes, starts, ends } = column;
    return (a, b) => compareBytes(bytes.subarray(starts[a], ends[a]), bytes.subarray(starts[b], ends[b]));
  }
  const read = columnReader(column);
  return (a, b) => compareValues(read(a), read(b));
}
