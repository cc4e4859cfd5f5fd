import { fixedArrayOf, layoutOf, newFixed } from "../../batch/builder.js";
import type { Column, FixedValues } from "../../batch/column.js";
import { required } from "../../common/assert.js";
import { internalError } from "../../common/errors.js";
import { parseText } from "../../functions/cast.js";
import { fixedView } from "../../kernels/fixedView.js";
import type { KernelMemory } from "../../kernels/wasm.js";
import { type DataType, type Field, typeName, type Value } from "../../schema/types.js";

const bytesOfOthers = { wide: 16, bytes: 4, object: 0 } as const;

/** Bytes a row in a column's main buffer; for utf8 and binary that of its starts. */
export function widthOf(type: DataType): number {
  const layout = layoutOf(type);
  return layout === "fixed" ? required(fixedArrayOf(type), "array").BYTES_PER_ELEMENT : bytesOfOthers[layout];
}

/** A view of `count` values of a fixed-width type at an address. */
export const valuesAt = (memory: KernelMemory, type: DataType, address: number, count: number): FixedValues =>
  fixedView(type, memory.u8().subarray(address, address + count * widthOf(type)));

/** Stores a value in its `valueForm` into a fixed column. */
export function storeFixed(values: FixedValues, type: DataType, row: number, value: Value): void {
  if (typeof value === "boolean") values[row] = value ? 1 : 0;
  else if (typeof value === "number" || typeof value === "bigint") values[row] = value;
  else throw internalError(`a value of ${typeName(type)} cannot be ${typeof value}`);
}

/** Stores the unscaled value of a wide decimal. */
export function storeWide(values: BigInt64Array, row: number, value: Value): void {
  if (typeof value !== "bigint") throw internalError(`a decimal cannot be ${typeof value}`);
  values[row * 2] = BigInt.asIntN(64, value);
  values[row * 2 + 1] = BigInt.asIntN(64, value >> 64n);
}

/**
 * A column that holds one text, converted to its type, in every row: a folder's `key=value`.
 * @throws RowFailure CAST_FAILED when the text is not of the type.
 */
export function constantColumn(field: Field, text: string | null, rows: number): Column {
  const { type } = field;
  const valid = text === null ? new Uint8Array(rows) : null;
  if (type.kind === "utf8" || type.kind === "binary") {
    const bytes = Buffer.from(text ?? "", "utf8");
    const ends = new Int32Array(rows).fill(bytes.length);
    return { layout: "bytes", type, length: rows, bytes, starts: new Int32Array(rows), ends, valid };
  }
  const value = text === null ? null : parseText(text, type);
  if (type.kind === "decimal" && type.precision > 18) {
    const values = new BigInt64Array(rows * 2);
    if (value !== null) for (let row = 0; row < rows; row++) storeWide(values, row, value);
    return { layout: "wide", type, length: rows, values, valid };
  }
  const values = newFixed(type, rows);
  if (value !== null && rows > 0) {
    storeFixed(values, type, 0, value);
    for (let row = 1; row < rows; row++) values[row] = values[0] as never;
  }
  return { layout: "fixed", type, length: rows, values, valid };
}
