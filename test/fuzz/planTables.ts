import { existsSync } from "node:fs";
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { type Dataset, read } from "millrace";
import type { Random } from "./random.js";

/** A column of a generated table, or one that a plan made. */
export interface TestColumn {
  readonly name: string;
  readonly type: TestType;
}

export type TestType = "int32" | "int64" | "float64" | "utf8" | "bool" | "date" | "timestamp" | "decimal(12,2)";

/** Rows of a plan twice over: what Millrace computes, and what DuckDB is asked. */
export interface Twin {
  readonly rows: Dataset;
  readonly sql: string;
  readonly columns: readonly TestColumn[];
  /** Whether `id` still names one row each, as an order without ties needs. */
  readonly keyed: boolean;
  /** What the last step ordered the rows by, without ties. */
  readonly order: string | null;
  readonly log: readonly string[];
}

export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

export const sqlTypes: { readonly [T in TestType]: string } = {
  int32: "INTEGER",
  int64: "BIGINT",
  float64: "DOUBLE",
  utf8: "VARCHAR",
  bool: "BOOLEAN",
  date: "DATE",
  timestamp: "TIMESTAMP",
  "decimal(12,2)": "DECIMAL(12,2)",
};

export const testTypes = Object.keys(sqlTypes) as [TestType, ...TestType[]];
const names = ["a", "amount", "Key", "select", "x y", "größe"] as const;

/** Values of a type in SQL over the row number `i`: few or many different ones, small or wide, with what text has to be quoted for. */
function valuesSql(random: Random, type: TestType): string {
  const hash = `hash(i + ${random.below(1_000_000)})`;
  switch (type) {
    case "int32": {
      const range = random.pick([5, 100, 30_000, 2_000_000_000]);
      return `(${hash} % ${range})::INTEGER - ${random.chance(0.5) ? range / 2 : 0}`;
    }
    case "int64":
      return random.pick([`(${hash} % 1000000007)::BIGINT * 8000000000`, `(${hash} % 50)::BIGINT`, "i::BIGINT"]);
    case "float64":
      return random.pick([
        `round((${hash} % 1000000) / 100.0, 2)`,
        `(${hash} % 1000000007) / 7.0 - 10000`,
        `(${hash} % 3)::DOUBLE - 1`,
      ]);
    case "utf8":
      return random.pick([
        `'S' || (${hash} % 20)`,
        `'customer-' || lpad((${hash} % 100000)::VARCHAR, 8, '0')`,
        `(['', 'a', 'é', '日本語', 'with,comma', 'with "quote"', 'line' || chr(10) || 'break', 'NA '])[(1 + ${hash} % 8)::INTEGER]`,
        `md5((${hash} % 5000)::VARCHAR)`,
      ]);
    case "bool":
      return `(${hash} % ${random.pick([2, 7])}) = 0`;
    case "date":
      return `DATE '2020-01-01' + (${hash} % ${random.pick([30, 3000])})::INTEGER`;
    case "timestamp":
      return `TIMESTAMP '2021-03-01 00:00:00' + INTERVAL (${hash} % ${random.pick([1000, 90_000_000])}) SECOND`;
    case "decimal(12,2)":
      return `((${hash} % 1000000) / 100.0)`;
  }
}

// An unquoted empty field is null, so that texts are quoted.
const csv = "FORMAT csv, HEADER, NULLSTR 'NA', FORCE_QUOTE *";
const formats = {
  csv,
  gzip: `${csv}, COMPRESSION gzip`,
  semicolons: "FORMAT csv, HEADER, NULLSTR '\\N', DELIMITER ';', FORCE_QUOTE *",
  jsonl: "FORMAT json",
  parquet: "FORMAT parquet, ROW_GROUP_SIZE 2048",
  folders: "FORMAT parquet, ROW_GROUP_SIZE 2048, PARTITION_BY (part)",
  files: csv,
  rows: null,
} as const;
type SourceFormat = keyof typeof formats;
const sourceFormats = Object.keys(formats) as [SourceFormat, ...SourceFormat[]];

/** Writes a table of DuckDB's to one or several files and reads them, or hands over its rows. */
async function sourceOf(
  duckdb: DuckDBConnection,
  folder: string,
  name: string,
  format: SourceFormat,
  columns: readonly TestColumn[],
) {
  const schema = Object.fromEntries(columns.map((column) => [column.name, column.type]));
  const path = join(folder, `${name}.${format === "gzip" ? "csv.gz" : format}`);
  // A file that another process wrote for the same table stays as it is.
  const write = async (rows: string, to: string): Promise<void> => {
    if (!existsSync(to)) await duckdb.run(`COPY (${rows}) TO '${to}' (${formats[format]})`);
  };
  if (format === "rows") return read.rows(await rowsOf(duckdb, name, columns), { schema });
  if (format === "files") {
    for (let part = 0; part < 3; part++) await write(`FROM ${name} WHERE id % 3 = ${part} ORDER BY id`, `${path}-${part}.csv`);
    return read.csv(`${path}-*.csv`, { schema, nullValues: ["NA"] });
  }
  await write(`FROM ${name}`, path);
  if (format === "jsonl") return read.jsonl(path, { schema });
  if (format === "parquet") return read.parquet(path);
  if (format === "folders") return read.parquet(path, { schema });
  return format === "semicolons"
    ? read.csv(path, { schema, nullValues: ["\\N"], delimiter: ";" })
    : read.csv(path, { schema, nullValues: ["NA"] });
}

/** Numbers and booleans as such, the rest as text. */
async function rowsOf(
  duckdb: DuckDBConnection,
  name: string,
  columns: readonly TestColumn[],
): Promise<Record<string, unknown>[]> {
  const plain = new Set<TestType>(["int32", "int64", "float64", "bool", "utf8"]);
  const selected = columns.map(({ name: column, type }) => {
    if (plain.has(type)) return quoted(column);
    if (type === "timestamp") return `strftime(${quoted(column)}, '%Y-%m-%dT%H:%M:%S') AS ${quoted(column)}`;
    return `${quoted(column)}::VARCHAR AS ${quoted(column)}`;
  });
  const result = await duckdb.runAndReadAll(`SELECT ${selected.join(", ")} FROM ${name} ORDER BY id`);
  return result.getRowObjects() as Record<string, unknown>[];
}

/** A random table, in DuckDB and as files that DuckDB wrote to `folder`, which belongs to this table and plan alone. */
export async function randomTable(
  duckdb: DuckDBConnection,
  random: Random,
  folder: string,
  name: string,
  rows: number,
): Promise<Twin> {
  const made = Array.from({ length: 3 + random.below(6) }, (_, i) => {
    const type = random.pick(testTypes);
    const share = random.pick([0, 0, 10, 3]);
    const values = valuesSql(random, type);
    const nulls = `hash(i + ${random.below(1_000_000)}) % ${share} = 0`;
    const sql = share === 0 ? values : `CASE WHEN ${nulls} THEN NULL ELSE ${values} END`;
    return { column: { name: `${random.pick(names)}${i}`, type }, sql };
  });
  const columns: TestColumn[] = [{ name: "id", type: "int64" }, ...made.map(({ column }) => column)];
  const format = random.pick(sourceFormats);
  if (format === "folders") {
    const part: TestColumn = { name: "part", type: random.pick(["int32", "utf8"]) };
    made.push({ column: part, sql: `i % ${1 + random.below(5)}` });
    columns.push(part);
  }
  const select = made.map(({ column, sql }) => `(${sql})::${sqlTypes[column.type]} AS ${quoted(column.name)}`);
  await duckdb.run(`CREATE OR REPLACE TABLE ${name} AS SELECT i::BIGINT AS id, ${select.join(", ")} FROM range(${rows}) t(i)`);
  const source = await sourceOf(duckdb, folder, name, format, columns);
  const log = [`${name} (${format}): ${columns.map((column) => `${column.name} ${column.type}`).join(", ")}`];
  return { rows: source as unknown as Dataset, sql: `SELECT * FROM ${name}`, columns, keyed: true, order: null, log };
}
