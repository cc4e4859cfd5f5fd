/**
 * `node --import ./.ci/typescript.mjs benchmarks/startup.ts [--runs 7]`: what a short job pays beside its work, phase by phase, as medians
 * of whole processes in milliseconds since the process was started. The job reads a hundred lines of CSV, groups them and collects.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

const { values } = parseArgs({ options: { runs: { type: "string", default: "7" } } });
const folder = mkdtempSync(join(tmpdir(), "millrace-startup-"));
const library = new URL("../dist/run/index.js", import.meta.url).href;

const twoWorkers = `
  import { Worker } from "node:worker_threads";
  for (let i = 0; i < 2; i++) new Worker("", { eval: true });`;

const job = `
  const marks = {};
  const mark = (name) => { marks[name] ??= performance.timeOrigin + performance.now(); };
  mark("script begins");
  const { Engine, read, count, sum } = await import(${JSON.stringify(library)});
  mark("imported");
  const engine = await Engine.create({ workers: 2, stateDir: ${JSON.stringify(join(folder, "state"))} });
  mark("engine made");
  const sales = read.csv(${JSON.stringify(join(folder, "sales.csv"))}, { schema: { store: "utf8", units: "int32" } });
  const run = engine.run(
    sales.groupBy("store").agg((c) => ({ sales: count(), units: sum(c.units) }))
      .write.csv(${JSON.stringify(join(folder, "out"))}, { mode: "overwrite" }));
  let first = true;
  for await (const event of run) {
    if (event.kind === "run-started") mark("planned");
    if (event.kind === "task-finished") {
      if (first) marks["first task begins"] = performance.timeOrigin + performance.now() - event.durationMs;
      first = false;
      marks["last task done"] = performance.timeOrigin + performance.now();
    }
    if (event.kind === "published") mark("published");
  }
  await run.result;
  mark("result");
  await engine.close();
  mark("closed");
  console.log(JSON.stringify(marks));`;

type Marks = Readonly<Record<string, number>>;

/** Runs a script in a process of its own. */
function timed(text: string): Marks {
  const file = join(folder, "script.mjs");
  writeFileSync(file, text);
  const start = performance.timeOrigin + performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, [file], { encoding: "utf8" });
  const end = performance.timeOrigin + performance.now();
  if (status !== 0) throw new Error(stderr);
  const marks = stdout === "" ? {} : (JSON.parse(stdout) as Marks);
  return Object.fromEntries([...Object.entries(marks), ["process ended", end]].map(([name, at]) => [name, Number(at) - start]));
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

try {
  const lines = Array.from({ length: 100 }, (_, i) => `S${i % 7},${i}`);
  writeFileSync(join(folder, "sales.csv"), `store,units\n${lines.join("\n")}\n`);
  const scripts = { "empty process": "", "empty process with two empty workers": twoWorkers, job };
  const runs: { readonly [name: string]: Marks[] } = { "empty process": [], "empty process with two empty workers": [], job: [] };
  // In turn, so that a machine whose speed drifts is fair to all.
  for (let i = 0; i < Number(values.runs); i++) for (const [name, text] of Object.entries(scripts)) runs[name]?.push(timed(text));
  for (const [name, all] of Object.entries(runs)) {
    process.stdout.write(`${name}\n`);
    for (const phase of Object.keys(all[0] ?? {})) {
      const at = median(all.map((marks) => marks[phase] ?? Number.NaN));
      process.stdout.write(`  ${phase.padEnd(20)} ${at.toFixed(0).padStart(6)} ms\n`);
    }
  }
  const of = (name: string, phase: string) => median((runs[name] ?? []).map((marks) => marks[phase] ?? Number.NaN));
  const base = of("empty process with two empty workers", "process ended");
  process.stdout.write(
    `first task after an empty process with workers  ${(of("job", "first task begins") - base).toFixed(0)} ms\n`,
  );
  const tail = of("job", "process ended") - of("job", "last task done");
  process.stdout.write(`last task done to process ended                 ${tail.toFixed(0)} ms\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
