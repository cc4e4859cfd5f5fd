import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { col, count, type Engine, type EngineOptions, plan, read, sum, udf } from "millrace";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cells, cellsOf } from "../support/cells.js";
import { engineCache } from "../support/engines.js";

/** Joins in the workers against plain DuckDB, and where the planner puts them. */

let folder = "";
let instance: DuckDBInstance;
let duckdb: DuckDBConnection;
const engines = engineCache(() => ({ memory: "512MB", stateDir: join(folder, "state"), workers: 2, partitionBytes: 20_000 }));

const schema = { id: "int64", key: "utf8", part: "int32", amount: "float64" } as const;
const sales = () => read.csv(join(folder, "sales.csv"), { schema });
const customers = () =>
  read.parquet(join(folder, "customers.parquet"), { schema: { key: "utf8", region: "utf8", since: "date", level: "int32" } });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-join-"));
  instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  duckdb = await instance.connect();
  await duckdb.run(`CREATE TABLE sales AS SELECT i::BIGINT AS id, CASE WHEN i % 17 = 0 THEN NULL ELSE 'C' || ((i * 7919) % 700) END AS key,
    (i % 13)::INTEGER AS part, (i % 97) / 4.0::DOUBLE AS amount FROM range(6000) t(i)`);
  await duckdb.run(`CREATE TABLE customers AS SELECT CASE WHEN i % 50 = 0 THEN NULL ELSE 'C' || i END AS key, 'region ' || (i % 4) AS region,
    DATE '2020-01-01' + (i % 400)::INTEGER AS since, (i % 6)::INTEGER AS level FROM range(600) t(i)`);
  await duckdb.run(`COPY (FROM sales ORDER BY id) TO '${join(folder, "sales.csv")}' (FORMAT csv, HEADER)`);
  await duckdb.run(`COPY customers TO '${join(folder, "customers.parquet")}' (FORMAT parquet)`);
  await duckdb.run(`COPY customers TO '${join(folder, "customers.csv")}' (FORMAT csv, HEADER)`);
  await duckdb.run(`COPY (FROM customers LIMIT 0) TO '${join(folder, "nobody.parquet")}' (FORMAT parquet)`);
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

describe("broadcast joins", () => {
  for (const how of hows) {
    it(`${how}: the rows and the order of DuckDB's join, whatever the right side comes from`, async () => {
      const list = (await duckdb.runAndReadAll("SELECT key, region, level FROM customers")).getRows();
      const rights: Record<string, ReturnType<typeof customers>> = {
        parquet: customers(),
        "filtered parquet": customers().filter((c) => c.level.lt(4)),
        csv: read.csv(join(folder, "customers.csv"), { schema: { key: "utf8", region: "utf8", since: "date", level: "int32" } }),
        rows: read.rows(
          list.map(([key, region, level]) => ({ key, region, level })),
          { schema: { key: "utf8", region: "utf8", level: "int32" } },
        ) as unknown as ReturnType<typeof customers>,
        empty: read.parquet(join(folder, "nobody.parquet"), {
          schema: { key: "utf8", region: "utf8", since: "date", level: "int32" },
        }),
      };
      const from: Record<string, string> = {
        "filtered parquet": "(FROM customers WHERE level < 4)",
        empty: "(FROM customers LIMIT 0)",
      };
      const kept = how === "semi" || how === "anti";
      for (const [name, right] of Object.entries(rights)) {
        const joined = sales()
          .select("id", "key", "part")
          .join(right.select("key", "region", "level"), { on: "key", how: how as "left" });
        const columns = kept ? "s.id, s.key, s.part" : "s.id, s.key, s.part, c.region, c.level";
        const sql = `SELECT ${columns} FROM sales s ${spelled[how]} ${from[name] ?? "customers"} c ON s.key = c.key ORDER BY s.id`;
        const rows = await rowsOf(joined);
        expect(rows, name).toEqual(await oracle(sql));
        expect(await rowsOf(joined, { broadcastBytes: 0 }), `${name}, in DuckDB`).toEqual(rows);
        expect(await (await engines.with({})).explain(joined), name).toMatch(/broadcast: right side about \d+ MB/);
        expect(await (await engines.with({ broadcastBytes: 0 })).explain(joined), name).not.toContain("broadcast:");
      }
    });
  }

  it("joins with groups of another input, on several keys, with duplicates", async () => {
    const levels = read
      .csv(join(folder, "customers.csv"), { schema: { key: "utf8", region: "utf8", since: "date", level: "int32" } })
      .groupBy("region", "level")
      .agg(() => ({ people: count() }));
    const joined = sales()
      .withColumns((c) => ({
        region: col("key").substring(0, 0).concat("region ", c.part.mod(5).cast("utf8")),
        level: c.part.mod(6),
      }))
      .select("id", "region", "level")
      .join(levels, { on: ["region", "level"], how: "left" });
    const sql = `SELECT s.id, s.region, s.level, g.people FROM (SELECT id, CASE WHEN key IS NULL THEN NULL ELSE 'region ' || (part % 5) END AS region, part % 6 AS level FROM sales) s
      LEFT JOIN (SELECT region, level, count(*) AS people FROM customers GROUP BY ALL) g ON s.region = g.region AND s.level = g.level ORDER BY s.id`;
    expect(await rowsOf(joined)).toEqual(await oracle(sql));
    const twice = sales()
      .filter((c) => c.id.lt(500))
      .select("id", "part")
      .join(
        customers().select((c) => ({ part: c.level, region: c.region })),
        { on: "part", how: "left" },
      );
    const both = `SELECT s.id, s.part, c.region FROM sales s LEFT JOIN (SELECT row_number() OVER () AS pos, * FROM customers) c ON s.part = c.level WHERE s.id < 500 ORDER BY s.id, c.pos`;
    expect(await rowsOf(twice)).toEqual(await oracle(both));
  });

  it("runs steps after the join in the same pass, and both outputs of a shared join", async () => {
    const double = udf((amount: number, level: number | null) => amount * (level ?? 0), { returns: "float64" });
    const sold = sales()
      .join(customers().select("key", "region", "level"), { on: "key", how: "left" })
      .withColumns((c) => ({ region: c.region.fillNull("none"), points: double(c.amount, c.level) }))
      .filter((c) => c.part.gt(2));
    const byRegion = sold.groupBy("region").agg((c) => ({ points: sum(c.points), n: count() }));
    const expected = `SELECT coalesce(c.region, 'none') AS region, sum(amount * coalesce(level, 0)) AS points, count(*) AS n
      FROM sales s LEFT JOIN customers c ON s.key = c.key WHERE part > 2 GROUP BY 1 ORDER BY 1`;
    expect(await rowsOf(byRegion)).toEqual(await oracle(expected));
    const folders = new Map<string, string>();
    for (const workers of [1, 2, 3]) {
      const out = join(folder, `out-${workers}`);
      const engine = await engines.with({ workers });
      const outputs = plan.all(
        byRegion.write.parquet(join(out, "regions")),
        sold.select("id", "region", "points").write.csv(join(out, "rows")),
        sold.filter((c) => c.level.eq(3)).write.parquet(join(out, "three"), { partitionBy: ["region"] }),
      );
      const { report } = await engine.run(outputs).result;
      expect(report.data.execution.recordsRead).toBe(6000);
      folders.set(out, hashOf(out));
    }
    expect(new Set(folders.values()).size).toBe(1);
  });

  it("leaves joins in DuckDB whose right side is large, of unknown size, or made in the same pass", async () => {
    const small = await engines.with({ broadcastBytes: 20_000 });
    const joined = sales().join(customers(), { on: "key" });
    expect(await small.explain(joined)).toMatch(/its right side of about \d+ MB is over the \d+ MB/);
    expect(await rowsOf(joined, { broadcastBytes: 20_000 })).toEqual(await rowsOf(joined));
    const engine = await engines.with({});
    const unknown = sales().join(customers().sql("select key, region from input"), { on: "key" });
    expect(await engine.explain(unknown)).toContain("how large its right side gets is not known");
    const all = sales();
    const self = all.select("id", "key").join(
      all.groupBy("key").agg(() => ({ n: count() })),
      { on: "key" },
    );
    expect(await engine.explain(self)).toContain("both sides come from the same pass");
    const sql =
      "SELECT s.id, s.key, n FROM sales s JOIN (SELECT key, count(*) AS n FROM sales GROUP BY key) g ON s.key = g.key ORDER BY s.id";
    expect(await rowsOf(self)).toEqual(await oracle(sql));
    for (const how of ["right", "full"] as const) {
      expect(await engine.explain(sales().join(customers(), { on: "key", how }))).not.toContain("broadcast:");
    }
  });

  it("does not let two passes wait for each other", async () => {
    const csv = read.csv(join(folder, "customers.csv"), {
      schema: { key: "utf8", region: "utf8", since: "date", level: "int32" },
    });
    const all = sales();
    const perKey = all.groupBy("key").agg((c) => ({ spent: sum(c.amount) }));
    const perCustomer = csv.groupBy("key").agg(() => ({ n: count() }));
    const one = all.join(perCustomer, { on: "key" }).select("id", "n");
    const two = csv.join(perKey, { on: "key" }).select("key", "spent");
    const out = join(folder, "crossed");
    const { outputs } = await (await engines.with({})).run(
      plan.all(one.write.csv(join(out, "one")), two.write.csv(join(out, "two"))),
    ).result;
    const counts = await oracle(
      `SELECT (SELECT count(*) FROM sales s JOIN customers c ON s.key = c.key), (SELECT count(*) FROM (SELECT DISTINCT key FROM sales) s JOIN customers c ON s.key = c.key)`,
    );
    expect(JSON.stringify(outputs.map(({ rows }) => String(rows)))).toBe(counts[0]);
  });

  it("joins one pass with two right sides, one after the other", async () => {
    const regions = read.rows(
      ["0", "1", "2", "3"].map((n) => ({ region: `region ${n}`, manager: `manager ${n}` })),
      {
        schema: { region: "utf8", manager: "utf8" },
      },
    );
    const joined = sales()
      .select("id", "key")
      .join(customers().select("key", "region"), { on: "key" })
      .join(regions, { on: "region", how: "left" });
    const sql = `SELECT s.id, s.key, c.region, 'manager ' || right(c.region, 1) FROM sales s JOIN customers c ON s.key = c.key ORDER BY s.id`;
    expect(await rowsOf(joined)).toEqual(await oracle(sql));
  });

  it("tells the place of a row that fails after the join", async () => {
    writeFileSync(join(folder, "few.csv"), "key,n\nC1,1\nC2,0\nC3,3\n");
    const strict = udf(
      (n: number) => {
        if (n === 0) throw new Error("zero");
        return n;
      },
      { returns: "int32" },
    );
    const joined = read
      .csv(join(folder, "few.csv"), { schema: { key: "utf8", n: "int32" }, onReject: "quarantine" })
      .join(customers().select("key", "region"), { on: "key" })
      .withColumns((c) => ({ m: strict(c.n) }))
      .write.csv(join(folder, "checked"));
    const { report, status } = await (await engines.with({})).run(joined).result;
    expect(status).toBe("partial");
    expect(report.data.execution.rejects.samples.map(({ line, code }) => ({ line, code }))).toEqual([
      { line: 3, code: "UDF_THREW" },
    ]);
  });
});

/** Of all files below a folder, with their names. */
function hashOf(root: string): string {
  const hash = createHash("sha256");
  for (const name of (
    readdirSync(root, { recursive: true, withFileTypes: true }) as { parentPath: string; name: string; isFile(): boolean }[]
  )
    .filter((entry) => entry.isFile() && !entry.parentPath.includes(".millrace") && !/report|manifest/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()) {
    hash.update(name.slice(root.length)).update(readFileSync(name));
  }
  return hash.digest("hex");
}
