import type { Column, FixedValues } from "../../batch/column.js";
import { assertNever } from "../../common/assert.js";
import { internalError } from "../../common/errors.js";
import { parseText } from "../../functions/cast.js";
import type { KernelMemory } from "../../kernels/wasm.js";
import { type DataType, type Field, typeName, type Value } from "../../schema/types.js";

/** Bytes a row in a column's main buffer; for utf8 and binary that of its starts. */
export function widthOf(type: DataType): number {
  switch (type.kind) {
    case "bool":
    case "int8":
    case "uint8":
    case "null":
      return 1;
    case "int16":
    case "uint16":
      return 2;
    case "int32":
    case "uint32":
    case "float32":
    case "date":
    case "utf8":
    case "binary":
      return 4;
    case "int64":
    case "uint64":
    case "float64":
    case "timestamp":
      return 8;
    case "decimal":
      return type.precision > 18 ? 16 : 8;
    case "list":
    case "struct":
      return 0;
    default:
      return assertNever(type, "type");
  }
}

/** A view of `count` values of a fixed-width type at an address. */
export function fixedView(memory: KernelMemory, type: DataType, address: number, count: number): FixedValues {
  const at = (shift: number): [number, number] => [address >>> shift, (address >>> shift) + count];
  switch (type.kind) {
    case "bool":
    case "uint8":
    case "null":
      return memory.u8().subarray(...at(0));
    case "int8":
      return memory.i8().subarray(...at(0));
    case "int16":
      return memory.i16().subarray(...at(1));
    case "uint16":
      return memory.u16().subarray(...at(1));
    case "int32":
    case "date":
      return memory.i32().subarray(...at(2));
    case "uint32":
      return memory.u32().subarray(...at(2));
    case "float32":
      return memory.f32().subarray(...at(2));
    case "float64":
      return memory.f64().subarray(...at(3));
    case "uint64":
      return memory.u64().subarray(...at(3));
    case "int64":
    case "timestamp":
    case "decimal":
      return memory.i64().subarray(...at(3));
    case "utf8":
    case "binary":
    case "list":
    case "struct":
      throw internalError(`${typeName(type)} has no fixed width`);
    default:
      return assertNever(type, "type");
  }
}

/** An own array for `count` values of a fixed-width type. */
export function fixedArray(type: DataType, count: number): FixedValues {
  switch (type.kind) {
    case "bool":
    case "uint8":
    case "null":
      return new Uint8Array(count);
    case "int8":
      return new Int8Array(count);
    case "int16":
      return new Int16Array(count);
    case "uint16":
      return new Uint16Array(count);
    case "int32":
    case "date":
      return new Int32Array(count);
    case "uint32":
      return new Uint32Array(count);
    case "float32":
      return new Float32Array(count);
    case "float64":
      return new Float64Array(count);
    case "uint64":
      return new BigUint64Array(count);
    case "int64":
    case "timestamp":
    case "decimal":
      return new BigInt64Array(count);
    case "utf8":
    case "binary":
    case "list":
    case "struct":
      throw internalError(`${typeName(type)} has no fixed width`);
    default:
      return assertNever(type, "type");
  }
}

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
  const values = fixedArray(type, rows);
  if (value !== null && rows > 0) {
    storeFixed(values, type, 0, value);
    for (let row = 1; row < rows; row++) values[row] = values[0] as never;
  }
  return { layout: "fixed", type, length: rows, values, valid };
}
