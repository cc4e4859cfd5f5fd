import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance, type DuckDBConnection } from "@duckdb/node-api";
import { avg, count, type Dataset, desc, Engine, first, last, list, median, quantile, read, stddev, variance } from "millrace";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** Aggregates that need all values of a group beside such as are folded value by value, against plain DuckDB in one thread. */
const schema = { id: "int64", store: "utf8", kind: "int32", price: "float64", tax: "float64", code: "utf8" } as const;
const columns = "{'id':'BIGINT','store':'VARCHAR','kind':'INTEGER','price':'DOUBLE','tax':'DOUBLE','code':'VARCHAR'}";
const header = `${Object.keys(schema).join(",")}\n`;

let folder = "";
let instance: DuckDBInstance;
let duckdb: DuckDBConnection;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-mixed-"));
  instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  duckdb = await instance.connect();
}, 180_000);

afterAll(() => {
  duckdb?.closeSync();
  instance?.closeSync();
  rmSync(folder, { recursive: true, force: true });
});

/** Rows whose values look random and are the same every time, with some of everything missing. */
function writeRows(name: string, rows: number): string {
  let state = rows;
  const random = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const maybe = (value: string | number): string => (random() < 0.1 ? "" : String(value));
  const odd = ["nan", "-0.0", "0.0", "inf", "1.5"];
  const lines = Array.from({ length: rows }, (_, row) => {
    const tax = random() < 0.5 ? (odd[Math.floor(random() * odd.length)] as string) : Math.floor(random() * 4) / 2;
    const cells = [
      row,
      maybe(`s${Math.floor(random() * 7)}`),
      maybe(Math.floor(random() * 5)),
      maybe(random() * 100),
      maybe(tax),
    ];
    return `${cells.join(",")},${row % 500 === 3 ? "bad" : row % 3}\n`;
  });
  const path = join(folder, name);
  writeFileSync(path, header + lines.join(""));
  return path;
}

const source = (path: string) => read.csv(path, { schema, onReject: "quarantine" });
const fromOf = (path: string): string =>
  `(SELECT * REPLACE (CASE WHEN tax = 0 THEN 0 ELSE tax END AS tax) FROM read_csv('${path}', header = true, auto_detect = false, delim = ',', columns = ${columns}))`;

type Row = { readonly [name: string]: unknown };
type Options = { readonly workers: number; readonly partitionBytes?: number };

async function rowsOf(dataset: Dataset<never>, options: Options): Promise<readonly Row[]> {
  const engine = await Engine.create({ memory: "1GB", stateDir: mkdtempSync(join(folder, "state-")), ...options });
  try {
    const table = await engine.collect(dataset as never);
    return [...table].map((row) => plain((row as { toJSON(): Row }).toJSON()));
  } finally {
    await engine.close();
  }
}

const plain = (row: Row): Row =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name, typeof value === "bigint" ? Number(value) : value]));

async function expectRows(found: readonly Row[], sql: string): Promise<void> {
  const reader = await duckdb.runAndReadAll(sql);
  const names = reader.columnNames();
  const expected = reader.getRowsJS().map((row) => plain(Object.fromEntries(row.map((cell, i) => [names[i] as string, cell]))));
  expect(found.length).toBe(expected.length);
  for (const [i, row] of expected.entries()) {
    for (const [name, value] of Object.entries(row)) {
      const got = found[i]?.[name];
      if (typeof value === "number" && typeof got === "number" && Math.abs(got - value) <= 1e-9 * Math.abs(value)) continue;
      expect({ row: i, name, value: got }).toEqual({ row: i, name, value });
    }
  }
}

const mixed = (path: string, ...keys: ("store" | "kind" | "tax")[]) =>
  source(path)
    .groupBy(...keys)
    .agg((c) => ({
      spread: stddev(c.price),
      middle: median(c.price),
      rows: count(),
      mean: avg(c.id),
      high: quantile(c.id, 0.9),
      start: first(c.price),
      end: last(c.kind),
    })) as unknown as Dataset<never>;

const mixedSql = (path: string, keys: string): string =>
  `SELECT ${keys === "" ? "" : `${keys},`} stddev_samp(price ORDER BY id) spread, median(price) middle, count(*) AS rows, avg(id) mean,
   quantile_cont(id, 0.9) high, first(price ORDER BY id) AS start, first(kind ORDER BY id DESC) AS end FROM ${fromOf(path)}
   ${keys === "" ? "" : `GROUP BY ${keys} ORDER BY ${keys.replaceAll(",", " NULLS LAST,")} NULLS LAST`}`;

const sizes: readonly Options[] = [{ workers: 1 }, { workers: 2, partitionBytes: 3000 }, { workers: 3, partitionBytes: 3000 }];

describe("aggregates of both kinds", () => {
  it.each([
    ["a text", ["store"]],
    ["two keys, also where both are null", ["store", "kind"]],
    ["doubles, with nulls, NaN and both zeros", ["tax"]],
    ["nothing", []],
  ] as const)(
    "are those of one aggregation, by %s",
    async (_, keys) => {
      const path = writeRows(`rows-${keys.join("-")}.csv`, 3000);
      const found = [];
      for (const options of sizes) found.push(await rowsOf(mixed(path, ...keys), options));
      for (const rows of found) await expectRows(rows, mixedSql(path, keys.join(", ")));
      // As many partitions, whoever computes them.
      expect(found[2]).toEqual(found[1]);
    },
    60_000,
  );

  it("are there for no rows, too", async () => {
    const path = join(folder, "empty.csv");
    writeFileSync(path, header);
    await expectRows(await rowsOf(mixed(path), { workers: 1 }), mixedSql(path, ""));
    expect(await rowsOf(mixed(path, "store"), { workers: 1 })).toEqual([]);
  }, 180_000);

  it("count a row once whose key cannot be computed", async () => {
    const path = writeRows("reject.csv", 3000);
    const dataset = source(path)
      .groupBy((c) => ({ code: c.code.cast("int32") }))
      .agg((c) => ({ spread: variance(c.price), ids: list(c.id), rows: count() }));
    const out = join(folder, "reject-out");
    const engine = await Engine.create({
      workers: 2,
      memory: "1GB",
      stateDir: join(folder, "reject-state"),
      partitionBytes: 9000,
    });
    try {
      const result = await engine.run(dataset.write.jsonl(out)).result;
      expect(result.rejects.count).toBe(6);
    } finally {
      await engine.close();
    }
    const rows = await rowsOf(dataset.select("code", "spread", "rows") as unknown as Dataset<never>, sizes[1] as Options);
    await expectRows(
      rows,
      `SELECT CAST(code AS INTEGER) code, var_samp(price ORDER BY id) spread, count(*) AS rows FROM ${fromOf(path)}
       WHERE code <> 'bad' GROUP BY 1 ORDER BY 1 NULLS LAST`,
    );
  }, 180_000);

  it("go on with other steps, from text and from Parquet", async () => {
    const path = writeRows("after.csv", 3000);
    const parquet = join(folder, "after.parquet");
    await duckdb.run(`COPY (SELECT * FROM ${fromOf(path)} ORDER BY id) TO '${parquet}' (FORMAT parquet, ROW_GROUP_SIZE 2048)`);
    const after = (input: ReturnType<typeof source>) => {
      const groups = input
        .filter((c) => c.kind.isNotNull())
        .groupBy("store", "kind")
        .agg((c) => ({ spread: stddev(c.price), middle: median(c.price.add(c.kind)) }))
        .sort((c) => desc(c.middle))
        .limit(9);
      return input
        .join(groups, { on: ["store", "kind"], how: "semi" })
        .groupBy("kind")
        .count() as unknown as Dataset<never>;
    };
    const top = `SELECT store, kind FROM (SELECT store, kind, median(price + kind) middle FROM ${fromOf(path)} WHERE kind IS NOT NULL
      GROUP BY ALL ORDER BY middle DESC NULLS LAST, store NULLS LAST, kind LIMIT 9)`;
    const sql = `SELECT kind, count(*) AS count FROM ${fromOf(path)} SEMI JOIN (${top}) USING (store, kind) GROUP BY 1 ORDER BY 1`;
    for (const input of [source(path), read.parquet(parquet) as unknown as ReturnType<typeof source>]) {
      await expectRows(await rowsOf(after(input), sizes[1] as Options), sql);
    }
  }, 180_000);

  it("of Parquet are the same as of text", async () => {
    const path = writeRows("native.csv", 3000);
    const parquet = join(folder, "native.parquet");
    await duckdb.run(`COPY (SELECT * FROM ${fromOf(path)} ORDER BY id) TO '${parquet}' (FORMAT parquet, ROW_GROUP_SIZE 2048)`);
    const of = (aggregates: "mixed" | "folded") =>
      (read.parquet(parquet) as unknown as ReturnType<typeof source>).groupBy("store").agg((c) => ({
        spread: stddev(c.price),
        ...(aggregates === "mixed" ? { middle: median(c.price) } : {}),
        start: first(c.price),
      })) as unknown as Dataset<never>;
    for (const kind of ["mixed", "folded"] as const) {
      const middle = kind === "mixed" ? "median(price) middle," : "";
      const sql = `SELECT store, stddev_samp(price ORDER BY id) spread, ${middle} first(price ORDER BY id) AS start FROM ${fromOf(path)} GROUP BY 1 ORDER BY 1 NULLS LAST`;
      for (const options of sizes) await expectRows(await rowsOf(of(kind), options), sql);
    }
  }, 180_000);
});
