import { spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { History } from "../../../src/history/history.js";
import { openReport, pastRuns } from "../../../src/history/reports.js";
import type { PastRun } from "../../../src/report/model.js";

let stateDir = "";
let history: History;

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), "millrace-history-"));
  history = new History(stateDir);
});

afterEach(() => rmSync(stateDir, { recursive: true, force: true }));

const past = (runId: string, changes: Partial<PastRun> = {}): PastRun => ({
  schemaVersion: 1,
  runId,
  job: "nightly",
  status: "success",
  start: "2026-01-31T00:00:00.000Z",
  durationMs: 1000,
  recordsRead: 1,
  recordsWritten: 1,
  recordsFailed: 0,
  successRate: 100,
  score: null,
  recordsPerSecond: 1,
  megabytesPerSecond: 1,
  peakMemoryBytes: 1,
  cpuMs: 1,
  workers: 1,
  inputs: { files: 1, bytes: 1 },
  outputs: [],
  stages: [],
  planFingerprint: "f1",
  errorCode: null,
  ...changes,
});

const ids = (runs: readonly PastRun[]) => runs.map(({ runId }) => runId);
const filesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".jsonl"));

describe("the history of runs", () => {
  it("is empty before the first run", () => {
    expect(history.runs()).toEqual([]);
    expect(history.before({ job: "nightly", planFingerprint: "f1", runId: "x" }, 10)).toEqual([]);
    expect(history.forget(1, new Date())).toBe(0);
  });

  it("gives runs of all jobs, latest first, up to a limit", () => {
    history.add(past("a", { start: "2026-01-30T23:59:59.999Z" }));
    history.add(past("b", { job: "other", start: "2026-01-31T08:00:00.000Z" }));
    history.add(past("c", { start: "2026-01-31T07:00:00.000Z" }));
    expect(ids(history.runs())).toEqual(["b", "c", "a"]);
    expect(ids(history.runs({ limit: 2 }))).toEqual(["b", "c"]);
    expect(ids(history.runs({ job: "nightly" }))).toEqual(["c", "a"]);
    expect(ids(pastRuns({ stateDir, limit: 1 }))).toEqual(["b"]);
  });

  it("gives back what it was given", () => {
    const run = past("a", { outputs: [{ path: 'a "b"\n', rows: 2, bytes: 3 }], score: 99.5, errorCode: "FILE_IO" });
    history.add(run);
    expect(history.runs()).toEqual([run]);
  });

  it("keeps jobs apart whatever they are called", () => {
    const jobs = [
      "a",
      "A",
      "a/b",
      "..",
      "a b",
      "ä",
      "%61",
      "con",
      "x".repeat(300),
      `${"x".repeat(300)}y`,
      "\u0000",
      "j-a",
      "\ud800",
      "a.b",
    ];
    for (const job of jobs) history.add(past(`of ${job}`, { job }));
    for (const job of jobs) expect(ids(history.runs({ job }))).toEqual([`of ${job}`]);
    expect(filesOf(stateDir).every((name) => name.startsWith("history"))).toBe(true);
    expect(filesOf(stateDir)).toHaveLength(jobs.length);
  });

  it("takes the last line of a run that several processes worked on", () => {
    history.add(past("a", { status: "failed", start: "2026-01-30T23:00:00.000Z" }));
    history.add(past("a", { status: "failed" }));
    history.add(past("a", { status: "success" }));
    expect(history.runs().map(({ status }) => status)).toEqual(["success"]);
  });

  it("loses nothing but the line that a crash cut short", () => {
    history.add(past("a"));
    const [file = ""] = filesOf(stateDir);
    appendFileSync(join(stateDir, file), '\n{"schemaVersion":1,"runId":"torn","sta');
    history.add(past("b"));
    expect(ids(history.runs())).toEqual(["b", "a"]);
  });

  it("passes over lines of another version", () => {
    history.add(past("a"));
    const [file = ""] = filesOf(stateDir);
    appendFileSync(join(stateDir, file), `\n${JSON.stringify({ ...past("b"), schemaVersion: 2 })}\nnull\n7\n`);
    expect(ids(history.runs())).toEqual(["a"]);
  });

  it("compares runs of one name, and nameless ones by their plan", () => {
    history.add(past("a"));
    history.add(past("b", { planFingerprint: "f2" }));
    history.add(past("c", { job: "job" }));
    history.add(past("d", { job: "job", planFingerprint: "f2" }));
    expect(ids(history.before({ job: "nightly", planFingerprint: "f1", runId: "b" }, 10))).toEqual(["a"]);
    expect(ids(history.before({ job: "nightly", planFingerprint: "f3", runId: "x" }, 10))).toEqual(["b", "a"]);
    expect(ids(history.before({ job: "job", planFingerprint: "f2", runId: "x" }, 10))).toEqual(["d"]);
  });

  it("forgets days that are past their time, of every job", () => {
    history.add(past("old", { start: "2026-01-01T12:00:00.000Z" }));
    history.add(past("old2", { job: "other", start: "2026-01-02T12:00:00.000Z" }));
    history.add(past("kept", { start: "2026-01-03T00:00:00.000Z" }));
    writeFileSync(join(stateDir, "history", "j-nightly", "notes.txt"), "not ours");
    expect(history.forget(2, new Date("2026-01-05T00:00:00Z"))).toBe(2);
    expect(ids(history.runs())).toEqual(["kept"]);
    expect(existsSync(join(stateDir, "history", "j-nightly", "notes.txt"))).toBe(true);
  });

  it("takes runs of several processes at once", async () => {
    const module = join(import.meta.dirname, "../../../dist/history/history.js");
    const program = `import { History } from ${JSON.stringify(module)};
      const history = new History(process.argv[1]);
      const run = ${JSON.stringify(past("x", { outputs: Array.from({ length: 200 }, (_, i) => ({ path: `out/${i}`, rows: i, bytes: i })) }))};
      for (let i = 0; i < 100; i++) history.add({ ...run, runId: process.argv[2] + "-" + i });`;
    const codes = await Promise.all(
      ["a", "b", "c", "d"].map(
        (name) =>
          new Promise<number | null>((done) => {
            spawn(process.execPath, ["--input-type=module", "-e", program, stateDir, name], { stdio: "inherit" }).on(
              "close",
              done,
            );
          }),
      ),
    );
    expect(codes).toEqual([0, 0, 0, 0]);
    expect(new Set(ids(history.runs())).size).toBe(400);
    const [file = ""] = filesOf(stateDir);
    const lines = readFileSync(join(stateDir, file), "utf8")
      .split("\n")
      .filter((line) => line !== "");
    expect(lines.map((line) => (JSON.parse(line) as PastRun).outputs.length)).toEqual(new Array(400).fill(200));
  }, 90_000);
});

describe("a run's report", () => {
  it("says which runs there are when it is not found", async () => {
    await expect(openReport({ stateDir })).rejects.toMatchObject({ code: "RUN_NOT_FOUND" });
    await expect(openReport({ stateDir, runId: "nope" })).rejects.toMatchObject({
      code: "RUN_NOT_FOUND",
      hint: "No plan was run with this state folder yet.",
    });
  });
});
