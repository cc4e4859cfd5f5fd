import type { ColumnRange } from "../../plan/statistics.js";
import type { ColumnMetadata } from "./parquetReadSchema.js";
import { leafType } from "./parquetLeafType.js";
import { binaryField, numberField, structField, type ThriftStruct } from "./parquetThrift.js";

/** Of a chunk without values. */
const nothing: ColumnRange = { min: Infinity, max: -Infinity };

/**
 * Smallest and largest value of a column of integers or floats by the statistics of every row group; null where one group does not tell, or tells of
 * no finite numbers. NaN stands outside of statistics: a column with a range may hold some. Bounds of 64-bit integers that are no doubles are rounded
 * away from the values.
 */
export function columnRange(files: readonly ColumnMetadata[]): ColumnRange | null {
  let range = nothing;
  for (const { column, chunks } of files) {
    const [element, ...others] = column.elements;
    const type = element === undefined || others.length > 0 || column.conversion !== "none" ? null : leafType(element);
    const number = type === null ? undefined : numbers[type.kind];
    if (number === undefined) return null;
    for (const chunk of chunks) {
      const own = chunkRange(chunk, number);
      if (own === null) return null;
      range = { min: Math.min(range.min, own.min), max: Math.max(range.max, own.max) };
    }
  }
  return Number.isFinite(range.min) && Number.isFinite(range.max) ? range : null;
}

interface StoredNumber {
  readonly bytes: number;
  read(bytes: DataView): number | bigint;
}

const signed: StoredNumber = { bytes: 4, read: (bytes) => bytes.getInt32(0, true) };
const unsigned: StoredNumber = { bytes: 4, read: (bytes) => bytes.getUint32(0, true) };

/** How statistics hold the numbers of a type. */
const numbers: { readonly [kind: string]: StoredNumber } = {
  int8: signed,
  int16: signed,
  int32: signed,
  uint8: unsigned,
  uint16: unsigned,
  uint32: unsigned,
  int64: { bytes: 8, read: (bytes) => bytes.getBigInt64(0, true) },
  uint64: { bytes: 8, read: (bytes) => bytes.getBigUint64(0, true) },
  float32: { bytes: 4, read: (bytes) => bytes.getFloat32(0, true) },
  float64: { bytes: 8, read: (bytes) => bytes.getFloat64(0, true) },
};

/** Null where the chunk does not tell. */
function chunkRange(meta: ThriftStruct | undefined, number: StoredNumber): ColumnRange | null {
  const statistics = meta === undefined ? undefined : structField(meta, 12);
  if (meta === undefined || statistics === undefined) return null;
  if (numberField(statistics, 3) === numberField(meta, 5)) return nothing;
  const max = boundOf(binaryField(statistics, 5), number);
  const min = boundOf(binaryField(statistics, 6), number);
  return min === null || max === null || !(min <= max) ? null : { min: atMost(min), max: -atMost(-max) };
}

const boundOf = (bytes: Uint8Array | undefined, { bytes: length, read }: StoredNumber): number | bigint | null =>
  bytes?.length === length ? read(new DataView(bytes.buffer, bytes.byteOffset)) : null;

/** A double that is not greater: of a large integer its upper 53 bits. */
function atMost(value: number | bigint): number {
  const near = Number(value);
  return typeof value === "number" || Number.isSafeInteger(near) ? near : Number((value >> 11n) << 11n);
}
