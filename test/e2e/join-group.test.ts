import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { count, type Engine, type EngineOptions, max, read, sum, udf } from "millrace";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cells, cellsOf } from "../support/cells.js";
import { engineCache } from "../support/engines.js";

/** Groups of joined rows, of which some keys follow from the join's own key where that is unique on the right, against plain DuckDB. */

let folder = "";
let instance: DuckDBInstance;
let duckdb: DuckDBConnection;
const engines = engineCache(() => ({ memory: "512MB", stateDir: join(folder, "state"), partitionBytes: 400_000 }));

const schema = { id: "int64", key: "utf8", part: "int32", amount: "float64" } as const;
const people = { key: "utf8", region: "utf8", segment: "utf8", level: "int32", name: "utf8" } as const;
const sales = () => read.csv(join(folder, "sales.csv"), { schema });
const right = (name: string) => read.parquet(join(folder, `${name}.parquet`), { schema: people });

/** Right sides: keys of one length and no two alike; the same and others; two rows for some keys; few rows, whose texts are no codes. */
const rights = ["unique", "mixed", "twice", "few"] as const;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-join-group-"));
  instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  duckdb = await instance.connect();
  await duckdb.run(`CREATE TABLE sales AS SELECT i::BIGINT AS id, CASE WHEN i % 1009 = 0 THEN NULL WHEN i % 1013 = 0 THEN 'C1'
      WHEN i % 1019 = 0 THEN 'C000010' WHEN i % 1021 = 0 THEN 'a key longer than others' ELSE 'C' || lpad(((i * 7919) % 12000)::VARCHAR, 5, '0') END AS key,
    (i % 3)::INTEGER AS part, (i % 97) / 4.0::DOUBLE AS amount FROM range(60000) t(i)`);
  await duckdb.run(`CREATE TABLE "unique" AS SELECT 'C' || lpad(i::VARCHAR, 5, '0') AS key, CASE WHEN i % 11 = 0 THEN NULL ELSE 'region ' || (i % 4) END AS region,
    CASE i % 3 WHEN 0 THEN 'consumer' WHEN 1 THEN '' ELSE 'office' END AS segment, (i % 6)::INTEGER AS level, 'name ' || i AS name FROM range(11000) t(i)`);
  await duckdb.run(`CREATE TABLE mixed AS FROM "unique" UNION ALL VALUES (NULL, 'nowhere', 'x', 1, 'nobody'),
    ('C1', 'region 1', 'office', 2, 'short'), ('a key longer than others', 'region 2', NULL, NULL, NULL)`);
  await duckdb.run(
    `CREATE TABLE twice AS FROM "unique" UNION ALL SELECT key, 'other', segment, level, name FROM "unique" WHERE level = 2`,
  );
  await duckdb.run(`CREATE TABLE few AS FROM "unique" LIMIT 900`);
  await duckdb.run(`COPY (FROM sales ORDER BY id) TO '${join(folder, "sales.csv")}' (FORMAT csv, HEADER, FORCE_QUOTE (key))`);
  for (const name of rights) await duckdb.run(`COPY "${name}" TO '${join(folder, `${name}.parquet`)}' (FORMAT parquet)`);
}, 180_000);

afterAll(async () => {
  await engines.close();
  duckdb?.closeSync();
  instance?.closeSync();
  rmSync(folder, { recursive: true, force: true });
});

type Source = Parameters<Engine["collect"]>[0];

async function rowsOf(source: Source, options: EngineOptions = {}): Promise<string[]> {
  const table = await (await engines.with({ workers: 2, ...options })).collect(source);
  return cellsOf(table);
}

/** Groups in the order of their keys, as the engine gives them. */
async function oracle(name: string, how: string, keys: readonly string[]): Promise<string[]> {
  const places = keys.map((_, i) => i + 1);
  const result = await duckdb.runAndReadAll(`SELECT ${keys.join(", ")}, count(*), sum(amount)::DOUBLE, max(part)
    FROM (SELECT s.*, c.* EXCLUDE key FROM sales s ${how} JOIN "${name}" c ON s.key = c.key)
    GROUP BY ${places.join(", ")} ORDER BY ${places.map((place) => `${place} NULLS LAST`).join(", ")}`);
  return result.getRows().map((row) => cells(row));
}

const figures = (c: { amount: unknown; part: unknown }) => ({
  rows: count(),
  amount: sum(c.amount as never),
  last: max(c.part as never),
});

const joined = (name: string, how: "left" | "inner") => sales().join(right(name), { on: "key", how });

describe("groups whose last keys follow from a join's key", () => {
  for (const name of rights) {
    for (const how of ["left", "inner"] as const) {
      it(`${how} join, right side "${name}"`, async () => {
        for (const keys of [
          ["key", "region"],
          ["key", "segment", "region"],
          ["key", "part", "region", "level"],
          ["key", "name"],
          ["region", "key", "segment"],
          ["part", "region"],
        ] as const) {
          const expected = await oracle(name, how, keys);
          const grouped = joined(name, how)
            .groupBy(...(keys as readonly ["key"]))
            .agg(figures);
          expect(await rowsOf(grouped), keys.join()).toEqual(expected);
          if (keys[1] === "segment") {
            expect(await rowsOf(grouped, { workers: 1 }), "one worker").toEqual(expected);
            expect(await rowsOf(grouped, { broadcastBytes: 0 }), "in DuckDB").toEqual(expected);
          }
        }
      });
    }
  }

  it("follow through filters and computed columns, and not through a user's function", async () => {
    const odd = udf((region: string) => `${region}!`, { returns: "utf8" });
    for (const name of rights) {
      const grouped = joined(name, "left")
        .filter((c) => c.part.gt(0))
        .withColumns((c) => ({ region: c.region.fillNull("none"), higher: c.level.add(1) }))
        .withColumns((c) => ({ marked: odd(c.region) }))
        .groupBy("key", "higher", "region", "marked")
        .agg(figures);
      const result =
        await duckdb.runAndReadAll(`SELECT s.key, level + 1, coalesce(region, 'none'), coalesce(region, 'none') || '!', count(*),
        sum(amount)::DOUBLE, max(part) FROM sales s LEFT JOIN "${name}" c ON s.key = c.key WHERE part > 0
        GROUP BY ALL ORDER BY 1 NULLS LAST, 2 NULLS LAST, 3, 4`);
      expect(await rowsOf(grouped), name).toEqual(result.getRows().map((row) => cells(row)));
    }
  });
});
