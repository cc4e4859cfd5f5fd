import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance, type DuckDBConnection } from "@duckdb/node-api";
import {
  avg,
  col,
  count,
  type Dataset,
  denseRank,
  desc,
  Engine,
  lag,
  lead,
  max,
  min,
  rank,
  read,
  rowNumber,
  sum,
  udf,
  when,
} from "millrace";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** Windows, dedupe, samples and pivots, against plain DuckDB over the whole input. */
const schema = { id: "int64", grp: "utf8", k: "int32", price: "float64", amount: "decimal(12,2)", day: "date" } as const;
const duckColumns = "{'id':'BIGINT','grp':'VARCHAR','k':'INTEGER','price':'DOUBLE','amount':'DECIMAL(12,2)','day':'DATE'}";
const rows = 6_000;

let folder = "";
let csv = "";
let parquet = "";
let instance: DuckDBInstance;
let duckdb: DuckDBConnection;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-operators-"));
  csv = join(folder, "rows.csv");
  parquet = join(folder, "rows.parquet");
  writeFileSync(csv, text());
  instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  duckdb = await instance.connect();
  await duckdb.run(
    `CREATE TABLE t AS SELECT *, row_number() OVER () AS pos FROM read_csv('${csv}', header = true, columns = ${duckColumns})`,
  );
  await duckdb.run(`COPY (SELECT * EXCLUDE (pos) FROM t ORDER BY pos) TO '${parquet}' (FORMAT parquet)`);
}, 180_000);

afterAll(() => {
  duckdb?.closeSync();
  instance?.closeSync();
  rmSync(folder, { recursive: true, force: true });
});

/** Few groups, many ties, nulls in every column but the id. */
function text(): string {
  let state = 7;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const maybe = (value: string | number) => (random() < 0.07 ? "" : String(value));
  const lines = [Object.keys(schema).join(",")];
  for (let id = 0; id < rows; id++) {
    const day = new Date(Date.UTC(2024, 0, 1 + Math.floor(random() * 40))).toISOString().slice(0, 10);
    const cells = [id, maybe(`g${Math.floor(random() * 25)}`), maybe(Math.floor(random() * 50)), maybe(random() * 1e6)];
    lines.push([...cells, maybe((random() * 1000).toFixed(2)), maybe(day)].join(","));
  }
  return `${lines.join("\n")}\n`;
}

const fromCsv = () => read.csv(csv, { schema });
const fromParquet = () => read.parquet(parquet, { schema });
type Rows = ReturnType<typeof fromCsv>;

async function collect(dataset: Dataset<never>, workers = 2): Promise<Record<string, unknown>[]> {
  const engine = await Engine.create({ workers, partitionBytes: 40_000, stateDir: join(folder, `state-${workers}`) });
  try {
    const table = await engine.collect(dataset);
    return table
      .toArray()
      .map((row) => Object.fromEntries(Object.entries(row.toJSON()).map(([name, value]) => [name, plain(value)])));
  } finally {
    await engine.close();
  }
}

const plain = (value: unknown): unknown => (typeof value === "bigint" ? Number(value) : value);

async function oracle(sql: string): Promise<Record<string, unknown>[]> {
  const reader = await duckdb.runAndReadAll(sql);
  return reader
    .getRowObjects()
    .map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)])));
}

/** The dataset over text and over Parquet, with 1 and 3 workers: the same rows in the same order as DuckDB's. */
async function expectSame(make: (rows: Rows) => unknown, sql: string): Promise<void> {
  const expected = await oracle(sql);
  const of = (from: Rows) => make(from) as Dataset<never>;
  expect(await collect(of(fromParquet() as unknown as Rows))).toEqual(expected);
  expect(await collect(of(fromCsv()), 1)).toEqual(expected);
  expect(await collect(of(fromCsv()), 3)).toEqual(expected);
}

describe("window", () => {
  it("numbers rows, ties in input order, and keeps the order of the input", () =>
    expectSame(
      (t) =>
        t.select("id", "grp", "k").window({ partitionBy: "grp", orderBy: [desc("k"), "grp"] }, () => ({
          n: rowNumber(),
          r: rank(),
          d: denseRank(),
        })),
      `SELECT id, grp, k, row_number() OVER (PARTITION BY grp ORDER BY k DESC NULLS LAST, pos) AS n,
         rank() OVER (PARTITION BY grp ORDER BY k DESC NULLS LAST) AS r,
         dense_rank() OVER (PARTITION BY grp ORDER BY k DESC NULLS LAST) AS d
       FROM t ORDER BY pos`,
    ));

  it("gives neighbours, with a default", () =>
    expectSame(
      (t) =>
        t
          .select("id", "grp", "k", "day")
          .window({ partitionBy: ["grp"], orderBy: "day" }, (c) => ({ before: lag(c.k), after: lead(c.k.add(1), 3, -1) }))
          .drop("day"),
      `SELECT id, grp, k, lag(k) OVER w AS before, lead(k + 1, 3, -1) OVER w AS after FROM t
       WINDOW w AS (PARTITION BY grp ORDER BY day NULLS LAST, pos) ORDER BY pos`,
    ));

  it("sums up to the row and its ties, and over the whole partition without keys", () =>
    expectSame(
      (t) =>
        t
          .window({ partitionBy: "grp", orderBy: "k" }, (c) => ({ units: sum(c.k), n: count(), low: min(c.id), mean: avg(c.k) }))
          .window({ partitionBy: "grp" }, (c) => ({ total: sum(c.k), rows: count(c.price) }))
          .select("id", "units", "n", "low", "mean", "total", "rows"),
      `SELECT id, CAST(sum(k) OVER w AS BIGINT) AS units, count(*) OVER w AS n, min(id) OVER w AS low, avg(k) OVER w AS mean,
         CAST(sum(k) OVER p AS BIGINT) AS total, count(price) OVER p AS rows
       FROM t WINDOW w AS (PARTITION BY grp ORDER BY k NULLS LAST), p AS (PARTITION BY grp) ORDER BY pos`,
    ));

  it("looks at a moving frame of rows", () =>
    expectSame(
      (t) =>
        t
          .window({ partitionBy: "grp", orderBy: desc("day", { nulls: "first" }), rows: [-2, 1] }, (c) => ({
            units: sum(c.k),
            top: max(c.k),
            n: count(c.k),
          }))
          .window({ orderBy: "k", rows: [null, 0] }, (c) => ({ running: sum(c.k) }))
          .select("id", "units", "top", "n", "running"),
      `SELECT id, CAST(sum(k) OVER w AS BIGINT) AS units, max(k) OVER w AS top, count(k) OVER w AS n,
         CAST(sum(k) OVER (ORDER BY k NULLS LAST, pos ROWS UNBOUNDED PRECEDING) AS BIGINT) AS running
       FROM t WINDOW w AS (PARTITION BY grp ORDER BY day DESC NULLS FIRST, pos ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING)
       ORDER BY pos`,
    ));

  it("sums doubles exactly, however they are computed", async () => {
    const make = (t: Rows) =>
      t
        .window({ partitionBy: "grp", orderBy: "day", rows: [null, 0] }, (c) => ({ s: sum(c.price), m: avg(c.price) }))
        .select("id", "s", "m");
    const exact = await oracle(
      `SELECT id, CAST(sum(CAST(price::DECIMAL(38,15) AS DECIMAL(38,15))) OVER w AS DOUBLE) AS s,
         CAST(sum(price::DECIMAL(38,15)) OVER w AS DOUBLE) / nullif(count(price) OVER w, 0) AS m
       FROM t WINDOW w AS (PARTITION BY grp ORDER BY day NULLS LAST, pos ROWS UNBOUNDED PRECEDING) ORDER BY pos`,
    );
    const found = await collect(make(fromCsv()) as unknown as Dataset<never>);
    expect(found.length).toBe(rows);
    for (const [i, row] of found.entries()) {
      const { s, m } = exact[i] as { s: number | null; m: number | null };
      if (s === null) expect(row.s).toBeNull();
      else expect(Math.abs((row.s as number) - s)).toBeLessThanOrEqual(Math.abs(s) * 2 ** -50);
      if (m !== null) expect(Math.abs((row.m as number) - m)).toBeLessThanOrEqual(Math.abs(m) * 2 ** -50);
    }
    expect(await collect(make(fromCsv()) as unknown as Dataset<never>, 3)).toEqual(found);
  });

  it("sums doubles of rows that a query made, and of values that need more than one grid", async () => {
    const over = (t: Rows) =>
      t
        .withColumns((c) => ({ price: c.price.mul(when(c.k.gt(25), 1e200).otherwise(1e-200)) }))
        .window({ partitionBy: "grp", orderBy: "day" }, (c) => ({ s: sum(c.price) }))
        .select("id", "s") as unknown as Dataset<never>;
    const found = await collect(over(fromCsv().dedupe({ by: "id" }) as unknown as Rows));
    expect(found.length).toBe(rows);
    expect(found).toEqual(await collect(over(fromCsv()), 3));
  });

  it("leaves out calls that nobody reads", () =>
    expectSame(
      (t) => t.window({ partitionBy: "grp", orderBy: "k" }, (c) => ({ n: rowNumber(), s: sum(c.price) })).select("id"),
      "SELECT id FROM t ORDER BY pos",
    ));

  it("replaces a column of the same name, and computes its arguments with users' functions", () =>
    expectSame((t) => {
      const twice = udf((k: number | null) => (k === null ? null : k * 2), { returns: "int32" });
      return t.select("id", "grp", "k").window({ partitionBy: "grp", orderBy: "id" }, (c) => ({ k: lag(twice(c.k)) }));
    }, "SELECT id, grp, lag(k * 2) OVER (PARTITION BY grp ORDER BY id) AS k FROM t ORDER BY pos"));

  it("gives no rows for no rows", async () => {
    const none = fromCsv()
      .filter((c) => c.id.lt(0))
      .window({ partitionBy: "grp", orderBy: "k" }, (c) => ({ n: rowNumber(), s: sum(c.price) }));
    expect(await collect(none as unknown as Dataset<never>)).toEqual([]);
  });

  it.each([
    ["UNKNOWN_COLUMN", (t: Rows) => t.window({ partitionBy: "grpp" as "grp" }, () => ({ n: rowNumber() }))],
    ["MISSING_OPTION", (t: Rows) => t.window({ partitionBy: "grp" }, () => ({ n: rank() }))],
    ["INVALID_OPTION", (t: Rows) => t.window({ orderBy: "k", rows: [1, 0] }, (c) => ({ n: sum(c.k) }))],
    ["TYPE_MISMATCH", (t: Rows) => t.window({ orderBy: "k" }, (c) => ({ n: lag(c.k, 1, "none") }))],
    ["UNKNOWN_FUNCTION", (t: Rows) => t.groupBy("grp").agg(() => ({ n: rowNumber() }))],
  ])("refuses what cannot be: %s", async (code, make) => {
    await expect((async () => collect(make(fromCsv()) as unknown as Dataset<never>))()).rejects.toMatchObject({ code });
  });
});

describe("dedupe", () => {
  it.each([
    ["first", "k ASC NULLS LAST, pos"],
    ["last", "k DESC NULLS FIRST, pos DESC"],
  ] as const)("keeps the %s by a column, ties in input order, and the places of what stays", (keep, order) =>
    expectSame(
      (t) => t.select("id", "grp", "k").dedupe({ by: "grp", keep, orderBy: "k" }),
      `SELECT id, grp, k FROM t QUALIFY row_number() OVER (PARTITION BY grp ORDER BY ${order}) = 1 ORDER BY pos`,
    ),
  );

  it("keeps the last in input order without keys, and takes nulls as equal", () =>
    expectSame(
      (t) => t.select("id", "grp", "k").dedupe({ by: ["grp", "k"], keep: "last" }),
      "SELECT id, grp, k FROM t QUALIFY row_number() OVER (PARTITION BY grp, k ORDER BY pos DESC) = 1 ORDER BY pos",
    ));

  it("orders by what is computed", () =>
    expectSame(
      (t) => t.dedupe({ by: "grp", orderBy: [desc(col("k").mul(-1)), "id"] }).select("id"),
      "SELECT id FROM t QUALIFY row_number() OVER (PARTITION BY grp ORDER BY k * -1 DESC NULLS LAST, id) = 1 ORDER BY pos",
    ));
});

describe("sample", () => {
  const ids = async (make: (t: Rows) => unknown, workers = 2, from: Rows = fromCsv()) =>
    (await collect(make(from) as Dataset<never>, workers)).map((row) => row.id as number);

  it("takes about the share that was asked for, the same rows in every run", async () => {
    const some = await ids((t) => t.sample(0.2, { seed: 3 }).select("id"));
    expect(some.length).toBeGreaterThan(rows * 0.17);
    expect(some.length).toBeLessThan(rows * 0.23);
    expect(await ids((t) => t.sample(0.2, { seed: 3 }).select("id"), 1)).toEqual(some);
    expect(await ids((t) => t.sample(0.2, { seed: 3 }).select("id"), 3, fromParquet() as unknown as Rows)).toEqual(some);
    expect(await ids((t) => t.sample(0.2, { seed: 4 }).select("id"))).not.toEqual(some);
  });

  it("takes all rows or none where all or none are asked for, and grows with the share", async () => {
    expect(await ids((t) => t.sample(0))).toEqual([]);
    expect((await ids((t) => t.sample(1))).length).toBe(rows);
    const [less, more] = [await ids((t) => t.sample(0.1)), new Set(await ids((t) => t.sample(0.3)))];
    expect(less.every((id) => more.has(id))).toBe(true);
  });

  it("keeps rows together that are equal in the columns that decide", async () => {
    const sampled = await collect(
      fromCsv()
        .sample(0.5, { by: "grp" })
        .groupBy("grp")
        .agg(() => ({ n: count() })) as unknown as Dataset<never>,
    );
    const all = new Map((await oracle("SELECT grp, count(*) AS n FROM t GROUP BY 1")).map((row) => [row.grp, row.n]));
    expect(sampled.length).toBeGreaterThan(3);
    expect(sampled.length).toBeLessThan(24);
    for (const { grp, n } of sampled) expect(n).toBe(all.get(grp as string));
  });
});

describe("pivot and unpivot by SQL", () => {
  it("pivots named values", () =>
    expectSame(
      (t) =>
        t.sql("PIVOT (SELECT grp, k, id FROM input WHERE k < 3) ON k IN (0, 1, 2) USING count(id) GROUP BY grp ORDER BY grp"),
      `SELECT grp, count(id) FILTER (k = 0) AS "0", count(id) FILTER (k = 1) AS "1", count(id) FILTER (k = 2) AS "2"
       FROM t WHERE k < 3 GROUP BY grp ORDER BY grp`,
    ));

  it("unpivots columns", () =>
    expectSame(
      (t) =>
        t.sql(
          "SELECT id, name, value FROM (UNPIVOT (SELECT id, k::DOUBLE AS k, price FROM input) ON k, price INTO NAME name VALUE value) ORDER BY id, name",
        ),
      `SELECT * FROM (SELECT id, 'k' AS name, k::DOUBLE AS value FROM t WHERE k IS NOT NULL
       UNION ALL SELECT id, 'price', price FROM t WHERE price IS NOT NULL) ORDER BY id, name`,
    ));
});
