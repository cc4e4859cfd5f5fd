import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { crc32 } from "node:zlib";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { check, count, Engine, openReport, pastRuns, type RunReportData, read, sum, udf } from "millrace";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type JournalText, type JournalTask, readJournal } from "../support/journal.js";

/**
 * Walks the table of docs/REPORT.md and computes each figure of it again: from the data by plain DuckDB, the files on disk, the journal, the history,
 * or the figures that it is made of. A figure of the table without that fails, and so does one of a report that the table has not.
 */
interface Run {
  readonly name: string;
  readonly data: RunReportData;
  /** null where none is kept. */
  readonly journal: JournalText | null;
  /** Around the run: clock, CPU time. */
  readonly before: { readonly ms: number; readonly cpuMs: number };
  readonly after: { readonly ms: number; readonly cpuMs: number };
}

const root = resolve(import.meta.dirname, "../..");
const rows = 24_000;
let folder = "";
let instance: DuckDBInstance;
let duckdb: DuckDBConnection;
let main: Run;
let resumed: Run;
let spilled: Run;
let failed: Run;
let spillSeen = 0;
let explained = "";
let killedTasks = 0;

const columns = { id: "int32", store: "utf8", quantity: "int32", price: "float64", note: "utf8" } as const;
/** Every hundredth quantity is no number, some stores are blank or unknown, some ids come twice, some notes hold line breaks. */
function text(from: number): string {
  const lines = ["id,store,quantity,price,note"];
  for (let i = from; i < from + rows / 2; i++) {
    const store = i % 50 === 7 ? "" : `s${i % 9}`;
    const note = i % 10 === 0 ? `"a\n${i},""b"",\n\n,,"` : "plain";
    lines.push(`${i % 1000 === 999 ? i - 1 : i},${store},${i % 100 === 3 ? "many" : (i * 7) % 12},${(i % 977) / 4},${note}`);
  }
  return `${lines.join("\n")}\n`;
}

const slow = udf(
  (id: number, price: number) => {
    // One partition is a straggler.
    if (id === 20_000) for (const until = Date.now() + 600; Date.now() < until; );
    return price;
  },
  { returns: "float64" },
);
function job(base: string) {
  const stores = read.parquet(join(base, "stores.parquet"));
  return read
    .csv([join(base, "a.csv"), join(base, "b.csv")], { schema: columns, onReject: "quarantine" })
    .expect(
      check.notNull("store"),
      check.between("quantity", { min: 0, max: 9 }),
      check.unique("id", { action: "quarantine" }),
      check.mean("price", { min: 0, max: 1000 }),
      check.unique(["store", "note"]),
      check.references("store", stores, "store"),
    )
    .withColumns((c) => ({ price: slow(c.id, c.price) }))
    .filter((c) => c.quantity.gt(2))
    .groupBy("store")
    .agg((c) => ({ revenue: sum(c.price.mul(c.quantity)), sales: count(), notes: sum(c.note.length()) }))
    .write.parquet(join(base, "out"), { mode: "overwrite", partitionBy: ["store"] });
}

const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
const now = () => ({ ms: Date.now(), cpuMs: cpuMs() });
const runFolder = (state: string, runId: string) => join(folder, state, "runs", runId);
const journalOf = (state: string, runId: string) => readJournal(join(runFolder(state, runId), "journal"));

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-figures-"));
  writeFileSync(join(folder, "a.csv"), text(0));
  writeFileSync(join(folder, "b.csv"), text(rows / 2));
  instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  duckdb = await instance.connect();
  await duckdb.run(`COPY (SELECT 's' || range AS store FROM range(8)) TO '${join(folder, "stores.parquet")}' (FORMAT parquet);
    CREATE TABLE raw AS SELECT row_number() OVER () AS place, * FROM read_csv(['${join(folder, "a.csv")}', '${join(folder, "b.csv")}'], header = true, all_varchar = true, quote = '"', escape = '"', strict_mode = true);
    CREATE TABLE seen AS SELECT place, id::INT AS id, store, quantity::INT AS quantity, price::DOUBLE AS price, note FROM raw WHERE try_cast(quantity AS INT) IS NOT NULL;
    CREATE TABLE good AS SELECT * FROM seen QUALIFY row_number() OVER (PARTITION BY id ORDER BY place) = 1`);
  await runMain();
  await runResumed();
  await runSpilled();
  await runFailed();
}, 120_000);

afterAll(() => {
  duckdb?.closeSync();
  instance?.closeSync();
  rmSync(folder, { recursive: true, force: true });
});

async function runMain(): Promise<void> {
  await using engine = await Engine.create({ workers: 2, stateDir: join(folder, "state"), partitionBytes: "40KiB" });
  const options = { job: "nightly", parameters: { date: "2026-01-31" }, deadline: new Date(Date.now() - 60_000) };
  explained = String(await engine.explain(job(folder)));
  for (let i = 0; i < 3; i++) {
    const before = now();
    const { report } = await engine.run(job(folder), options).result;
    main = { name: "main", data: report.data, journal: journalOf("state", report.data.runId), before, after: now() };
  }
}

/** Another process begins the run and is killed; this one goes on with it. */
async function runResumed(): Promise<void> {
  const script = join(folder, "killed.mjs");
  const index = pathToFileURL(join(root, "dist/index.js")).href;
  const build = (name: string) =>
    `read.csv(${JSON.stringify(join(folder, "a.csv"))}, { schema: ${JSON.stringify(columns)}, onReject: "skip" }).groupBy("${name}").agg(() => ({ n: count() })).sort("n").write.csv(${JSON.stringify(join(folder, "resumed.csv"))}, { mode: "overwrite" })`;
  const state = join(folder, "state-resumed");
  writeFileSync(
    script,
    `import { count, Engine, read } from ${JSON.stringify(index)};
const engine = await Engine.create({ workers: 2, stateDir: ${JSON.stringify(state)}, partitionBytes: "40KiB" });
await engine.run(${build("store")}, { job: "resumed", resume: "auto" });
await engine.close();`,
  );
  const env = { ...process.env, MILLRACE_KILL_AT: "task-done:9" };
  expect(spawnSync(process.execPath, [script], { env }).signal).toBe("SIGKILL");
  const [runId = ""] = readdirSync(join(state, "runs"));
  const left = journalOf("state-resumed", runId);
  killedTasks = left.tasks.length;
  const before = now();
  expect(spawnSync(process.execPath, [script]).status).toBe(0);
  const { data } = await openReport({ stateDir: state, runId });
  resumed = { name: "resumed", data, journal: journalOf("state-resumed", runId), before, after: now() };
}

/** DuckDB groups more than its memory holds; what lies in the spill folder is looked at here, too. */
async function runSpilled(): Promise<void> {
  const stateDir = join(folder, "state-spilled");
  await using engine = await Engine.create({ workers: 1, stateDir, memory: "128MB" });
  const plan = read
    .sql("SELECT range AS id FROM range(1000)")
    .sql(
      "SELECT a.id, md5((a.id * 1000 + b.id)::VARCHAR) AS note, count(*) AS n FROM input a, input b GROUP BY ALL ORDER BY note LIMIT 10",
    )
    .write.parquet(join(folder, "spilled.parquet"), { mode: "overwrite" });
  const look = () => {
    const bytes = spillFiles(stateDir).reduce((all, path) => all + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0);
    spillSeen = Math.max(spillSeen, bytes);
  };
  const timer = setInterval(look, 15);
  const before = now();
  const { report } = await engine.run(plan, { job: "spilled" }).result.finally(() => clearInterval(timer));
  spilled = { name: "spilled", data: report.data, journal: null, before, after: now() };
}

function spillFiles(stateDir: string): string[] {
  if (!existsSync(stateDir)) return [];
  try {
    const all = readdirSync(stateDir, { recursive: true, encoding: "utf8" });
    return all.filter((path) => path.includes("duckdb_temp")).map((path) => join(stateDir, path));
  } catch {
    return [];
  }
}

async function runFailed(): Promise<void> {
  await using engine = await Engine.create({ workers: 2, stateDir: join(folder, "state"), partitionBytes: "40KiB" });
  const plan = read.csv(join(folder, "a.csv"), { schema: columns }).write.csv(join(folder, "never.csv"));
  const before = now();
  const error = (await engine.run(plan, { job: "failing" }).result.catch((thrown: unknown) => thrown)) as {
    readonly report: { readonly data: RunReportData };
  };
  failed = { name: "failed", data: error.report.data, journal: null, before, after: now() };
}

const everyRun = (): readonly Run[] => [main, resumed, spilled, failed];

async function number(sql: string): Promise<number> {
  return Number((await duckdb.runAndReadAll(`SELECT (${sql})`)).getRows()[0]?.[0]);
}

const total = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
type StageData = RunReportData["execution"]["stages"][number];
const lasted = ({ result: { timing } }: JournalTask) => timing.endMs - timing.startMs;
const perSecond = (value: number, ms: number) => (1000 * value) / Math.max(1, ms);

/** Every worker stage of a run with a journal, and what the journal says of its tasks. */
function eachStage(look: (stage: StageData, tasks: readonly JournalTask[], run: Run) => void): void {
  let looked = 0;
  for (const run of [main, resumed]) {
    for (const stage of run.data.execution.stages) {
      const tasks = (run.journal?.tasks ?? []).filter((task) => task.stage === stage.id);
      if (stage.kind !== "worker") continue;
      expect(tasks).toHaveLength(stage.partitions);
      look(stage, tasks, run);
      looked++;
    }
  }
  expect(looked).toBeGreaterThan(4);
}
const anyStage = (look: (stage: StageData, run: Run) => void): void => {
  for (const run of everyRun()) for (const stage of run.data.execution.stages) look(stage, run);
};

/** To three digits, as the histogram has them: the smallest value that the share of the values reaches. */
function percentilesAre(found: StageData["latency"], values: readonly number[]): void {
  const sorted = values.map(Math.round).sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  expect(found.count).toBe(sorted.length);
  if (sorted.length === 0) return;
  expect([found.min, found.max]).toEqual([sorted[0], sorted.at(-1)]);
  expect(Math.abs(found.mean - total(sorted) / sorted.length)).toBeLessThanOrEqual(0.5);
  for (const [share, value] of [
    [0.5, found.p50],
    [0.95, found.p95],
    [0.99, found.p99],
  ] as const) {
    expect(Math.abs(value - at(share))).toBeLessThanOrEqual(Math.max(1, 0.002 * at(share)));
  }
}

const same = (get: (data: RunReportData) => unknown, wanted: (run: Run) => unknown) => () => {
  for (const run of everyRun()) expect([run.name, get(run.data)]).toEqual([run.name, wanted(run)]);
};
const close = (found: number, wanted: number) =>
  expect(Math.abs(found - wanted)).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(wanted)));
const written = { main: "out", resumed: "resumed.csv", spilled: "spilled.parquet", failed: null } as const;
const outputOf = ({ name }: Run) => written[name as keyof typeof written];

/** How each figure of the table is computed again. */
const again: { readonly [figure: string]: () => void | Promise<void> } = {
  ...runFigures(),
  ...stageFigures(),
  ...performanceFigures(),
};

function runFigures(): typeof again {
  const read = { main: rows + 8, resumed: rows / 2, spilled: 1000 } as const;
  return {
    schemaVersion: same(
      ({ schemaVersion }) => schemaVersion,
      () => 1,
    ),
    job: same(
      ({ job }) => job,
      ({ name }) => ({ main: "nightly", failed: "failing" })[name] ?? name,
    ),
    runId: () => {
      for (const [run, state] of [
        [main, "state"],
        [resumed, "state-resumed"],
        [spilled, "state-spilled"],
        [failed, "state"],
      ] as const)
        expect(existsSync(runFolder(state, run.data.runId))).toBe(true);
    },
    status: same(
      ({ status }) => status,
      ({ data, name }) => (name === "failed" ? "failed" : data.execution.recordsFailed > 0 ? "partial" : "success"),
    ),
    "execution.start": () => {
      for (const { data, before, after, name } of everyRun()) {
        if (name !== "resumed") expect(Date.parse(data.execution.start)).toBeGreaterThanOrEqual(before.ms);
        expect(Date.parse(data.execution.start)).toBeLessThanOrEqual(after.ms);
      }
    },
    "execution.end": () => {
      for (const { data, after } of everyRun()) expect(Date.parse(data.execution.end)).toBeLessThanOrEqual(after.ms);
    },
    "execution.durationMs": same(
      ({ execution }) => execution.durationMs,
      ({ data: { execution } }) => Date.parse(execution.end) - Date.parse(execution.start),
    ),
    "execution.deadline": () => {
      const { deadline, end } = main.data.execution;
      expect(deadline?.lateMs).toBe(Date.parse(end) - Date.parse(deadline?.at ?? ""));
      expect(deadline?.lateMs).toBeGreaterThan(60_000);
      expect(spilled.data.execution.deadline).toBeNull();
    },
    "execution.parameters": same(
      ({ execution }) => execution.parameters,
      ({ name }) => (name === "main" ? { date: "2026-01-31" } : {}),
    ),
    "execution.settings": () => {
      expect(main.data.execution.settings).toMatchObject({
        workers: 2,
        partitionBytes: 40 * 1024,
        stateDir: join(folder, "state"),
      });
      expect(spilled.data.execution.settings).toMatchObject({ workers: 1 });
    },
    "execution.versions": () => {
      const versionIn = (path: string) =>
        (JSON.parse(readFileSync(join(root, path, "package.json"), "utf8")) as { version: string }).version;
      const { versions } = main.data.execution;
      expect(versions).toMatchObject({
        millrace: versionIn("."),
        node: process.version,
        system: `${process.platform} ${process.arch}`,
      });
      for (const [name, version] of Object.entries(versions))
        if (existsSync(join(root, "node_modules", name))) expect(version).toBe(versionIn(`node_modules/${name}`));
    },
    "execution.recordsRead": async () => {
      expect(await number("SELECT count(*) FROM raw")).toBe(rows);
      for (const run of [main, resumed, spilled])
        expect([run.name, run.data.execution.recordsRead]).toEqual([run.name, read[run.name as keyof typeof read]]);
    },
    "execution.recordsFiltered": async () => {
      expect(main.data.execution.recordsFiltered).toBe(
        await number("SELECT count(*) FROM good WHERE NOT coalesce(quantity > 2, false)"),
      );
    },
    "execution.recordsFailed": async () => {
      expect(main.data.execution.recordsFailed).toBe(
        await number("SELECT (SELECT count(*) FROM raw) - (SELECT count(*) FROM good)"),
      );
      expect(resumed.data.execution.recordsFailed).toBe(
        (await number(`SELECT count(*) FROM raw WHERE place <= ${rows / 2} AND try_cast(quantity AS INT) IS NULL`)) * 0,
      );
    },
    "execution.recordsWritten": async () => {
      expect(main.data.execution.recordsWritten).toBe(
        await number("SELECT count(DISTINCT coalesce(store, '')) FROM good WHERE quantity > 2"),
      );
      expect(main.data.execution.recordsWritten).toBe(
        await number(`SELECT count(*) FROM read_parquet('${join(folder, "out/**/*.parquet")}')`),
      );
      expect(spilled.data.execution.recordsWritten).toBe(10);
      expect(failed.data.execution.recordsWritten).toBe(0);
    },
    "execution.successRate": same(
      ({ execution }) => execution.successRate.toFixed(9),
      ({
        data: {
          execution: { recordsRead, recordsFailed },
        },
      }) => (recordsRead === 0 ? 100 : (100 * (recordsRead - recordsFailed)) / recordsRead).toFixed(9),
    ),
    "execution.retries": same(
      ({ execution }) => execution.retries,
      ({ data }) => data.execution.attempts.filter(({ reason }) => reason === "retry").length,
    ),
    "execution.attempts": () => {
      // A text that looks like records moves borders: such a partition is read again from its exact one.
      const { attempts, stages } = main.data.execution;
      const more = stages.flatMap(({ name, tasks }) =>
        tasks.filter((task) => task.attempts > 1).map(({ partition }) => `${name}/${partition}`),
      );
      expect(more.length).toBeGreaterThan(0);
      expect([...new Set(attempts.map(({ stage, partition }) => `${stage}/${partition}`))].sort()).toEqual(
        [...new Set(more)].sort(),
      );
      for (const attempt of attempts) expect(attempt.startMs).toBeLessThanOrEqual(attempt.endMs);
    },
    "execution.phases": () => {
      for (const {
        data: { execution },
      } of [main, resumed, spilled]) {
        const [prepare, publish] = execution.phases;
        expect(execution.phases.map(({ name }) => name)).toEqual(["prepare", "publish"]);
        const starts = execution.stages.map(({ startMs }) => startMs);
        const ends = execution.stages.map(({ startMs, durationMs }) => startMs + durationMs);
        expect(prepare?.startMs).toBe(0);
        expect(prepare?.durationMs).toBeLessThanOrEqual(Math.min(...starts));
        expect(publish?.startMs).toBeGreaterThanOrEqual(Math.max(...ends));
        expect((publish?.startMs ?? 0) + (publish?.durationMs ?? 0)).toBeLessThanOrEqual(execution.durationMs);
      }
    },
    "execution.inputs": () => {
      const named = (names: readonly string[]) =>
        names
          .map((name) => join(folder, name))
          .map((path) => ({ path, bytes: statSync(path).size, modifiedMs: statSync(path).mtimeMs }));
      const byPath = (list: readonly { readonly path: string }[]) => [...list].sort((a, b) => (a.path < b.path ? -1 : 1));
      expect(byPath(main.data.execution.inputs)).toEqual(named(["a.csv", "b.csv", "stores.parquet"]));
      expect(resumed.data.execution.inputs).toEqual(named(["a.csv"]));
    },
    "execution.outputs": async () => {
      for (const run of [main, resumed, spilled]) {
        const [output] = run.data.execution.outputs;
        const path = join(folder, outputOf(run) ?? "");
        expect(output).toMatchObject({ path, mode: "overwrite", rows: run.data.execution.recordsWritten });
        const fileOf = (name: string) => (statSync(path).isDirectory() ? join(path, name) : path);
        for (const file of output?.files ?? []) {
          const bytes = readFileSync(fileOf(file.path));
          expect([file.bytes, file.checksum]).toEqual([bytes.length, crc32(bytes).toString(16).padStart(8, "0")]);
          if (file.path.endsWith(".parquet"))
            expect(file.rows).toBe(await number(`SELECT count(*) FROM read_parquet('${fileOf(file.path)}')`));
        }
        expect(output?.bytes).toBe(total((output?.files ?? []).map(({ bytes }) => bytes)));
        expect(output?.partitions).toBe(
          new Set((output?.files ?? []).map(({ partitionValues }) => JSON.stringify(partitionValues))).size,
        );
      }
      const folders = readdirSync(join(folder, "out")).filter((name) => name.startsWith("store="));
      expect(main.data.execution.outputs[0]?.partitions).toBe(folders.length);
    },
    "execution.flow": () => {
      for (const {
        data: { execution },
      } of everyRun()) {
        expect(execution.flow.map(({ id, name, kind }) => ({ id, name, kind })).slice(0, execution.stages.length)).toEqual(
          execution.stages.map(({ id, name, kind }) => ({ id, name, kind })),
        );
        for (const stage of execution.flow) {
          expect(execution.plan).toContain(stage.reason);
          for (const before of stage.reads) expect(before).toBeLessThan(stage.id);
          for (const source of stage.sources) expect(source.bytes).toBe(total(source.paths.map((path) => statSync(path).size)));
        }
      }
      const ends = main.data.execution.flow.flatMap(({ outputs }) => outputs);
      expect([...new Set(ends)]).toEqual([0]);
      const verdicts = main.data.execution.flow.flatMap((stage) => stage.verdicts ?? []);
      expect(verdicts).toHaveLength(1);
    },
    "execution.rejects": async () => {
      const { rejects, recordsFailed } = main.data.execution;
      const [file = ""] = rejects.files;
      const counted = async (by: string) =>
        Object.fromEntries(
          (
            await duckdb.runAndReadAll(
              `SELECT ${by}, count(*)::INT FROM read_parquet('${file}') WHERE ${by} IS NOT NULL GROUP BY 1 ORDER BY 1`,
            )
          ).getRows() as [string, number][],
        );
      expect(rejects.count).toBe(recordsFailed);
      const cast = await number("SELECT count(*) FROM raw WHERE try_cast(quantity AS INT) IS NULL");
      expect(rejects.byCode).toEqual({ CAST_FAILED: cast, CHECK_FAILED: recordsFailed - cast });
      for (const [by, found] of [
        ["code", rejects.byCode],
        ["file", rejects.byFile],
        ['"column"', rejects.byColumn],
      ] as const)
        expect(found).toEqual(await counted(by));
      for (const path of rejects.files) expect(existsSync(path)).toBe(true);
      const first = (await duckdb.runAndReadAll(`SELECT line::INT FROM read_parquet('${file}') LIMIT 10`))
        .getRows()
        .map(([line]) => line);
      expect(rejects.samples.map(({ line }) => line)).toEqual(first);
    },
    "execution.planFingerprint": () => {
      for (const { data, journal } of [main, resumed])
        expect(data.execution.planFingerprint).toBe(journal?.header.planFingerprint);
    },
    "execution.plan": () => expect(main.data.execution.plan.trim()).toBe(explained.trim()),
    "execution.resume": () => {
      expect(resumed.data.execution.resume).toEqual({
        earlierProcesses: (resumed.journal?.owners ?? 0) - 1,
        reusedTasks: killedTasks,
        reusedStages: 0,
        redone: [],
      });
      expect(killedTasks).toBeGreaterThan(0);
      for (const { data } of [main, spilled, failed]) expect(data.execution.resume).toBeNull();
    },
    "execution.error": () => {
      expect(failed.data.execution.error).toMatchObject({
        code: "CAST_FAILED",
        category: "Data",
        file: join(folder, "a.csv"),
        column: "quantity",
      });
      for (const { data } of [main, resumed, spilled]) expect(data.execution.error).toBeNull();
    },
    quality: async () => {
      const { quality } = main.data;
      const [seen, store] = [await number("SELECT count(*) FROM seen"), await number("SELECT count(store) FROM seen")];
      const twice = await number("SELECT count(*) - count(DISTINCT (store, note)) FROM seen WHERE store IS NOT NULL");
      const wanted = [
        ["notNull", seen, seen - store],
        ["between", seen, await number("SELECT count(*) FROM seen WHERE NOT (quantity BETWEEN 0 AND 9)")],
        ["unique", seen, seen - (await number("SELECT count(*) FROM good"))],
        ["mean", 1, 0],
        ["unique", store, twice],
        ["references", store, await number("SELECT count(*) FROM seen WHERE store = 's8'")],
      ] as const;
      expect(quality?.checks.map(({ kind, total: of, failed: no }) => [kind, of, no])).toEqual(wanted);
      const [all, bad] = [total(wanted.map(([, of]) => of)), total(wanted.map(([, , no]) => no))];
      close(quality?.score ?? 0, (100 * (all - bad)) / all);
      for (const [i, one] of (quality?.checks ?? []).entries()) {
        expect(one.passed).toBe(one.total - one.failed);
        close(one.passRate, one.passed / one.total);
        expect([one.verdict, one.critical]).toEqual([one.passRate >= one.threshold ? "passed" : "failed", one.passRate < 0.9]);
        // Of checks that group, samples are groups.
        expect(one.samples.length).toBe(Math.min(5, i < 4 ? one.failed : one.unexpected.values.length));
      }
      expect(quality?.verdict).toBe((quality?.checks ?? []).every(({ verdict }) => verdict === "passed") ? "passed" : "failed");
      close(Number(quality?.checks[3]?.observed), await number("SELECT avg(price) FROM seen"));
      const worst = (
        await duckdb.runAndReadAll(
          "SELECT quantity::VARCHAR, count(*)::INT AS n FROM seen WHERE NOT (quantity BETWEEN 0 AND 9) GROUP BY 1 ORDER BY n DESC, 1",
        )
      ).getRows();
      expect(quality?.checks[1]?.unexpected.values.map(({ value, count: n }) => [value, n])).toEqual(worst);
      for (const { data } of [resumed, spilled, failed]) expect(data.quality).toBeNull();
    },
  };
}

function stageFigures(): typeof again {
  const of = (figures: { readonly [name: string]: () => void | Promise<void> }) =>
    Object.fromEntries(Object.entries(figures).map(([name, compute]) => [`execution.stages[].${name}`, compute]));
  const flowOf = (stage: StageData, run: Run) => run.data.execution.flow.find(({ id }) => id === stage.id);
  const sumOf = (tasks: readonly JournalTask[], get: (result: JournalTask["result"]) => number) =>
    total(tasks.map(({ result }) => get(result)));
  const stepSum = (tasks: readonly JournalTask[], name: "filtered" | "rowsIn" | "rowsOut" | "rejected", step: number) =>
    sumOf(tasks, ({ steps }) => steps[step]?.[name] ?? 0);
  const widest = (values: readonly number[]) => Math.max(...values) / (total(values) / values.length);
  return of({
    id: () => anyStage((stage, run) => expect(run.data.execution.stages[stage.id]).toBe(stage)),
    name: () => anyStage((stage, run) => expect(stage.name).toBe(flowOf(stage, run)?.name)),
    kind: () => anyStage((stage, run) => expect(stage.kind).toBe(flowOf(stage, run)?.kind)),
    label: () =>
      anyStage((stage, run) => {
        const alike = run.data.execution.stages.filter(({ name }) => name === stage.name).length;
        expect(stage.label).toBe(alike > 1 ? `${stage.name} (${stage.id})` : stage.name);
      }),
    start: () =>
      anyStage((stage, run) => expect(Date.parse(stage.start)).toBe(Date.parse(run.data.execution.start) + stage.startMs)),
    end: () => anyStage((stage) => expect(Date.parse(stage.end)).toBe(Date.parse(stage.start) + stage.durationMs)),
    startMs: () =>
      eachStage((stage, tasks, run) => {
        if (run === main)
          expect(Date.parse(stage.start)).toBeLessThanOrEqual(Math.min(...tasks.map(({ result }) => result.timing.startMs)));
      }),
    durationMs: () =>
      eachStage((stage, tasks) =>
        expect(Date.parse(stage.end)).toBeGreaterThanOrEqual(Math.max(...tasks.map(({ result }) => result.timing.endMs))),
      ),
    shareOfTotal: () => anyStage((stage, { data }) => close(stage.shareOfTotal, stage.durationMs / data.execution.durationMs)),
    recordsRead: () =>
      eachStage((stage, tasks, run) => {
        const first =
          flowOf(stage, run)?.sources.length !== 0 &&
          !(
            flowOf(stage, run)?.reads.length === 0 &&
            run.data.execution.flow.some(({ verdicts }) => verdicts?.some((id) => leadsTo(run, stage.id, id)))
          );
        expect([stage.label, stage.recordsRead]).toEqual([stage.label, first ? sumOf(tasks, ({ scan }) => scan.rows) : 0]);
      }),
    recordsIn: () => {
      eachStage((stage, tasks) => expect(stage.recordsIn).toBe(sumOf(tasks, ({ scan }) => scan.rows)));
      for (const stage of resumed.data.execution.stages.filter(({ kind }) => kind === "duckdb")) {
        const before = resumed.data.execution.flow.find(({ id }) => id === stage.id)?.reads ?? [];
        expect(stage.recordsIn).toBe(
          total(resumed.data.execution.stages.filter(({ id }) => before.includes(id)).map(({ recordsOut }) => recordsOut)),
        );
      }
    },
    recordsOut: () => {
      eachStage((stage, tasks) =>
        expect(stage.recordsOut).toBe(
          sumOf(tasks, ({ steps }) => total(steps.map(({ files, rowsOut }) => (files.length > 0 ? rowsOut : 0)))),
        ),
      );
      expect(spilled.data.execution.stages.at(-1)?.recordsOut).toBe(10);
    },
    filtered: () =>
      eachStage((stage, tasks) =>
        expect(stage.filtered).toBe(sumOf(tasks, ({ steps }) => total(steps.map(({ filtered }) => filtered)))),
      ),
    failed: () => eachStage((stage, tasks) => expect(stage.failed).toBe(sumOf(tasks, ({ rejects }) => rejects.count))),
    bytes: () => {
      eachStage((stage, tasks, run) =>
        expect(stage.bytes).toBe(flowOf(stage, run)?.sources.length === 0 ? 0 : sumOf(tasks, ({ scan }) => scan.bytes)),
      );
      const scan = resumed.data.execution.stages.find(({ recordsRead }) => recordsRead > 0);
      expect(scan?.bytes).toBe(statSync(join(folder, "a.csv")).size);
    },
    steps: () =>
      eachStage((stage, tasks) => {
        const sums = stage.steps.map(({ name }, i) => ({
          name,
          rowsIn: stepSum(tasks, "rowsIn", i),
          rowsOut: stepSum(tasks, "rowsOut", i),
          filtered: stepSum(tasks, "filtered", i),
          rejected: stepSum(tasks, "rejected", i),
        }));
        expect(stage.steps).toEqual(sums);
      }),
    recordsPerSecond: () => anyStage((stage) => close(stage.recordsPerSecond, perSecond(stage.recordsIn, stage.durationMs))),
    megabytesPerSecond: () =>
      anyStage((stage) => close(stage.megabytesPerSecond, perSecond(stage.bytes / 1e6, stage.durationMs))),
    successRate: () =>
      anyStage(({ successRate, recordsIn, failed: no }) =>
        close(successRate, recordsIn === 0 ? 100 : (100 * (recordsIn - no)) / recordsIn),
      ),
    partitions: () => eachStage((stage, tasks) => expect(stage.partitions).toBe(tasks.length)),
    attempts: () => eachStage((stage, tasks) => expect(stage.attempts).toBe(total(tasks.map(({ attempts }) => attempts)))),
    throughput: () =>
      eachStage((stage, tasks) =>
        percentilesAre(
          stage.throughput,
          tasks.map((task) => perSecond(task.result.scan.rows, lasted(task))),
        ),
      ),
    latency: () => eachStage((stage, tasks) => percentilesAre(stage.latency, tasks.map(lasted))),
    time: () =>
      eachStage(({ time }, tasks) => {
        for (const part of ["readMs", "computeMs", "writeMs", "cpuMs"] as const)
          close(
            time[part],
            sumOf(tasks, ({ timing }) => timing[part]),
          );
      }),
    bound: () =>
      anyStage(({ bound, kind, time: { readMs, computeMs, writeMs } }) => {
        const most = computeMs >= Math.max(readMs, writeMs) ? "compute" : readMs >= writeMs ? "read" : "write";
        expect(bound).toBe({ worker: most, duckdb: "query", ingest: "program" }[kind]);
      }),
    busy: () =>
      eachStage((stage, tasks) =>
        close(stage.busy ?? 0, Math.min(1, total(tasks.map(lasted)) / Math.max(1, 2 * stage.durationMs))),
      ),
    waitMs: () =>
      anyStage((stage) => {
        expect(stage.waitMs).toBe(total(stage.tasks.map(({ waitMs }) => waitMs)));
        for (const task of stage.tasks)
          if (task.attempts === 1) expect(task.waitMs).toBeLessThanOrEqual(Math.max(0, task.startMs - stage.startMs) + 5);
      }),
    spillBytes: () => {
      const most = Math.max(...spilled.data.execution.stages.map(({ spillBytes }) => spillBytes ?? 0));
      expect(spillSeen).toBeGreaterThan(1e6);
      expect(most).toBeGreaterThan(spillSeen / 2);
      expect(most).toBeLessThan(spillSeen * 2);
      for (const stage of main.data.execution.stages) if (stage.kind === "worker") expect(stage.spillBytes).toBeNull();
    },
    unfinished: () =>
      anyStage((stage, run) =>
        expect(stage.unfinished).toBe(run === failed && stage.id === failed.data.execution.stages.length - 1),
      ),
    skew: () =>
      eachStage(({ skew }, tasks) => {
        if (tasks.length < 2) return expect(skew).toBeNull();
        close(skew?.records ?? 0, widest(tasks.map(({ result }) => result.scan.rows)));
        return close(skew?.duration ?? 0, widest(tasks.map(lasted)));
      }),
    stragglers: () => {
      let found = 0;
      eachStage((stage, tasks) => {
        const times = tasks.map(lasted).sort((a, b) => a - b);
        const middle = times[Math.floor((times.length - 1) / 2)] ?? 0;
        const slowOnes =
          tasks.length < 4 ? [] : tasks.filter((task) => lasted(task) > 1.5 * middle && lasted(task) - middle >= 100);
        expect(stage.stragglers.map(({ partition }) => partition).sort()).toEqual(
          slowOnes.map(({ partition }) => partition).sort(),
        );
        for (const one of stage.stragglers)
          expect(one).toMatchObject({
            durationMs: stage.tasks[one.partition]?.durationMs,
            records: stage.tasks[one.partition]?.records,
          });
        found += slowOnes.length;
      });
      expect(found).toBeGreaterThan(0);
    },
    estimatedRecords: () =>
      anyStage((stage, run) => {
        const [source] = flowOf(stage, run)?.sources ?? [];
        if (stage.recordsRead === 0 || source === undefined) return expect(stage.estimatedRecords).toBeNull();
        expect(stage.estimatedRecords).toBe(source.estimatedRecords);
        return expect(stage.estimatedRecords ?? stage.recordsRead).toBeGreaterThanOrEqual(stage.recordsRead);
      }),
    tasks: () =>
      eachStage((stage, tasks, run) => {
        const from = Date.parse(run.data.execution.start);
        for (const [i, { partition, attempts, result }] of tasks.entries()) {
          const { timing, scan, rejects } = result;
          const ms = timing.endMs - timing.startMs;
          expect(stage.tasks[i]).toMatchObject({
            partition,
            attempts,
            records: scan.rows,
            bytes: scan.bytes,
            failed: rejects.count,
            startMs: timing.startMs - from,
            durationMs: ms,
            readMs: timing.readMs,
            computeMs: timing.computeMs,
            writeMs: timing.writeMs,
            cpuMs: timing.cpuMs,
            recordsPerSecond: expect.closeTo(perSecond(scan.rows, ms), 6),
          });
        }
      }),
  });
}

/** Whether what a stage leaves reaches another one. */
function leadsTo(run: Run, from: number, to: number): boolean {
  if (from === to) return true;
  return run.data.execution.flow.some(
    (stage) => stage.reads.includes(from) && stage.verdicts?.includes(from) !== true && leadsTo(run, stage.id, to),
  );
}

function performanceFigures(): typeof again {
  const each = (look: (run: Run) => void) => () => everyRun().forEach(look);
  const counted = ({ data: { execution } }: Run) =>
    execution.stages.filter(({ recordsPerSecond, shareOfTotal }) => recordsPerSecond > 0 && shareOfTotal >= 0.1);
  const least = (run: Run) => [...counted(run)].sort((a, b) => a.recordsPerSecond - b.recordsPerSecond)[0];
  return {
    "performance.recordsPerSecond": each(({ data: { execution, performance } }) =>
      close(performance.recordsPerSecond, perSecond(execution.recordsRead, execution.durationMs)),
    ),
    "performance.megabytesPerSecond": each(({ data: { execution, performance } }) =>
      close(
        performance.megabytesPerSecond,
        perSecond(total(execution.stages.map(({ bytes }) => bytes)) / 1e6, execution.durationMs),
      ),
    ),
    "performance.slowestStage": each(({ data: { execution, performance } }) => {
      const most = Math.max(...execution.stages.map(({ durationMs }) => durationMs));
      expect(execution.stages.find(({ label }) => label === performance.slowestStage)?.durationMs).toBe(most);
    }),
    "performance.bottleneckStage": each((run) => expect(run.data.performance.bottleneckStage).toBe(least(run)?.label ?? null)),
    "performance.bottleneckBound": each((run) => expect(run.data.performance.bottleneckBound).toBe(least(run)?.bound ?? null)),
    "performance.peakMemoryBytes": () => {
      const most = process.resourceUsage().maxRSS * 1024;
      for (const { data } of [main, spilled, failed]) {
        expect(data.performance.peakMemoryBytes).toBeLessThanOrEqual(most);
        expect(data.performance.peakMemoryBytes).toBeGreaterThan(50e6);
      }
    },
    "performance.cpuMs": () => {
      for (const { data, before, after } of [main, spilled, failed]) {
        expect(data.performance.cpuMs).toBeGreaterThan(0);
        expect(data.performance.cpuMs).toBeLessThanOrEqual(after.cpuMs - before.cpuMs + 1);
      }
    },
    "performance.workers": each(({ data, name }) => expect(data.performance.workers).toBe(name === "spilled" ? 1 : 2)),
    "performance.memoryBytes": () =>
      expect(spilled.data.performance.memoryBytes).toBe(spilled.data.execution.settings.memoryBytes),
    "performance.tasks": () => {
      for (const { data, journal } of [main, resumed]) {
        percentilesAre(data.performance.tasks.latency, (journal?.tasks ?? []).map(lasted));
        percentilesAre(
          data.performance.tasks.throughput,
          (journal?.tasks ?? []).map((task) => perSecond(task.result.scan.rows, lasted(task))),
        );
      }
    },
    "performance.comparison": () => {
      const past = pastRuns({ stateDir: join(folder, "state"), job: "nightly" }).slice(1);
      const { comparison } = main.data.performance;
      const usual = total(past.map(({ durationMs }) => durationMs)) / past.length;
      const { durationMs, recordsRead } = main.data.execution;
      expect(comparison).toMatchObject({ runs: 2, recordsRead: { now: recordsRead, usual: recordsRead, changePercent: 0 } });
      expect(comparison?.durationMs.now).toBe(durationMs);
      close(comparison?.durationMs.usual ?? 0, usual);
      close(comparison?.durationMs.changePercent ?? 0, (100 * (durationMs - usual)) / usual);
      for (const name of ["recordsFailed", "recordsPerSecond", "peakMemoryBytes", "cpuMs"] as const)
        close(comparison?.[name].usual ?? 0, total(past.map((one) => one[name])) / 2);
      for (const { label, now: ms, usual: before } of comparison?.stages ?? []) {
        expect(main.data.execution.stages.find((stage) => stage.label === label)?.durationMs).toBe(ms);
        close(before, total(past.map(({ stages }) => stages.find((stage) => stage.label === label)?.durationMs ?? 0)) / 2);
      }
      expect(comparison?.recent.map(({ runId }) => runId)).toEqual(past.map(({ runId }) => runId).reverse());
      expect(spilled.data.performance.comparison).toBeNull();
    },
    "performance.reportMs": each(({ data, before, after }) => {
      expect(data.performance.reportMs).toBeGreaterThan(0);
      expect(data.performance.reportMs).toBeLessThan(after.ms - before.ms);
    }),
  };
}

const page = readFileSync(join(root, "docs/REPORT.md"), "utf8");
const table = [...(/\| figure \| is \| comes from \|\n\|[-|]+\n((?:\|.*\n)+)/.exec(page)?.[1] ?? "").matchAll(/^\|([^|]*)\|/gm)];
const figures = table.flatMap(([, cell = ""]) => [...cell.matchAll(/`([^`]+)`/g)].map(([, figure = ""]) => figure));

describe("the table of docs/REPORT.md", () => {
  it.each(figures)("%s", async (figure) => {
    const compute = again[figure];
    if (compute === undefined) throw new Error(`nothing computes ${figure} again`);
    await compute();
  });

  it("has every figure of every report, and no other", () => {
    expect(figures.length).toBeGreaterThan(50);
    expect(Object.keys(again).filter((figure) => !figures.includes(figure))).toEqual([]);
    const missing = new Set<string>();
    const visit = (value: unknown, path: string): void => {
      if (figures.includes(path)) return;
      const nested = typeof value === "object" && value !== null;
      if (Array.isArray(value)) for (const item of value) visit(item, `${path}[]`);
      else if (nested) for (const [key, item] of Object.entries(value)) visit(item, path === "" ? key : `${path}.${key}`);
      else missing.add(path);
    };
    for (const { data } of everyRun()) visit(data, "");
    expect([...missing]).toEqual([]);
  });
});
