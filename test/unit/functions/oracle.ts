import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import type { Bound } from "../../../src/expr/nodes.js";
import { castSql, sqlText, sqlTypeName } from "../../../src/functions/cast.js";
import { formatValue } from "../../../src/functions/format.js";
import { literalToValue } from "../../../src/functions/literal.js";
import { scalarFunction } from "../../../src/functions/registry.js";
import type { DataType, Value } from "../../../src/schema/types.js";

/** Plain DuckDB as the oracle: values in, SQL text over columns c0, c1, …, values out. */

export async function connect(): Promise<DuckDBConnection> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  await connection.run("SET threads = 1");
  return connection;
}

/** A value as a SQL constant, built without the casts under test. */
export function constantSql(value: Value, type: DataType): string {
  const name = sqlTypeName(type);
  if (value === null) return `CAST(NULL AS ${name})`;
  switch (type.kind) {
    case "utf8":
      return (value as string).split("\0").map(sqlText).join(" || chr(0) || ");
    case "binary":
      return `from_hex('${Buffer.from(value as Uint8Array).toString("hex")}')`;
    case "date":
      return `(DATE '1970-01-01' + CAST(${String(value)} AS INTEGER))`;
    case "timestamp":
      return `make_timestamp(CAST(${String(value)} AS BIGINT))`;
    case "float32":
    case "float64":
      return `CAST('${Object.is(value, -0) ? "-0.0" : String(value)}' AS ${name})`;
    case "list":
      return `CAST([${(value as Value[]).map((item) => constantSql(item, type.item)).join(", ")}] AS ${name})`;
    case "struct": {
      const entries = value as { [field: string]: Value };
      const parts = type.fields.map((field) => `${sqlText(field.name)}: ${constantSql(entries[field.name] ?? null, field.type)}`);
      return `CAST({${parts.join(", ")}} AS ${name})`;
    }
    default:
      return `CAST('${formatValue(value, type)}' AS ${name})`;
  }
}

/** What DuckDB's client gave, in our value form. */
export function fromDuck(value: unknown): Value {
  if (value === null || value === undefined) return null;
  if (typeof value === "object") {
    const v = value as { [name: string]: unknown };
    if (typeof v.days === "number" && Object.keys(v).length === 1) return v.days;
    if (typeof v.micros === "bigint") return v.micros;
    if (typeof v.value === "bigint" && "scale" in v) return v.value;
    if (Array.isArray(v.items)) return v.items.map(fromDuck);
    if (v.bytes instanceof Uint8Array) return v.bytes;
    if (v.entries !== undefined) {
      return Object.fromEntries(Object.entries(v.entries as object).map(([name, item]) => [name, fromDuck(item)]));
    }
  }
  return value as Value;
}

/** A table `name` with columns c0, c1, … and a column `ord` that numbers its rows. */
export async function makeTable(
  connection: DuckDBConnection,
  name: string,
  types: readonly DataType[],
  rows: readonly (readonly Value[])[],
): Promise<void> {
  const columns = types.map((type, i) => `c${i} ${sqlTypeName(type)}`);
  await connection.run(`CREATE OR REPLACE TEMP TABLE ${name} (${["ord BIGINT", ...columns].join(", ")})`);
  for (let start = 0; start < rows.length; start += 200) {
    const values = rows
      .slice(start, start + 200)
      .map((row, i) => `(${[start + i, ...row.map((value, c) => constantSql(value, types[c] as DataType))].join(", ")})`);
    await connection.run(`INSERT INTO ${name} VALUES ${values.join(", ")}`);
  }
}

export interface OracleRow {
  readonly value: Value;
  /** DuckDB failed to compute this row. */
  readonly failed: boolean;
}

/** The result of a SQL text on each row of a table, in order. One failing row does not hide the others. */
export async function evaluateSql(connection: DuckDBConnection, name: string, sql: string): Promise<OracleRow[]> {
  try {
    const result = await connection.runAndReadAll(`SELECT ${sql} FROM ${name} ORDER BY ord`);
    return result.getRows().map(([value]) => ({ value: fromDuck(value), failed: false }));
  } catch {
    const rows = await connection.runAndReadAll(`SELECT count(*) FROM ${name}`);
    const results: OracleRow[] = [];
    for (let i = 0; i < Number(rows.getRows()[0]?.[0]); i++) {
      try {
        // A row is set apart first, so that nothing is computed for the others.
        await connection.run(`CREATE OR REPLACE TEMP TABLE one_row AS FROM ${name} WHERE ord = ${i}`);
        const one = await connection.runAndReadAll(`SELECT ${sql} FROM one_row`);
        results.push({ value: fromDuck(one.getRows()[0]?.[0]), failed: false });
      } catch {
        results.push({ value: null, failed: true });
      }
    }
    return results;
  }
}

/** The SQL of a bound expression over columns c0, c1, …. */
export function boundSql(bound: Bound): string {
  switch (bound.kind) {
    case "column":
      return `c${bound.index}`;
    case "literal":
      return constantSql(literalToValue(bound.value, bound.type), bound.type);
    case "call":
      return scalarFunction(bound.fn).sql(bound.args.map(boundSql), {
        args: bound.args.map((arg) => arg.type),
        returns: bound.type,
        options: bound.options,
      });
    case "cast":
      return castSql(boundSql(bound.input), bound.input.type, bound.type, bound.safe);
    case "case": {
      const branches = bound.branches.map((branch) => `WHEN ${boundSql(branch.when)} THEN ${boundSql(branch.then)}`);
      return `CASE ${branches.join(" ")} ${bound.otherwise === null ? "" : `ELSE ${boundSql(bound.otherwise)}`} END`;
    }
    case "udf":
      throw new Error("user functions have no SQL");
  }
}

/** Equal as values: NaN is NaN, and doubles may differ in the last digits where `loose`. */
export function sameValue(a: Value, b: Value, loose = false): boolean {
  if (typeof a === "number" && typeof b === "number") {
    if (Object.is(a, b) || a === b) return true;
    return loose && Math.abs(a - b) <= 1e-14 * Math.max(Math.abs(a), Math.abs(b));
  }
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, i) => sameValue(item, b[i], loose));
  return a === b;
}
