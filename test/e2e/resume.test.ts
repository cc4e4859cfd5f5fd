import { spawn } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

/** Real processes that are killed where it hurts most, and gone on with. What an undisturbed run leaves is the measure, byte by byte. */
const index = pathToFileURL(resolve(import.meta.dirname, "../../dist/run/index.js")).href;
const rows = 6000;

/** Runs one of the plans; tells every event but progress on its stdout, then the result. */
const job = `
import { Engine, read, sum, count, udf } from ${JSON.stringify(index)};
const [name, base, out, resume, factor] = process.argv.slice(2);
const sales = (options = {}) => read.csv(base + "/in-*.csv", { schema: { id: "int64", store: "utf8", n: "int32", day: "utf8" }, ...options });
const stores = read.csv(base + "/stores.csv", { schema: { store: "utf8", city: "utf8" } });
const scaled = factor === "3" ? udf((n) => n * 3, { returns: "float64" }) : udf((n) => n * 2, { returns: "float64" });
const plans = {
  partitioned: () => sales({ onReject: "quarantine" }).withColumns((c) => ({ twice: scaled(c.n) }))
    .write.parquet(out + "/data", { partitionBy: ["day"], mode: "overwrite-partitions" }),
  grouped: () => sales({ onReject: "skip" }).withColumns((c) => ({ twice: scaled(c.n) })).groupBy("store", "day")
    .agg((c) => ({ total: sum(c.twice), rows: count() })).write.csv(out + "/groups.csv", { mode: "overwrite" }),
  joined: () => sales({ onReject: "skip" }).join(stores, { on: "store", how: "left" }).groupBy("city").agg((c) => ({ n: sum(c.n) }))
    .sort("city").write.parquet(out + "/cities"),
  appended: () => sales({ onReject: "skip" }).write.jsonl(out + "/log", { mode: "append" }),
};
const engine = await Engine.create({ workers: 2, memory: "256MB", partitionBytes: 12_000, stateDir: base + "/state",
  ...(name === "joined" ? { broadcastBytes: 0 } : {}) });
const say = (data) => console.log(JSON.stringify(data));
try {
  const handle = engine.run(plans[name](), { job: name, resume: resume === "no" ? false : resume });
  if (process.env.STOP === "1") process.on("SIGTERM", () => handle.stop());
  for await (const event of handle) if (event.kind !== "progress") say({ ...event, samples: undefined });
  const { runId, status, report, outputs, rejects } = await handle.result;
  say({ kind: "result", runId, status, outputs, read: report.data.execution.recordsRead, rejects: rejects.count, resume: report.data.execution.resume });
} catch (error) {
  say({ kind: "error", code: error.code, message: error.message });
  process.exitCode = 1;
} finally {
  await engine.close();
}
`;

let root = "";
let base = "";
let out = "";
let made = 0;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "millrace-resume-"));
  writeFileSync(join(root, "job.mjs"), job);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Three files of sales; some rows are bad, and one file holds line feeds inside quotes, so that borders are guessed wrong. */
function writeInputs(to: string): void {
  mkdirSync(to, { recursive: true });
  for (let file = 0; file < 3; file++) {
    const lines = ["id,store,n,day"];
    for (let i = 0; i < rows / 3; i++) {
      const store = file === 1 && i % 10 === 0 ? `"s\n1,s${i % 5},${i},2026-01-0${1 + (i % 3)}\n${i % 7}"` : `s${i % 7}`;
      lines.push(`${file * rows + i},${store},${i % 97 === 0 ? "bad" : i % 100},2026-01-0${1 + (i % 3)}`);
    }
    const path = join(to, `in-${file}.csv`);
    writeFileSync(path, `${lines.join("\n")}\n`);
    utimesSync(path, 1_700_000_000, 1_700_000_000);
  }
  writeFileSync(join(to, "stores.csv"), `store,city\n${[0, 1, 2, 3].map((i) => `s${i},c${i % 2}`).join("\n")}\n`);
}

beforeEach(() => {
  base = join(root, `case-${made++}`);
  out = join(base, "out");
  writeInputs(base);
  mkdirSync(out);
});

interface Told {
  readonly kind: string;
  readonly [name: string]: unknown;
}

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly events: readonly Told[];
  readonly last: Told;
  readonly err: string;
}

interface How {
  readonly resume?: string;
  readonly killAt?: string;
  readonly to?: string;
  readonly factor?: string;
  /** Sends SIGTERM at the first of these events. */
  readonly stopAt?: string;
}

function start(name: string, { resume = "no", killAt, to = out, factor = "2", stopAt }: How = {}): Promise<Ended> {
  const env = {
    ...process.env,
    ...(killAt === undefined ? {} : { MILLRACE_KILL_AT: killAt }),
    ...(stopAt === undefined ? {} : { STOP: "1" }),
  };
  const child = spawn(process.execPath, [join(root, "job.mjs"), name, base, to, resume, factor], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said = { out: "", err: "" };
  child.stdout.on("data", (text: Buffer) => {
    said.out += text.toString();
    if (stopAt !== undefined && said.out.includes(stopAt)) child.kill("SIGTERM");
  });
  child.stderr.on("data", (text: Buffer) => {
    said.err += text.toString();
  });
  return new Promise((done) =>
    child.on("close", (code, signal) => {
      const events = said.out.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Told]));
      done({ code, signal, events, last: events.at(-1) ?? { kind: "nothing" }, err: said.err });
    }),
  );
}

/** Every file of a folder with its bytes; the id of the run and the plan's fingerprint (it has paths in it) are left out. */
function bytesIn(folder: string, runId: unknown): Record<string, string> {
  const files = (at: string): string[] =>
    readdirSync(at, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? files(join(at, entry.name)) : [join(at, entry.name)],
    );
  const text = (value: string) => value.replaceAll(String(runId), "RUN").replace(/("planFingerprint": )"\w+"/, "$1");
  return Object.fromEntries(
    files(folder)
      .sort()
      .map((file) => [text(relative(folder, file)), text(readFileSync(file).toString("latin1"))]),
  );
}

const runIdOf = (ended: Ended): unknown => ended.events.find((event) => event.runId !== undefined)?.runId;
const count = (ended: Ended, kind: string): number => ended.events.filter((event) => event.kind === kind).length;

/** What is at the target before a run: an older publish, with a partition that the new one does not touch. */
function older(to: string): void {
  mkdirSync(join(to, "data/day=2026-01-01"), { recursive: true });
  mkdirSync(join(to, "data/day=2025-12-31"), { recursive: true });
  writeFileSync(join(to, "data/day=2026-01-01/part-00007.parquet"), "old");
  writeFileSync(join(to, "data/day=2025-12-31/part-00000.parquet"), "kept");
  mkdirSync(join(to, "log"));
  writeFileSync(join(to, "log/part-before.jsonl"), "{}\n");
}

const undisturbed = new Map<
  string,
  Promise<{ readonly files: Record<string, string>; readonly last: Told; readonly tasks: number }>
>();

function reference(name: string): NonNullable<ReturnType<typeof undisturbed.get>> {
  const known = undisturbed.get(name);
  if (known !== undefined) return known;
  const run = async () => {
    const to = join(root, `reference-${name}`);
    if (name === "partitioned" || name === "appended") older(to);
    mkdirSync(to, { recursive: true });
    const ended = await start(name, { to });
    expect(ended.last.kind, JSON.stringify(ended.last) + ended.err).toBe("result");
    return { files: bytesIn(to, ended.last.runId), last: ended.last, tasks: count(ended, "task-finished") };
  };
  const made = run();
  undisturbed.set(name, made);
  return made;
}

/** Names of the points, and how often each may be passed before the kill. */
const points: readonly (readonly [string, readonly string[]])[] = [
  [
    "partitioned",
    [
      "run-begun:1",
      "task-done:1",
      "task-done:7",
      "journal-write:4",
      "journal-write:12",
      "staged:1",
      "journal-sync:1",
      "publishing:1",
      "intent:1",
    ].concat([
      "rename:1",
      "rename:2",
      "rename:3",
      "removal:1",
      "manifest:1",
      "intent-removed:1",
      "publish:1",
      "journal-sync:2",
      "finished:1",
    ]),
  ],
  [
    "grouped",
    ["task-done:3", "journal-write:9", "task-done:14", "staged:1", "publishing:1", "intent:1", "rename:1", "manifest:1"],
  ],
  ["joined", ["task-done:2", "task-done:10", "journal-write:15", "publishing:1", "intent:1", "rename:1", "intent-removed:1"]],
  ["appended", ["task-done:4", "publishing:1", "intent:1", "rename:1", "manifest:1", "intent-removed:1", "publish:1"]],
];

for (const [name, places] of points) {
  describe(`${name}: killed and resumed, leaves what an undisturbed run does`, () => {
    for (const killAt of places) {
      it(killAt, { timeout: 180_000 }, async () => {
        const whole = await reference(name);
        if (name === "partitioned" || name === "appended") older(out);
        const killed = await start(name, { killAt });
        expect(killed.signal, killed.err + JSON.stringify(killed.last)).toBe("SIGKILL");
        const runId = String(runIdOf(killed) ?? readdirSync(join(base, "state/runs")).at(-1));
        const resumed = await start(name, { resume: runId });
        expect(resumed.last.kind, JSON.stringify(resumed.events.slice(-3)) + resumed.err).toBe("result");
        expect(bytesIn(out, runId)).toEqual(whole.files);
        const { status, read, rejects } = whole.last;
        expect(resumed.last).toMatchObject({ runId, status, read, rejects });
        // In flight: a task for each worker and one that waits.
        const done = count(killed, "task-finished") + count(resumed, "task-finished");
        expect(done).toBeLessThanOrEqual(whole.tasks + 4);
        expect(readdirSync(join(base, "state/runs", runId))).not.toContain("scratch");
        const again = await start(name, { resume: runId });
        expect(again.last).toMatchObject({ kind: "result", runId, status, read, rejects });
        expect(bytesIn(out, runId)).toEqual(whole.files);
      });
    }
  });
}

describe("what does not count any more is done again, and why is told", () => {
  const reasons = (ended: Ended) => [
    ...new Set(ended.events.filter((event) => event.kind === "task-redone").map((event) => event.reason)),
  ];

  async function interrupted(): Promise<string> {
    const killed = await start("partitioned", { killAt: "task-done:9" });
    expect(killed.signal).toBe("SIGKILL");
    return String(runIdOf(killed));
  }

  it("an input that changed", { timeout: 180_000 }, async () => {
    const runId = await interrupted();
    appendFileSync(join(base, "in-0.csv"), "999999,s1,1,2026-01-01\n");
    const resumed = await start("partitioned", { resume: runId });
    expect(resumed.last).toMatchObject({ kind: "result", read: rows + 1 });
    expect(reasons(resumed)).toEqual([`input changed: ${join(base, "in-0.csv")}`]);
  });

  it("a function that changed", { timeout: 180_000 }, async () => {
    const runId = await interrupted();
    const resumed = await start("partitioned", { resume: runId, factor: "3" });
    expect(resumed.last.kind).toBe("result");
    expect(reasons(resumed)).toEqual([expect.stringMatching(/^function .* changed$/)]);
    const fresh = await start("partitioned", { to: join(root, "fresh"), factor: "3" });
    expect(bytesIn(join(out, "data"), runId)).toEqual(
      Object.fromEntries(
        Object.entries(bytesIn(join(root, "fresh/data"), fresh.last.runId)).map(([file, bytes]) => [
          file,
          file.endsWith("manifest.json") ? expect.any(String) : bytes,
        ]),
      ),
    );
  });

  it("a file that is gone, and one that is damaged", { timeout: 180_000 }, async () => {
    const runId = await interrupted();
    const whole = await reference("grouped");
    expect(whole.last.kind).toBe("result");
    // A task packs its fragments into one file. The journal says which are done: the task that the kill met may have been told of before.
    const journal = readFileSync(join(base, "state/runs", runId, "journal"), "latin1");
    const parts = Object.keys(bytesIn(base, "no run")).filter((file) => /-pack\.part$/.test(file) && journal.includes(file));
    expect(parts.length).toBeGreaterThan(2);
    const [first = "", second = ""] = parts;
    rmSync(join(base, first));
    const bytes = readFileSync(join(base, second));
    bytes[9] = (bytes[9] ?? 0) ^ 1;
    writeFileSync(join(base, second), bytes);
    const resumed = await start("partitioned", { resume: runId });
    expect(resumed.last.kind).toBe("result");
    expect(reasons(resumed)).toEqual([
      expect.stringMatching(new RegExp(`^output missing: .*${first.slice(first.indexOf("fragments"))}`)),
      expect.stringMatching(new RegExp(`^output damaged: .*${second.slice(second.indexOf("fragments"))}`)),
    ]);
  });
});

describe("who may go on with a run", () => {
  it("exactly one of two that try at once", { timeout: 180_000 }, async () => {
    const killed = await start("grouped", { killAt: "task-done:3" });
    const runId = String(runIdOf(killed));
    const both = await Promise.all([start("grouped", { resume: runId }), start("grouped", { resume: runId })]);
    const kinds = both.map((ended) => (ended.last.kind === "error" ? ended.last.code : ended.last.kind)).sort();
    // One may come when the other has ended, and then finds the run finished.
    expect([
      ["RUN_BUSY", "result"],
      ["result", "result"],
    ]).toContainEqual(kinds);
    expect(both.filter((ended) => count(ended, "run-resumed") > 0)).toHaveLength(1);
    expect(bytesIn(out, runId)).toEqual((await reference("grouped")).files);
  });

  it("nobody, once a later run has taken its target over", { timeout: 180_000 }, async () => {
    const killed = await start("grouped", { killAt: "task-done:3" });
    const later = await start("grouped");
    expect(later.last.kind).toBe("result");
    const resumed = await start("grouped", { resume: String(runIdOf(killed)) });
    expect(resumed.last).toMatchObject({ kind: "error", code: "RUN_SUPERSEDED" });
    expect(String(resumed.last.message)).toContain(String(later.last.runId));
  });

  it("auto: the latest unfinished run of the job; a new one where there is none", { timeout: 180_000 }, async () => {
    const killed = await start("grouped", { killAt: "task-done:5" });
    const other = await start("joined", { resume: "auto", to: out });
    expect(other.last.runId).not.toBe(runIdOf(killed));
    const resumed = await start("grouped", { resume: "auto" });
    expect(resumed.last).toMatchObject({ kind: "result", runId: runIdOf(killed) });
    expect((resumed.last.resume as { reusedTasks: number }).reusedTasks).toBeGreaterThan(0);
    const fresh = await start("grouped", { resume: "auto" });
    expect(fresh.last.kind).toBe("result");
    expect(fresh.last.runId).not.toBe(runIdOf(killed));
  });

  it("auto, while publishing: never doubles what is appended", { timeout: 180_000 }, async () => {
    older(out);
    const killed = await start("appended", { killAt: "rename:1" });
    const resumed = await start("appended", { resume: "auto" });
    expect(resumed.last).toMatchObject({ kind: "result", runId: runIdOf(killed) });
    expect(bytesIn(out, runIdOf(killed))).toEqual((await reference("appended")).files);
  });

  it("a run that failed by its data is over", { timeout: 180_000 }, async () => {
    const bad = await start("partitioned", { killAt: "none:1" });
    const runId = String(bad.last.runId);
    writeFileSync(join(base, "state/runs", runId, "journal"), "something else");
    const damaged = await start("partitioned", { resume: runId });
    expect(damaged.last).toMatchObject({ kind: "error", code: "JOURNAL_DAMAGED" });
    expect((await start("partitioned", { resume: "20200101T000000000-00000000" })).last).toMatchObject({ code: "RUN_NOT_FOUND" });
  });
});

describe("a stop at the next border of a task", () => {
  it("publishes nothing, loses no finished task, and can be gone on with", { timeout: 180_000 }, async () => {
    const stopped = await start("partitioned", { stopAt: "task-finished" });
    expect(stopped.last).toMatchObject({ kind: "error", code: "RUN_STOPPED" });
    expect(existsSync(join(out, "data"))).toBe(false);
    const runId = String(runIdOf(stopped));
    const resumed = await start("partitioned", { resume: runId });
    expect(resumed.last.kind).toBe("result");
    expect(count(resumed, "task-reused")).toBe(count(stopped, "task-finished"));
    cpSync(out, join(base, "copy"), { recursive: true });
  });
});
