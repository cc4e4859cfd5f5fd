import { assertNever } from "../common/assert.js";
import { planError } from "../common/errors.js";
import type { LiteralValue } from "../expr/nodes.js";
import { type DataType, integerRange, isInteger, typeName, types, type Value } from "../schema/types.js";
import { formatDate, formatDecimal, formatTimestamp } from "./format.js";
import { parseDate, parseDecimal, parseTimestamp } from "./parse.js";

/** The type of a literal that was given without one: int32 when it fits, int64 when it is a safe integer, float64 otherwise. */
export function literalType(value: LiteralValue): DataType {
  if (value === null) return types.null;
  if (typeof value === "boolean") return types.bool;
  if (typeof value === "string") return types.utf8;
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) return types.float64;
  return value === (value | 0) ? types.int32 : types.int64;
}

/**
 * The value that a literal stands for.
 * @throws MillraceError Plan/INVALID_LITERAL when it is none of its type.
 */
export function literalToValue(value: LiteralValue, type: DataType): Value {
  if (value === null) return null;
  const found = read(value, type);
  if (found === null) {
    throw planError("INVALID_LITERAL", `the literal ${JSON.stringify(value)} is not of type ${typeName(type)}`);
  }
  return found;
}

function readInteger(value: LiteralValue, type: DataType): Value {
  const { min, max } = integerRange(type);
  if (typeof value === "number" ? !Number.isSafeInteger(value) : typeof value !== "string" || !/^-?\d+$/.test(value)) return null;
  const whole = BigInt(value as number | string);
  if (whole < min || whole > max) return null;
  return type.kind === "int64" || type.kind === "uint64" ? whole : Number(whole);
}

function readFloat(value: LiteralValue, type: DataType): Value {
  const words: { readonly [word: string]: number } = { NaN: Number.NaN, Infinity, "-Infinity": -Infinity, "-0": -0 };
  const number = typeof value === "string" ? words[value] : value;
  if (typeof number !== "number") return null;
  return type.kind === "float32" ? Math.fround(number) : number;
}

function read(value: LiteralValue, type: DataType): Value {
  if (isInteger(type)) return readInteger(value, type);
  switch (type.kind) {
    case "bool":
      return typeof value === "boolean" ? value : null;
    case "float32":
    case "float64":
      return readFloat(value, type);
    case "utf8":
      return typeof value === "string" ? value : null;
    case "decimal":
      return typeof value === "boolean" || value === null ? null : parseDecimal(String(value), type.precision, type.scale);
    case "date":
      return typeof value === "string" ? (parseDate(value) ?? ancient(value, false)) : null;
    case "timestamp":
      return typeof value === "string" ? (parseTimestamp(value) ?? ancient(value, true)) : null;
    case "binary":
      return typeof value === "string" ? new Uint8Array(Buffer.from(value, "base64")) : null;
    case "list":
    case "struct":
      return typeof value === "string" ? readNested(value, type) : null;
    case "null":
      return null;
    default:
      return assertNever(type as never, "type");
  }
}

/** Days or microseconds written as a whole number with `@`, for times that ISO text does not reach. */
function ancient(value: string, micros: boolean): Value {
  const match = /^@(-?\d+)$/.exec(value);
  if (match === null) return null;
  return micros ? BigInt(match[1] as string) : Number(match[1]);
}

/** Lists and structs as JSON text of literals. */
function readNested(text: string, type: DataType): Value {
  const parsed = JSON.parse(text) as unknown;
  if (type.kind === "list") return (parsed as LiteralValue[]).map((item) => literalToValue(item, type.item));
  if (type.kind !== "struct") return null;
  const entries = parsed as { readonly [name: string]: LiteralValue };
  return Object.fromEntries(type.fields.map((field) => [field.name, literalToValue(entries[field.name] ?? null, field.type)]));
}

/** A value as a literal that `literalToValue` reads back. */
export function valueToLiteral(value: Value, type: DataType): LiteralValue {
  if (value === null) return null;
  if (isInteger(type)) return typeof value === "bigint" ? value.toString() : (value as number);
  switch (type.kind) {
    case "bool":
    case "utf8":
      return value as boolean | string;
    case "float32":
    case "float64": {
      const number = value as number;
      return Number.isFinite(number) && !Object.is(number, -0) ? number : Object.is(number, -0) ? "-0" : String(number);
    }
    case "decimal":
      return formatDecimal(value as bigint, 39, type.scale);
    case "date": {
      const text = formatDate(value as number);
      return parseDate(text) === value ? text : `@${String(value)}`;
    }
    case "timestamp": {
      const text = formatTimestamp(value as bigint);
      return parseTimestamp(text) === value ? text : `@${String(value)}`;
    }
    case "binary":
      return Buffer.from(value as Uint8Array).toString("base64");
    case "list":
      return JSON.stringify((value as readonly Value[]).map((item) => valueToLiteral(item, type.item)));
    case "struct": {
      const entries = value as { readonly [name: string]: Value };
      return JSON.stringify(
        Object.fromEntries(type.fields.map((field) => [field.name, valueToLiteral(entries[field.name] ?? null, field.type)])),
      );
    }
    case "null":
      return null;
    default:
      return assertNever(type as never, "type");
  }
}
