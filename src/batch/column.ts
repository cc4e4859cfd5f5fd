import type { DataType, Schema } from "../schema/types.js";

/** Typed arrays that hold values of fixed width. */
export type FixedValues =
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

/**
 * One column of a batch. `valid` holds one byte a row, 1 where there is a value and 0 where it is null; no `valid` means no nulls.
 * What stands at a null row is unspecified.
 *
 * - `fixed`: one element a row. bool is a Uint8Array of 0 and 1, date an Int32Array of days, timestamp a BigInt64Array of
 *   microseconds, decimal a BigInt64Array of unscaled values (precision up to 18).
 * - `wide`: decimals of precision 19 to 38, two 64-bit words a row, low word first, two's complement.
 * - `bytes`: utf8 and binary; row i is `bytes.subarray(starts[i], ends[i])`. Rows may overlap or lie in any order, so a view on a
 *   text block costs no copy, and Arrow offsets `o` are `starts = o.subarray(0, n)`, `ends = o.subarray(1, n + 1)`.
 * - `object`: list and struct as plain values; of a struct that `structColumn` made there are the columns of its fields as well,
 *   of a list that `listColumn` made the column of its items.
 */
export type Column = FixedColumn | WideColumn | BytesColumn | ObjectColumn;

export interface FixedColumn {
  readonly layout: "fixed";
  readonly type: DataType;
  readonly length: number;
  readonly values: FixedValues;
  readonly valid: Uint8Array | null;
}

export interface WideColumn {
  readonly layout: "wide";
  readonly type: DataType;
  readonly length: number;
  readonly values: BigInt64Array;
  readonly valid: Uint8Array | null;
}

export interface BytesColumn {
  readonly layout: "bytes";
  readonly type: DataType;
  readonly length: number;
  readonly bytes: Uint8Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly valid: Uint8Array | null;
}

export interface ObjectColumn {
  readonly layout: "object";
  readonly type: DataType;
  readonly length: number;
  readonly values: readonly unknown[];
  readonly valid: Uint8Array | null;
  /** The value of one row that is not null, where making those of all rows is worth avoiding: what is made row by row is gone before the next collection. */
  readonly at?: (row: number) => unknown;
}

/** A list or struct column whose values are made when somebody asks for them. `read` gives what makes the value of a row that is not null. */
export function lazyColumn(
  type: DataType,
  length: number,
  valid: Uint8Array | null,
  read: () => (row: number) => unknown,
): ObjectColumn {
  let values: readonly unknown[] | null = null;
  let make: ((row: number) => unknown) | null = null;
  const at = (row: number): unknown => {
    make ??= read();
    return make(row);
  };
  const column: ObjectColumn = {
    layout: "object",
    type,
    length,
    valid,
    get values() {
      values ??= Array.from({ length }, (_, row) => (valid !== null && valid[row] === 0 ? null : at(row)));
      return values;
    },
  };
  // Not enumerable: whoever makes a column of this one must not take it over with other rows.
  return Object.defineProperty(column, "at", { value: at });
}

/** Where a row of a batch came from, for errors and rejects. */
export interface RowOrigin {
  /** Place of physical row `row`. Called only for rows that fail, so it may count lines. */
  place(row: number): OriginPlace;
  /** The record's bytes as they stand in the file, if the source has them. */
  raw(row: number): Uint8Array | null;
}

export interface OriginPlace {
  readonly file: string;
  /** 1-based line within the partition's file; null where lines mean nothing. */
  readonly line: number | null;
  readonly byte: number | null;
  readonly length: number | null;
  /** The how manieth row of its partition it is, from 0, for rows without bytes of their own. */
  readonly row?: number;
}

/**
 * A batch of rows. `selection` lists the live physical rows in ascending order (null: all of them), so a filter moves no data.
 * A batch is valid until its reader is asked for the next one, unless `copyBatch` was used.
 */
export interface Batch {
  readonly schema: Schema;
  /** Physical rows in every column. */
  readonly length: number;
  readonly columns: readonly Column[];
  readonly selection: Int32Array | null;
  readonly origin: RowOrigin | null;
}

/** Live rows. */
export const rowCount = (batch: Batch): number => (batch.selection === null ? batch.length : batch.selection.length);
