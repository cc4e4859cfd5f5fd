import type { Column } from "../../batch/column.js";
import { internalError } from "../../common/errors.js";
import { types } from "../../schema/types.js";

/** What is kept per group of one aggregate, as one or more state columns. */
export interface Accumulator {
  /**
   * Adds live rows: row j of the input is physical row `selection[j]` and belongs to group `groups[j]`. `count` is the number of groups
   * so far; states of new ones start empty. `growable`: where `groups` lies in kernel memory, states may be kept there too, which can make that
   * memory grow and so detach every view on it; the caller then makes its views anew (`KernelViews`).
   */
  add(args: readonly Column[], groups: Int32Array, selection: Int32Array | null, count: number, growable?: boolean): void;
  /** Adds states that `finish` gave elsewhere: row j belongs to group `groups[j]`. Rows come in the order of the input that they stand for. */
  merge(states: readonly Column[], groups: Int32Array, count: number): void;
  /** The state columns, `count` rows each. */
  finish(count: number): Column[];
  /** The aggregate itself, `count` rows. @throws MillraceError Data/SUM_OVERFLOW, INVALID_INPUT */
  result(count: number): Column;
  /** As `result`, row i that of group `order[i]`, for an order of all groups; null where only `result` has it. The states stay. */
  ordered?(order: Int32Array): Column | null;
  /** Gives kernel memory back; `finish` and `result` do so too. */
  free?(): void;
}

const word = 2 ** 32;

/** Writes a whole number of at most 53 bits to a row of 64-bit words. */
export function writeWhole(words: Int32Array, row: number, value: number): void {
  const high = Math.floor(value / word);
  words[row * 2] = value - high * word;
  words[row * 2 + 1] = high;
}

/** The 64-bit words of a column of whole numbers, by their halves, as `wholeAt` reads them. */
export function halvesOf(column: Column | undefined): Int32Array {
  if (column?.layout !== "fixed" || column.values.BYTES_PER_ELEMENT !== 8)
    throw internalError("a count is a whole number of 64 bits");
  return new Int32Array(column.values.buffer, column.values.byteOffset, column.length * 2);
}

/** What `writeWhole` wrote to a row. */
export const wholeAt = (words: Int32Array, row: number): number =>
  (words[row * 2 + 1] as number) * word + ((words[row * 2] as number) >>> 0);

/** Whole numbers of at most 53 bits as a column that is never null. */
export function wholeNumbers(numbers: Float64Array, count: number): Column {
  const values = new BigInt64Array(count);
  const words = new Int32Array(values.buffer);
  for (let g = 0; g < count; g++) writeWhole(words, g, numbers[g] as number);
  return { layout: "fixed", type: types.int64, length: count, values, valid: null };
}

/** An array of doubles by group that grows on demand. */
export class Doubles {
  values: Float64Array<ArrayBuffer> = new Float64Array(512);

  reserve(count: number): void {
    if (count <= this.values.length) return;
    const bigger = new Float64Array(Math.max(count, this.values.length * 2));
    bigger.set(this.values);
    this.values = bigger;
  }
}

/** Positions of rows, each one more than it is and 0 for none, as a column with nulls for those. */
export function positionColumn(positions: Doubles, count: number): Column {
  positions.reserve(count);
  const values = new BigInt64Array(count);
  const words = new Int32Array(values.buffer);
  const valid = new Uint8Array(count);
  for (let g = 0; g < count; g++) {
    const position = positions.values[g] as number;
    if (position === 0) continue;
    valid[g] = 1;
    writeWhole(words, g, position - 1);
  }
  return { layout: "fixed", type: types.int64, length: count, values, valid: valid.includes(0) ? valid : null };
}

/** One byte by group: whether it has seen a value. */
export class Seen {
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(512);

  reserve(count: number): void {
    if (count <= this.bytes.length) return;
    const bigger = new Uint8Array(Math.max(count, this.bytes.length * 2));
    bigger.set(this.bytes);
    this.bytes = bigger;
  }

  /** Validity of a state that is null until a value is seen. */
  valid(count: number): Uint8Array | null {
    this.reserve(count);
    const bytes = this.bytes.subarray(0, count);
    return bytes.includes(0) ? bytes : null;
  }
}
