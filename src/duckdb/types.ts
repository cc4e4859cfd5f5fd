import type { DuckDBType } from "@duckdb/node-api";
import { assertNever } from "../common/assert.js";
import type { DataType, Field } from "../schema/types.js";
import { quoteIdent } from "./quote.js";

/** The DuckDB spelling of a type. The null type is held as INTEGER. */
export function typeToSql(type: DataType): string {
  switch (type.kind) {
    case "bool":
      return "BOOLEAN";
    case "int8":
      return "TINYINT";
    case "int16":
      return "SMALLINT";
    case "int32":
    case "null":
      return "INTEGER";
    case "int64":
      return "BIGINT";
    case "uint8":
      return "UTINYINT";
    case "uint16":
      return "USMALLINT";
    case "uint32":
      return "UINTEGER";
    case "uint64":
      return "UBIGINT";
    case "float32":
      return "FLOAT";
    case "float64":
      return "DOUBLE";
    case "decimal":
      return `DECIMAL(${type.precision},${type.scale})`;
    case "utf8":
      return "VARCHAR";
    case "binary":
      return "BLOB";
    case "date":
      return "DATE";
    case "timestamp":
      return "TIMESTAMP";
    case "list":
      return `${typeToSql(type.item)}[]`;
    case "struct":
      return `STRUCT(${type.fields.map((field) => `${quoteIdent(field.name)} ${typeToSql(field.type)}`).join(", ")})`;
    default:
      return assertNever(type, "type");
  }
}

/** DuckDB's own numbers of its types (`enum DUCKDB_TYPE`); part of its stable C interface. */
export const duckTypeIds = {
  boolean: 1,
  tinyint: 2,
  smallint: 3,
  integer: 4,
  bigint: 5,
  utinyint: 6,
  usmallint: 7,
  uinteger: 8,
  ubigint: 9,
  float: 10,
  double: 11,
  timestamp: 12,
  date: 13,
  hugeint: 16,
  varchar: 17,
  blob: 18,
  decimal: 19,
  timestampS: 20,
  timestampMs: 21,
  timestampNs: 22,
  list: 24,
  struct: 25,
  timestampTz: 31,
  uhugeint: 32,
  array: 33,
  sqlNull: 36,
} as const;

const simpleById: ReadonlyMap<number, DataType> = new Map<number, DataType>([
  [duckTypeIds.boolean, { kind: "bool" }],
  [duckTypeIds.tinyint, { kind: "int8" }],
  [duckTypeIds.smallint, { kind: "int16" }],
  [duckTypeIds.integer, { kind: "int32" }],
  [duckTypeIds.bigint, { kind: "int64" }],
  [duckTypeIds.utinyint, { kind: "uint8" }],
  [duckTypeIds.usmallint, { kind: "uint16" }],
  [duckTypeIds.uinteger, { kind: "uint32" }],
  [duckTypeIds.ubigint, { kind: "uint64" }],
  [duckTypeIds.float, { kind: "float32" }],
  [duckTypeIds.double, { kind: "float64" }],
  [duckTypeIds.timestamp, { kind: "timestamp" }],
  [duckTypeIds.timestampS, { kind: "timestamp" }],
  [duckTypeIds.timestampMs, { kind: "timestamp" }],
  [duckTypeIds.timestampNs, { kind: "timestamp" }],
  [duckTypeIds.timestampTz, { kind: "timestamp" }],
  [duckTypeIds.date, { kind: "date" }],
  [duckTypeIds.hugeint, { kind: "decimal", precision: 38, scale: 0 }],
  [duckTypeIds.uhugeint, { kind: "decimal", precision: 38, scale: 0 }],
  [duckTypeIds.blob, { kind: "binary" }],
  [duckTypeIds.sqlNull, { kind: "null" }],
]);

/** Whether a type's number alone says what it is. */
export const isSimpleType = (typeId: number): boolean => typeId === duckTypeIds.varchar || simpleById.has(typeId);

/**
 * The type in which a DuckDB column arrives. 128-bit integers become decimal(38,0), every kind of timestamp microseconds
 * without a zone (UTC), arrays lists. Types that have no counterpart (TIME, INTERVAL, UUID, ENUM, MAP, UNION, BIT, …) become utf8,
 * as DuckDB's own cast to VARCHAR writes them.
 */
export function typeFromDuckDb(type: DuckDBType): DataType {
  const parts = type as { readonly typeId: number; readonly width?: number; readonly scale?: number };
  const simple = simpleById.get(parts.typeId);
  if (simple !== undefined) return simple;
  if (parts.typeId === duckTypeIds.decimal) {
    return { kind: "decimal", precision: parts.width ?? 18, scale: parts.scale ?? 0 };
  }
  if (parts.typeId === duckTypeIds.list || parts.typeId === duckTypeIds.array) {
    return { kind: "list", item: typeFromDuckDb((type as unknown as { readonly valueType: DuckDBType }).valueType) };
  }
  if (parts.typeId === duckTypeIds.struct) {
    const struct = type as unknown as { readonly entryNames: readonly string[]; readonly entryTypes: readonly DuckDBType[] };
    const fields = struct.entryNames.map(
      (name, i): Field => ({ name, type: typeFromDuckDb(struct.entryTypes[i] as DuckDBType), nullable: true }),
    );
    return { kind: "struct", fields };
  }
  return { kind: "utf8" };
}
