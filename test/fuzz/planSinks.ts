import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tableFromIPC } from "apache-arrow";
import type { Dataset, Engine } from "millrace";
import { sqlTypes, type TestColumn } from "./planTables.js";

/** The ways in which the rows of a plan can be asked for. */
export const deliveries = ["parquet", "csv", "jsonl", "arrow", "collect", "stream"] as const;
export type Delivery = (typeof deliveries)[number];

/** Runs a plan and gives the rows that it delivered as a table function of DuckDB. Only Parquet keeps the place of each row. */
export async function deliver(
  engine: Engine,
  rows: Dataset,
  out: string,
  delivery: Delivery,
  columns: readonly TestColumn[],
): Promise<string> {
  const types = columns.map(({ name, type }) => `${text(name)}: '${sqlTypes[type]}'`).join(", ");
  const json = (file: string): string => `read_json('${file}', format = 'newline_delimited', columns = {${types}})`;
  const publish = async (plan: Parameters<Engine["run"]>[0]): Promise<void> => {
    const { status } = await engine.run(plan);
    if (status !== "success") throw new Error(`the run ended with ${status}`);
  };
  const lines = `${out}.lines.jsonl`;
  switch (delivery) {
    case "parquet":
      await publish(rows.write.parquet(out));
      return `read_parquet('${out}/**/*.parquet', hive_partitioning = false, filename = true, file_row_number = true)`;
    case "csv":
      await publish(rows.write.csv(out));
      return `read_csv('${out}/*.csv', header = true, auto_detect = false, delim = ',', quote = '"', escape = '"', columns = {${types}}, nullstr = '', allow_quoted_nulls = false, parallel = false)`;
    case "jsonl":
      await publish(rows.write.jsonl(out));
      return json(`${out}/*.jsonl`);
    case "arrow": {
      await publish(rows.write.arrow(out));
      const files = readdirSync(out).filter((name) => name.endsWith(".arrow"));
      const tables = files.map((name) => tableFromIPC(readFileSync(`${out}/${name}`)));
      writeFileSync(lines, tables.flatMap((table) => linesOf(table, columns)).join(""));
      return json(lines);
    }
    case "collect":
      writeFileSync(lines, linesOf(await engine.collect(rows), columns).join(""));
      return json(lines);
    case "stream": {
      const parts: string[] = [];
      for await (const batch of engine.stream(rows)) parts.push(...linesOf(batch, columns));
      writeFileSync(lines, parts.join(""));
      return json(lines);
    }
  }
}

const text = (value: string): string => `'${value.replaceAll("'", "''")}'`;

interface ArrowRows {
  readonly numRows: number;
  getChild(name: string): { get(row: number): unknown } | null;
}

/** Arrow rows as JSON lines, decoded by Arrow's own accessors. */
function linesOf(table: ArrowRows, columns: readonly TestColumn[]): string[] {
  const vectors = columns.map(({ name, type }) => ({ name, type, vector: table.getChild(name) }));
  return Array.from({ length: table.numRows }, (_, row) => {
    const cells = vectors.map(({ name, type, vector }) => `${JSON.stringify(name)}:${cell(type, vector?.get(row))}`);
    return `{${cells.join(",")}}\n`;
  });
}

function cell(type: TestColumn["type"], value: unknown): string {
  if (value === null || value === undefined) return "null";
  switch (type) {
    case "int64":
      return String(value);
    case "date":
    case "timestamp":
      return JSON.stringify(new Date(Number(value)).toISOString().slice(0, type === "date" ? 10 : 19));
    case "decimal(12,2)":
      return JSON.stringify(decimal(value as Uint32Array));
    default:
      return JSON.stringify(value);
  }
}

/** Four 32-bit words, lowest first, two's complement, as a decimal of two digits. */
function decimal(words: Uint32Array): string {
  const unscaled = BigInt.asIntN(
    128,
    words.reduceRight((sum, word) => (sum << 32n) | BigInt(word), 0n),
  );
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(3, "0");
  return `${unscaled < 0n ? "-" : ""}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}
