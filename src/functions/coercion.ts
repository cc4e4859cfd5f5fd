import {
  type DataType,
  type Field,
  isFloat,
  isInteger,
  isSignedInteger,
  isUnsignedInteger,
  sameType,
  types,
} from "../schema/types.js";

const bitsOf = (type: DataType): number => Number(/\d+$/.exec(type.kind)?.[0] ?? 0);
const digitsByKind: { readonly [kind: string]: number } = {
  int8: 3,
  uint8: 3,
  int16: 5,
  uint16: 5,
  int32: 10,
  uint32: 10,
  int64: 19,
  uint64: 20,
};

/** The decimal that holds every value of an integer type; decimals stay as they are; null for other types. */
export function asDecimal(type: DataType): Extract<DataType, { kind: "decimal" }> | null {
  if (type.kind === "decimal") return type;
  const digits = digitsByKind[type.kind];
  return digits === undefined ? null : { kind: "decimal", precision: digits, scale: 0 };
}

function commonInteger(a: DataType, b: DataType): DataType {
  if (isSignedInteger(a) === isSignedInteger(b)) return bitsOf(a) >= bitsOf(b) ? a : b;
  const [signed, unsigned] = isSignedInteger(a) ? [a, b] : [b, a];
  if (bitsOf(signed) > bitsOf(unsigned)) return signed;
  const wider = { 8: types.int16, 16: types.int32, 32: types.int64 } as const;
  const bits = bitsOf(unsigned);
  // Nothing signed holds every uint64; 20 digits do.
  return bits === 64 ? types.decimal(20, 0) : wider[bits as 8 | 16 | 32];
}

function commonStruct(a: readonly Field[], b: readonly Field[]): DataType | null {
  if (a.length !== b.length) return null;
  const fields: Field[] = [];
  for (const [i, field] of a.entries()) {
    const other = b[i];
    if (other === undefined || other.name !== field.name) return null;
    const type = commonType(field.type, other.type);
    if (type === null) return null;
    fields.push({ name: field.name, type, nullable: field.nullable || other.nullable });
  }
  return types.struct(fields);
}

/**
 * The narrowest type to which both convert without asking: integers widen (uint64 with a signed one: decimal(20,0)), an integer with
 * a float or a decimal with a float gives float64, decimals keep every digit up to 38, a date with a timestamp gives timestamp, and
 * null gives the other. null where there is none.
 */
export function commonType(a: DataType, b: DataType): DataType | null {
  if (sameType(a, b)) return a;
  if (a.kind === "null") return b;
  if (b.kind === "null") return a;
  if (isInteger(a) && isInteger(b)) return commonInteger(a, b);
  if (isFloat(a) || isFloat(b)) {
    const other = isFloat(a) ? b : a;
    return isFloat(other) || asDecimal(other) !== null ? types.float64 : null;
  }
  const [x, y] = [asDecimal(a), asDecimal(b)];
  if (x !== null && y !== null) {
    const scale = Math.max(x.scale, y.scale);
    return types.decimal(Math.min(38, Math.max(x.precision - x.scale, y.precision - y.scale) + scale), scale);
  }
  if ((a.kind === "date" && b.kind === "timestamp") || (a.kind === "timestamp" && b.kind === "date")) return types.timestamp;
  if (a.kind === "list" && b.kind === "list") {
    const item = commonType(a.item, b.item);
    return item === null ? null : types.list(item);
  }
  if (a.kind === "struct" && b.kind === "struct") return commonStruct(a.fields, b.fields);
  return null;
}

/** The common type of several; null for none, and type null when all are null. */
export function commonOf(all: readonly DataType[]): DataType | null {
  let common: DataType | null = types.null;
  for (const type of all) {
    common = commonType(common, type);
    if (common === null) return null;
  }
  return common;
}

/** Whether a value may become another type without being asked: widenings that keep the value (64-bit integers and decimals as float64 round). */
export function implicitCast(from: DataType, to: DataType): boolean {
  if (sameType(from, to) || from.kind === "null") return true;
  if (isInteger(from) && isInteger(to)) {
    if (isSignedInteger(from) === isSignedInteger(to)) return bitsOf(from) <= bitsOf(to);
    return isUnsignedInteger(from) && bitsOf(to) > bitsOf(from);
  }
  if (to.kind === "float64") return from.kind === "float32" || asDecimal(from) !== null;
  if (to.kind === "decimal") {
    const decimal = asDecimal(from);
    return decimal !== null && decimal.scale <= to.scale && decimal.precision - decimal.scale <= to.precision - to.scale;
  }
  if (to.kind === "timestamp") return from.kind === "date";
  if (from.kind === "list" && to.kind === "list") return implicitCast(from.item, to.item);
  if (from.kind === "struct" && to.kind === "struct") {
    return (
      from.fields.length === to.fields.length &&
      from.fields.every((field, i) => {
        const other = to.fields[i];
        return other !== undefined && other.name === field.name && implicitCast(field.type, other.type);
      })
    );
  }
  return false;
}
