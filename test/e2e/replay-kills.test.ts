import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/**
 * A replay of a run with several outputs is ended by SIGKILL at every step that it passes, each time from the same beginning; the next replay, in a
 * process of its own, must leave what a run over repaired records leaves, and the one after that must do nothing.
 */
let root = "";

const job = `import { Engine, plan, read } from "millrace";
const [what, strategy, place, runId] = process.argv.slice(2);
const broken = what === "run";
const source = broken
  ? read.csv(place + ".csv", { schema: { id: "int64", n: "int32" }, onReject: "quarantine" })
  : read.csv(place + ".csv", { schema: { id: "int64", n: "utf8" }, onReject: "quarantine" })
      .withColumns((c) => ({ n: c.n.replace("x", "").cast("int32") }));
const out = what === "clean" ? place + "/clean" : place + "/out";
const outputs = [
  source.write.jsonl(out + "/all", { mode: "overwrite" }),
  source.filter((c) => c.n.mod(2).eq(0)).write.csv(out + "/even", { mode: "overwrite" }),
  source.withColumns((c) => ({ part: c.id.mod(3) })).write.jsonl(out + "/parts", { mode: "overwrite", partitionBy: ["part"] }),
];
if (strategy === "recompute") outputs.push(source.sort("n", "id").write.csv(out + "/sorted.csv", { mode: "overwrite" }));
const engine = await Engine.create({ workers: 1, memory: "256MB", stateDir: place + "/state", partitionBytes: 2000 });
const all = plan.all(...outputs);
const done = what === "replay" ? await engine.replay(runId, all) : await engine.run(all).result;
await engine.close();
const { runId: id, strategy: how = "", remaining = 0, replayed = 0 } = done;
console.log(JSON.stringify({ runId: id, how, remaining, replayed }));
`;

interface Told {
  readonly runId: string;
  readonly how: string;
  readonly remaining: number;
  readonly replayed: number;
}

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "millrace-replay-kills-"));
  mkdirSync(join(root, "node_modules"));
  symlinkSync(join(import.meta.dirname, "../.."), join(root, "node_modules/millrace"));
  writeFileSync(join(root, "job.mjs"), job);
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

function start(what: string, strategy: string, place: string, runId = "", killAt: string | null = null) {
  const env = { ...process.env, ...(killAt === null ? {} : { MILLRACE_KILL_AT: killAt }) };
  return spawnSync(process.execPath, [join(root, "job.mjs"), what, strategy, place, runId], { env, encoding: "utf8" });
}

function finished(...args: Parameters<typeof start>): Told {
  const { status, stdout, stderr } = start(...args);
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout) as Told;
}

/** The lines of every folder and file below `out`, sorted where rows of a replay come behind others. */
function contents(out: string): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const entry of readdirSync(out, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || !/\.(jsonl|csv)$/.test(entry.name)) continue;
    const place = entry.name === "sorted.csv" ? "sorted" : entry.parentPath.slice(out.length);
    const lines = readFileSync(join(entry.parentPath, entry.name), "utf8").trimEnd().split("\n");
    const rows = entry.name.endsWith(".csv") && place !== "sorted" ? lines.slice(1) : lines;
    found[place] = [...(found[place] ?? []), ...rows];
  }
  for (const [place, lines] of Object.entries(found)) if (place !== "sorted") lines.sort();
  return found;
}

describe.each(["append", "recompute"])("a replay of several outputs that is killed: %s", (strategy) => {
  it("at every step, is carried to its end by the next one", () => {
    const place = join(root, strategy);
    mkdirSync(place);
    const bad = (i: number): string => (i % 9 === 4 ? "x" : "");
    writeFileSync(`${place}.csv`, `id,n\n${Array.from({ length: 900 }, (_, i) => `${i},${bad(i)}${i * 3}`).join("\n")}\n`);
    const { runId } = finished("run", strategy, place);
    finished("clean", strategy, place);
    const clean = contents(join(place, "clean"));
    expect(clean["/all"]).toHaveLength(900);
    expect(contents(join(place, "out"))["/all"]).toHaveLength(800);

    const passed = steps(strategy, place, runId);
    const wanted = Number(process.env.MILLRACE_KILLS ?? 8);
    const every = Math.max(1, Math.floor(passed.length / wanted));
    const saved = join(root, `${strategy}-saved`);
    cpSync(place, saved, { recursive: true, preserveTimestamps: true });
    for (const [i, killAt] of passed.entries()) {
      const always = /^(replay|publish)/.test(killAt);
      if (!always && i % every !== 0) continue;
      rmSync(place, { recursive: true, force: true });
      cpSync(saved, place, { recursive: true, preserveTimestamps: true });
      const killed = start("replay", strategy, place, runId, killAt);
      expect(killed.signal, `${killAt}: ${killed.stderr}`).toBe("SIGKILL");
      const next = finished("replay", strategy, place, runId);
      expect([killAt, next.remaining]).toEqual([killAt, 0]);
      expect(contents(join(place, "out")), killAt).toEqual(clean);
      const last = finished("replay", strategy, place, runId);
      expect([killAt, last.how, last.remaining]).toEqual([killAt, "none", 0]);
      expect(contents(join(place, "out")), killAt).toEqual(clean);
    }
  }, 1_200_000);
});

/** Every step that an undisturbed replay passes, as `point:nth`; the place is left as it was. */
function steps(strategy: string, place: string, runId: string): string[] {
  const saved = `${place}-before`;
  cpSync(place, saved, { recursive: true, preserveTimestamps: true });
  const trace = join(root, `${strategy}.trace`);
  writeFileSync(trace, "");
  const { status, stdout, stderr } = start("replay", strategy, place, runId, `trace:${trace}`);
  expect(status, stderr).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ how: strategy, replayed: 100, remaining: 0 });
  rmSync(place, { recursive: true, force: true });
  cpSync(saved, place, { recursive: true, preserveTimestamps: true });
  const seen = new Map<string, number>();
  return readFileSync(trace, "utf8")
    .trim()
    .split("\n")
    .map((point) => {
      seen.set(point, (seen.get(point) ?? 0) + 1);
      return `${point}:${seen.get(point)}`;
    });
}
