import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { count, type Engine, type EngineOptions, max, read, sum } from "millrace";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cells, cellsOf } from "../support/cells.js";
import { engineCache } from "../support/engines.js";

/** Joins of two sides that are both too large for a worker, bucket by bucket, against plain DuckDB. */

let folder = "";
let instance: DuckDBInstance;
let duckdb: DuckDBConnection;
const engines = engineCache(() => ({
  memory: "512MB",
  stateDir: join(folder, "state"),
  workers: 2,
  partitionBytes: 20_000,
  broadcastBytes: 1,
}));

const leftSchema = { id: "int64", key: "utf8", part: "int32", price: "float64" } as const;
const rightSchema = { no: "int32", key: "utf8", part: "int32", note: "utf8" } as const;
const left = () => read.csv(join(folder, "left.csv"), { schema: leftSchema });
const right = () => read.csv(join(folder, "right.csv"), { schema: rightSchema });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-bucket-join-"));
  instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  duckdb = await instance.connect();
  await duckdb.run(`CREATE TABLE l AS SELECT i::BIGINT AS id, CASE WHEN i % 17 = 0 THEN NULL ELSE 'K' || ((i * 7919) % 900) END AS key,
    CASE WHEN i % 29 = 0 THEN NULL ELSE (i % 13)::INTEGER END AS part, (i % 97) / 4.0::DOUBLE AS price FROM range(7000) t(i)`);
  await duckdb.run(`CREATE TABLE r AS SELECT i::INTEGER AS no, CASE WHEN i % 23 = 0 THEN NULL ELSE 'K' || ((i * 31) % 1300) END AS key,
    (i % 11)::INTEGER AS part, CASE WHEN i % 7 = 0 THEN NULL ELSE 'note ' || i END AS note FROM range(4000) t(i)`);
  await duckdb.run(
    `CREATE TABLE few AS SELECT i::INTEGER AS no, 'all' AS key, i::INTEGER AS part, 'n' || i AS note FROM range(5) t(i)`,
  );
  await duckdb.run(
    `CREATE TABLE many AS SELECT i::BIGINT AS id, 'all' AS key, (i % 3)::INTEGER AS part, 1.5::DOUBLE AS price FROM range(280000) t(i)`,
  );
  for (const [table, by] of [
    ["l", "id"],
    ["r", "no"],
    ["few", "no"],
    ["many", "id"],
  ]) {
    const name = { l: "left", r: "right" }[table as "l"] ?? table;
    await duckdb.run(`COPY (FROM ${table} ORDER BY ${by}) TO '${join(folder, `${name}.csv`)}' (FORMAT csv, HEADER)`);
  }
  await duckdb.run(`COPY (FROM r LIMIT 0) TO '${join(folder, "none.csv")}' (FORMAT csv, HEADER)`);
}, 180_000);

afterAll(async () => {
  await engines.close();
  duckdb?.closeSync();
  instance?.closeSync();
  rmSync(folder, { recursive: true, force: true });
});

type Source = Parameters<Engine["collect"]>[0];

async function rowsOf(source: Source, options: EngineOptions = {}): Promise<string[]> {
  const table = await (await engines.with(options)).collect(source);
  return cellsOf(table);
}

async function oracle(sql: string): Promise<string[]> {
  const result = await duckdb.runAndReadAll(sql);
  return result.getRows().map((row) => cells(row));
}

const hows = ["inner", "left", "semi", "anti"] as const;
const spelled = { inner: "JOIN", left: "LEFT JOIN", semi: "SEMI JOIN", anti: "ANTI JOIN" } as const;

describe("a join in buckets", () => {
  it.each(hows)("%s: has left rows in their order, for each the right rows in theirs", async (how) => {
    const half = how === "semi" || how === "anti";
    const joined = left().join(right(), { on: "key", how: how as "left" });
    expect(await (await engines.with({})).explain(joined as never)).toContain("in buckets of the keys");
    const columns = half ? "l.*" : "l.*, r.no, r.part AS part_right, r.note";
    const order = half ? "l.id" : "l.id, r.no";
    const expected = await oracle(`SELECT ${columns} FROM l ${spelled[how]} r ON l.key = r.key ORDER BY ${order}`);
    for (const workers of [1, 3]) expect(await rowsOf(joined as never, { workers })).toEqual(expected);
    expect(await rowsOf(joined as never, { broadcastBytes: 0 })).toEqual(expected);
  });

  it("takes several keys, and rows of which neither side has all columns", async () => {
    const joined = left()
      .filter((c) => c.id.mod(3).eq(1))
      .select("id", "key", "part")
      .join(right().select("key", "part", "no"), { on: ["part", "key"], how: "left" })
      .select("no", "id");
    const expected = await oracle(
      `SELECT r.no, l.id FROM (FROM l WHERE id % 3 = 1) l LEFT JOIN r ON l.key = r.key AND l.part = r.part ORDER BY l.id, r.no`,
    );
    expect(await rowsOf(joined as never)).toEqual(expected);
  });

  it("joins rows with themselves", async () => {
    const all = left();
    const joined = all.join(all, { on: "id" }).select("id", "key", "price_right");
    expect(await rowsOf(joined as never)).toEqual(await oracle("SELECT id, key, price FROM l ORDER BY id"));
  });

  it.each(hows)("%s: takes a right side without rows", async (how) => {
    const none = read.csv(join(folder, "none.csv"), { schema: rightSchema });
    const joined = left()
      .join(none, { on: "key", how: how as "left" })
      .select("id");
    const expected = await oracle(`SELECT id FROM l ${spelled[how]} (FROM r LIMIT 0) r ON l.key = r.key ORDER BY id`);
    expect(await rowsOf(joined as never)).toEqual(expected);
  });

  it("gives every match of a key that all rows have, in order, whatever their number", async () => {
    const many = read.csv(join(folder, "many.csv"), { schema: leftSchema });
    const few = read.csv(join(folder, "few.csv"), { schema: rightSchema });
    const matches = few.join(many, { on: "key" }).select("no", "id");
    const table = await (await engines.with({ partitionBytes: 4_000_000 })).collect(matches as never);
    expect(table.numRows).toBe(5 * 280_000);
    const [no, id] = [table.getChild("no"), table.getChild("id")];
    for (const row of [0, 1, 262_143, 262_144, 279_999, 280_000, 700_123, 1_399_999]) {
      expect([no?.get(row), Number(id?.get(row))]).toEqual([Math.floor(row / 280_000), row % 280_000]);
    }
    const sums = many
      .join(few, { on: "key" })
      .groupBy("no")
      .agg((c) => ({ n: sum(c.part), last: max(c.id) }));
    expect(await rowsOf(sums as never, { partitionBytes: 4_000_000 })).toEqual(
      await oracle("SELECT no, sum(many.part), max(id) FROM many JOIN few USING (key) GROUP BY no ORDER BY no"),
    );
  });

  it("goes on with the steps after it", async () => {
    const grouped = left()
      .join(right(), { on: "key", how: "left" })
      .groupBy("part_right")
      .agg(() => ({ n: count() }));
    expect(await rowsOf(grouped as never)).toEqual(
      await oracle("SELECT r.part, count(*) FROM l LEFT JOIN r ON l.key = r.key GROUP BY 1 ORDER BY 1 NULLS LAST"),
    );
  });
});
