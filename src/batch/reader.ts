import { assertNever } from "../common/assert.js";
import { type Value, valueForm } from "../schema/types.js";
import type { Column, WideColumn } from "./column.js";
import { TextView } from "./text.js";

/** Reads one row of a column; null where it is null. */
export type ColumnReader = (row: number) => Value;

/**
 * A reader of one column that gives values in their `valueForm`. Strings are decoded when their row is read. Binary values are
 * views on the column's bytes.
 */
export function columnReader(column: Column): ColumnReader {
  const read = valueReader(column);
  const valid = column.valid;
  return valid === null ? read : (row) => (valid[row] === 0 ? null : read(row));
}

/** Reads rows that are known not to be null. */
function valueReader(column: Column): ColumnReader {
  switch (column.layout) {
    case "fixed": {
      const values = column.values;
      const form = valueForm(column.type);
      if (form === "null") return () => null;
      if (form === "boolean") return (row) => values[row] !== 0;
      return (row) => values[row] as number | bigint;
    }
    case "wide":
      return (row) => wideValue(column, row);
    case "bytes": {
      const { bytes, starts, ends } = column;
      if (column.type.kind === "binary") return (row) => bytes.subarray(starts[row], ends[row]);
      const text = new TextView(column);
      return (row) => text.at(row);
    }
    case "object": {
      const { at } = column;
      if (at !== undefined) return (row) => at(row) as Value;
      const { values } = column;
      return (row) => (values[row] ?? null) as Value;
    }
    default:
      return assertNever(column, "column layout");
  }
}

/** The 128-bit value of a row of a wide column. */
export function wideValue(column: WideColumn, row: number): bigint {
  const low = BigInt.asUintN(64, column.values[row * 2] as bigint);
  return ((column.values[row * 2 + 1] as bigint) << 64n) | low;
}
