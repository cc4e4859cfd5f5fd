import { fixedArrayOf, layoutOf } from "../../batch/builder.js";
import type { FixedValues } from "../../batch/column.js";
import { required } from "../../common/assert.js";
import { bytesOf } from "../../kernels/groups/groupMemory.js";
import { type KernelRoom, withRoom } from "../../kernels/kernelRoom.js";
import { magnitudeAt, noteMagnitude } from "../../kernels/magnitude.js";
import { lookUpRows, pageKernels, spreadRows } from "../../kernels/parquetPages.js";
import type { DataType } from "../../schema/types.js";
import { type ColumnRoom, columnArray } from "./parquetColumnRoom.js";
import { type FlatChunk, type FlatColumn, type FlatPage, openPage, wordAt } from "./parquetFlatPages.js";
import { placesOf, RowsThere } from "./parquetFlatRows.js";
import { asStored, type PlainValues } from "./parquetFlatValues.js";

/** A dictionary in kernel memory. */
interface Dictionary {
  readonly at: number;
  readonly size: number;
}

/** A column of numbers; null where its pages do not hold what they say. */
export function fixedOf(
  type: DataType,
  read: PlainValues,
  { heads, form, kernels, memory }: FlatChunk,
  rows: number,
): FlatColumn | null {
  const values = new FixedRows(type, read, valuesOf(type, rows, memory));
  const there = new RowsThere(rows, form, memory);
  const isRead = withRoom((kept) => {
    let dictionary: Dictionary = { at: 0, size: 0 };
    let at = 0;
    for (const head of heads) {
      const found = withRoom((room) => {
        const page = openPage(head, form, room);
        if (page === null || head.kind === "dictionary") return page === null ? null : values.dictionary(page, room, kept);
        if (!values.add(page, dictionary, at, room)) return null;
        there.add(page, at, room);
        at += page.rows;
        return dictionary;
      }, kernels);
      if (found === null) return false;
      dictionary = found;
    }
    return true;
  }, kernels);
  if (!isRead) return null;
  const { all } = values;
  values.note();
  const { valid, levels, repeats } = there;
  if (all instanceof BigInt64Array && layoutOf(type) === "wide")
    return { column: { layout: "wide", type, length: rows, values: all, valid }, levels, repeats };
  return { column: { layout: "fixed", type, length: rows, values: all, valid }, levels, repeats };
}

function valuesOf(type: DataType, rows: number, memory: ColumnRoom | null): FixedValues {
  if (layoutOf(type) === "wide") return columnArray(memory, BigInt64Array, rows * 2);
  const make = required(fixedArrayOf(type), "array of a fixed type") as typeof Float64Array;
  return columnArray<FixedValues>(memory, make, rows);
}

/** The values of a column, page by page. */
class FixedRows {
  readonly all: FixedValues;
  readonly #bytes: Uint8Array;
  readonly #type: DataType;
  readonly #read: PlainValues;
  /** Bytes of a row. */
  readonly #width: number;
  /** The values, where their size matters to loops: bigints are slow. */
  readonly #numbers: BigInt64Array | BigUint64Array | null;
  /** Of the largest number so far; null where that is not known. */
  #bits: number | null = 0;

  constructor(type: DataType, read: PlainValues, all: FixedValues) {
    this.#type = type;
    this.#read = read;
    this.all = all;
    this.#bytes = bytesOf(this.all);
    const are64 = layoutOf(type) === "fixed" && (all instanceof BigInt64Array || all instanceof BigUint64Array);
    this.#numbers = are64 ? all : null;
    this.#width = this.all.BYTES_PER_ELEMENT * (layoutOf(type) === "wide" ? 2 : 1);
  }

  dictionary({ rows: size, at, length }: FlatPage, room: KernelRoom, kept: KernelRoom): Dictionary | null {
    // A value takes a bit at least.
    if (size > length * 8) return null;
    const values = valuesOf(this.#type, size, null);
    return this.#read(room.view(at, length), 0, size, values, 0) ? { at: kept.put(values), size } : null;
  }

  /** Takes the values of a page; false where it does not hold what it says. */
  add(page: FlatPage, dictionary: Dictionary, row: number, room: KernelRoom): boolean {
    if (page.form === "dictionary") {
      const places = placesOf(page, dictionary.size, room);
      if (places === null) return false;
      this.#put(lookUpRows(room, page, places, dictionary.at, this.#width), page.rows, row, room);
      return true;
    }
    const live = page.form === "runs" ? runsOf(page, room) : this.#plain(page, row, room);
    if (live === null) return false;
    if (page.valid !== 0) this.#put(spreadRows(room, page, live, this.#width), page.rows, row, room);
    else if (live !== 0) this.#put(live, page.rows, row, room);
    else if (page.rows > 0) this.#bits = null;
    return true;
  }

  /** Notes how large the numbers are, for the loops that are made for some sizes. */
  note(): void {
    if (this.#numbers !== null && this.#bits !== null) noteMagnitude(this.#numbers, this.#bits);
  }

  /** The address of the plain values of a page. 0 where they are where they belong already, null where they are not there. */
  #plain({ at, length, live, valid }: FlatPage, row: number, room: KernelRoom): number | null {
    const width = this.#width;
    if (this.#read === asStored) return live * width > length ? null : at;
    if (!this.#read(room.view(at, length), 0, live, this.all, row)) return null;
    return valid === 0 ? 0 : room.put(this.#bytes.subarray(row * width, (row + live) * width));
  }

  #put(at: number, rows: number, row: number, room: KernelRoom): void {
    if (this.#numbers !== null && this.#bits !== null)
      this.#bits = Math.max(this.#bits, magnitudeAt(room.kernels, at, this.#numbers, rows));
    this.#bytes.set(room.view(at, rows * this.#width), row * this.#width);
  }
}

/** The address of booleans that are stored in runs, behind the length of those; null where they are not that. */
function runsOf({ at, length, live }: FlatPage, room: KernelRoom): number | null {
  if (length < 4) return null;
  const size = wordAt(room, at);
  const to = room.take(live);
  return size > length - 4 || pageKernels(room).hybridBytes(at + 4, size, 1, live, to, 1) < 0 ? null : to;
}
