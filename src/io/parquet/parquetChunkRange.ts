import { layoutOf, newFixed } from "../../batch/builder.js";
import type { Column } from "../../batch/column.js";
import { columnReader } from "../../batch/reader.js";
import { compareValues } from "../../functions/compare.js";
import { anyRange, type ValueRange } from "../../functions/mayHold.js";
import { type DataType, isFloat, type Value } from "../../schema/types.js";
import { plainValues } from "./parquetFlatValues.js";
import { leafType } from "./parquetLeafType.js";
import type { FileColumn } from "./parquetReadSchema.js";
import { physical } from "./parquetSchema.js";
import { binaryField, numberField, structField, type ThriftStruct } from "./parquetThrift.js";

/**
 * What the statistics of a flat column's chunk say of its values, by fields 3, 5 and 6 of `Statistics` in the format (not by those that are deprecated,
 * whose order is not defined). `noNaN`: whether NaN stands inside of them, if there is one.
 */
export function chunkRange(column: FileColumn, chunk: ThriftStruct | undefined, noNaN: boolean): ValueRange {
  const [element, ...others] = column.elements;
  const meta = chunk === undefined ? undefined : structField(chunk, 3);
  const statistics = meta === undefined ? undefined : structField(meta, 12);
  if (element === undefined || others.length > 0 || meta === undefined || statistics === undefined) return anyRange;
  const [nulls, rows] = [numberField(statistics, 3), numberField(meta, 5)];
  const counts = { hasNull: nulls !== 0, hasValue: nulls === undefined || nulls !== rows };
  const type = column.conversion === "none" ? leafType(element) : null;
  const read = type === null || !counts.hasValue ? null : boundReader(element, type);
  const [min, max] = [bound(statistics, 6, read), bound(statistics, 5, read)];
  if (min === null || max === null || type === null || compareValues(min, max) > 0) return { ...counts, ends: null };
  if (!isFloat(type)) return { ...counts, ends: { min, max } };
  // NaN is the largest value here, and writers leave it out of their bounds.
  return { ...counts, ends: Number.isNaN(min) ? null : { min, max: noNaN ? max : Number.NaN } };
}

type ReadBound = (bytes: Uint8Array) => Value;

const bound = (statistics: ThriftStruct, id: number, read: ReadBound | null): Value => {
  const bytes = read === null ? undefined : binaryField(statistics, id);
  return bytes === undefined || read === null ? null : read(bytes);
};

/** Bounds are plain values, of byte strings without their length. null where their order is not that of the type. */
function boundReader(element: ThriftStruct, type: DataType): ReadBound | null {
  const stored = numberField(element, 1);
  // Nobody has said how these are ordered.
  if (stored === physical.int96) return null;
  if (type.kind === "utf8" || type.kind === "binary") return (bytes) => bytes;
  const read = plainValues(element, type);
  if (read === null || (layoutOf(type) !== "fixed" && layoutOf(type) !== "wide")) return null;
  return (bytes) => {
    const isWide = layoutOf(type) === "wide";
    const values = isWide ? new BigInt64Array(2) : newFixed(type, 1);
    if (!read(stored === physical.byteArray ? withLength(bytes) : bytes, 0, 1, values, 0)) return null;
    const column = { layout: isWide ? "wide" : "fixed", type, length: 1, values, valid: null } as Column;
    return columnReader(column)(0);
  };
}

function withLength(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(4 + bytes.length);
  new DataView(whole.buffer).setUint32(0, bytes.length, true);
  whole.set(bytes, 4);
  return whole;
}
