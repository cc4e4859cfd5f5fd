import { assertNever } from "../../common/assert.js";
import { internalError } from "../../common/errors.js";
import type { DataType, Field, Schema } from "../../schema/types.js";
import { bool, i8, i32, struct, type ThriftValue, text } from "./parquetThrift.js";

/** Physical types of Parquet, by their number in the format. */
/** Numbers of `Encoding` in the format. */
export const encodings = {
  plain: 0,
  plainDictionary: 2,
  rle: 3,
  delta: 5,
  deltaLengths: 6,
  deltaTexts: 7,
  rleDictionary: 8,
  streams: 9,
} as const;

/** Numbers of `CompressionCodec`. */
export const codecs = { uncompressed: 0, snappy: 1, gzip: 2, zstd: 6 } as const;

export const physical = {
  boolean: 0,
  int32: 1,
  int64: 2,
  int96: 3,
  float: 4,
  double: 5,
  byteArray: 6,
  fixedLenByteArray: 7,
} as const;

/** Bytes of a stored value; `size`: of one of fixed length. 0 where values differ in their sizes. */
export function bytesOfValue({ physical: type, size }: { readonly physical: number; readonly size: number }): number {
  switch (type) {
    case physical.int32:
    case physical.float:
      return 4;
    case physical.int64:
    case physical.double:
      return 8;
    case physical.fixedLenByteArray:
      return size;
    default:
      return 0;
  }
}

export const repetition = { required: 0, optional: 1, repeated: 2 } as const;

/** How a flat column of ours is stored. */
export interface StoredType {
  readonly physical: number;
  /** Bytes of a fixed-length byte array. */
  readonly typeLength?: number;
  readonly converted?: number;
  readonly logical?: ThriftValue;
}

/** Numbers of `ConvertedType` in the format, for readers older than logical types. */
const converted = {
  utf8: 0,
  decimal: 5,
  date: 6,
  unsigned: { 8: 11, 16: 12, 32: 13, 64: 14 },
  signed: { 8: 15, 16: 16, 32: 17, 64: 18 },
};

const integer = (bits: 8 | 16 | 32 | 64, signed: boolean): StoredType => ({
  physical: bits === 64 ? physical.int64 : physical.int32,
  converted: (signed ? converted.signed : converted.unsigned)[bits],
  logical: struct({ 10: struct({ 1: i8(bits), 2: bool(signed) }) }),
});

/** Bytes that hold every unscaled value of a decimal in two's complement. */
export function decimalBytes(precision: number): number {
  const largest = 10n ** BigInt(precision) - 1n;
  for (let bytes = 1; ; bytes++) if (largest < 1n << BigInt(bytes * 8 - 1)) return bytes;
}

function storedDecimal(precision: number, scale: number): StoredType {
  const logical = struct({ 5: struct({ 1: i32(scale), 2: i32(precision) }) });
  if (precision <= 9) return { physical: physical.int32, converted: converted.decimal, logical };
  if (precision <= 18) return { physical: physical.int64, converted: converted.decimal, logical };
  return { physical: physical.fixedLenByteArray, typeLength: decimalBytes(precision), converted: converted.decimal, logical };
}

/** The stored form of a flat type. */
export function storedType(type: DataType): StoredType {
  switch (type.kind) {
    case "bool":
      return { physical: physical.boolean };
    case "int8":
      return integer(8, true);
    case "int16":
      return integer(16, true);
    case "int32":
      return integer(32, true);
    case "int64":
      return integer(64, true);
    case "uint8":
      return integer(8, false);
    case "uint16":
      return integer(16, false);
    case "uint32":
      return integer(32, false);
    case "uint64":
      return integer(64, false);
    case "float32":
      return { physical: physical.float };
    case "float64":
      return { physical: physical.double };
    case "decimal":
      return storedDecimal(type.precision, type.scale);
    case "utf8":
      return { physical: physical.byteArray, converted: converted.utf8, logical: struct({ 1: struct({}) }) };
    case "binary":
      return { physical: physical.byteArray };
    case "date":
      return { physical: physical.int32, converted: converted.date, logical: struct({ 6: struct({}) }) };
    case "timestamp":
      return { physical: physical.int64, logical: struct({ 8: struct({ 1: bool(false), 2: struct({ 2: struct({}) }) }) }) };
    case "null":
      return { physical: physical.int32, logical: struct({ 11: struct({}) }) };
    case "list":
    case "struct":
      throw internalError(`a ${type.kind} column has no flat Parquet form`);
    default:
      return assertNever(type, "type");
  }
}

/** Words that a value takes in a plain page; 0 for bits and byte strings. Wide decimals are held as 4 words until they are encoded. */
export function wordsPerValue(type: DataType): number {
  switch (type.kind) {
    case "bool":
    case "utf8":
    case "binary":
    case "list":
    case "struct":
      return 0;
    case "int64":
    case "uint64":
    case "float64":
    case "timestamp":
      return 2;
    case "decimal":
      return type.precision <= 9 ? 1 : type.precision <= 18 ? 2 : 4;
    default:
      return 1;
  }
}

/** A definition level is kept in one byte. */
export const mostLevels = 255;

/** A column that can hold nulls in the file. */
export const isOptional = (field: Field): boolean => field.nullable || field.type.kind === "null";

/** The item of a list as a field, as the format wants it named. */
export const itemField = (type: Extract<DataType, { kind: "list" }>): Field => ({
  name: "element",
  type: type.item,
  nullable: true,
});
/** The name of the group between a list and its item. */
export const itemsName = "list";

/** The schema elements of a file: the root, then its columns, each struct before its fields, each list before its item. */
export function schemaElements(schema: Schema): ThriftValue[] {
  return [struct({ 4: text("schema"), 5: i32(schema.length) }), ...schema.flatMap(elementsOf)];
}

function elementsOf(field: Field): ThriftValue[] {
  const { type } = field;
  const repeats = i32(isOptional(field) ? repetition.optional : repetition.required);
  if (type.kind === "struct") {
    const group = struct({ 3: repeats, 4: text(field.name), 5: i32(type.fields.length) });
    return [group, ...type.fields.flatMap(elementsOf)];
  }
  if (type.kind === "list") {
    // ConvertedType LIST is 3, and its logical type has no fields.
    const group = struct({ 3: repeats, 4: text(field.name), 5: i32(1), 6: i32(3), 10: struct({ 3: struct({}) }) });
    const items = struct({ 3: i32(repetition.repeated), 4: text(itemsName), 5: i32(1) });
    return [group, items, ...elementsOf(itemField(type))];
  }
  const stored = storedType(type);
  const decimal = type.kind === "decimal" ? type : null;
  return [
    struct({
      1: i32(stored.physical),
      2: stored.typeLength === undefined ? undefined : i32(stored.typeLength),
      3: repeats,
      4: text(field.name),
      6: stored.converted === undefined ? undefined : i32(stored.converted),
      7: decimal === null ? undefined : i32(decimal.scale),
      8: decimal === null ? undefined : i32(decimal.precision),
      10: stored.logical,
    }),
  ];
}
