/**
 * Memory from outside: `node --import ./.ci/typescript.mjs benchmarks/memory.ts --data <folder with sales.csv or sales.parquet>`.
 * Every job runs in a process of its own under one memory setting, once on Millrace and once on DuckDB with the same limit; `--engines` has Polars
 * too, from CSV and without a limit, which it does not know. This process samples the resident memory of the whole process tree, and compares what both wrote. Several folders, with commas between them: also how far
 * the times are from a straight line over the sizes of their files.
 */
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { DuckDBInstance } from "@duckdb/node-api";
import { parseBytes } from "../dist/runtime/bytes.js";
import { type Input, inPolars, jobs, type MemoryJob } from "./memoryJobs.ts";

const { values: options } = parseArgs({
  options: {
    data: { type: "string", default: "." },
    memory: { type: "string", default: "512MB" },
    slack: { type: "string", default: "150" },
    workers: { type: "string", default: "2" },
    input: { type: "string", default: "csv" },
    only: { type: "string" },
    engines: { type: "string", default: "millrace,duckdb" },
    scratch: { type: "string", default: join(tmpdir(), "millrace-memory") },
    package: { type: "string", default: "millrace" },
    keep: { type: "boolean", default: false },
    trace: { type: "boolean", default: false },
    child: { type: "string" },
    engine: { type: "string", default: "millrace" },
    out: { type: "string", default: "" },
  },
});

const input: Input = options.input === "parquet" ? "parquet" : "csv";
const folders = options.data.split(",").map((folder) => resolve(folder));
const fileIn = (folder: string): string => join(folder, `sales.${input}`);
/** The file of a child, which has one. */
const file = fileIn(folders[0] as string);

/** One job in this process. */
async function runChild(name: string): Promise<void> {
  const job = jobs.find((one) => one.name === name);
  if (job === undefined) throw new Error(`there is no job ${name}`);
  if (options.engine === "duckdb") {
    const config = { memory_limit: options.memory, temp_directory: `${options.out}.tmp`, threads: options.workers };
    const connection = await (await DuckDBInstance.create(":memory:", config)).connect();
    await connection.run(`CREATE VIEW sales AS SELECT * FROM ${job.from(file, input)}`);
    await connection.run(`COPY (${job.sql}) TO '${options.out}' (FORMAT parquet)`);
    return;
  }
  if (options.engine === "polars") {
    const { runPolars } = await import("./memoryPolars.ts");
    runPolars(name, file, options.out);
    return;
  }
  const millrace = (await import(options.package)) as typeof import("millrace");
  const engine = await millrace.Engine.create({
    memory: options.memory,
    workers: Number(options.workers),
    stateDir: `${options.out}.state`,
  });
  await engine.run(job.plan(millrace, file, input).write.parquet(options.out, { mode: "overwrite" }));
  await engine.close();
}

interface Measured {
  readonly seconds: number;
  readonly peakMb: number;
  readonly anonymousMb: number;
  readonly failure: string | null;
}

async function runAll(): Promise<void> {
  const limitMb = parseBytes(options.memory, "--memory") / 1e6 + Number(options.slack);
  const chosen = jobs.filter(({ name }) => options.only === undefined || options.only.split(",").includes(name));
  let good = true;
  for (const job of chosen) {
    const times: Timed[] = [];
    for (const folder of folders) {
      const done = await runJob(job, folder, limitMb);
      good &&= done.good;
      if (done.seconds !== null) times.push({ bytes: statSync(fileIn(folder)).size, seconds: done.seconds });
    }
    if (times.length > 2) console.log(`${"".padEnd(14)} at most ${(offLine(times) * 100).toFixed(0)} % off a straight line`);
  }
  process.exitCode = good ? 0 : 1;
}

interface Timed {
  readonly bytes: number;
  readonly seconds: number;
}

/** How far times are from the straight line that fits them best (least squares), as a part of what the line says. */
function offLine(times: readonly Timed[]): number {
  const mean = (of: (one: Timed) => number) => times.reduce((sum, one) => sum + of(one), 0) / times.length;
  const [x, y] = [mean((one) => one.bytes), mean((one) => one.seconds)];
  const slope = mean((one) => (one.bytes - x) * (one.seconds - y)) / mean((one) => (one.bytes - x) ** 2);
  return Math.max(...times.map(({ bytes, seconds }) => Math.abs(seconds / (y + slope * (bytes - x)) - 1)));
}

/** One job on one file, on every engine; `seconds` are those of Millrace, null where it failed. */
async function runJob(
  job: MemoryJob,
  data: string,
  limitMb: number,
): Promise<{ readonly good: boolean; readonly seconds: number | null }> {
  const { name, ordered } = job;
  const outputs: string[] = [];
  let good = true;
  let seconds: number | null = null;
  for (const engine of options.engines.split(",").filter((one) => one !== "polars" || inPolars.has(name))) {
    const folder = join(options.scratch, `${name}-${engine}`);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const out = join(folder, "out.parquet");
    const measured = await measure(name, engine, out, data);
    if (engine === "millrace" && measured.failure === null) seconds = measured.seconds;
    const over = engine === "millrace" && measured.peakMb > limitMb;
    const words = measured.failure ?? (over ? `OVER ${limitMb} MB` : "");
    if (measured.failure === null) outputs.push(out);
    else if (engine === "duckdb") outputs.push(await withoutLimit(job, out, fileIn(data)));
    if (engine === "millrace" && (over || measured.failure !== null)) good = false;
    console.log(
      `${name.padEnd(14)} ${engine.padEnd(9)} ${measured.seconds.toFixed(1).padStart(6)} s ` +
        `${measured.peakMb.toFixed(0).padStart(5)} MB (${measured.anonymousMb.toFixed(0)} of its own) ${words}`,
    );
  }
  if (outputs.length > 1) {
    const digests = await Promise.all(outputs.map((out) => digest(out, ordered)));
    const same = digests.every((one) => one === digests[0]);
    if (!same) good = false;
    console.log(`${"".padEnd(14)} ${same ? "same rows" : `DIFFERENT ROWS ${digests.join(" | ")}`}`);
  }
  if (!options.keep) rmSync(options.scratch, { recursive: true, force: true });
  return { good, seconds };
}

/** What DuckDB writes when it may use all the memory it wants, to compare with where it could not within the limit. */
async function withoutLimit(job: MemoryJob, out: string, from: string): Promise<string> {
  const connection = await (await DuckDBInstance.create(":memory:")).connect();
  await connection.run(`CREATE VIEW sales AS SELECT * FROM ${job.from(from, input)}`);
  await connection.run(`COPY (${job.sql}) TO '${out}' (FORMAT parquet)`);
  connection.closeSync();
  return out;
}

function measure(job: string, engine: string, out: string, data: string): Promise<Measured> {
  const started = performance.now();
  const own = ["--data", data, "--memory", options.memory, "--workers", options.workers, "--input", input];
  const child = spawn(
    process.execPath,
    [
      ...process.execArgv,
      process.argv[1] as string,
      "--child",
      job,
      "--engine",
      engine,
      "--out",
      out,
      "--package",
      options.package,
      ...own,
    ],
    { stdio: ["ignore", "inherit", "pipe"] },
  );
  let words = "";
  child.stderr.on("data", (text) => (words += text));
  let [peak, anonymous] = [0, 0];
  const sampler = setInterval(() => {
    const now = treeMemory(child.pid as number);
    if (options.trace && now.rss > peak) console.log(((performance.now() - started) / 1000).toFixed(2), now);
    peak = Math.max(peak, now.rss);
    anonymous = Math.max(anonymous, now.anonymous);
  }, 10);
  return new Promise((done) => {
    child.on("close", (code, signal) => {
      clearInterval(sampler);
      const failure = code === 0 ? null : `FAILED (${signal ?? code}) ${words.slice(0, 2000)}`;
      const seconds = (performance.now() - started) / 1000;
      done({ seconds, peakMb: peak / 1e6, anonymousMb: anonymous / 1e6, failure });
    });
  });
}

interface TreeMemory {
  readonly rss: number;
  readonly anonymous: number;
}

/** Resident bytes of a process and all that descend from it; those that end while we look count as nothing. */
function treeMemory(pid: number): TreeMemory {
  let [rss, anonymous] = [0, 0];
  for (const one of [pid, ...descendants(pid)]) {
    const status = readText(`/proc/${one}/status`);
    rss += kilobytes(status, "VmRSS") * 1024;
    anonymous += kilobytes(status, "RssAnon") * 1024;
  }
  return { rss, anonymous };
}

function descendants(pid: number): number[] {
  const children = tasksOf(pid).flatMap((task) => readText(`/proc/${pid}/task/${task}/children`).split(" "));
  const own = children.filter((child) => child !== "").map(Number);
  return [...own, ...own.flatMap(descendants)];
}

function tasksOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

const kilobytes = (status: string, field: string): number =>
  Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);

/** A text that is the same for the same rows, in the same order where that is part of the result. */
async function digest(path: string, ordered: boolean): Promise<string> {
  const connection = await (await DuckDBInstance.create(":memory:", { memory_limit: "2GB" })).connect();
  const rows = ordered ? "hash(t, file_row_number)" : "hash(t)";
  const from = ordered ? `read_parquet('${path}', file_row_number = true)` : `read_parquet('${path}')`;
  const sql = `SELECT count(*) || ' ' || sum(h::HUGEINT) || ' ' || bit_xor(h) FROM (SELECT ${rows} AS h FROM ${from} AS t)`;
  const reader = await connection.runAndReadAll(sql);
  return String(reader.getRows()[0]?.[0]);
}

if (options.child !== undefined) await runChild(options.child);
else await runAll();
