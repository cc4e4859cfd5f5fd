import { copyFileSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance, type DuckDBConnection } from "@duckdb/node-api";
import { avg, count, type Dataset, desc, Engine, type EngineOptions, lag, list, min, rank, read, rowNumber, sum } from "millrace";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** Jobs whose rows are larger than the memory they are given: the same rows as plain DuckDB with all the memory it wants, or an error that helps. */
const rows = 1_000_000;
const schema = { id: "utf8", grp: "utf8", n: "int32", note: "utf8" } as const;

let folder = "";
let csv = "";
let instance: DuckDBInstance;
let duckdb: DuckDBConnection;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-memory-"));
  csv = join(folder, "rows.csv");
  instance = await DuckDBInstance.create(":memory:", { threads: "2" });
  duckdb = await instance.connect();
  await duckdb.run(`CREATE TABLE t AS SELECT i AS pos, 'T' || lpad((i * 7919 % ${rows})::VARCHAR, 9, '0') AS id,
    'g' || (hash(i) % 40000)::VARCHAR AS grp, (hash(i + 1) % 1000)::INTEGER AS n, md5(i::VARCHAR) || md5((i + 1)::VARCHAR) AS note
    FROM range(${rows}) r(i) ORDER BY i`);
  await duckdb.run(`COPY (SELECT * EXCLUDE (pos) FROM t ORDER BY pos) TO '${csv}' (FORMAT csv, HEADER)`);
}, 180_000);

afterAll(() => {
  duckdb?.closeSync();
  instance?.closeSync();
  rmSync(folder, { recursive: true, force: true });
});

const source = () => read.csv(csv, { schema });
type Rows = ReturnType<typeof source>;

async function digest(from: string): Promise<unknown> {
  const reader = await duckdb.runAndReadAll(
    `SELECT count(*)::INTEGER, md5(string_agg(md5(t::VARCHAR), '' ORDER BY place)) FROM (SELECT t, row_number() OVER () AS place FROM ${from} AS t)`,
  );
  return reader.getRows()[0];
}

/** Runs with 64 MiB for everything, unless told otherwise, into Parquet. */
async function run(name: string, dataset: Dataset<never>, options: EngineOptions = {}): Promise<string> {
  const engine = await Engine.create({
    memory: "64MiB",
    workers: 2,
    stateDir: join(folder, "state"),
    partitionBytes: "4MiB",
    ...options,
  });
  try {
    const path = join(folder, `${name}.parquet`);
    await engine.run(dataset.write.parquet(path, { mode: "overwrite" }));
    return path;
  } finally {
    await engine.close();
  }
}

const jobs: readonly (readonly [string, (t: Rows) => unknown, string])[] = [
  ["sort", (t) => t.sort("grp", desc("id")), "SELECT id, grp, n, note FROM t ORDER BY grp, id DESC"],
  [
    "group",
    (t) => t.groupBy("id").agg((c) => ({ total: sum(c.n), n: count() })),
    "SELECT id, sum(n)::BIGINT AS total, count(*) AS n FROM t GROUP BY id ORDER BY id",
  ],
  [
    "dedupe",
    (t) => t.dedupe({ by: "grp", keep: "last", orderBy: "n" }),
    "SELECT id, grp, n, note FROM t QUALIFY row_number() OVER (PARTITION BY grp ORDER BY n DESC, pos DESC) = 1 ORDER BY pos",
  ],
  [
    "window",
    (t) =>
      t
        .drop("note")
        .window({ partitionBy: "grp", orderBy: "n", rows: [null, 0] }, (c) => ({ place: rowNumber(), running: sum(c.n) })),
    `SELECT id, grp, n, row_number() OVER w AS place, CAST(sum(n) OVER w AS BIGINT) AS running FROM t
     WINDOW w AS (PARTITION BY grp ORDER BY n, pos ROWS UNBOUNDED PRECEDING) ORDER BY pos`,
  ],
  ["join", (t) => t.drop("note").join(t.select("id", "note"), { on: "id" }), "SELECT id, grp, n, note FROM t ORDER BY pos"],
];

describe("more rows than memory", () => {
  it.each(jobs)(
    "%s",
    async (name, make, sql) => {
      // A sort and a join of many columns need more before they begin to spill.
      const options = name === "sort" || name === "join" ? { memory: "512MB" } : {};
      const path = await run(name, make(source()) as Dataset<never>, options);
      expect(await digest(`read_parquet('${path}')`)).toEqual(await digest(`(${sql})`));
    },
    60_000,
  );
});

describe("what cannot go on", () => {
  const oneList = () =>
    source()
      .select("note", "id")
      .groupBy()
      .agg((c) => ({ notes: list(c.note), ids: list(c.id) }));

  it("names the option that gives more memory", async () => {
    const failure = await run("list", oneList() as unknown as Dataset<never>).catch((error: unknown) => error);
    expect(failure).toMatchObject({ category: "Resource", code: "OUT_OF_MEMORY", hint: expect.stringContaining("`memory`") });
  }, 180_000);

  it("names the option that gives more disk", async () => {
    const sorted = source().sort("note") as unknown as Dataset<never>;
    const exchange = await run("disk", sorted, { maxDisk: "1MB" }).catch((error: unknown) => error);
    expect(exchange).toMatchObject({ category: "Resource", code: "DISK_LIMIT", hint: expect.stringContaining("`maxDisk`") });
  }, 180_000);
});

describe("one key with nine rows of ten", () => {
  let skewed = "";
  let again = "";

  beforeAll(async () => {
    skewed = join(folder, "skewed.csv");
    await duckdb.run(
      `CREATE TABLE k AS SELECT pos, CASE WHEN hash(pos) % 10 < 9 THEN 'hot' ELSE id END AS key, id, n, note FROM t`,
    );
    await duckdb.run(`COPY (SELECT key, id, n, note FROM k ORDER BY pos) TO '${skewed}' (FORMAT csv, HEADER)`);
    again = join(folder, "skewed-again.csv");
    copyFileSync(skewed, again);
  }, 180_000);

  const from = () => read.csv(skewed, { schema: { key: "utf8", id: "utf8", n: "int32", note: "utf8" } });
  type Skewed = ReturnType<typeof from>;

  const cases: readonly (readonly [string, (t: Skewed) => unknown, string])[] = [
    ["sort", (t) => t.sort("key", desc("n")), "SELECT key, id, n, note FROM k ORDER BY key, n DESC, pos"],
    [
      "group",
      (t) => t.groupBy("key").agg((c) => ({ total: sum(c.n), n: count() })),
      "SELECT key, sum(n)::BIGINT AS total, count(*) AS n FROM k GROUP BY key ORDER BY key",
    ],
    [
      "dedupe",
      (t) => t.dedupe({ by: "key", keep: "first", orderBy: "n" }),
      "SELECT key, id, n, note FROM k QUALIFY row_number() OVER (PARTITION BY key ORDER BY n, pos) = 1 ORDER BY pos",
    ],
    [
      "join",
      (t) =>
        t.drop("note").join(
          t.groupBy("key").agg((c) => ({ most: sum(c.n) })),
          { on: "key" },
        ),
      "SELECT key, id, n, (sum(n) OVER (PARTITION BY key))::BIGINT AS most FROM k ORDER BY pos",
    ],
    [
      "window",
      (t) => t.drop("note").window({ partitionBy: "key", orderBy: "n" }, () => ({ place: rowNumber() })),
      "SELECT key, id, n, row_number() OVER (PARTITION BY key ORDER BY n, pos) AS place FROM k ORDER BY pos",
    ],
  ];

  it.each(cases)(
    "%s gives the same rows for any number of workers",
    async (name, make, sql) => {
      const expected = await digest(`(${sql})`);
      for (const workers of [1, 2]) {
        const path = await run(`skew-${name}`, make(from()) as Dataset<never>, { memory: "512MB", workers });
        expect(await digest(`read_parquet('${path}')`), `${workers} workers`).toEqual(expected);
      }
    },
    120_000,
  );

  // A task holds a million rows of a key in memory and goes through files from there on.
  const twice = () => read.csv([skewed, again], { schema: { key: "utf8", id: "utf8", n: "int32", note: "utf8" } });
  const both = `(SELECT pos, key, id, n, note FROM k UNION ALL SELECT pos + ${rows} AS pos, key, id, n, note FROM k)`;
  const many: readonly (readonly [string, () => unknown, string])[] = [
    [
      "window",
      () =>
        twice()
          .drop("note")
          .window({ partitionBy: "key", orderBy: "n", rows: [-3, 2] }, (c) => ({
            place: rank(),
            near: avg(c.n),
            least: min(c.id),
            before: lag(c.id, 2),
          })),
      `SELECT key, id, n, rank() OVER (PARTITION BY key ORDER BY n) AS place, avg(n) OVER w AS near, min(id) OVER w AS least,
         lag(id, 2) OVER (PARTITION BY key ORDER BY n, pos) AS before
       FROM ${both} WINDOW w AS (PARTITION BY key ORDER BY n, pos ROWS BETWEEN 3 PRECEDING AND 2 FOLLOWING) ORDER BY pos`,
    ],
    [
      "dedupe",
      () => twice().dedupe({ by: "key", keep: "last", orderBy: "n" }),
      `SELECT key, id, n, note FROM ${both} QUALIFY row_number() OVER (PARTITION BY key ORDER BY n DESC, pos DESC) = 1 ORDER BY pos`,
    ],
    [
      "join",
      () => {
        const few = from()
          .drop("note")
          .filter((c) => c.id.lt("T000000002"));
        return few.join(twice().select("key", "id").rename({ id: "other" }), { on: "key", how: "left" });
      },
      `SELECT a.key, a.id, a.n, b.id AS other FROM k AS a LEFT JOIN ${both} AS b ON a.key = b.key
       WHERE a.id < 'T000000002' ORDER BY a.pos, b.pos`,
    ],
  ];

  it.each(many)(
    "%s of more rows than a task holds",
    async (name, make, sql) => {
      const path = await run(`many-${name}`, make() as Dataset<never>, { memory: "512MB" });
      expect(await digest(`read_parquet('${path}')`)).toEqual(await digest(`(${sql})`));
    },
    120_000,
  );

  it("is cut into tasks like any other by a sort", async () => {
    const engine = await Engine.create({ memory: "512MB", workers: 2, stateDir: join(folder, "state"), partitionBytes: "4MiB" });
    const tasks = new Map<string, number>();
    const rowsOf: number[] = [];
    const handle = engine.run(from().sort("key").write.parquet(join(folder, "cut.parquet"), { mode: "overwrite" }));
    for await (const event of handle) {
      if (event.kind === "stage-started") tasks.set(event.stage, event.partitions);
      if (event.kind === "task-finished" && event.stage === "merge runs") rowsOf.push(event.rows);
    }
    await handle;
    await engine.close();
    expect(tasks.get("merge runs")).toBeGreaterThanOrEqual(rows / 2 ** 18);
    expect(Math.max(...rowsOf)).toBeLessThan(rows / 4);
    expect(rowsOf.reduce((sum, one) => sum + one, 0)).toBe(rows);
  }, 180_000);
});

describe("scratch files", () => {
  it("are gone after a success, a failure and an abort", async () => {
    const state = join(folder, "scratch-state");
    const left = () => {
      const found = readdirSync(state, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
      return found.map((entry) => entry.name).filter((name) => /\.(blocks|parquet|tmp)$/.test(name));
    };
    const target = join(folder, "scratch.parquet");
    const sorted = () => source().sort("note").write.parquet(target, { mode: "overwrite" });
    const engine = await Engine.create({ memory: "512MB", workers: 2, stateDir: state, partitionBytes: "4MiB" });
    await engine.run(sorted());
    expect(left()).toEqual([]);
    const failing = source()
      .sort("note")
      .withColumns((c) => ({ m: c.n.add(2_147_483_000) }));
    await expect(engine.collect(failing)).rejects.toMatchObject({ code: expect.any(String) });
    expect(left()).toEqual([]);
    const stop = new AbortController();
    const rowsSeen = engine.stream(source().sort("note"), { signal: stop.signal });
    await rowsSeen.next();
    stop.abort();
    await expect(
      (async () => {
        for (;;) if ((await rowsSeen.next()).done === true) return;
      })(),
    ).rejects.toMatchObject({ code: "RUN_CANCELLED" });
    await engine.close();
    expect(left()).toEqual([]);
  }, 180_000);
});
