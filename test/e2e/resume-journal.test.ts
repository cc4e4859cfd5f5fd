import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { DuckDBInstance } from "@duckdb/node-api";
import { Engine, MillraceError, read, sum } from "millrace";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/**
 * The journal of a run that was killed is damaged before the run is gone on with: cut, flipped, emptied, removed, or that of another run. Going on ends in the
 * right bytes or in a typed error, never in other bytes. `MILLRACE_JOURNAL_STEPS` (default 2) is the number of places for each kind of damage.
 */
const steps = Number(process.env.MILLRACE_JOURNAL_STEPS ?? 2);
const index = pathToFileURL(resolve(import.meta.dirname, "../../dist/run/index.js")).href;
const schema = { id: "int64", store: "utf8", n: "int32", day: "utf8" } as const;
const root = mkdtempSync(join(tmpdir(), "millrace-journal-"));
const input = join(root, "in.csv");
afterAll(() => rmSync(root, { recursive: true, force: true }));

const plans = {
  partitions: (out: string) => sales().write.parquet(join(out, "data"), { partitionBy: ["day"], mode: "overwrite-partitions" }),
  grouped: (out: string) =>
    sales()
      .groupBy("id", "store")
      .agg((c) => ({ total: sum(c.n) }))
      .write.csv(join(out, "groups.csv"), { mode: "overwrite" }),
  appended: (out: string) => sales().write.jsonl(join(out, "log"), { mode: "append" }),
  table: (out: string) => sales().write.duckdb(join(out, "sales.duckdb"), { table: "sales", mode: "append" }),
};
type Name = keyof typeof plans;
const sales = () => read.csv(input, { schema });
const settings = { workers: 2, memory: "256MB", partitionBytes: 8000 } as const;

/** The same plans, for a process that is killed. */
const job = `
import { Engine, read, sum } from ${JSON.stringify(index)};
import { join } from "node:path";
const [name, input, out, stateDir] = process.argv.slice(2);
const schema = ${JSON.stringify(schema)};
const sales = () => read.csv(input, { schema });
const plans = {
  partitions: (out) => sales().write.parquet(join(out, "data"), { partitionBy: ["day"], mode: "overwrite-partitions" }),
  grouped: (out) => sales().groupBy("id", "store").agg((c) => ({ total: sum(c.n) })).write.csv(join(out, "groups.csv"), { mode: "overwrite" }),
  appended: (out) => sales().write.jsonl(join(out, "log"), { mode: "append" }),
  table: (out) => sales().write.duckdb(join(out, "sales.duckdb"), { table: "sales", mode: "append" }),
};
const engine = await Engine.create({ ...${JSON.stringify(settings)}, stateDir });
await engine.run(plans[name](out), { job: name });
await engine.close();
`;

beforeAll(() => {
  writeFileSync(join(root, "job.mjs"), job);
  const lines = Array.from({ length: 1500 }, (_, i) => `${i},s${i % 7},${i % 100},2026-01-0${1 + (i % 3)}\n`);
  writeFileSync(input, `id,store,n,day\n${lines.join("")}`);
});

/** What stands at the targets: files but for the engine's own books, rows of tables. */
async function contentOf(out: string, runId: string): Promise<string> {
  const files = readdirSync(out, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(out, join(entry.parentPath, entry.name)))
    .filter((file) => !file.includes(".millrace"))
    .sort();
  const texts: string[] = [];
  for (const file of files) {
    const what = file.endsWith(".duckdb") ? await rowsOf(join(out, file)) : readFileSync(join(out, file)).toString("latin1");
    texts.push(`${file.replace(runId, "RUN")}\n${what}`);
  }
  return texts.join("\n");
}

async function rowsOf(database: string): Promise<string> {
  const instance = await DuckDBInstance.create(database, { access_mode: "READ_ONLY" });
  const connection = await instance.connect();
  const reader = await connection.runAndReadAll(
    "SELECT count(*), count(DISTINCT id), sum(id)::BIGINT, sum(n)::BIGINT FROM sales",
  );
  connection.closeSync();
  instance.closeSync();
  return (reader.getRows()[0] ?? []).join(" ");
}

function runJob(name: Name, place: string, killAt: string | null): string {
  const env = { ...process.env, ...(killAt === null ? {} : { MILLRACE_KILL_AT: killAt }) };
  const args = [join(root, "job.mjs"), name, input, join(place, "out"), join(place, "state")];
  mkdirSync(join(place, "out"), { recursive: true });
  const { signal, status, stderr } = spawnSync(process.execPath, args, { env, encoding: "utf8" });
  expect(killAt === null ? status : signal, stderr).toBe(killAt === null ? 0 : "SIGKILL");
  return readdirSync(join(place, "state/runs")).sort().at(-1) ?? "";
}

/** Bytes of journals that are not what they were. */
function damaged(whole: Buffer): Map<string, Buffer | null> {
  const made = new Map<string, Buffer | null>([
    ["removed", null],
    ["emptied", Buffer.alloc(0)],
  ]);
  for (let step = 0; step < steps; step++) {
    const at = Math.min(whole.length - 1, Math.round((whole.length * (step + 0.5)) / steps));
    made.set(`cut at ${at}`, whole.subarray(0, at));
    const flipped = Buffer.from(whole);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (step % 8));
    made.set(`flipped at ${at}`, flipped);
  }
  // An old copy: up to some whole record.
  const borders = [8];
  for (let at = 8; at + 8 <= whole.length; borders.push(at)) at += 8 + whole.readUInt32LE(at);
  for (let step = 0; step < steps; step++) {
    const border = borders[Math.floor(((borders.length - 1) * step) / steps)] ?? 8;
    made.set(`as it was at ${border}`, whole.subarray(0, border));
  }
  return made;
}

const points = ["task-done:3", "publishing:1", "publish:1", "table-committed:1", "finished:1"];

describe.each(Object.keys(plans) as Name[])("%s: a journal that is damaged before its run is gone on with", (name) => {
  it.each(points)("killed at %s", { timeout: 360_000 }, async (point) => {
    if (point.startsWith(name === "table" ? "publish:" : "table")) return;
    const place = join(root, `${name}-${point.replace(":", "-")}`);
    const whole = join(place, "whole");
    const right = await contentOf(join(whole, "out"), runJob(name, whole, null));
    const other = readFileSync(join(whole, "state/runs", readdirSync(join(whole, "state/runs"))[0] ?? "", "journal"));
    const runId = runJob(name, place, point);
    const journal = join(place, "state/runs", runId, "journal");
    const kept = join(root, "kept");
    for (const part of ["out", "state"])
      cpSync(join(place, part), join(kept, part), { recursive: true, preserveTimestamps: true });
    await using engine = await Engine.create({ ...settings, stateDir: join(place, "state") });
    const kinds = damaged(readFileSync(journal)).set("of another run", other);
    for (const [kind, bytes] of kinds) {
      for (const part of ["out", "state"]) {
        rmSync(join(place, part), { recursive: true, force: true });
        cpSync(join(kept, part), join(place, part), { recursive: true, preserveTimestamps: true });
      }
      if (bytes === null) rmSync(journal);
      else writeFileSync(journal, bytes);
      const error = await engine.run(plans[name](join(place, "out")), { job: name, resume: runId }).then(
        () => null,
        (thrown: unknown) => thrown,
      );
      const told = error instanceof MillraceError ? `${error.category} ${error.code}` : String(error);
      if (error === null) expect(await contentOf(join(place, "out"), runId), kind).toBe(right);
      else expect(told, kind).toMatch(/^(?:Data JOURNAL_DAMAGED|Config RUN_NOT_RESUMABLE)$/);
      expect(existsSync(join(place, "state/runs", runId)), kind).toBe(true);
    }
    rmSync(kept, { recursive: true });
  });
});
