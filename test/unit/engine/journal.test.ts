import { fork } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Journal, readMemory, type RunHeader } from "../../../src/engine/journal/journal.js";
import { ownerOfRun, RunLock } from "../../../src/engine/runs/runLock.js";
import { type RunBefore, type TaskIdentity, whyChanged, withoutFunctions } from "../../../src/engine/journal/taskIdentity.js";
import { nodeFileSystem } from "../../../src/io/fileSystem.js";
import type { TaskResult } from "../../../src/task/protocol.js";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-run-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const header: RunHeader = {
  kind: "run",
  version: 1,
  runId: "r1",
  job: "daily",
  product: "1.0.0",
  node: "v20",
  startMs: 5,
  planFingerprint: "f",
  planShape: "s",
  functions: { scale: "h1" },
  inputs: [{ path: "/in.csv", bytes: 10, modifiedMs: 20 }],
  targets: ["/out"],
  parameters: { day: "2026-01-01" },
  planFile: null,
  workingFolder: "/",
  shaping: { partitionBytes: 1, broadcastBytes: 2, optimizer: true },
};
const owner = { kind: "owner", pid: 1, started: null, startMs: 5 } as const;
const result: TaskResult = {
  scan: { rows: 1, rejected: 0, bytes: 2, start: 0, end: 2, lines: 1 },
  enough: false,
  steps: [],
  rejects: { count: 0, byCode: {}, byFile: {}, byColumn: {}, samples: [], file: null, texts: [] },
  timing: { startMs: 0, endMs: 1, readMs: 0, computeMs: 0, writeMs: 0, cpuMs: 0 },
};
const identity = (hash: string, slot = "0/0"): TaskIdentity => ({
  hash,
  slot,
  work: "w",
  functions: { scale: "h1" },
  inputs: { "/in.csv": "10@20" },
  earlier: "e",
});

describe("a run's memory", () => {
  it("has what every process noted, the last header with the first start, and tasks under the name they were planned by", async () => {
    const first = Journal.begin(nodeFileSystem, folder);
    first.note(header);
    first.note(owner);
    first.note({ kind: "task", identity: identity("exact"), attempts: 2, result, rejects: null, instead: "guess" });
    first.write({ kind: "stopped", error: { code: "RUN_STOPPED", category: "Cancelled", message: "stopped" } });
    await first.close();
    expect(readMemory(nodeFileSystem, folder)).toMatchObject({ owners: 1, stopped: { code: "RUN_STOPPED" }, finished: null });
    const again = Journal.resume(nodeFileSystem, folder);
    again?.journal.note({ ...header, startMs: 99, planFingerprint: "f2" });
    again?.journal.note(owner);
    await again?.journal.close();
    const memory = readMemory(nodeFileSystem, folder);
    expect(memory?.header).toMatchObject({ startMs: 5, planFingerprint: "f2" });
    expect([memory?.owners, memory?.stopped]).toEqual([2, null]);
    expect(memory?.tasks.get("guess")).toEqual(memory?.tasks.get("exact"));
    expect(memory?.tasks.get("exact")?.result).toEqual(result);
  });

  it("forgets the tasks of a plan that was cut anew, but not the rows that were taken in", async () => {
    const journal = Journal.begin(nodeFileSystem, folder);
    journal.note(header);
    journal.note({ kind: "ingest", source: 0, files: [], result, rejects: null });
    journal.note({ kind: "task", identity: identity("a"), attempts: 1, result, rejects: null, instead: null });
    journal.note({ kind: "replanned" });
    await journal.close();
    const memory = readMemory(nodeFileSystem, folder);
    expect([memory?.tasks.size, memory?.ingests.size, memory?.replanned]).toEqual([0, 1, true]);
  });

  it("is none without a header, and none of another version", async () => {
    expect(readMemory(nodeFileSystem, folder)).toBeNull();
    const journal = Journal.begin(nodeFileSystem, folder);
    await journal.close();
    expect(readMemory(nodeFileSystem, folder)).toBeNull();
  });
});

describe("why earlier work does not count", () => {
  const before: RunBefore = header;
  it("names the function, the file, or the earlier stage", () => {
    const now = identity("b");
    expect(whyChanged(identity("a"), before, identity("a"))).toBeNull();
    expect(whyChanged(now, before, null)).toBeNull();
    expect(whyChanged({ ...now, functions: { scale: "h2" } }, before, identity("a"))).toBe("function scale changed");
    expect(whyChanged({ ...now, inputs: { "/in.csv": "11@20" } }, before, identity("a"))).toBe("input changed: /in.csv");
    expect(whyChanged({ ...now, earlier: "e2" }, before, identity("a"))).toBe("what an earlier stage left changed");
  });

  it("does not lay the change of one file at the door of another that has its place now", () => {
    const moved = { ...identity("b"), inputs: { "/next.csv": "1@1" } };
    expect(whyChanged(moved, { ...before, inputs: [{ path: "/next.csv", bytes: 1, modifiedMs: 1 }] }, identity("a"))).toBeNull();
  });

  it("keeps apart what JSON would not", () => {
    const texts = [Number.NaN, Number.POSITIVE_INFINITY, null, 1n, 1].map((value) =>
      JSON.stringify(withoutFunctions({ value }, {})),
    );
    expect(new Set(texts).size).toBe(5);
  });

  it("hashes functions apart from the steps, two of one name together", () => {
    const found: Record<string, string> = {};
    const step = { fn: { kind: "source", name: "f", hash: "1" }, other: [{ kind: "source", name: "f", hash: "2" }] };
    expect(withoutFunctions(step, found)).toEqual({ fn: { function: "f" }, other: [{ function: "f" }] });
    expect(found.f).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe("the lock of a run", () => {
  it("is refused while it is held, and given after its release", () => {
    const lock = RunLock.take(folder, "r1");
    expect(() => RunLock.take(folder, "r1")).toThrow(expect.objectContaining({ code: "RUN_BUSY" }));
    expect(ownerOfRun(folder)?.pid).toBe(process.pid);
    lock.release();
    expect(ownerOfRun(folder)).toBeNull();
    RunLock.take(folder, "r1").release();
  });

  it("of a dead process goes to exactly one of many that want it", { timeout: 90_000 }, async () => {
    const dead = RunLock.take(folder, "r1");
    dead.release();
    const lockFile = new URL("../../../dist/engine/runs/runLock.js", import.meta.url).href;
    const script = join(folder, "take.mjs");
    writeFileSync(
      script,
      `import { RunLock } from ${JSON.stringify(lockFile)};
       process.on("message", () => {
         try { RunLock.take(${JSON.stringify(folder)}, "r1"); process.send("taken"); } catch (error) { process.send(error.code); }
       });
       process.send("ready");`,
    );
    const children = Array.from({ length: 6 }, () => fork(script));
    const answer = (child: (typeof children)[number]) => new Promise<unknown>((done) => child.once("message", done));
    try {
      await Promise.all(children.map(answer));
      const answers = children.map(answer);
      for (const child of children) child.send("go");
      const said = (await Promise.all(answers)).sort();
      expect(said).toEqual(["RUN_BUSY", "RUN_BUSY", "RUN_BUSY", "RUN_BUSY", "RUN_BUSY", "taken"]);
    } finally {
      for (const child of children) child.kill();
    }
  });
});
