import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import {
  avg,
  col,
  count,
  type Dataset,
  desc,
  Engine,
  median,
  module,
  type Plan,
  plan,
  read,
  type RunEvent,
  stddev,
  sum,
  udf,
} from "millrace";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

/** What programs rely on: handle, events, report, collect and stream, functions in workers, and outputs that depend on plan and input alone. */
let root = "";
let folder = "";
let engine: Engine;
let made = 0;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "millrace-engine-"));
  engine = await Engine.create({ workers: 2, memory: "512MB", partitionBytes: 2000, stateDir: join(root, "state") });
});

afterAll(async () => {
  await engine.close();
  rmSync(root, { recursive: true, force: true });
});

beforeEach(() => {
  folder = join(root, `case-${made++}`);
  mkdirSync(folder);
});

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

type Collectable = Parameters<Engine["collect"]>[0];
const plainValue = (_: string, value: unknown) => (typeof value === "bigint" ? Number(value) : value);
const plain = (rows: readonly unknown[]): unknown[] => JSON.parse(JSON.stringify(rows, plainValue)) as unknown[];
const rowsOf = async (dataset: Collectable, on = engine): Promise<unknown[]> => plain((await on.collect(dataset)).toArray());

const sales = { id: "int64", store: "utf8", n: "int32", price: "float64" } as const;

/** Rows whose sums of doubles depend on the order of adding. */
function salesFile(rows = 1000, name = "sales.csv"): string {
  const line = (i: number) => `${i},store ${(i * 7) % 11},${i % 13},${((i * 7919) % 1000) / 7 + (i % 17) * 1e9}`;
  return file(name, `id,store,n,price\n${Array.from({ length: rows }, (_, i) => line(i)).join("\n")}\n`);
}

const salesRows = (): Dataset<typeof sales> => read.csv(salesFile(), { schema: sales });

describe("the handle of a run", () => {
  it("is awaitable, and its result says what was published", async () => {
    const path = join(folder, "out.csv");
    const result = await engine.run(
      salesRows()
        .filter((c) => c.n.gt(5))
        .write.csv(path),
    );
    expect(result.status).toBe("success");
    expect(result.outputs).toEqual([{ path, format: "csv", rows: 538, bytes: statSync(path).size, files: 1 }]);
    expect(result.runId).toMatch(/^\d{8}T\d{9}-[0-9a-f]{8}$/);
  });

  it("gives its events in order, each stage within the run", async () => {
    const handle = engine.run(salesRows().groupBy("store").count().sort("store").write.csv(join(folder, "out.csv")));
    const events: RunEvent[] = [];
    for await (const event of handle) events.push(event);
    const kinds = events.map((event) => event.kind);
    expect(kinds[0]).toBe("run-started");
    expect(kinds.slice(-2)).toEqual(["published", "run-finished"]);
    expect(events.every((event, i) => event.runId === handle.runId && event.time >= (events[i - 1]?.time ?? 0))).toBe(true);
    const open = new Set<number>();
    for (const event of events) {
      if (event.kind === "stage-started") open.add(event.stageId);
      if (event.kind === "task-finished" || event.kind === "progress") expect(open.size).toBe(1);
      if (event.kind === "stage-finished") expect(open.delete(event.stageId)).toBe(true);
    }
    expect(open.size).toBe(0);
    const started = events.find((event) => event.kind === "run-started");
    expect(started?.kind === "run-started" && started.stages).toBe(kinds.filter((kind) => kind === "stage-started").length);
  });

  it("leaves a report that is plain JSON, also beside the output, and whose counts add up", async () => {
    const report = join(folder, "reports", "run.json");
    const source = read.csv(
      file("in.csv", `id,n\n${Array.from({ length: 500 }, (_, i) => (i % 50 === 0 ? `${i},x` : `${i},${i}`)).join("\n")}\n`),
      {
        schema: { id: "int64", n: "int32" },
        onReject: "skip",
      },
    );
    const odd = udf(
      (n: number) => {
        if (n % 100 === 1) throw new Error("no");
        return n;
      },
      { returns: "int32" },
    );
    const rows = source.filter((c) => c.n.lt(400)).withColumns((c) => ({ m: odd(c.n) }));
    const result = await engine.run(rows.write.csv(join(folder, "out.csv")), {
      job: "nightly",
      parameters: { day: "2026-01-01" },
      report,
    });
    const { data } = result.report;
    const written = result.outputs[0]?.rows ?? 0;
    const filtered = data.execution.stages.reduce((total, stage) => total + stage.filtered, 0);
    expect(data.execution.recordsRead).toBe(500);
    expect([written, filtered, data.execution.recordsFailed]).toEqual([388, 98, 14]);
    expect(written + filtered + data.execution.recordsFailed).toBe(data.execution.recordsRead);
    expect(JSON.parse(readFileSync(report, "utf8"))).toEqual(JSON.parse(JSON.stringify(result.report)));
    expect(data).toMatchObject({ job: "nightly", status: "partial", execution: { parameters: { day: "2026-01-01" } } });
    expect(result.report.toText()).toMatch(/500 records read, 14 rejected/);
  });

  it("counts rows that DuckDB reads by itself as read", async () => {
    const path = join(folder, "in.parquet");
    await engine.run(salesRows().write.parquet(path));
    const { report } = await engine.run(read.parquet(path).groupBy("store").count().write.csv(join(folder, "out.csv")));
    expect(report.data.execution.recordsRead).toBe(1000);
    expect(report.data.performance.megabytesPerSecond).toBeGreaterThan(0);
  });

  it("reads what several outputs share once", async () => {
    const rows = salesRows().filter((c) => c.n.gt(3));
    const both = plan.all(
      rows.write.parquet(join(folder, "all")),
      rows
        .groupBy("store")
        .agg((c) => ({ s: sum(c.n) }))
        .write.csv(join(folder, "sums.csv")),
    );
    const { report, outputs } = await engine.run(both);
    expect(report.data.execution.recordsRead).toBe(1000);
    expect(outputs.map((output) => output.rows)).toEqual([692, 11]);
  });
});

describe("collect, stream and explain", () => {
  it("collect gives values of every type", async () => {
    const schema = {
      b: "bool",
      i8: "int8",
      i16: "int16",
      i32: "int32",
      i64: "int64",
      u8: "uint8",
      u16: "uint16",
      u32: "uint32",
      u64: "uint64",
      f32: "float32",
      f64: "float64",
      d: "decimal(20,2)",
      s: "utf8",
      x: "binary",
      day: "date",
      at: "timestamp",
    } as const;
    const row = {
      b: true,
      i8: -128,
      i16: -32768,
      i32: -2147483648,
      i64: -9223372036854775808n,
      u8: 255,
      u16: 65535,
      u32: 4294967295,
      u64: 18446744073709551615n,
      f32: 1.5,
      f64: 0.1,
      d: "12.34",
      s: "naïve 😀",
      x: Uint8Array.of(0, 255),
      day: new Date("2026-01-31"),
      at: new Date("2026-01-31T12:34:56.789Z"),
    };
    const empty = Object.fromEntries(Object.keys(row).map((name) => [name, null]));
    const table = await engine.collect(read.rows([row, empty], { schema }));
    expect(table.numRows).toBe(2);
    const got = (name: string) => table.getChild(name)?.get(0);
    for (const name of ["b", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64", "s"] as const)
      expect(got(name), name).toEqual(row[name]);
    expect([...(got("x") as Uint8Array)]).toEqual([0, 255]);
    expect(Number(got("day"))).toBe(Date.parse("2026-01-31"));
    expect(Number(got("at"))).toBe(Date.parse("2026-01-31T12:34:56.789Z"));
    for (const name of Object.keys(schema)) expect(table.getChild(name)?.get(1), name).toBeNull();
    expect(String(table.getChild("d")?.type)).toMatch(/Decimal/);
  });

  it("stream makes no batch ahead of its consumer, and leaving ends the run", async () => {
    const path = join(folder, "in.parquet");
    await engine.run(
      read
        .rows(
          Array.from({ length: 300_000 }, (_, i) => ({ i })),
          { schema: { i: "int64" } },
        )
        .write.parquet(path),
    );
    let batches = 0;
    for await (const batch of engine.stream(read.parquet(path).sort("i"))) {
      expect(batch.numRows).toBeGreaterThan(0);
      if (++batches === 2) break;
    }
    expect(batches).toBe(2);
    let rows = 0;
    for await (const batch of engine.stream(read.parquet(path))) rows += batch.numRows;
    expect(rows).toBe(300_000);
  });

  it("stream passes a failure on to its consumer", async () => {
    const source = read.csv(file("in.csv", "a\n1\nx\n"), { schema: { a: "int32" } });
    const all = async () => {
      for await (const batch of engine.stream(source)) expect(batch).toBeDefined();
    };
    await expect(all()).rejects.toMatchObject({ code: "CAST_FAILED" });
  });

  it("explain names stages, where they run and why, and runs nothing", async () => {
    const path = join(folder, "out");
    const text = await engine.explain(salesRows().groupBy("store").count().write.csv(path));
    expect(text).toMatch(/in workers: text is scanned/);
    expect(text).toMatch(/aggregate/);
    expect(existsSync(path)).toBe(false);
  });

  it("await using closes the engine", async () => {
    let kept: Engine;
    {
      await using own = await Engine.create({ workers: 1, memory: "256MB", stateDir: join(folder, "state") });
      kept = own;
      expect(await rowsOf(read.rows([{ a: 1 }]), own)).toEqual([{ a: 1 }]);
    }
    await expect(kept.collect(read.rows([{ a: 1 }]))).rejects.toMatchObject({ code: "ENGINE_CLOSED" });
  });
});

describe("functions in workers", () => {
  const letters = () => read.csv(file("in.csv", "k,word\n1,alpha\n2,beta\n3,gamma\n"), { schema: { k: "int32", word: "utf8" } });

  it("map, flatMap and mapBatches", async () => {
    const mapped = letters().map((row) => ({ k: row.k === null ? null : row.k * 10, size: row.word?.length ?? 0 }), {
      schema: { k: "int32", size: "int32" },
    });
    expect(await rowsOf(mapped)).toEqual([
      { k: 10, size: 5 },
      { k: 20, size: 4 },
      { k: 30, size: 5 },
    ]);
    const many = letters().flatMap((row) => [...(row.word ?? "").slice(0, row.k ?? 0)].map((letter) => ({ letter })), {
      schema: { letter: "utf8" },
    });
    expect((await rowsOf(many)).map((row) => (row as { letter: string }).letter).join("")).toBe("abegam");
    const batches = letters().mapBatches(
      async ({ length, columns }) => ({ length, columns: { k: Array.from(columns.k, (k) => Number(k) + 1) } }),
      { schema: { k: "int32" } },
    );
    expect(await rowsOf(batches)).toEqual([{ k: 2 }, { k: 3 }, { k: 4 }]);
  });

  it("captured values and functions of modules", async () => {
    const RATE = 3;
    const NAMES = new Map([
      ["alpha", "A"],
      ["beta", "B"],
    ]);
    const times = udf((k: number) => k * RATE, { returns: "int32", with: { RATE } });
    const short = udf((word: string) => NAMES.get(word) ?? null, { returns: "utf8", with: { NAMES } });
    expect(await rowsOf(letters().select((c) => ({ t: times(c.k), s: short(c.word) })))).toEqual([
      { t: 3, s: "A" },
      { t: 6, s: "B" },
      { t: 9, s: null },
    ]);
    const at = file(
      "shout.mjs",
      'import { basename } from "node:path";\nexport const shout = (word) => basename("/x/" + word).toUpperCase();\n',
    );
    const shout = module<(word: string) => string>(new URL(`file://${at}`), "shout", { returns: "utf8" });
    expect(await rowsOf(letters().select((c) => ({ loud: shout(c.word) })))).toEqual([
      { loud: "ALPHA" },
      { loud: "BETA" },
      { loud: "GAMMA" },
    ]);
  });

  it("functions in keys, aggregates without partial form and sort keys, over text and over merged rows", async () => {
    const parity = udf((n: number) => n % 2, { returns: "int32" });
    const negated = udf((n: number) => -n, { returns: "int32" });
    for (const rows of [salesRows(), salesRows().distinct()]) {
      const grouped = rows
        .groupBy((c) => ({ p: parity(c.n) }))
        .agg((c) => ({ m: median(negated(c.n)), s: sum(c.n), k: count() }))
        .sort("p");
      const expected = [0, 1].map((p) => {
        const values = Array.from({ length: 1000 }, (_, i) => i % 13)
          .filter((n) => n % 2 === p)
          .sort((a, b) => a - b);
        const [low, high] = [values[(values.length - 1) >> 1] ?? 0, values[values.length >> 1] ?? 0];
        return { p, m: -(low + high) / 2, s: values.reduce((a, b) => a + b, 0), k: values.length };
      });
      expect(await rowsOf(grouped)).toEqual(expected);
      expect(
        await rowsOf(
          rows
            .sort(negated(col("n")), "id")
            .limit(2)
            .select("id", "n"),
        ),
      ).toEqual([
        { id: 12, n: 12 },
        { id: 25, n: 12 },
      ]);
    }
  });

  it("sql is the way out", async () => {
    expect(await rowsOf(letters().sql("select max(length(word)) as longest, count(*) as n from input"))).toEqual([
      { longest: 5, n: 3 },
    ]);
  });
});

describe("rows of the program", () => {
  async function* later() {
    for (let i = 0; i < 3; i++) yield { i };
  }
  function* now() {
    for (let i = 0; i < 3; i++) yield { i };
  }

  it("arrays, generators and async generators", async () => {
    for (const rows of [[{ i: 0 }, { i: 1 }, { i: 2 }], now(), later()]) {
      expect(await rowsOf(read.rows(rows))).toEqual([{ i: 0 }, { i: 1 }, { i: 2 }]);
    }
  });

  it("inferred types, and declared ones", async () => {
    const rows = [
      { a: 1, b: "x", c: true, d: 5n, e: new Date(0), f: null },
      { a: null, b: null, c: null, d: null, e: null, f: "late" },
    ];
    const table = await engine.collect(read.rows(rows));
    expect(table.schema.fields.map((field) => String(field.type))).toEqual([
      "Float64",
      "Utf8",
      "Bool",
      "Int64",
      "Timestamp<MICROSECOND>",
      "Utf8",
    ]);
    const declared = await engine.collect(read.rows([{ a: 1 }, { a: 300 }], { schema: { a: "int16" } }));
    expect(String(declared.schema.fields[0]?.type)).toBe("Int16");
    expect(await rowsOf(read.rows([], { schema: { a: "int16" } }))).toEqual([]);
  });

  it("a value that does not fit its declared type is named", async () => {
    await expect(engine.collect(read.rows([{ a: 1 }, { a: 70000 }], { schema: { a: "int16" } }))).rejects.toMatchObject({
      category: "Data",
    });
  });

  it("rows that do not fit are rejected like records of a file, and an iterable that throws is told", async () => {
    const rows = [{ a: 1 }, { a: "x" }, null, { a: 4 }];
    const result = await engine.run(
      read.rows(rows, { schema: { a: "int32" }, onReject: "quarantine" }).write.csv(join(folder, "out.csv")),
    );
    expect(readFileSync(join(folder, "out.csv"), "utf8")).toBe("a\n1\n4\n");
    const { recordsRead, recordsFailed, rejects } = result.report.data.execution;
    expect([result.status, recordsRead, recordsFailed, rejects.files.length]).toEqual(["partial", 4, 2, 1]);
    expect(rejects.samples.map((one) => one.message.split(":")[0])).toEqual(["row 1", "row 2"]);
    const limited = read.rows(rows, { schema: { a: "int32" }, onReject: "skip", rejectLimits: { count: 1 } });
    await expect(engine.collect(limited)).rejects.toMatchObject({ code: "REJECT_LIMIT_EXCEEDED" });
    function* broken() {
      yield { a: 1 };
      throw new Error("the database went away");
    }
    await expect(engine.collect(read.rows(broken()))).rejects.toMatchObject({ code: "ROWS_FAILED", message: /went away/ });
  });

  it("rows that can be read once survive a plan that is run again for a bad row", async () => {
    function* words() {
      for (const word of ["1", "x", "3"]) yield { word };
    }
    const cast = read.rows(words(), { schema: { word: "utf8" }, onReject: "skip" }).select((c) => ({ n: c.word.cast("int32") }));
    expect(await rowsOf(cast)).toEqual([{ n: 1 }, { n: 3 }]);
  });
});

describe("modes of sinks", () => {
  const rows = (day: string, n: number) => read.rows([{ day, n }], { schema: { day: "utf8", n: "int32" } });
  const inside = (path: string): string[] =>
    listing(path)
      .map(([name]) => name)
      .filter((name) => !name.includes(".millrace"));

  it("overwrite replaces, append adds, overwrite-partitions replaces what it touches", async () => {
    const path = join(folder, "table");
    const by = { partitionBy: ["day"] } as const;
    await engine.run(rows("a", 1).union(rows("b", 2)).write.parquet(path, by));
    await engine.run(rows("b", 3).write.parquet(path, { ...by, mode: "overwrite-partitions" }));
    const now = () => rowsOf(read.parquet(path).sort("day", "n").select("day", "n"));
    expect(await now()).toEqual([
      { day: "a", n: 1 },
      { day: "b", n: 3 },
    ]);
    await engine.run(rows("b", 4).write.parquet(path, { ...by, mode: "append" }));
    expect(await now()).toEqual([
      { day: "a", n: 1 },
      { day: "b", n: 3 },
      { day: "b", n: 4 },
    ]);
    await engine.run(rows("c", 5).write.parquet(path, { ...by, mode: "overwrite" }));
    expect(await now()).toEqual([{ day: "c", n: 5 }]);
    await expect(engine.run(rows("c", 5).write.parquet(path, by)).result).rejects.toMatchObject({ code: "TARGET_EXISTS" });
    expect(inside(path).every((name) => name.startsWith("day=c/"))).toBe(true);
  });

  it("partitions by a column of every kind of type, and reads them back", async () => {
    const values: Record<string, readonly [type: string, values: readonly unknown[]]> = {
      bool: ["bool", [true, false]],
      int8: ["int8", [-1, 5]],
      int64: ["int64", [9007199254740993n, -1n]],
      uint32: ["uint32", [4294967295, 0]],
      float64: ["float64", [0.5, -1e300]],
      decimal: ["decimal(10,2)", ["1.50", "-2.00"]],
      utf8: ["utf8", ["a/b=c", "", "../up", "😀", " %2F"]],
      date: ["date", [new Date("2026-01-31"), new Date("1969-12-31")]],
      timestamp: ["timestamp", [new Date("2026-01-31T01:02:03.004Z"), new Date(0)]],
      binary: ["binary", [Uint8Array.of(1, 47), Uint8Array.of(255)]],
    };
    for (const [name, [type, list]] of Object.entries(values)) {
      const input = [...list, null].map((k, n) => ({ k, n }));
      const path = join(folder, name);
      const dataset = read.rows(input, { schema: { k: type, n: "int32" } as { k: "utf8"; n: "int32" } });
      const action = engine.run(dataset.write.parquet(path, { partitionBy: "k" })).result;
      if (name === "binary") {
        // Bytes that are no text have no folder name: either refused as a whole, or every row is there.
        const settled = await action.then(
          () => "written",
          (error: { code?: string }) => error.code,
        );
        expect(settled === "written" || existsSync(path) === false).toBe(true);
        continue;
      }
      await action;
      const back = read
        .parquet(path, { schema: { n: "int32", k: type } as { n: "int32"; k: "utf8" } })
        .sort("n")
        .select("n", "k");
      expect(await rowsOf(back), name).toEqual(await rowsOf(dataset.select("n", "k")));
    }
  });

  it("writes a DuckDB table", async () => {
    const path = join(folder, "out.duckdb");
    await engine.run(rows("a", 1).write.duckdb(path, { table: "t" }));
    await engine.run(rows("b", 2).write.duckdb(path, { table: "t", mode: "append" }));
    expect(await rowsOf(read.rows([{ x: 1 }]).sql(`select count(*) as n from input`))).toEqual([{ n: 1 }]);
    expect(statSync(path).size).toBeGreaterThan(0);
  });
});

/** Every file below a folder with a hash of its bytes; the run's id stands in the books, and only there. */
function listing(path: string): [name: string, hash: string][] {
  if (statSync(path).isFile()) return [["", hashOf(path)]];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry): [string, string] => {
      const at = join(entry.parentPath, entry.name);
      return [relative(path, at), at.includes(".millrace") ? "" : hashOf(at)];
    })
    .sort((a, b) => (a[0] < b[0] ? -1 : 1));
}
const hashOf = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");

describe("the same bytes for any number of workers", () => {
  type Rows = Dataset<typeof sales>;
  const half = udf((n: number) => n / 2, { returns: "float64" });
  const shapes: Record<string, (rows: Rows) => { readonly write: Dataset<{ n: "int32" }>["write"] }> = {
    scan: (rows) => rows as never,
    "filter and compute": (rows) => rows.filter((c) => c.n.gt(2)).withColumns((c) => ({ h: half(c.n) })) as never,
    "group, float sums": (rows) =>
      rows.groupBy("store").agg((c) => ({ s: sum(c.price), a: avg(c.price), d: stddev(c.price), k: count() })) as never,
    "one group": (rows) => rows.groupBy().agg((c) => ({ s: sum(c.price), m: median(c.price) })) as never,
    "many groups": (rows) => rows.groupBy("id", "store").agg((c) => ({ s: sum(c.price) })) as never,
    distinct: (rows) => rows.select("store", "n").distinct() as never,
    "distinct by": (rows) => rows.distinct("store") as never,
    sort: (rows) => rows.sort(desc("n"), "store") as never,
    limit: (rows) => rows.limit(321, { offset: 100 }) as never,
    "inner join": (rows) =>
      rows.join(
        rows.groupBy("store").agg((c) => ({ total: sum(c.price) })),
        { on: "store" },
      ) as never,
    "full join": (rows) =>
      rows
        .filter((c) => c.n.lt(6))
        .select("n", "id")
        .join(rows.filter((c) => c.n.gt(4)).select("n", "store"), { on: "n", how: "full" }) as never,
    "semi join": (rows) => rows.join(rows.filter((c) => c.n.eq(3)).select("store"), { on: "store", how: "semi" }) as never,
    "join, then group": (rows) =>
      rows
        .join(rows.select("store").distinct(), { on: "store", how: "left" })
        .groupBy("n")
        .agg((c) => ({ s: sum(c.price) })) as never,
    union: (rows) => rows.union(rows.filter((c) => c.n.eq(1))) as never,
    sql: (rows) => rows.sql("select store, sum(n) as s from input group by store order by store") as never,
  };
  const engines: Engine[] = [];
  beforeAll(async () => {
    for (const workers of [1, 2, 3]) {
      const memory = workers === 2 ? "256MB" : "512MB";
      engines.push(await Engine.create({ workers, memory, partitionBytes: 3000, stateDir: join(root, `workers-${workers}`) }));
    }
  });
  afterAll(() => Promise.all(engines.map((one) => one.close())));

  for (const [name, shape] of Object.entries(shapes)) {
    it(name, async () => {
      const input = read.csv(salesFile(), { schema: sales });
      const parquet = join(folder, "in.parquet");
      await engine.run(input.write.parquet(parquet, { rowGroupRows: 100 }));
      for (const [format, rows] of [
        ["csv", input],
        ["parquet", read.parquet(parquet, { schema: sales })],
      ] as const) {
        const found: unknown[] = [];
        for (const [i, one] of engines.entries()) {
          const out = join(folder, `${format}-${i}`);
          const write = shape(rows).write;
          await one.run(
            plan.all(write.parquet(join(out, "p"), { rowGroupRows: 200 }), write.csv(join(out, "c"), { partitionBy: [] })),
          );
          found.push(listing(out));
        }
        expect(found[1], `${format}, 1 and 2 workers`).toEqual(found[0]);
        expect(found[2], `${format}, 1 and 3 workers`).toEqual(found[0]);
      }
    });
  }
});

describe("text that is cut anywhere", () => {
  /** RFC 4180 by hand: records of a quoted text with line ends in it and a number. */
  const texts: Record<string, readonly string[]> = {
    "line ends in every field": Array.from({ length: 24 }, (_, i) => `a\nb\n${"\n".repeat(i % 7)}c`),
    "looks like records": Array.from({ length: 24 }, (_, i) => `x\n${i},1\n${i},2\n"`),
    "quotes before line ends": Array.from({ length: 24 }, (_, i) => `"\n"",1\n${'"'.repeat(i % 5)}`),
    "one huge field": [`${'line,1\n"quoted",2\n'.repeat(40)}`, "after", "the end"],
  };

  for (const [name, values] of Object.entries(texts)) {
    it(`${name}: the same rows for every size of partition`, async () => {
      const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
      const expected = values.map((text, n) => ({ text, n }));
      for (const partitionBytes of [5, 33, 100, 1000]) {
        await using own = await Engine.create({ workers: 2, memory: "256MB", partitionBytes, stateDir: join(root, "cut") });
        for (const [end, onReject] of [
          ["\n", "fail"],
          ["\r\n", "skip"],
        ] as const) {
          const path = file(
            `in-${end.length}.csv`,
            `text,n${end}${values.map((text, i) => `${quoted(text)},${i}${end}`).join("")}`,
          );
          const source = read.csv(path, { schema: { text: "utf8", n: "int32" }, onReject });
          expect(await rowsOf(source, own), `${partitionBytes} bytes, ${onReject}`).toEqual(expected);
        }
      }
    }, 180_000);
  }

  it("a limit stops reading, and gives the first rows however the file is cut", async () => {
    const path = salesFile(20_000, "long.csv");
    for (const partitionBytes of [500, 20_000, 1_000_000]) {
      const own = await Engine.create({ workers: 2, memory: "256MB", partitionBytes, stateDir: join(root, "limit") });
      try {
        const first = read
          .csv(path, { schema: sales })
          .filter((c) => c.n.gt(2))
          .limit(50, { offset: 3 })
          .select("id");
        const expected = Array.from({ length: 20_000 }, (_, id) => ({ id }))
          .filter(({ id }) => id % 13 > 2)
          .slice(3, 53);
        expect(await rowsOf(first, own)).toEqual(expected);
        const { report } = await own.run(first.write.csv(join(folder, `first-${partitionBytes}.csv`)));
        if (partitionBytes === 500) expect(report.data.execution.recordsRead).toBeLessThan(2000);
      } finally {
        await own.close();
      }
    }
  });
});

describe("inputs without rows", () => {
  it("pass through every step", async () => {
    const empty = read.csv(file("empty.csv", "id,store,n,price\n"), { schema: sales });
    const some = salesRows();
    const identity = udf((n: number) => n, { returns: "int32" });
    const shapes: Record<string, [Collectable, number]> = {
      filter: [empty.filter((c) => c.n.gt(0)), 0],
      compute: [empty.withColumns((c) => ({ m: identity(c.n) })), 0],
      map: [empty.map((row) => ({ n: row.n }), { schema: { n: "int32" } }), 0],
      flatMap: [empty.flatMap((row) => [{ n: row.n }], { schema: { n: "int32" } }), 0],
      mapBatches: [
        empty.mapBatches((batch) => ({ length: batch.length, columns: { n: batch.columns.n } }), { schema: { n: "int32" } }),
        0,
      ],
      group: [empty.groupBy("store").count(), 0],
      "one group": [empty.groupBy().agg((c) => ({ n: count(), s: sum(c.price) })), 1],
      distinct: [empty.distinct(), 0],
      sort: [empty.sort("id"), 0],
      limit: [empty.limit(5), 0],
      union: [empty.union(empty), 0],
      sql: [empty.sql("select * from input"), 0],
      inner: [some.join(empty.select("id"), { on: "id" }), 0],
      left: [some.join(empty.select("id"), { on: "id", how: "left" }), 1000],
      right: [empty.join(some.select("id"), { on: "id", how: "right" }), 1000],
      full: [empty.join(some.select("id"), { on: "id", how: "full" }), 1000],
      semi: [some.join(empty.select("id"), { on: "id", how: "semi" }), 0],
      anti: [some.join(empty.select("id"), { on: "id", how: "anti" }), 1000],
    };
    for (const [name, [dataset, rows]] of Object.entries(shapes))
      expect((await engine.collect(dataset)).numRows, name).toBe(rows);
  });

  it("give valid empty outputs in every format", async () => {
    const empty = read.rows([], { schema: { a: "int32", b: "utf8" } });
    for (const format of ["parquet", "csv", "jsonl", "arrow"] as const) {
      const path = join(folder, `empty.${format}`);
      const result = await engine.run(empty.write[format](path) as Plan);
      expect([result.status, result.outputs[0]?.rows]).toEqual(["success", 0]);
      const schema = { a: "int32", b: "utf8" } as const;
      expect(await rowsOf(read[format](path, { schema })), format).toEqual([]);
      await engine.run(empty.write[format](join(folder, `empty-${format}`)) as Plan);
      expect(statSync(join(folder, `empty-${format}`)).isDirectory()).toBe(true);
    }
  });
});

describe("the state folder", () => {
  const runs = (state: string) => join(state, "runs");

  it("keeps no scratch files after success or failure", async () => {
    const state = join(folder, "state");
    await using own = await Engine.create({ workers: 1, memory: "256MB", stateDir: state });
    await own.collect(salesRows().sort("id"));
    await expect(own.collect(read.csv(file("bad.csv", "a\nx\n"), { schema: { a: "int32" } }).sort("a"))).rejects.toThrow();
    const left = readdirSync(runs(state)).flatMap((run) => readdirSync(join(runs(state), run)));
    expect(left).toEqual(["report.json", "report.json"]);
  });

  it("sweeps scratch files of runs whose process is dead, and no others", async () => {
    const state = join(folder, "state");
    const dead = join(runs(state), "20200101T000000-00000000", "scratch");
    const foreign = join(runs(state), "20200101T000001-00000000", "scratch");
    const young = join(runs(state), "20200101T000002-00000000", "scratch");
    for (const path of [dead, foreign, young]) mkdirSync(path, { recursive: true });
    const ended = spawnSync(process.execPath, ["-e", ""]);
    const owner = { runId: "x", target: "scratch", started: null };
    writeFileSync(join(dead, "owner.json"), JSON.stringify({ ...owner, pid: ended.pid }));
    writeFileSync(join(foreign, "owner.json"), JSON.stringify({ ...owner, pid: process.ppid }));
    await using own = await Engine.create({ workers: 1, memory: "256MB", stateDir: state });
    await own.collect(read.rows([{ a: 1 }]));
    expect([existsSync(dead), existsSync(foreign), existsSync(young)]).toEqual([false, true, true]);
  });
});
