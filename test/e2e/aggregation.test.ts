import { createWriteStream, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance, type DuckDBConnection } from "@duckdb/node-api";
import {
  argMax,
  argMin,
  avg,
  boolAnd,
  boolOr,
  count,
  countDistinct,
  type Dataset,
  Engine,
  first,
  last,
  max,
  min,
  read,
  stddev,
  sum,
  udf,
  variancePop,
} from "millrace";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** Aggregation in workers over many groups, against plain DuckDB over the whole input. */
const schema = {
  id: "int64",
  name: "utf8",
  day: "date",
  kind: "int8",
  price: "float64",
  amount: "decimal(12,2)",
  seen: "timestamp",
  flag: "bool",
} as const;
const duckColumns =
  "{'id':'BIGINT','name':'VARCHAR','day':'DATE','kind':'TINYINT','price':'DOUBLE','amount':'DECIMAL(12,2)','seen':'TIMESTAMP','flag':'BOOLEAN'}";
const header = `${Object.keys(schema).join(",")}\n`;

let folder = "";
let instance: DuckDBInstance;
let duckdb: DuckDBConnection;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-aggregation-"));
  instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  duckdb = await instance.connect();
}, 180_000);

afterAll(() => {
  duckdb?.closeSync();
  instance?.closeSync();
  rmSync(folder, { recursive: true, force: true });
});

/** Numbers that look random and are the same every time. */
function randoms(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function writeRows(name: string, rows: number, keys: (random: number, row: number) => number): string {
  const random = randoms(rows);
  const lines = [header];
  const maybe = (text: string | number) => (random() < 0.05 ? "" : String(text));
  for (let row = 0; row < rows; row++) {
    const key = keys(random(), row);
    const day = new Date(Date.UTC(2024, 0, 1 + (key % 700))).toISOString().slice(0, 10);
    const cells = [
      maybe(key * 1_000_003),
      maybe(`n${"x".repeat(key % 13)}${key}`),
      maybe(day),
      maybe((key % 200) - 100),
      maybe(Math.round(random() * 1e6) / 64),
      maybe((random() * 1000).toFixed(2)),
      maybe(`${day} 10:00:${String(row % 60).padStart(2, "0")}`),
      maybe(random() < 0.5 ? "true" : "false"),
    ];
    lines.push(`${cells.join(",")}\n`);
  }
  const path = join(folder, name);
  writeFileSync(path, lines.join(""));
  return path;
}

const source = (path: string) => read.csv(path, { schema });
type Input = ReturnType<typeof source>;

type Options = { readonly workers: number; readonly partitionBytes?: number; readonly memory?: string };

/** Runs a plan to one CSV file and gives its text. */
async function runToText(dataset: Dataset<never>, options: Options): Promise<string> {
  const out = mkdtempSync(join(folder, "out-"));
  const engine = await Engine.create({ memory: "1GB", stateDir: join(out, "state"), ...options });
  try {
    await engine.run((dataset as unknown as Input).write.csv(join(out, "data"), { mode: "overwrite" }));
  } finally {
    await engine.close();
  }
  const files = readdirSync(join(out, "data")).filter((file) => file.endsWith(".csv"));
  return files
    .sort()
    .map((file) => readFileSync(join(out, "data", file), "utf8"))
    .join("");
}

async function oracle(path: string, select: string, tail = ""): Promise<string[][]> {
  const from = `read_csv('${path}', header = true, auto_detect = false, delim = ',', quote = '"', nullstr = '', columns = ${duckColumns})`;
  const result = await duckdb.runAndReadAll(`SELECT ${select} FROM (SELECT *, row_number() OVER () AS pos FROM ${from}) ${tail}`);
  return result.getRows().map((row) => row.map((cell) => (cell === null ? "" : String(cell))));
}

const cellsOf = (text: string): string[][] =>
  text
    .trimEnd()
    .split("\n")
    .slice(1)
    .map((line) => line.split(","));

function expectRows(text: string, expected: readonly (readonly string[])[]): void {
  const found = cellsOf(text);
  expect(found.length).toBe(expected.length);
  const close = (a: string, b: string) => {
    if (a === b) return true;
    // DuckDB writes times of day with fewer digits, and adds floats in another order.
    const [x, y] = [Number(a), Number(b)];
    return a !== "" && b !== "" && (Math.abs(x - y) <= 1e-9 * Math.abs(y) || new Date(a).getTime() === new Date(b).getTime());
  };
  const wrong = found.findIndex((row, i) => !row.every((cell, j) => close(cell, expected[i]?.[j] ?? "")));
  expect(wrong < 0 ? "" : `row ${wrong}: ${found[wrong]} instead of ${expected[wrong]}`).toBe("");
}

const every = (input: Input, ...keys: ("id" | "name" | "day" | "kind" | "flag")[]) =>
  input.groupBy(...keys).agg((c) => ({
    rows: count(),
    prices: count(c.price),
    total: sum(c.price),
    exact: sum(c.amount),
    ids: sum(c.id),
    mean: avg(c.price),
    meanAmount: avg(c.amount),
    low: min(c.price),
    high: max(c.seen),
    lowName: min(c.name),
    best: argMax(c.name, c.price),
    worst: argMin(c.kind, c.price),
    start: first(c.kind),
    end: last(c.name),
    all: boolAnd(c.flag),
    any: boolOr(c.flag),
    spread: stddev(c.price),
    spreadPop: variancePop(c.kind),
  })) as unknown as Dataset<never>;

const everySql = (keys: string) =>
  `${keys}, count(*), count(price), sum(price), sum(amount), CAST(sum(id) AS BIGINT), avg(price), avg(CAST(amount AS DOUBLE)), min(price), max(seen), min(name),
   first(name ORDER BY price DESC, pos) FILTER (name IS NOT NULL AND price IS NOT NULL), first(kind ORDER BY price, pos) FILTER (kind IS NOT NULL AND price IS NOT NULL),
   first(kind ORDER BY pos), first(name ORDER BY pos DESC), bool_and(flag), bool_or(flag), stddev_samp(price), var_pop(kind)`;
const grouped = (keys: string) =>
  `GROUP BY ${keys} ORDER BY ${keys
    .split(", ")
    .map((key) => `${key} ASC NULLS LAST`)
    .join(", ")}`;

describe("aggregation in workers", () => {
  it.each([
    ["a long text", ["name"]],
    ["a number", ["id"]],
    ["several keys", ["day", "kind", "flag"]],
    ["a text and a day", ["name", "day"]],
  ] as const)(
    "gives every aggregate by %s",
    async (_, keys) => {
      const path = writeRows(`every-${keys.join("-")}.csv`, 4000, (random) => Math.floor(random * random * 900));
      const expected = await oracle(path, everySql(keys.join(", ")), grouped(keys.join(", ")));
      const texts = [];
      for (const options of [{ workers: 1 }, { workers: 2, partitionBytes: 9000 }, { workers: 1, partitionBytes: 4000 }]) {
        const text = await runToText(every(source(path), ...keys), options);
        expectRows(text, expected);
        texts.push(text);
      }
    },
    60_000,
  );

  it("gives the same bytes for any number of workers, where rows go on as they are", async () => {
    // Almost every key is new, so that partitions give up grouping; a few repeat all the time.
    const path = writeRows("skewed.csv", 50_000, (random, row) => (random < 0.2 ? 7 : row));
    const build = () => every(source(path), "name");
    const [one, two, three] = [
      await runToText(build(), { workers: 1, partitionBytes: 1_400_000 }),
      await runToText(build(), { workers: 2, partitionBytes: 1_400_000 }),
      await runToText(build(), { workers: 3, partitionBytes: 1_400_000 }),
    ];
    expect(two).toBe(one);
    expect(three).toBe(one);
    expectRows(one ?? "", await oracle(path, everySql("name"), grouped("name")));
  }, 360_000);

  it("gives one row without keys, also for no rows", async () => {
    const path = writeRows("global.csv", 3000, (random) => Math.floor(random * 50));
    const all = (input: Input) =>
      input.groupBy().agg((c) => ({ n: count(), s: sum(c.price), m: max(c.name) })) as unknown as Dataset<never>;
    for (const partitionBytes of [3000, 2 ** 20]) {
      expectRows(
        await runToText(all(source(path)), { workers: 2, partitionBytes }),
        await oracle(path, "count(*), sum(price), max(name)"),
      );
    }
    const empty = join(folder, "empty.csv");
    writeFileSync(empty, header);
    expect(cellsOf(await runToText(all(source(empty)), { workers: 1 }))).toEqual([["0", "", ""]]);
    expect(cellsOf(await runToText(every(source(empty), "name"), { workers: 1 }))).toEqual([]);
    const nothing = source(path).filter((c) => c.kind.gt(120)) as unknown as Input;
    expect(cellsOf(await runToText(every(nothing, "name", "day"), { workers: 2, partitionBytes: 5000 }))).toEqual([]);
  }, 180_000);

  it("goes on with steps of any kind", async () => {
    const path = writeRows("after.csv", 6000, (random) => Math.floor(random * 700));
    const twice = udf((n: number) => n * 2, { returns: "float64" });
    const dataset = source(path)
      .groupBy("name")
      .agg((c) => ({ s: sum(c.price), n: count() }))
      .filter((c) => c.n.gt(3n))
      .withColumns((c) => ({ d: twice(c.s) }))
      .sort("n", "name")
      .limit(40) as unknown as Dataset<never>;
    const sql = "name, sum(price) s, count(*) n, sum(price) * 2 d";
    const expected = await oracle(path, sql, "GROUP BY name HAVING count(*) > 3 ORDER BY n, name NULLS LAST LIMIT 40");
    expectRows(await runToText(dataset, { workers: 2, partitionBytes: 20_000 }), expected);
  }, 180_000);

  it("of groups gives the same, in whatever order those were made", async () => {
    const path = writeRows("twice.csv", 20_000, (random) => Math.floor(random * 4000));
    const half = udf((sum: number | null) => (sum === null ? null : sum / 2), { returns: "float64" });
    const inner = source(path)
      .groupBy("name", "kind")
      .agg((c) => ({ s: sum(c.price), n: count(), m: max(c.amount) }))
      .filter((c) => c.n.gt(1n))
      .withColumns((c) => ({ h: half(c.s) }));
    const from = `(SELECT name, kind, sum(price) / 2 AS h, count(*) AS n, max(amount) AS m FROM t GROUP BY ALL HAVING count(*) > 1)`;
    const select = (columns: string) => `kind, ${columns} FROM ${from} GROUP BY kind ORDER BY kind NULLS LAST`;
    await duckdb.run(
      `CREATE OR REPLACE TEMP TABLE t AS FROM read_csv('${path}', header = true, auto_detect = false, delim = ',', quote = '"', nullstr = '', columns = ${duckColumns})`,
    );
    const rowsOf = async (sql: string) =>
      (await duckdb.runAndReadAll(`SELECT ${sql}`))
        .getRows()
        .map((row) => row.map((cell) => (cell === null ? "" : String(cell))));
    const plain = inner
      .groupBy("kind")
      .agg((c) => ({ groups: count(), total: sum(c.h), rows: sum(c.n), low: min(c.m) })) as unknown as Dataset<never>;
    const texts = [];
    for (const workers of [1, 2, 3]) texts.push(await runToText(plain, { workers, partitionBytes: 50_000 }));
    texts.push(await runToText(plain, { workers: 2, partitionBytes: 50_000, memory: "64MiB" }));
    expectRows(texts[0] ?? "", await rowsOf(select("count(*), sum(h), sum(n), min(m)")));
    expect(texts.slice(1)).toEqual([texts[0], texts[0], texts[0]]);
    // Sorted by what many have alike, they come by their keys.
    const most = inner.sort("n").select("name", "kind", "n").limit(500) as unknown as Dataset<never>;
    const byKeys = await rowsOf(`name, kind, n FROM ${from} ORDER BY n NULLS LAST, name NULLS LAST, kind NULLS LAST LIMIT 500`);
    expectRows(await runToText(most, { workers: 2, partitionBytes: 50_000 }), byKeys);
    const different = source(path)
      .distinct("kind", "flag")
      .filter((c) => c.kind.gt(0))
      .groupBy("flag")
      .agg((c) => ({ n: count(), s: sum(c.kind) }));
    expectRows(
      await runToText(different as unknown as Dataset<never>, { workers: 2, partitionBytes: 50_000 }),
      await rowsOf(
        "flag, count(*), sum(kind)::BIGINT FROM (SELECT DISTINCT kind, flag FROM t) WHERE kind > 0 GROUP BY flag ORDER BY flag NULLS LAST",
      ),
    );
    // The order of their keys is seen by what asks for the first.
    const ordered = inner.groupBy("kind").agg((c) => ({ name: first(c.name), groups: count() })) as unknown as Dataset<never>;
    const expected = await rowsOf(select("first(name ORDER BY name NULLS LAST), count(*)"));
    expectRows(await runToText(ordered, { workers: 2, partitionBytes: 50_000 }), expected);
  }, 180_000);

  it("counts different values, beside other aggregates and without keys", async () => {
    const path = writeRows("different.csv", 20_000, (random) => Math.floor(random * 3000));
    const odd = join(folder, "odd.csv");
    // Zeros and NaNs of either sign, and nulls.
    writeFileSync(
      odd,
      `${header}${["0.0", "-0.0", "nan", "-nan", "", "1", "1.0", "inf", ""].map((price) => `1,a,,,${price},,,\n`).join("")}`,
    );
    type Counts = Parameters<ReturnType<Input["groupBy"]>["agg"]>[0];
    const cases: readonly [string, readonly (keyof typeof schema)[], Counts, string][] = [
      [
        path,
        ["kind"],
        (c) => ({ d: countDistinct(c.name), e: countDistinct(c.name) }),
        "count(DISTINCT name), count(DISTINCT name)",
      ],
      [
        path,
        ["kind", "flag"],
        (c) => ({ n: count(), d: countDistinct(c.day), p: count(c.price) }),
        "count(*), count(DISTINCT day), count(price)",
      ],
      [
        path,
        ["day"],
        (c) => ({ s: sum(c.kind), d: countDistinct(c.price), m: max(c.amount) }),
        "sum(kind), count(DISTINCT price), max(amount)",
      ],
      [path, [], (c) => ({ d: countDistinct(c.id), m: min(c.day) }), "count(DISTINCT id), min(day)"],
      [path, [], (c) => ({ d: countDistinct(c.id), n: count() }), "count(DISTINCT id), count(*)"],
      // What is counted twice, or summed to more than parts may hold, goes another way.
      [
        path,
        ["kind"],
        (c) => ({ d: countDistinct(c.id), e: countDistinct(c.name), s: sum(c.id) }),
        "count(DISTINCT id), count(DISTINCT name), sum(id)::BIGINT",
      ],
      [odd, ["name"], (c) => ({ d: countDistinct(c.price), n: count() }), "count(DISTINCT price), count(*)"],
      [odd, ["name"], (c) => ({ d: countDistinct(c.seen) }), "count(DISTINCT seen)"],
    ];
    for (const [file, keys, counts, sql] of cases) {
      const build = () =>
        source(file)
          .groupBy(...keys)
          .agg(counts) as unknown as Dataset<never>;
      const texts = [];
      for (const workers of [1, 2, 3]) texts.push(await runToText(build(), { workers, partitionBytes: 60_000 }));
      const by = keys.length === 0 ? "" : `GROUP BY ${keys} ORDER BY ${keys.map((key) => `${key} NULLS LAST`).join(", ")}`;
      expectRows(texts[0] ?? "", await oracle(file, [...keys, sql].join(", "), by));
      expect(texts.slice(1)).toEqual([texts[0], texts[0]]);
    }
    const empty = join(folder, "empty-different.csv");
    writeFileSync(empty, header);
    const none = source(empty)
      .groupBy()
      .agg((c) => ({ d: countDistinct(c.id), m: min(c.day) })) as unknown as Dataset<never>;
    expect(cellsOf(await runToText(none, { workers: 2 }))).toEqual([["0", ""]]);
  }, 180_000);

  it("takes more than a million groups", async () => {
    const path = join(folder, "million.csv");
    const stream = createWriteStream(path);
    stream.write(header);
    const groups = 1_100_000;
    for (let from = 0; from < groups; from += 10_000) {
      const lines = Array.from({ length: 10_000 }, (_, i) => `${(from + i) * 17},,,,1,,,\n`);
      stream.write(lines.join(""));
    }
    stream.write("17,,,,2.5,,,\n");
    await new Promise((done) => stream.end(done));
    const dataset = source(path)
      .groupBy("id")
      .agg((c) => ({ n: count(), s: sum(c.price) })) as unknown as Dataset<never>;
    const rows = cellsOf(await runToText(dataset, { workers: 2, partitionBytes: 2 ** 20 }));
    expect(rows.length).toBe(groups);
    expect(rows[1]).toEqual(["17", "2", "3.5"]);
    expect(rows.every(([id], i) => id === String(i * 17))).toBe(true);
  }, 360_000);

  it("says that a sum of integers does not fit", async () => {
    const path = join(folder, "overflow.csv");
    writeFileSync(path, `${header}9223372036854775807,a,,,,,,\n9223372036854775807,a,,,,,,\n`);
    const dataset = source(path)
      .groupBy("name")
      .agg((c) => ({ s: sum(c.id) })) as unknown as Dataset<never>;
    await expect(runToText(dataset, { workers: 1 })).rejects.toMatchObject({ code: "SUM_OVERFLOW" });
  }, 180_000);
});
