import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import fc from "fast-check";
import { type Check, check, count, Engine, max, plan, read, type RunResult, udf } from "millrace";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import "../support/properties.js";

/**
 * Checks of more than one row that set rows aside, against plain DuckDB over the same rows: which rows stay, in their order; which become rejects, with
 * the bytes of their records; and that nothing is counted twice, although the rows are looked at twice.
 */
let folder = "";
let instance: DuckDBInstance;
let duckdb: DuckDBConnection;
const engines: Engine[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-quarantine-"));
  instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  duckdb = await instance.connect();
  const stateDir = join(folder, "state");
  engines.push(await Engine.create({ workers: 1, stateDir, history: false }));
  engines.push(await Engine.create({ workers: 3, stateDir, history: false, partitionBytes: 300 }));
  engines.push(
    await Engine.create({ workers: 2, stateDir, history: false, partitionBytes: 300, kernels: "interpreted", broadcastBytes: 0 }),
  );
}, 180_000);

afterAll(async () => {
  for (const engine of engines) await engine.close();
  duckdb?.closeSync();
  instance?.closeSync();
  rmSync(folder, { recursive: true, force: true });
});

const schema = { tag: "int32", k: "int64", s: "utf8", f: "float64", d: "decimal(12, 2)", day: "date" } as const;
const duckTypes = { tag: "INTEGER", k: "BIGINT", s: "VARCHAR", f: "DOUBLE", d: "DECIMAL(12, 2)", day: "DATE" } as const;
const names = Object.keys(schema) as (keyof typeof schema)[];
type Cells = readonly (string | null)[];

const oneOf = (...values: readonly string[]) => fc.option(fc.constantFrom(...values), { freq: 6 });
const rowOf = fc.tuple(
  oneOf("0", "1", "2", "3", "9007199254740993", "9007199254740992", "-9223372036854775808"),
  oneOf("a", "b", "é", "日本", "two words", "A", "x,y", "line\nbreak"),
  oneOf("0", "-0", "NaN", "inf", "-inf", "1.5", "1.6", "1e308", "5e-324"),
  oneOf("0.10", "0.20", "9999999999.99", "-9999999999.99", "1.00"),
  oneOf("1969-12-31", "2024-02-29", "2024-03-01"),
);
const tableOf = fc.array(rowOf, { maxLength: 80 }).map((rows) => rows.map((cells, i): Cells => [String(i), ...cells]));

const csvCell = (cell: string | null) => (cell === null ? "" : `"${cell.replaceAll('"', '""')}"`);
const csvText = (rows: readonly Cells[]) =>
  `${names.join(",")}\n${rows.map((row) => `${row.map(csvCell).join(",")}\n`).join("")}`;
/** JSON has no NaN; numbers written as texts are read as numbers of that type. */
const jsonlText = (rows: readonly Cells[]) =>
  rows.map((row) => `${JSON.stringify(Object.fromEntries(row.map((cell, i) => [names[i], cell])))}\n`).join("");

async function load(table: string, rows: readonly Cells[]): Promise<void> {
  await duckdb.run(`CREATE OR REPLACE TABLE ${table} (${names.map((name) => `${name} ${duckTypes[name]}`).join(", ")})`);
  const literal = (cell: string | null) => (cell === null ? "NULL" : `'${cell.replaceAll("'", "''")}'`);
  if (rows.length === 0) return;
  await duckdb.run(`INSERT INTO ${table} VALUES ${rows.map((row) => `(${row.map(literal).join(", ")})`).join(", ")}`);
}

async function tags(sql: string): Promise<number[]> {
  return (await duckdb.runAndReadAll(sql)).getRows().map(([tag]) => Number(tag));
}

const formats = ["csv", "jsonl", "parquet", "rows"] as const;
type Format = (typeof formats)[number];

async function source(format: Format, name: string, rows: readonly Cells[]) {
  const file = join(folder, `${name}.${format}`);
  switch (format) {
    case "csv":
      writeFileSync(file, csvText(rows));
      return { file, dataset: read.csv(file, { schema, nullValues: [""] }) };
    case "jsonl":
      writeFileSync(file, jsonlText(rows));
      return { file, dataset: read.jsonl(file, { schema }) };
    case "parquet":
      await load("written", rows);
      await duckdb.run(`COPY written TO '${file}' (FORMAT parquet)`);
      return { file, dataset: read.parquet(file) as unknown as ReturnType<typeof read.csv<typeof schema>> };
    default: {
      const value = (cell: string, name: keyof typeof schema) => {
        if (name === "k") return BigInt(cell);
        if (name === "f") return cell.includes("inf") ? Number(cell.replace("inf", "Infinity")) : Number(cell);
        return name === "tag" ? Number(cell) : name === "day" ? new Date(cell) : cell;
      };
      const objects = rows.map((row) =>
        Object.fromEntries(names.map((name, i) => [name, row[i] == null ? null : value(row[i], name)])),
      );
      return { file: null, dataset: read.rows(objects, { schema }) as unknown as ReturnType<typeof read.csv<typeof schema>> };
    }
  }
}

const lateRows = (keys: string) =>
  `SELECT tag FROM (SELECT tag, row_number() OVER (PARTITION BY ${keys} ORDER BY tag) AS n FROM main WHERE (${keys
    .split(",")
    .map((key) => `${key} IS NOT NULL`)
    .join(" AND ")})) WHERE n > 1`;

/** What fails, in SQL over `main` and `other`; the check over the dataset of `other`. */
const cases: readonly (readonly [name: string, make: (other: never) => Check<string>, failing: string])[] = [
  ["unique k", () => check.unique("k", { action: "quarantine" }), lateRows("k")],
  ["unique f", () => check.unique("f", { action: "quarantine" }), lateRows("f")],
  ["unique s, day", () => check.unique(["s", "day"], { action: "quarantine" }), lateRows("s,day")],
  ["unique d, k", () => check.unique(["d", "k"], { action: "quarantine" }), lateRows("d,k")],
  [
    "references s",
    (other) => check.references("s", other, "s", { action: "quarantine" }),
    "SELECT tag FROM main WHERE s IS NOT NULL AND s NOT IN (SELECT s FROM other WHERE s IS NOT NULL)",
  ],
  [
    "references day, k",
    (other) => check.references(["day", "k"], other, ["day", "k"], { action: "quarantine" }),
    "SELECT tag FROM main m WHERE day IS NOT NULL AND k IS NOT NULL AND NOT EXISTS (SELECT 1 FROM other o WHERE o.day = m.day AND o.k = m.k)",
  ],
  [
    "agrees d by k",
    (other) => check.agrees("d", other, { key: "k", action: "quarantine" }),
    `SELECT tag FROM main m WHERE EXISTS (SELECT 1 FROM other o WHERE o.k = m.k) AND (
       SELECT bool_or(CASE WHEN m.d IS NULL OR x IS NULL THEN (m.d IS NULL) <> (x IS NULL) ELSE m.d <> x END)
       FROM (SELECT unnest([min(o.d), max(o.d)]) AS x FROM other o WHERE o.k = m.k))`,
  ],
  [
    "agrees d by s, give or take 0.1",
    (other) => check.agrees("d", other, { key: "s", tolerance: 0.1, action: "quarantine" }),
    `SELECT tag FROM main m WHERE EXISTS (SELECT 1 FROM other o WHERE o.s = m.s) AND (
       SELECT bool_or(CASE WHEN m.d IS NULL OR x IS NULL THEN (m.d IS NULL) <> (x IS NULL) ELSE abs(m.d - x) > 0.1 END)
       FROM (SELECT unnest([min(o.d), max(o.d)]) AS x FROM other o WHERE o.s = m.s))`,
  ],
];

async function rejectsOf(result: RunResult, file: string | null): Promise<number> {
  let met = 0;
  const bytes = file === null ? null : readFileSync(file);
  for await (const reject of result.rejects) {
    if (reject.code !== "CHECK_FAILED") continue;
    met++;
    if (bytes === null || reject.byte === null || reject.length === null) continue;
    const raw = bytes.subarray(reject.byte, reject.byte + reject.length);
    expect(Buffer.from(reject.raw ?? []).equals(raw)).toBe(true);
    expect(bytes.subarray(0, reject.byte).toString().split("\n")).toHaveLength(reject.line ?? 0);
  }
  return met;
}

/** `others`: records that only serve to look rows up. */
function balances(result: RunResult, others = 0): void {
  const { recordsRead, recordsWritten, recordsFiltered, recordsFailed } = result.report.data.execution;
  expect(recordsWritten + recordsFiltered + recordsFailed).toBe(recordsRead - others);
}

describe.each(formats)("rows of %s", (format) => {
  it.each(cases)(
    "%s: sets aside what DuckDB says",
    async (_name, make, failing) => {
      let turn = 0;
      const property = fc.asyncProperty(tableOf, tableOf, async (rows, others) => {
        const engine = engines[turn++ % engines.length] as Engine;
        const [main, other] = [await source(format, "main", rows), await source("csv", "other", others)];
        await load("main", rows);
        await load("other", others);
        const failed = new Set(await tags(failing));
        const target = join(folder, "out.parquet");
        const job = main.dataset
          .expect(make(other.dataset as never) as Check<keyof typeof schema>)
          .select("tag")
          .write.parquet(target, { mode: "overwrite" });
        const result = await engine.run(job).result;
        const kept = rows.map((_, i) => i).filter((tag) => !failed.has(tag));
        expect(await tags(`SELECT tag FROM read_parquet('${target}')`)).toEqual(kept);
        expect(result.status).toBe(failed.size > 0 ? "partial" : "success");
        expect(result.report.quality?.checks[0]).toMatchObject({ failed: failed.size, action: "quarantine" });
        expect(await rejectsOf(result, format === "parquet" ? null : main.file)).toBe(failed.size);
        expect(result.report.data.execution.recordsFailed).toBe(failed.size);
        if (format === "csv" || format === "jsonl") {
          const samples = result.report.quality?.checks[0]?.samples ?? [];
          expect(samples).toHaveLength(Math.min(5, failed.size));
          for (const { file, line } of samples) expect([file, line === null]).toEqual([main.file, false]);
        }
      });
      await fc.assert(property, { numRuns: 9 });
    },
    60_000,
  );
});

describe("beside other steps", () => {
  const numbered = (rows: number) => {
    const lines = Array.from({ length: rows }, (_, i) => `${i},${(i * 7) % 40},s${i % 5},${i % 13 === 0 ? "bad" : i},`);
    return `tag,k,s,n,rest\n${lines.join("\n")}\n`;
  };
  const columns = { tag: "int32", k: "int32", s: "utf8", n: "int32" } as const;
  const write = (name: string, text: string) => {
    const file = join(folder, name);
    writeFileSync(file, text);
    return file;
  };
  const input = (rows: number) => read.csv(write("steps.csv", numbered(rows)), { schema: columns, onReject: "quarantine" });
  const good = (rows: number) => Array.from({ length: rows }, (_, i) => i).filter((i) => i % 13 !== 0);
  /** The first of each key stays. */
  const firstOf = (rows: readonly number[], key: (tag: number) => number) => {
    const seen = new Set<number>();
    return rows.filter((tag) => !seen.has(key(tag)) && seen.add(key(tag)));
  };
  const target = () => join(folder, "steps.parquet");
  const written = () => tags(`SELECT tag FROM read_parquet('${target()}')`);

  it("records that are rejected or filtered before are none of the first", async () => {
    for (const engine of engines) {
      const job = input(400)
        .filter((c) => c.tag.gte(10))
        .withColumns((c) => ({ half: c.n.div(2) }))
        .expect(check.unique("k", { action: "quarantine" }))
        .write.parquet(target(), { mode: "overwrite" });
      const result = await engine.run(job).result;
      const wanted = firstOf(
        good(400).filter((tag) => tag >= 10),
        (tag) => (tag * 7) % 40,
      );
      expect(await written()).toEqual(wanted);
      balances(result);
      expect(result.report.data.execution.recordsRead).toBe(400);
      expect(result.rejects.byCode).toEqual({
        CAST_FAILED: 400 - good(400).length,
        CHECK_FAILED: good(400).filter((tag) => tag >= 10).length - wanted.length,
      });
    }
  });

  it("a reject is told once where several checks fail, and a later expect sees what is left", async () => {
    for (const engine of engines) {
      const cities = read.csv(write("cities.csv", "s\ns1\ns2\ns3\n"), { schema: { s: "utf8" } });
      const job = input(400)
        .expect(
          check.unique("k", { action: "quarantine" }),
          check.references("s", cities, "s", { action: "quarantine" }),
          check.between("tag", { min: 100, action: "quarantine" }),
        )
        .expect(check.unique("s", { action: "quarantine" }))
        .write.parquet(target(), { mode: "overwrite" });
      const result = await engine.run(job).result;
      const first = new Set(firstOf(good(400), (tag) => (tag * 7) % 40));
      const left = good(400).filter((tag) => first.has(tag) && [1, 2, 3].includes(tag % 5) && tag >= 100);
      const wanted = firstOf(left, (tag) => tag % 5);
      expect(await written()).toEqual(wanted);
      balances(result, 3);
      const byName = Object.fromEntries((result.report.quality?.checks ?? []).map((one) => [one.name, one.failed]));
      expect(byName).toEqual({
        "unique k": good(400).length - first.size,
        "references s": good(400).filter((tag) => ![1, 2, 3].includes(tag % 5)).length,
        "between tag": good(400).filter((tag) => tag < 100).length,
        "unique s": left.length - wanted.length,
      });
      expect(result.rejects.byCode.CHECK_FAILED).toBe(good(400).length - wanted.length);
    }
  });

  it("a dataset may refer to itself, and go to several outputs", async () => {
    for (const engine of engines) {
      const all = input(300);
      const checked = all.expect(
        check.references(
          "k",
          all.filter((c) => c.tag.lt(8)),
          "tag",
          { action: "quarantine" },
        ),
      );
      const other = join(folder, "also.parquet");
      const groups = all.groupBy("s").agg(() => ({ n: count() }));
      const both = plan.all(
        checked.write.parquet(target(), { mode: "overwrite" }),
        groups.write.parquet(other, { mode: "overwrite" }),
      );
      const result = await engine.run(both).result;
      const known = good(300).filter((tag) => tag < 8);
      expect(await written()).toEqual(good(300).filter((tag) => known.includes((tag * 7) % 40)));
      expect(await tags(`SELECT sum(n) FROM read_parquet('${other}')`)).toEqual([good(300).length]);
      expect(result.report.data.execution.recordsRead).toBe(300);
      expect(result.rejects.byCode.CAST_FAILED).toBe(300 - good(300).length);
    }
  });

  it("judges what joins and groupings give, whose rows have no place in a file", async () => {
    for (const engine of engines) {
      const cities = read.csv(write("towns.csv", "s,town\ns1,x\ns2,x\ns3,y\ns4,z\n"), { schema: { s: "utf8", town: "utf8" } });
      const job = input(200)
        .join(cities, { on: "s", how: "inner" })
        .expect(check.unique("town", { action: "quarantine" }))
        .write.parquet(target(), { mode: "overwrite" });
      const result = await engine.run(job).result;
      const joined = good(200).filter((tag) => tag % 5 !== 0);
      const town = (tag: number) => [0, 1, 1, 3, 4][tag % 5] ?? 0;
      expect(await written()).toEqual(firstOf(joined, town));
      expect(result.report.quality?.checks[0]).toMatchObject({ total: joined.length, failed: joined.length - 3 });
      // The column that cannot be read everywhere is not read here.
      const grouped = input(190)
        .groupBy("k")
        .agg((c) => ({ tag: max(c.tag), rows: count() }))
        .sort("k")
        .expect(check.unique("rows", { action: "quarantine" }))
        .write.parquet(target(), { mode: "overwrite" });
      const second = await engine.run(grouped).result;
      const sizes = new Map<number, number[]>();
      for (let tag = 0; tag < 190; tag++) sizes.set((tag * 7) % 40, [...(sizes.get((tag * 7) % 40) ?? []), tag]);
      const groups = [...sizes].sort(([a], [b]) => a - b).map(([, list]) => list);
      const kept = groups.filter((list, i) => groups.findIndex((one) => one.length === list.length) === i);
      expect(await written()).toEqual(kept.map((list) => Math.max(...list)));
      expect(second.rejects.byCode.CHECK_FAILED).toBe(groups.length - kept.length);
    }
  });

  it("gives the same bytes and report for any number of workers", async () => {
    const found: unknown[] = [];
    for (const engine of engines) {
      const job = input(900)
        .expect(check.unique(["k", "s"], { action: "quarantine" }))
        .write.csv(join(folder, "same.csv"), { mode: "overwrite" });
      const { report } = await engine.run(job).result;
      found.push([readFileSync(join(folder, "same.csv"), "utf8"), report.quality]);
    }
    expect(found[1]).toEqual(found[0]);
    expect(found[2]).toEqual(found[0]);
  });

  it("limits of rejects and a gate count such rows", async () => {
    const file = write("limited.csv", numbered(100));
    const limited = (most: number) =>
      read
        .csv(file, { schema: { tag: "int32", k: "int32" }, rejectLimits: { rate: most } })
        .expect(check.unique("k", { action: "quarantine" }))
        .write.parquet(target(), { mode: "overwrite" });
    for (const engine of engines) {
      await expect(engine.run(limited(0.59)).result).rejects.toMatchObject({ code: "REJECT_LIMIT_EXCEEDED" });
      expect((await engine.run(limited(0.6)).result).rejects.count).toBe(60);
    }
  });

  it("replay computes the outputs anew once the input was not changed, and the rows fail again", async () => {
    const [engine] = engines as [Engine];
    const rows = input(100);
    const job = rows.expect(check.unique("k", { action: "quarantine" })).write.parquet(target(), { mode: "overwrite" });
    const result = await engine.run(job).result;
    const before = await written();
    const replay = await engine.replay(result.runId, job);
    expect(replay).toMatchObject({ resolved: 0, remaining: result.rejects.count });
    expect(await written()).toEqual(before);
    // The check is taken away: what it set aside is written, in the place of its own.
    const without = rows.write.parquet(target(), { mode: "overwrite" });
    expect(await engine.replay(result.runId, without)).toMatchObject({ strategy: "recompute" });
    expect(await written()).toEqual(good(100));
  });

  it("a record that ends its worker fails the run, since rows are known by how many come before them", async () => {
    const [engine] = engines as [Engine];
    const ends = udf(
      (tag: number) => {
        if (tag === 7) (globalThis as unknown as { process: { exit(code: number): void } }).process.exit(3);
        return tag;
      },
      { returns: "int32" },
    );
    const job = input(20)
      .expect(check.unique("k", { action: "quarantine" }))
      .withColumns((c) => ({ same: ends(c.tag) }))
      .write.parquet(target(), { mode: "overwrite" });
    await expect(engine.run(job).result).rejects.toMatchObject({ code: "RECORD_POISONED", category: "Data" });
  }, 180_000);

  it("a run that is killed is gone on with, to the same bytes and rejects", async () => {
    const file = write("killed.csv", numbered(500));
    const script = join(folder, "killed.mjs");
    const index = pathToFileURL(resolve(import.meta.dirname, "../../dist/run/index.js")).href;
    writeFileSync(
      script,
      `import { check, Engine, read } from ${JSON.stringify(index)};
const [state, out] = process.argv.slice(2);
const engine = await Engine.create({ workers: 2, partitionBytes: 300, stateDir: state });
const job = read.csv(${JSON.stringify(file)}, { schema: ${JSON.stringify(columns)}, onReject: "quarantine" })
  .expect(check.unique("k", { action: "quarantine" })).write.csv(out, { mode: "overwrite" });
const { rejects, report } = await engine.run(job, { job: "killed", resume: "auto" });
const raws = [];
for await (const one of rejects) raws.push([one.line, one.code, Buffer.from(one.raw).toString()]);
const { recordsRead, recordsFailed, resume } = report.data.execution;
console.log(JSON.stringify({ raws, recordsRead, recordsFailed, quality: report.quality, reused: (resume?.reusedTasks ?? 0) > 0 }));
await engine.close();
`,
    );
    const start = (state: string, kill: string | null) => {
      const env = kill === null ? process.env : { ...process.env, MILLRACE_KILL_AT: kill };
      const child = spawnSync(process.execPath, [script, join(folder, state), join(folder, `${state}.csv`)], { env });
      return child.status === 0 ? (JSON.parse(child.stdout.toString()) as { reused: boolean }) : null;
    };
    const whole = start("whole", null);
    for (const kill of ["task-done:1", "task-done:20", "task-done:40", "rejects-kept:1", "publishing:1"]) {
      const state = `killed-${kill.replace(":", "-")}`;
      expect(start(state, kill)).toBeNull();
      const { reused, ...rest } = required(start(state, null));
      expect({ ...rest, reused: false }).toEqual(whole);
      if (kill === "task-done:40") expect(reused).toBe(true);
      expect(readFileSync(join(folder, `${state}.csv`), "utf8")).toBe(readFileSync(join(folder, "whole.csv"), "utf8"));
    }
  }, 180_000);
});

function required<T>(value: T | null): T {
  if (value === null) throw new Error("the run failed");
  return value;
}
