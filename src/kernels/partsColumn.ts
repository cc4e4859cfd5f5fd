import { layoutOf } from "../batch/builder.js";
import type { Column } from "../batch/column.js";
import type { DataType } from "../schema/types.js";
import { fixedView } from "./fixedView.js";
import type { ColumnParts } from "./valueBuffer.js";

/** Parts as a column, by reference. */
export function partsColumn(type: DataType, length: number, { values, offsets, valid }: ColumnParts): Column {
  if (offsets !== null) {
    const bounds = new Int32Array(offsets.buffer, offsets.byteOffset, length + 1);
    return { layout: "bytes", type, length, bytes: values, starts: bounds.subarray(0, length), ends: bounds.subarray(1), valid };
  }
  if (layoutOf(type) === "wide") {
    return { layout: "wide", type, length, values: new BigInt64Array(values.buffer, values.byteOffset, length * 2), valid };
  }
  return { layout: "fixed", type, length, values: fixedView(type, values), valid };
}
