import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { EngineOptions } from "millrace";
import type { Database } from "./database.ts";
import { eventsOf, salesOf } from "./inputs.ts";

/** What plain DuckDB says of an output, and what it should say. */
export interface Judgement {
  readonly name: string;
  readonly expected: string;
  readonly found: string;
}

export interface Table {
  readonly file: string;
  readonly table: string;
}

/** A pipeline that is killed and resumed. */
export interface Pipeline {
  readonly name: string;
  readonly options?: EngineOptions;
  /** What stands at the targets before it runs. */
  readonly older?: (out: string, database: Database) => Promise<void>;
  /** Tables in database files. */
  readonly tables?: readonly Table[];
  /** Whether its rejects are replayed; what is killed then is the replay. */
  readonly replay?: boolean;
  /** Queries of one row over inputs and over outputs, which must agree. */
  readonly judge: (inputs: string, out: string) => readonly Omit<Judgement, "name">[];
}

const sums = "count(*), sum(id), sum(n), count(DISTINCT id)";
const good = (inputs: string): string => `${salesOf(inputs)} WHERE n IS NOT NULL`;
const files = (out: string, name: string, format: "parquet" | "csv" | "json"): string => {
  const options = format === "csv" ? ", header = true" : "";
  return `read_${format}('${out}/${name}/**/*.${format === "json" ? "jsonl" : format}'${options}, hive_partitioning = true)`;
};

/** An older publish: a partition that is replaced, one of several files, and one that no new row falls into. */
async function olderPartitions(out: string, database: Database): Promise<void> {
  const write = async (path: string, from: number): Promise<void> => {
    mkdirSync(join(out, "data", path, ".."), { recursive: true });
    await database.run(
      `COPY (SELECT range AS id, 's' AS store, 1::INTEGER AS n, 'old' AS note, 2.0::DOUBLE AS twice FROM range(${from}, ${from + 100}))
        TO '${join(out, "data", path)}' (FORMAT parquet)`,
    );
  };
  await write("day=2026-01-01/part-00000.parquet", 1_000_000);
  await write("day=2026-01-02/part-00000.parquet", 2_000_000);
  await write("day=2026-01-02/part-00001.parquet", 3_000_000);
  await write("day=2026-01-02/part-00002.parquet", 4_000_000);
  await write("day=2025-12-31/part-00000.parquet", 5_000_000);
}

function olderLog(out: string): void {
  mkdirSync(join(out, "log"), { recursive: true });
  const line = (i: number) => `{"id":${-i},"store":"s","n":1,"day":"2025-12-31","note":"old"}\n`;
  writeFileSync(join(out, "log/part-before.jsonl"), Array.from({ length: 100 }, (_, i) => line(i)).join(""));
}

async function olderTable(out: string, database: Database): Promise<void> {
  const file = join(out, "old.duckdb");
  await database.run(`ATTACH '${file}' AS older`);
  await database.run(
    "CREATE TABLE older.main.sales AS SELECT (-range)::BIGINT AS id, 's' AS store, 1::INTEGER AS n, '2025-12-31' AS day FROM range(500)",
  );
  await database.run("DETACH older");
}

const byDay = (name: string, format: "parquet" | "csv" | "json") => (inputs: string, out: string) => [
  { expected: `SELECT ${sums} FROM ${good(inputs)}`, found: `SELECT ${sums} FROM ${files(out, name, format)}` },
];

const oldFiles = (name: string) => async (out: string) => {
  mkdirSync(join(out, name, "day=2025-12-31"), { recursive: true });
  writeFileSync(join(out, name, "day=2025-12-31/part-00000.csv"), "id,n\n");
  writeFileSync(join(out, name, "day=2025-12-31/notes.txt"), "of somebody else");
};

export const pipelines: readonly Pipeline[] = [
  { name: "partitioned", judge: byDay("data", "parquet") },
  {
    name: "grouped",
    older: async (out, database) => database.run(`COPY (SELECT 1 AS old) TO '${join(out, "groups.parquet")}' (FORMAT parquet)`),
    judge: (inputs, out) => [
      {
        expected: `SELECT count(DISTINCT (store, day)), sum(n)::BIGINT, count(*) FROM ${good(inputs)}`,
        found: `SELECT count(*), sum(total)::BIGINT, sum(rows)::BIGINT FROM '${out}/groups.parquet'`,
      },
    ],
  },
  {
    name: "joined",
    options: { broadcastBytes: 0 },
    judge: (inputs, out) => [
      {
        expected: `SELECT count(DISTINCT (coalesce(city, ''), day)), sum(n)::BIGINT, count(*) FROM ${salesOf(inputs)}
          LEFT JOIN read_csv('${inputs}/stores.csv', header = true) USING (store) WHERE n IS NOT NULL`,
        found: `SELECT count(*), sum(n)::BIGINT, sum(rows)::BIGINT FROM read_csv('${out}/cities.csv', header = true)`,
      },
    ],
  },
  {
    name: "partitions",
    older: olderPartitions,
    judge: (inputs, out) => [
      {
        expected: `SELECT count(*) + 100, sum(id) + 500004950, sum(n) + 100, count(DISTINCT id) + 100 FROM ${good(inputs)}`,
        found: `SELECT ${sums} FROM ${files(out, "data", "parquet")}`,
      },
    ],
  },
  {
    name: "several",
    older: async (out, database) => {
      olderLog(out);
      await olderTable(out, database);
    },
    tables: [
      { file: "old.duckdb", table: "sales" },
      { file: "new.duckdb", table: "sales" },
    ],
    judge: (inputs, out) => [
      ...byDay("parts", "parquet")(inputs, out),
      {
        expected: `SELECT ${sums} FROM ${good(inputs)} AND n > 50`,
        found: `SELECT ${sums} FROM read_csv('${out}/high.csv', header = true)`,
      },
      {
        expected: `SELECT count(*) + 100, sum(n) + 100 FROM ${good(inputs)} AND n < 5`,
        found: `SELECT count(*), sum(n) FROM ${files(out, "log", "json")}`,
      },
    ],
  },
  {
    name: "append",
    older: async (out) => olderLog(out),
    judge: (inputs, out) => [
      {
        expected: `SELECT count(*) + 100, sum(n) + 100 FROM ${good(inputs)}`,
        found: `SELECT count(*), sum(n) FROM ${files(out, "log", "json")}`,
      },
    ],
  },
  {
    name: "rejects",
    older: oldFiles("events"),
    judge: (inputs, out) => [
      { expected: `SELECT ${sums} FROM ${eventsOf(inputs)}`, found: `SELECT ${sums} FROM ${files(out, "events", "csv")}` },
    ],
  },
  {
    name: "stream",
    judge: (inputs, out) => [
      {
        expected: `SELECT count(DISTINCT store), sum(n)::BIGINT, count(*) FROM ${salesOf(inputs).replace("sales-*", "sales-0")} WHERE n IS NOT NULL`,
        found: `SELECT count(*), sum(total)::BIGINT, sum(rows)::BIGINT FROM '${out}/stream.parquet'`,
      },
    ],
  },
  {
    name: "native",
    judge: (inputs, out) => [
      {
        expected: `SELECT count(DISTINCT (store, day)), sum(n)::BIGINT, count(*) FROM ${good(inputs)} AND n > 10`,
        found: `SELECT count(*), sum(total)::BIGINT, sum(rows)::BIGINT FROM ${files(out, "native", "parquet")}`,
      },
    ],
  },
  {
    name: "checks",
    judge: (inputs, out) => [
      {
        expected: `SELECT ${sums} FROM ${good(inputs)} AND n <= 95`,
        found: `SELECT ${sums} FROM ${files(out, "checked", "parquet")}`,
      },
    ],
  },
  {
    name: "poison",
    options: { retry: { retries: 2, baseMs: 1, maxMs: 4 } },
    older: oldFiles("data"),
    judge: (inputs, out) => [
      {
        expected: `SELECT ${sums} FROM ${good(inputs)} AND id <> 31000`,
        found: `SELECT ${sums} FROM ${files(out, "data", "csv")}`,
      },
    ],
  },
  { name: "retried", options: { retry: { baseMs: 1, maxMs: 4 } }, older: oldFiles("data"), judge: byDay("data", "csv") },
  { name: "replay", replay: true, judge: byDay("data", "json") },
];

/** Puts a target back to what it was before any run. */
export function restore(out: string, older: string): void {
  rmSync(out, { recursive: true, force: true });
  cpSync(older, out, { recursive: true, preserveTimestamps: true });
}
