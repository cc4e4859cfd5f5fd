import { newFixed } from "../batch/builder.js";
import type { Column } from "../batch/column.js";
import { internalError } from "../common/errors.js";
import { type DataType, typeName, type Value } from "../schema/types.js";
import { storeFixed, storeWide } from "./text/textValues.js";

/** Collects the values of one column of one batch. */
export interface ColumnBuilder {
  /** Sets a row; rows come in ascending order, and a row may be set again before the next one is. */
  set(row: number, value: Value): void;
  finish(rows: number): Column;
}

/** A builder for up to `capacity` rows of a type. */
export function columnBuilder(type: DataType, capacity: number): ColumnBuilder {
  if (type.kind === "utf8" || type.kind === "binary") return bytesBuilder(type, capacity);
  if (type.kind === "list" || type.kind === "struct") return objectBuilder(type, capacity);
  const valid = new Uint8Array(capacity);
  if (type.kind === "decimal" && type.precision > 18) {
    const values = new BigInt64Array(capacity * 2);
    return {
      set(row, value) {
        valid[row] = value === null ? 0 : 1;
        if (value !== null) storeWide(values, row, value);
      },
      finish: (rows) => ({
        layout: "wide",
        type,
        length: rows,
        values: values.subarray(0, rows * 2),
        valid: someNull(valid, rows),
      }),
    };
  }
  const values = newFixed(type, capacity);
  return {
    set(row, value) {
      valid[row] = value === null ? 0 : 1;
      if (value !== null) storeFixed(values, type, row, value);
    },
    finish: (rows) => ({ layout: "fixed", type, length: rows, values: values.subarray(0, rows), valid: someNull(valid, rows) }),
  };
}

function bytesBuilder(type: DataType, capacity: number): ColumnBuilder {
  const valid = new Uint8Array(capacity);
  const starts = new Int32Array(capacity);
  const ends = new Int32Array(capacity);
  let bytes = Buffer.allocUnsafe(Math.max(64, capacity * 8));
  let used = 0;
  const reserve = (more: number): void => {
    if (used + more <= bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(bytes.length * 2, used + more));
    bytes.copy(larger, 0, 0, used);
    bytes = larger;
  };
  return {
    set(row, value) {
      valid[row] = value === null ? 0 : 1;
      starts[row] = used;
      if (typeof value === "string") {
        reserve(value.length * 3);
        used += bytes.write(value, used, "utf8");
      } else if (value instanceof Uint8Array) {
        reserve(value.length);
        bytes.set(value, used);
        used += value.length;
      } else if (value !== null) throw internalError(`a value of ${typeName(type)} cannot be ${typeof value}`);
      ends[row] = used;
    },
    finish: (rows) => ({
      layout: "bytes",
      type,
      length: rows,
      bytes: bytes.subarray(0, used),
      starts: starts.subarray(0, rows),
      ends: ends.subarray(0, rows),
      valid: someNull(valid, rows),
    }),
  };
}

function objectBuilder(type: DataType, capacity: number): ColumnBuilder {
  const valid = new Uint8Array(capacity);
  const values: Value[] = [];
  return {
    set(row, value) {
      valid[row] = value === null ? 0 : 1;
      values[row] = value;
    },
    finish: (rows) => ({ layout: "object", type, length: rows, values: values.slice(0, rows), valid: someNull(valid, rows) }),
  };
}

function someNull(valid: Uint8Array, rows: number): Uint8Array | null {
  const used = valid.subarray(0, rows);
  return used.includes(0) ? used : null;
}
