import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { count, desc, Engine, planFromJson, planText, planToJson, read, sum, udf } from "millrace";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** DuckDB queries as sources; plain DuckDB is the oracle. */
let folder = "";
let database = "";
let engine: Engine;

async function inDatabase(path: string, ...statements: readonly string[]): Promise<void> {
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  for (const statement of statements) await connection.run(statement);
  connection.closeSync();
  instance.closeSync();
}

async function oracle(sql: string): Promise<unknown[]> {
  const instance = await DuckDBInstance.create(database, { access_mode: "READ_ONLY" });
  const connection = await instance.connect();
  const rows = (await connection.runAndReadAll(sql)).getRowObjectsJS();
  connection.closeSync();
  instance.closeSync();
  return rows;
}

const rowsOf = (table: { toArray(): readonly unknown[] }) =>
  table.toArray().map((row) => ({ ...(row as Record<string, unknown>) }));

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-sql-"));
  database = join(folder, "shop.duckdb");
  await inDatabase(
    database,
    "CREATE TABLE sales AS SELECT i::INTEGER AS id, 's' || (i % 7) AS store, ((i * 7919) % 1000)::DOUBLE AS price FROM range(300000) t(i)",
    "CREATE TABLE texts AS SELECT * FROM (VALUES (1, '12'), (2, 'x'), (3, NULL), (4, '-5')) t(id, n)",
  );
  engine = await Engine.create({ workers: 2, stateDir: join(folder, "state") });
});

afterAll(async () => {
  await engine?.close();
  rmSync(folder, { recursive: true, force: true });
});

const sales = () => read.sql("select id, store, price from sales", { database });

describe("rows of a database", () => {
  it("arrive natively in a query", async () => {
    const grouped = sales()
      .groupBy("store")
      .agg((c) => ({ n: count(), total: sum(c.price) }));
    const expected = await oracle("select store, count(*) as n, sum(price) as total from sales group by store order by store");
    expect(rowsOf(await engine.collect(grouped))).toEqual(expected);
  });

  it("go through a user's function in workers, in several partitions, alike for any number of workers", async () => {
    const twice = udf((price: number) => price * 2 + 1, { returns: "float64" });
    const bytes: Buffer[] = [];
    for (const workers of [1, 2]) {
      const path = join(folder, `twice-${workers}.csv`);
      await using own = await Engine.create({ workers, stateDir: join(folder, "state") });
      const plan = sales()
        .withColumns((c) => ({ twice: twice(c.price) }))
        .filter((c) => c.twice.gt(1000))
        .write.csv(path);
      const { report } = await own.run(plan);
      const { recordsRead, recordsWritten, recordsFiltered, recordsFailed } = report.data.execution;
      expect({ recordsRead, recordsFailed }).toEqual({ recordsRead: 300_000, recordsFailed: 0 });
      expect(recordsWritten + recordsFiltered).toBe(300_000);
      bytes.push(readFileSync(path));
    }
    expect(bytes[0]?.equals(bytes[1] as Buffer)).toBe(true);
    const [{ n } = { n: 0 }] = (await oracle("select count(*)::INTEGER as n from sales where price * 2 + 1 > 1000")) as {
      n: number;
    }[];
    expect(bytes[0]?.toString().trimEnd().split("\n")).toHaveLength(n + 1);
  });

  it("come in the query's own order, ties by all columns", async () => {
    const ordered = read.sql("select store, id from sales order by store desc limit 100000", { database });
    const expected = await oracle("select store, id from sales order by store desc, id limit 100000");
    expect(rowsOf(await engine.collect(ordered))).toEqual(expected);
  });

  it("come ordered by all columns where the query says nothing", async () => {
    const unordered = read.sql("select store, count(*) as n from sales group by all", { database });
    expect(rowsOf(await engine.collect(unordered))).toEqual(
      await oracle("select store, count(*) as n from sales group by all order by all"),
    );
  });

  it("are cast to a declared schema, and rejected where they cannot be", async () => {
    const cast = read.sql("select * from texts", { database, schema: { n: "int32", id: "int64" }, onReject: "skip" });
    const { report, status } = await engine.run(cast.write.csv(join(folder, "cast.csv")));
    expect(readFileSync(join(folder, "cast.csv"), "utf8")).toBe("n,id\n12,1\n,3\n-5,4\n");
    expect(status).toBe("partial");
    expect(report.data.execution.rejects.byCode).toEqual({ CAST_FAILED: 1 });
  });

  it("need no database", async () => {
    const numbers = read.sql("select range as i from range(5)").sort(desc("i"));
    expect(rowsOf(await engine.collect(numbers)).map(({ i }) => i)).toEqual([4n, 3n, 2n, 1n, 0n]);
  });

  it("are joined with themselves and with files", async () => {
    writeFileSync(join(folder, "stores.csv"), "store,city\ns0,Ulm\ns3,Bonn\n");
    const stores = read.csv(join(folder, "stores.csv"), { schema: { store: "utf8", city: "utf8" } });
    const few = read.sql("select * from sales where id < 10", {
      database,
      schema: { id: "int32", store: "utf8", price: "float64" },
    });
    const joined = few.join(stores, { on: "store" }).join(few.select("id"), { on: "id" }).select("id", "city").sort("id");
    expect(rowsOf(await engine.collect(joined))).toEqual([
      { id: 0, city: "Ulm" },
      { id: 3, city: "Bonn" },
      { id: 7, city: "Ulm" },
    ]);
  });

  it("may be written back into the database that they come from", async () => {
    const own = join(folder, "own.duckdb");
    await inDatabase(own, "CREATE TABLE a AS SELECT range AS i FROM range(10)");
    await engine.run(read.sql("select i * 2 as i from a", { database: own }).write.duckdb(own, { table: "b" }));
    const sums = read.sql("select (select sum(i) from a)::INTEGER as a, (select sum(i) from b)::INTEGER as b", { database: own });
    expect(rowsOf(await engine.collect(sums))).toEqual([{ a: 45, b: 90 }]);
  });
});

describe("a plan with a query", () => {
  it("is plain data and says what it asks", async () => {
    const plan = sales().write.csv(join(folder, "x.csv"));
    expect(planText(plan)).toContain(`read sql "select id, store, price from sales" of ${JSON.stringify(database)}`);
    expect(planToJson(planFromJson(JSON.parse(JSON.stringify(planToJson(plan)))))).toEqual(planToJson(plan));
    const text = await engine.explain(plan);
    expect(text).toContain(`scan sql "select id, store, price from sales" of ${database}`);
    expect(text).toMatch(/query source — in DuckDB: a query is asked once/);
  });
});

describe("mistakes", () => {
  const failure = (query: string, options: Parameters<typeof read.sql>[1]) =>
    engine.collect(read.sql(query, options)).then(
      () => "no error",
      (error) => error,
    );

  it("a file that does not exist", async () => {
    expect(await failure("select 1", { database: join(folder, "shop.duckdbb") })).toMatchObject({
      code: "SOURCE_NOT_FOUND",
      category: "Config",
      hint: expect.stringContaining("shop.duckdb"),
    });
  });

  it("a file that is no database", async () => {
    writeFileSync(join(folder, "no.duckdb"), "hello, this is text\n".repeat(1000));
    expect(await failure("select 1", { database: join(folder, "no.duckdb") })).toMatchObject({ code: "SOURCE_UNREADABLE" });
  });

  it("SQL that is wrong, with DuckDB's words", async () => {
    expect(await failure("select pricee from sales", { database })).toMatchObject({
      code: "SQL_INVALID",
      category: "Plan",
      message: expect.stringMatching(/read\.sql of .*shop\.duckdb: .*pricee[\s\S]*price/),
    });
    expect(await failure("delete from sales", { database })).toMatchObject({ code: "SQL_INVALID" });
    expect(await failure("select 1; select 2", { database })).toMatchObject({ code: "SQL_INVALID" });
  });

  it("a declared column that the query does not give", async () => {
    expect(await failure("select id, price from sales", { database, schema: { id: "int32", prise: "float64" } })).toMatchObject({
      category: "Plan",
      message: expect.stringContaining("prise"),
    });
  });

  it("a value that cannot be computed while it runs", async () => {
    expect(await failure("select n::INTEGER as n from texts", { database })).toMatchObject({ code: "CONVERSION_FAILED" });
  });

  it("options and arguments", () => {
    expect(() => read.sql("")).toThrow(/read\.sql: expected a query/);
    expect(() => read.sql("select 1", { databse: "x" } as never)).toThrow(/unknown option "databse".*database/s);
    expect(() => read.sql("select 1", { database: 5 as never })).toThrow(/read\.sql: expected a path/);
  });

  it("a database that another process writes", async () => {
    const busy = join(folder, "busy.duckdb");
    await inDatabase(busy, "CREATE TABLE t AS SELECT 1 AS a");
    const script = `import("@duckdb/node-api").then(async ({ DuckDBInstance }) => {
      globalThis.kept = await (await DuckDBInstance.create(${JSON.stringify(busy)})).connect();
      console.log("open");
      setInterval(() => {}, 1000);
    });`;
    const other = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      await new Promise((done) => other.stdout.once("data", done));
      expect(await failure("select * from t", { database: busy })).toMatchObject({
        code: "DATABASE_LOCKED",
        category: "External",
        hint: expect.stringContaining("Close it"),
      });
    } finally {
      other.kill("SIGKILL");
    }
  });
});

describe("a run that was stopped", () => {
  it("takes up what the query gave, unless the database was changed", async () => {
    const own = join(folder, "resumed.duckdb");
    await inDatabase(own, "CREATE TABLE a AS SELECT range AS i FROM range(1000)");
    const stateDir = join(folder, "resume-state");
    const runs: string[][] = [];
    for (const change of [false, true]) {
      const path = join(folder, `resumed-${change}.csv`);
      const plan = read
        .sql("select i from a", { database: own })
        .map((row) => ({ i: row.i }), { schema: { i: "int64" } })
        .write.csv(path);
      await using first = await Engine.create({ workers: 1, stateDir });
      const handle = first.run(plan);
      const stopped = (async () => {
        for await (const event of handle) if (event.kind === "stage-finished") handle.stop();
      })();
      const error = await handle.result.then(
        () => null,
        (thrown) => thrown,
      );
      await stopped;
      expect(error).toMatchObject({ code: "RUN_STOPPED" });
      if (change) utimesSync(own, new Date(0), new Date(0));
      const again = first.run(plan, { resume: handle.runId });
      const kinds: string[] = [];
      for await (const event of again) kinds.push(event.kind);
      await again;
      runs.push(kinds);
      expect(readFileSync(path, "utf8").split("\n")).toHaveLength(1002);
    }
    expect(runs.map((kinds) => kinds.includes("task-reused"))).toEqual([true, false]);
    expect(readdirSync(folder)).not.toContain("resumed.duckdb.wal");
  });
});
