import { assertNever } from "../common/assert.js";
import { type DataType, isFloat, isInteger, sameType, typeName } from "../schema/types.js";
import {
  blanks,
  boolPattern,
  clockPattern,
  datePattern,
  floatPattern,
  integerPattern,
  specialFloatPattern,
  zonePattern,
} from "./parse.js";

/** A text as a SQL literal. */
export const sqlText = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** A name as a SQL identifier. */
const sqlName = (name: string): string => `"${name.replaceAll('"', '""')}"`;

const simpleNames: { readonly [kind: string]: string } = {
  bool: "BOOLEAN",
  int8: "TINYINT",
  int16: "SMALLINT",
  int32: "INTEGER",
  int64: "BIGINT",
  uint8: "UTINYINT",
  uint16: "USMALLINT",
  uint32: "UINTEGER",
  uint64: "UBIGINT",
  float32: "FLOAT",
  float64: "DOUBLE",
  utf8: "VARCHAR",
  binary: "BLOB",
  date: "DATE",
  timestamp: "TIMESTAMP",
  null: '"NULL"',
};

/** DuckDB's name of a type. */
export function sqlTypeName(type: DataType): string {
  switch (type.kind) {
    case "decimal":
      return `DECIMAL(${type.precision},${type.scale})`;
    case "list":
      return `${sqlTypeName(type.item)}[]`;
    case "struct":
      return `STRUCT(${type.fields.map((field) => `${sqlName(field.name)} ${sqlTypeName(field.type)}`).join(", ")})`;
    default:
      return simpleNames[type.kind] ?? assertNever(type as never, "type");
  }
}

/** Which texts a type reads, as a pattern for the whole text without the blanks around it; null where DuckDB's own rule is ours. */
function textPattern(to: DataType): string | null {
  if (isInteger(to)) return integerPattern;
  if (isFloat(to)) return `${floatPattern}|${specialFloatPattern}`;
  if (to.kind === "decimal") return floatPattern;
  if (to.kind === "bool") return boolPattern;
  if (to.kind === "date") return datePattern;
  if (to.kind === "timestamp") return `${datePattern}([ T]${clockPattern}(${zonePattern})?)?`;
  return null;
}

/** DuckDB drops the offset of a zoneless timestamp's text; ours moves the time to UTC. */
function timestampText(sql: string, cast: string): string {
  const zone = sqlText(`[:0-9.] ?([+-])([0-9]{2}):?([0-9]{2})?${blanks}$`);
  const clock = `regexp_replace(${sql}, ${sqlText(` ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)${blanks}$`)}, '')`;
  const part = (group: number) => `coalesce(TRY_CAST(regexp_extract(${sql}, ${zone}, ${group}) AS INTEGER), 0)`;
  const minutes = `(${part(2)} * 60 + ${part(3)}) * (CASE WHEN regexp_extract(${sql}, ${zone}, 1) = '-' THEN -1 ELSE 1 END)`;
  return `CASE WHEN contains(${sql}, ':') THEN ${cast}(${clock} AS TIMESTAMP) - to_minutes(${minutes}) ELSE ${cast}(${sql} AS TIMESTAMP) END`;
}

/**
 * DuckDB text of a cast with exactly our meaning. `safe` gives null where the cast cannot be made; otherwise the query fails there.
 * `sql` is repeated in the text, so it should be a column or cheap.
 */
export function castSql(sql: string, from: DataType, to: DataType, safe: boolean): string {
  const cast = safe ? "TRY_CAST" : "CAST";
  const target = sqlTypeName(to);
  if (sameType(from, to)) return sql;
  // DuckDB compares before it rounds: 127.5 would become the int8 -128, and -128.4 none.
  if (isFloat(from) && isInteger(to)) return `${cast}(round_even(${sql}, 0) AS ${target})`;
  const pattern = from.kind === "utf8" ? textPattern(to) : null;
  if (pattern === null) return `${cast}(${sql} AS ${target})`;
  const matches = `regexp_full_match(${sql}, ${sqlText(`${blanks}(${pattern})${blanks}`)})`;
  const trimmed = to.kind === "bool" ? `trim(${sql}, ' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13))` : sql;
  const value = to.kind === "timestamp" ? timestampText(sql, cast) : `${cast}(${trimmed} AS ${target})`;
  const otherwise = safe ? "NULL" : `error('cannot read ' || ${sql} || ${sqlText(` as ${typeName(to)}`)})`;
  return `CASE WHEN ${sql} IS NULL THEN NULL WHEN ${matches} THEN ${value} ELSE ${otherwise} END`;
}
