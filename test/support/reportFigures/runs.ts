import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { check, count, Engine, openReport, type RunReportData, read, sum, udf } from "millrace";
import { expect } from "vitest";
import { type JournalTask, type JournalText, readJournal } from "../journal.js";

/** The runs whose reports are computed again: a main job, one that was gone on with, one that spilled, one that failed. */
export interface Run {
  readonly name: string;
  readonly data: RunReportData;
  /** null where none is kept. */
  readonly journal: JournalText | null;
  /** Around the run: clock, CPU time. */
  readonly before: { readonly ms: number; readonly cpuMs: number };
  readonly after: { readonly ms: number; readonly cpuMs: number };
}

export const root = resolve(import.meta.dirname, "../../..");
export const rows = 24_000;
export let folder = "";
let instance: DuckDBInstance;
export let duckdb: DuckDBConnection;
export let main: Run;
export let resumed: Run;
export let spilled: Run;
export let failed: Run;
/** Bytes of spill: the most that lay there for 50 ms, and the most that a look saw. */
export const spillSeen = { held: 0, most: 0 };
export let explained = "";
export let killedTasks = 0;
/** Records that the process that was killed had rejected, in tasks that it had finished. */
export let killedRejects = 0;

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
export const runFolder = (state: string, runId: string) => join(folder, state, "runs", runId);
const journalOf = (state: string, runId: string) => readJournal(join(runFolder(state, runId), "journal"));

export async function makeRuns(): Promise<void> {
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
}

export function removeRuns(): void {
  duckdb?.closeSync();
  instance?.closeSync();
  rmSync(folder, { recursive: true, force: true });
}

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
  const index = pathToFileURL(join(root, "dist/run/index.js")).href;
  const build = (name: string) =>
    `read.csv(${JSON.stringify(join(folder, "a.csv"))}, { schema: ${JSON.stringify(columns)}, onReject: "skip" }).groupBy("${name}").agg((c) => ({ n: count(), pieces: sum(c.quantity) })).sort("n").write.csv(${JSON.stringify(join(folder, "resumed.csv"))}, { mode: "overwrite" })`;
  const state = join(folder, "state-resumed");
  writeFileSync(
    script,
    `import { count, Engine, read, sum } from ${JSON.stringify(index)};
const engine = await Engine.create({ workers: 2, stateDir: ${JSON.stringify(state)}, partitionBytes: "40KiB" });
await engine.run(${build("store")}, { job: "resumed", resume: "auto" });
await engine.close();`,
  );
  const env = { ...process.env, MILLRACE_KILL_AT: "task-done:4" };
  expect(spawnSync(process.execPath, [script], { env }).signal).toBe("SIGKILL");
  const [runId = ""] = readdirSync(join(state, "runs"));
  const left = journalOf("state-resumed", runId);
  killedTasks = left.tasks.length;
  killedRejects = left.tasks.reduce((sum, { result }) => sum + result.rejects.count, 0);
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
  const looks: { at: number; bytes: number }[] = [];
  const look = () => {
    const bytes = spillFiles(stateDir).reduce((all, path) => all + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0);
    looks.push({ at: Date.now(), bytes });
  };
  const timer = setInterval(look, 5);
  const before = now();
  const { report } = await engine.run(plan, { job: "spilled" }).result.finally(() => clearInterval(timer));
  spilled = { name: "spilled", data: report.data, journal: null, before, after: now() };
  spillSeen.held = mostHeldFor(50, looks);
  spillSeen.most = Math.max(...looks.map(({ bytes }) => bytes));
}

/** The most bytes that no look within some stretch of so many milliseconds fell below: what looks further apart cannot miss. */
function mostHeldFor(ms: number, looks: readonly { at: number; bytes: number }[]): number {
  let most = 0;
  looks.forEach(({ at }, first) => {
    const last = looks.findIndex((look) => look.at >= at + ms);
    if (last >= 0) most = Math.max(most, Math.min(...looks.slice(first, last + 1).map(({ bytes }) => bytes)));
  });
  return most;
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

export const everyRun = (): readonly Run[] => [main, resumed, spilled, failed];

export async function number(sql: string): Promise<number> {
  return Number((await duckdb.runAndReadAll(`SELECT (${sql})`)).getRows()[0]?.[0]);
}

export const total = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
export type StageData = RunReportData["execution"]["stages"][number];
export const lasted = ({ result: { timing } }: JournalTask) => timing.endMs - timing.startMs;
export const perSecond = (value: number, ms: number) => (1000 * value) / Math.max(1, ms);

/** Every worker stage of a run with a journal, and what the journal says of its tasks. */
export function eachStage(look: (stage: StageData, tasks: readonly JournalTask[], run: Run) => void): void {
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
export const anyStage = (look: (stage: StageData, run: Run) => void): void => {
  for (const run of everyRun()) for (const stage of run.data.execution.stages) look(stage, run);
};

/** Each is the smallest value that its share of the values reaches. */
export function percentilesAre(found: StageData["latency"], values: readonly number[]): void {
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
    expect(value).toBe(at(share));
  }
}

export const same = (get: (data: RunReportData) => unknown, wanted: (run: Run) => unknown) => () => {
  for (const run of everyRun()) expect([run.name, get(run.data)]).toEqual([run.name, wanted(run)]);
};
export const close = (found: number, wanted: number) =>
  expect(Math.abs(found - wanted)).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(wanted)));

/** How figures are computed again, by their names in the table. */
export type Again = { readonly [figure: string]: () => void | Promise<void> };
