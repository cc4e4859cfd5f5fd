import { assertNever } from "../common/assert.js";
import { planError } from "../common/errors.js";
import { didYouMean } from "../common/nearest.js";

/** Types without parameters. */
export const simpleKinds = [
  "bool",
  "int8",
  "int16",
  "int32",
  "int64",
  "uint8",
  "uint16",
  "uint32",
  "uint64",
  "float32",
  "float64",
  "utf8",
  "binary",
  "date",
  "timestamp",
  "null",
] as const;

export type SimpleKind = (typeof simpleKinds)[number];

/** A data type as plain data. `timestamp` is microseconds since 1970-01-01 without a zone, `date` days since then. */
export type DataType =
  | { readonly kind: SimpleKind }
  | { readonly kind: "decimal"; readonly precision: number; readonly scale: number }
  | { readonly kind: "list"; readonly item: DataType }
  | { readonly kind: "struct"; readonly fields: readonly Field[] };

export interface Field {
  readonly name: string;
  readonly type: DataType;
  readonly nullable: boolean;
}

export type Schema = readonly Field[];

const simple = Object.fromEntries(simpleKinds.map((kind) => [kind, Object.freeze({ kind })])) as {
  readonly [K in SimpleKind]: { readonly kind: K };
};

/** The types, ready to use: `types.int32`, `types.decimal(10, 2)`. */
export const types = {
  ...simple,
  decimal: (precision: number, scale: number): DataType => ({ kind: "decimal", precision, scale }),
  list: (item: DataType): DataType => ({ kind: "list", item }),
  struct: (fields: readonly Field[]): DataType => ({ kind: "struct", fields }),
};

export function sameType(a: DataType, b: DataType): boolean {
  if (a.kind !== b.kind) return false;
  if (a.kind === "decimal" && b.kind === "decimal") return a.precision === b.precision && a.scale === b.scale;
  if (a.kind === "list" && b.kind === "list") return sameType(a.item, b.item);
  if (a.kind === "struct" && b.kind === "struct") {
    return (
      a.fields.length === b.fields.length &&
      a.fields.every((field, i) => {
        const other = b.fields[i] as Field;
        return field.name === other.name && sameType(field.type, other.type);
      })
    );
  }
  return true;
}

/** `int32`, `decimal(10,2)`, `list(utf8)`, `struct(a: int32, b: utf8)`. `parseType` reads it back. */
export function typeName(type: DataType): string {
  switch (type.kind) {
    case "decimal":
      return `decimal(${type.precision},${type.scale})`;
    case "list":
      return `list(${typeName(type.item)})`;
    case "struct":
      return `struct(${type.fields.map((f) => `${f.name}: ${typeName(f.type)}`).join(", ")})`;
    default:
      return type.kind;
  }
}

const synonyms: Readonly<Record<string, SimpleKind>> = {
  boolean: "bool",
  string: "utf8",
  text: "utf8",
  varchar: "utf8",
  int: "int32",
  integer: "int32",
  bigint: "int64",
  float: "float32",
  double: "float64",
};

/**
 * Reads a type as users write it.
 * @throws MillraceError Plan/UNKNOWN_TYPE with the nearest valid name.
 */
export function parseType(text: string | DataType): DataType {
  if (typeof text !== "string") return text;
  const trimmed = text.trim();
  const decimal = /^decimal\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)$/i.exec(trimmed);
  if (decimal) {
    const precision = Number(decimal[1]);
    const scale = Number(decimal[2] ?? 0);
    if (precision < 1 || precision > 38 || scale > precision) {
      throw planError("INVALID_TYPE", `decimal(${precision},${scale}): precision is 1 to 38 and scale at most precision`);
    }
    return types.decimal(precision, scale);
  }
  const nested = /^(list|struct)\(([\s\S]*)\)$/i.exec(trimmed);
  if (nested) {
    const inside = nested[2] as string;
    if ((nested[1] as string).toLowerCase() === "list") return types.list(parseType(inside));
    return types.struct(
      splitTopLevel(inside).map((part) => {
        const colon = part.indexOf(":");
        if (colon < 1) throw planError("INVALID_TYPE", `${trimmed}: a struct field is written name: type`);
        return { name: part.slice(0, colon).trim(), type: parseType(part.slice(colon + 1)), nullable: true };
      }),
    );
  }
  const lower = trimmed.toLowerCase();
  const kind = (simpleKinds as readonly string[]).includes(lower) ? (lower as SimpleKind) : synonyms[lower];
  if (kind === undefined) {
    const valid = [...simpleKinds.filter((k) => k !== "null"), "decimal(p,s)", "list(type)", "struct(name: type, …)"];
    throw planError("UNKNOWN_TYPE", `unknown type ${JSON.stringify(text)}. ${typeHint(lower, valid)}`);
  }
  return simple[kind];
}

function typeHint(lower: string, valid: readonly string[]): string {
  if (/^(list|array|struct|row|record|map)\b|\[\]$|[<{[]/.test(lower))
    return 'Nested types are written "list(int32)" and "struct(a: int32, b: utf8)".';
  return didYouMean(lower, valid);
}

function splitTopLevel(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === "(") depth++;
    else if (c === ")") depth--;
    else if (c === "," && depth === 0) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  if (text.trim() !== "") parts.push(text.slice(start));
  return parts;
}

export const isSignedInteger = (t: DataType): boolean => /^int(8|16|32|64)$/.test(t.kind);
export const isUnsignedInteger = (t: DataType): boolean => /^uint(8|16|32|64)$/.test(t.kind);
export const isInteger = (t: DataType): boolean => isSignedInteger(t) || isUnsignedInteger(t);
export const isFloat = (t: DataType): boolean => t.kind === "float32" || t.kind === "float64";
export const isNumeric = (t: DataType): boolean => isInteger(t) || isFloat(t) || t.kind === "decimal";
export const isTemporal = (t: DataType): boolean => t.kind === "date" || t.kind === "timestamp";
export const isNested = (t: DataType): boolean => t.kind === "list" || t.kind === "struct";

interface IntegerRange {
  readonly min: bigint;
  readonly max: bigint;
}

const signedRange = (bits: bigint): IntegerRange => ({ min: -(1n << (bits - 1n)), max: (1n << (bits - 1n)) - 1n });
const unsignedRange = (bits: bigint): IntegerRange => ({ min: 0n, max: (1n << bits) - 1n });

const integerRanges: ReadonlyMap<DataType["kind"], IntegerRange> = new Map([
  ["int8", signedRange(8n)],
  ["int16", signedRange(16n)],
  ["int32", signedRange(32n)],
  ["int64", signedRange(64n)],
  ["uint8", unsignedRange(8n)],
  ["uint16", unsignedRange(16n)],
  ["uint32", unsignedRange(32n)],
  ["uint64", unsignedRange(64n)],
]);

/** Inclusive range of an integer type. */
export function integerRange(type: DataType): IntegerRange {
  const range = integerRanges.get(type.kind);
  if (range === undefined) throw planError("INVALID_TYPE", `${typeName(type)} is not an integer type`);
  return range;
}

/**
 * How one value of a type is held in JavaScript by the interpreter, the generated loops and user functions alike.
 * `bigint` for 64-bit integers, timestamps (microseconds) and decimals (unscaled); days as `number` for dates.
 */
export type ValueForm = "boolean" | "number" | "bigint" | "string" | "bytes" | "object" | "null";

export function valueForm(type: DataType): ValueForm {
  switch (type.kind) {
    case "bool":
      return "boolean";
    case "int8":
    case "int16":
    case "int32":
    case "uint8":
    case "uint16":
    case "uint32":
    case "float32":
    case "float64":
    case "date":
      return "number";
    case "int64":
    case "uint64":
    case "timestamp":
    case "decimal":
      return "bigint";
    case "utf8":
      return "string";
    case "binary":
      return "bytes";
    case "list":
    case "struct":
      return "object";
    case "null":
      return "null";
    default:
      return assertNever(type, "type");
  }
}

/** A single value inside the engine; see `valueForm`. Lists are arrays of values, structs are plain objects. */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly Value[]
  | { readonly [name: string]: Value };

export function fieldIndex(schema: Schema, name: string): number {
  return schema.findIndex((field) => field.name === name);
}

/** The index of a column. @throws MillraceError Plan/UNKNOWN_COLUMN with the nearest names. */
export function requireField(schema: Schema, name: string, where: string): number {
  const index = fieldIndex(schema, name);
  if (index < 0) {
    const names = schema.map((field) => field.name);
    throw planError("UNKNOWN_COLUMN", `${where}: there is no column ${JSON.stringify(name)}. ${didYouMean(name, names)}`, {
      column: name,
    });
  }
  return index;
}
