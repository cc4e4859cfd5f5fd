/**
 * `npm run native-bench -- --rows 10000000 --runs 5 --only csv-group-store,brc --engines millrace,duckdb`
 *
 * Whole processes, start-up included, engines in turn within each round, so that a machine whose speed drifts is fair to all. Every
 * output is checked against the other engines before a time counts.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { compileChildren } from "./compile.ts";
import { prepareData } from "./data.ts";
import { disagreements, readBack } from "./verify.ts";
import { type EngineName, engineNames, fastCsvRows, type Summary, type Workload } from "./workload.ts";
import { workloads } from "./workloads/index.ts";
import { type Cell, tableOf } from "./table.ts";

interface Measured {
  readonly wallMs: number;
  readonly workMs: number;
  readonly peakKb: number;
  readonly summary: Summary;
  readonly notes: readonly string[];
}

interface Settings {
  readonly rows: number;
  readonly runs: number;
  readonly threads: number;
  readonly data: string;
  readonly child: string;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rows: { type: "string", default: "10000000" },
      "brc-rows": { type: "string" },
      runs: { type: "string", default: "5" },
      threads: { type: "string", default: String(Math.min(2, availableParallelism())) },
      only: { type: "string" },
      engines: { type: "string", default: engineNames.join(",") },
      data: { type: "string", default: "datasets/generated" },
      json: { type: "string", default: "datasets/generated/native-bench.json" },
    },
  });
  const rows = Number(values.rows);
  const chosen = values.only?.split(",") ?? workloads.map(({ name }) => name);
  const unknown = chosen.filter((name) => !workloads.some((workload) => workload.name === name));
  if (unknown.length > 0)
    throw new Error(`unknown workloads ${unknown.join(", ")}; there are ${workloads.map((w) => w.name).join(", ")}`);
  const engines = engineNames.filter((name) => values.engines.split(",").includes(name));
  const data = await prepareData(resolve(values.data), rows, Number(values["brc-rows"] ?? rows));
  const child = compileChildren(process.cwd(), resolve("datasets/generated/.native-bench"));
  const settings: Settings = { rows, runs: Number(values.runs), threads: Number(values.threads), data, child };
  const results = [];
  for (const workload of workloads.filter(({ name }) => chosen.includes(name))) {
    const cells = await measureWorkload(workload, engines, settings);
    process.stdout.write(tableOf(workload, cells));
    results.push({ workload: workload.name, what: workload.what, cells });
  }
  const machine = { node: process.version, cpu: cpus()[0]?.model ?? "", cores: availableParallelism() };
  mkdirSync(resolve(values.json, ".."), { recursive: true });
  writeFileSync(
    values.json,
    `${JSON.stringify({ rows, runs: settings.runs, threads: settings.threads, machine, results }, null, 2)}\n`,
  );
}

async function measureWorkload(workload: Workload, engines: readonly EngineName[], settings: Settings): Promise<Cell[]> {
  const taking = engines.filter((engine) => workload.engines[engine] !== undefined);
  const runs = new Map<EngineName, Measured[]>(taking.map((engine) => [engine, []]));
  const errors = new Map<EngineName, string>();
  for (let round = 0; round < settings.runs; round++) {
    // The order turns with each round, so that nobody always follows the same neighbour.
    for (const engine of [...taking.slice(round % taking.length), ...taking.slice(0, round % taking.length)]) {
      if (errors.has(engine)) continue;
      const measured = await measureOnce(workload, engine, settings);
      if (typeof measured === "string") errors.set(engine, measured);
      else runs.get(engine)?.push(measured);
    }
  }
  const reference = runs.get("duckdb")?.[0]?.summary ?? runs.get(taking[0] ?? "duckdb")?.[0]?.summary ?? {};
  return taking.map((engine) => {
    const all = runs.get(engine) ?? [];
    const problem = errors.get(engine);
    if (problem !== undefined || all.length === 0) return { engine, error: problem ?? "did not run" };
    const partial = engine === "fast-csv" && settings.rows > fastCsvRows;
    const wrong = partial ? [] : all.flatMap((run) => disagreements(reference, run.summary));
    if (wrong.length > 0) return { engine, error: `wrong result: ${wrong[0]}` };
    const factor = partial ? settings.rows / fastCsvRows : 1;
    const walls = all.map((run) => (partial ? run.wallMs - run.workMs + run.workMs * factor : run.wallMs));
    return {
      engine,
      medianMs: median(walls),
      lowestMs: Math.min(...walls),
      highestMs: Math.max(...walls),
      peakMb: median(all.map((run) => run.peakKb / 1024)),
      extrapolated: partial,
      notes: all.flatMap((run) => run.notes),
    };
  });
}

/** Runs one engine once in a process of its own; an error as text. */
async function measureOnce(workload: Workload, engine: EngineName, settings: Settings): Promise<Measured | string> {
  const out = mkdtempSync(join(tmpdir(), "native-bench-"));
  const order = JSON.stringify({ data: settings.data, out, rows: settings.rows, threads: settings.threads });
  try {
    const start = performance.now();
    const args = ["--max-old-space-size=12000", settings.child, workload.name, engine, order];
    const ended = spawnSync(process.execPath, args, { encoding: "utf8", maxBuffer: 1 << 26, timeout: 30 * 60_000 });
    const wallMs = performance.now() - start;
    const last = ended.stdout.trimEnd().split("\n").at(-1) ?? "";
    if (ended.status !== 0 || !last.startsWith("{")) {
      const line = ended.stderr.split("\n").find((text) => /error|cannot|terminated/i.test(text));
      return `exit ${ended.status ?? ended.signal}: ${line?.trim() ?? "no output"}`;
    }
    const { summary, workMs, peakKb, notes } = JSON.parse(last) as Omit<Measured, "wallMs">;
    return { wallMs, workMs, peakKb, notes, summary: { ...summary, ...(await readBack(workload, out)) } };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

await main();
