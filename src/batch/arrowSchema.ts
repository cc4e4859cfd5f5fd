import type * as Arrow from "apache-arrow";
import { arrow } from "./arrowLibrary.js";
import { assertNever } from "../common/assert.js";
import { dataError, planError } from "../common/errors.js";
import { type DataType, type Field, type Schema, types } from "../schema/types.js";

/** The Arrow type that a type is exchanged as. */
export function arrowType(type: DataType): Arrow.DataType {
  switch (type.kind) {
    case "bool":
      return new arrow.Bool();
    case "int8":
      return new arrow.Int8();
    case "int16":
      return new arrow.Int16();
    case "int32":
      return new arrow.Int32();
    case "int64":
      return new arrow.Int64();
    case "uint8":
      return new arrow.Uint8();
    case "uint16":
      return new arrow.Uint16();
    case "uint32":
      return new arrow.Uint32();
    case "uint64":
      return new arrow.Uint64();
    case "float32":
      return new arrow.Float32();
    case "float64":
      return new arrow.Float64();
    case "utf8":
      return new arrow.Utf8();
    case "binary":
      return new arrow.Binary();
    case "date":
      return new arrow.DateDay();
    case "timestamp":
      return new arrow.TimestampMicrosecond();
    case "null":
      return new arrow.Null();
    case "decimal":
      return new arrow.Decimal(type.scale, type.precision, 128);
    case "list":
      return new arrow.List(arrowField({ name: "item", type: type.item, nullable: true }));
    case "struct":
      return new arrow.Struct(type.fields.map(arrowField));
    default:
      return assertNever(type, "type");
  }
}

const arrowField = (field: Field): Arrow.Field => new arrow.Field(field.name, arrowType(field.type), field.nullable);

/** A schema as Arrow has it. */
export const arrowSchema = (schema: Schema): Arrow.Schema => new arrow.Schema(schema.map(arrowField));

/** A schema from Arrow's. @throws MillraceError Data/UNSUPPORTED_ARROW_TYPE for types that have no place here. */
export const schemaFromArrow = (schema: Arrow.Schema): Schema => schema.fields.map(fieldFromArrow);

function fieldFromArrow(field: Arrow.Field): Field {
  // The format lets a name be absent; the library's types do not say so.
  const name = field.name as string | null;
  if (name === null) throw dataError("ARROW_UNREADABLE", "a column of the Arrow schema has no name");
  return { name, type: typeFromArrow(field.type, name), nullable: field.nullable };
}

/** The type that an Arrow type is read as. Units of time become microseconds and days; dictionaries become their values. */
export function typeFromArrow(type: Arrow.DataType, column: string): DataType {
  if (arrow.DataType.isDictionary(type)) return typeFromArrow(type.dictionary as Arrow.DataType, column);
  if (arrow.DataType.isBool(type)) return types.bool;
  if (arrow.DataType.isInt(type)) return integerType(type);
  if (arrow.DataType.isFloat(type)) return type.precision === arrow.Precision.DOUBLE ? types.float64 : types.float32;
  if (isText(type)) return types.utf8;
  if (isBinary(type)) return types.binary;
  if (arrow.DataType.isDate(type)) return types.date;
  if (arrow.DataType.isTimestamp(type)) return types.timestamp;
  if (arrow.DataType.isNull(type)) return types.null;
  if (arrow.DataType.isDecimal(type)) {
    if (type.precision > 38 || type.scale < 0) throw unsupported(type, column);
    return types.decimal(type.precision, type.scale);
  }
  if (isList(type)) return types.list(typeFromArrow(listItem(type, column), column));
  if (arrow.DataType.isStruct(type)) return types.struct((type.children as Arrow.Field[]).map(fieldFromArrow));
  throw unsupported(type, column);
}

export const isText = (type: Arrow.DataType): boolean =>
  arrow.DataType.isUtf8(type) || arrow.DataType.isLargeUtf8(type) || type.typeId === arrow.Type.Utf8View;

export const isBinary = (type: Arrow.DataType): boolean =>
  arrow.DataType.isBinary(type) ||
  arrow.DataType.isLargeBinary(type) ||
  arrow.DataType.isFixedSizeBinary(type) ||
  type.typeId === arrow.Type.BinaryView;

export const isList = (type: Arrow.DataType): boolean =>
  arrow.DataType.isList(type) || arrow.DataType.isFixedSizeList(type) || type.typeId === arrow.Type.LargeList;

function listItem(type: Arrow.DataType, column: string): Arrow.DataType {
  const child = (type.children as readonly Arrow.Field[] | undefined)?.[0];
  if (child === undefined) throw unsupported(type, column);
  return child.type;
}

function integerType(type: Arrow.Int): DataType {
  switch (type.bitWidth) {
    case 8:
      return type.isSigned ? types.int8 : types.uint8;
    case 16:
      return type.isSigned ? types.int16 : types.uint16;
    case 32:
      return type.isSigned ? types.int32 : types.uint32;
    case 64:
      return type.isSigned ? types.int64 : types.uint64;
    default:
      throw planError("UNSUPPORTED_ARROW_TYPE", `an Arrow integer of ${type.bitWidth} bits has no type here`);
  }
}

/** The error for an Arrow type that cannot be read. */
export const unsupported = (type: Arrow.DataType, column: string) =>
  dataError(
    "UNSUPPORTED_ARROW_TYPE",
    `column ${JSON.stringify(column)} has the Arrow type ${String(type)}, which has no type here`,
    {
      column,
      hint: "Cast the column to a supported type in the program that writes the file.",
    },
  );
