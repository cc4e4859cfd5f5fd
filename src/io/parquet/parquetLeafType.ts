import { type DataType, types } from "../../schema/types.js";
import { physical } from "./parquetSchema.js";
import { boolField, numberField, structField, type ThriftStruct } from "./parquetThrift.js";

/** Numbers of the union `LogicalType` and of `ConvertedType` in the format. */
const logicalIds = { string: 1, decimal: 5, date: 6, timestamp: 8, integer: 10 } as const;
const convertedIds = { utf8: 0, decimal: 5, date: 6, timestampMillis: 9, timestampMicros: 10 } as const;

const integers: ReadonlyMap<string, DataType> = new Map<string, DataType>([
  ["8 true", types.int8],
  ["16 true", types.int16],
  ["32 true", types.int32],
  ["64 true", types.int64],
  ["8 false", types.uint8],
  ["16 false", types.uint16],
  ["32 false", types.uint32],
  ["64 false", types.uint64],
]);

const convertedIntegers: ReadonlyMap<number, DataType> = new Map<number, DataType>([
  [11, types.uint8],
  [12, types.uint16],
  [13, types.uint32],
  [14, types.uint64],
  [15, types.int8],
  [16, types.int16],
  [17, types.int32],
  [18, types.int64],
]);

/**
 * The type of a leaf's values by its schema element alone, as the Parquet format defines it; null where the decoder must be asked about it: for groups,
 * and for annotations that do not fit their physical type.
 */
export function leafType(element: ThriftStruct): DataType | null {
  if ((numberField(element, 5) ?? 0) > 0) return null;
  const logical = structField(element, 10);
  const converted = numberField(element, 6);
  switch (numberField(element, 1)) {
    case physical.boolean:
      return logical === undefined && converted === undefined ? types.bool : null;
    case physical.int32:
    case physical.int64:
      return numberType(element, numberField(element, 1) === physical.int32 ? 32 : 64, logical, converted);
    case physical.int96:
      return types.timestamp;
    case physical.float:
      return logical === undefined && converted === undefined ? types.float32 : null;
    case physical.double:
      return logical === undefined && converted === undefined ? types.float64 : null;
    case physical.byteArray:
      return bytesType(element, logical, converted);
    case physical.fixedLenByteArray:
      if (logical === undefined && converted === undefined) return types.binary;
      return isDecimal(logical, converted) ? decimalType(element, logical) : null;
    default:
      return null;
  }
}

function numberType(
  element: ThriftStruct,
  bits: 32 | 64,
  logical: ThriftStruct | undefined,
  converted: number | undefined,
): DataType | null {
  if (isDecimal(logical, converted)) return decimalType(element, logical);
  if (logical !== undefined) {
    const integer = structField(logical, logicalIds.integer);
    if (integer !== undefined) {
      const width = numberField(integer, 1) ?? 0;
      const fits = bits === 64 ? width === 64 : width <= 32;
      return fits ? (integers.get(`${width} ${boolField(integer, 2) ?? false}`) ?? null) : null;
    }
    if (logical.has(logicalIds.date)) return bits === 32 ? types.date : null;
    if (logical.has(logicalIds.timestamp)) return bits === 64 ? types.timestamp : null;
    return null;
  }
  if (converted === undefined) return bits === 32 ? types.int32 : types.int64;
  if (converted === convertedIds.date) return bits === 32 ? types.date : null;
  if (converted === convertedIds.timestampMillis || converted === convertedIds.timestampMicros)
    return bits === 64 ? types.timestamp : null;
  const integer = convertedIntegers.get(converted);
  const wide = integer?.kind === "int64" || integer?.kind === "uint64";
  return integer !== undefined && wide === (bits === 64) ? integer : null;
}

function bytesType(element: ThriftStruct, logical: ThriftStruct | undefined, converted: number | undefined): DataType | null {
  if (isDecimal(logical, converted)) return decimalType(element, logical);
  if (logical !== undefined) return logical.has(logicalIds.string) ? types.utf8 : null;
  if (converted === undefined) return types.binary;
  return converted === convertedIds.utf8 ? types.utf8 : null;
}

const isDecimal = (logical: ThriftStruct | undefined, converted: number | undefined): boolean =>
  logical === undefined ? converted === convertedIds.decimal : logical.has(logicalIds.decimal);

function decimalType(element: ThriftStruct, logical: ThriftStruct | undefined): DataType | null {
  const own = logical === undefined ? undefined : structField(logical, logicalIds.decimal);
  const scale = (own === undefined ? numberField(element, 7) : numberField(own, 1)) ?? 0;
  const precision = (own === undefined ? numberField(element, 8) : numberField(own, 2)) ?? 0;
  return precision >= 1 && precision <= 38 && scale >= 0 && scale <= precision ? types.decimal(precision, scale) : null;
}
