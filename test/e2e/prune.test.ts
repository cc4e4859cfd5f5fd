import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Engine, listRuns, openRun, pastRuns, pruneRuns, read } from "millrace";
import { afterEach, beforeEach, expect, it } from "vitest";

const day = 86_400_000;
let folder = "";
let stateDir = "";
let engine: Engine;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "millrace-prune-"));
  stateDir = join(folder, "state");
  writeFileSync(join(folder, "in.csv"), `id\n${Array.from({ length: 1000 }, (_, i) => i).join("\n")}\n`);
  engine = await Engine.create({ workers: 1, stateDir, partitionBytes: 1024 });
});
afterEach(async () => {
  await engine.close();
  rmSync(folder, { recursive: true, force: true });
});

const job = (name: string) =>
  read.csv(join(folder, "in.csv"), { schema: { id: "int64" } }).write.csv(join(folder, name), { mode: "overwrite" });
const ids = (runs: readonly { readonly runId: string }[]) => runs.map(({ runId }) => runId);
const inDays = (days: number) => Date.now() + days * day;

it("old runs go with their reports, and the history remembers them", async () => {
  const { runId } = await engine.run(job("a")).result;
  expect(pruneRuns({ stateDir })).toEqual([]);
  expect(pruneRuns({ stateDir, nowMs: inDays(399) })).toEqual([]);
  expect(pruneRuns({ stateDir, nowMs: inDays(401), dryRun: true })).toMatchObject([{ runId, state: "finished" }]);
  expect(existsSync(join(stateDir, "runs", runId, "report.json"))).toBe(true);
  expect(pruneRuns({ stateDir, nowMs: inDays(401) })[0]?.bytes).toBeGreaterThan(0);
  expect(existsSync(join(stateDir, "runs", runId))).toBe(false);
  expect(ids(pastRuns({ stateDir }))).toEqual([runId]);
  expect(existsSync(join(folder, "a"))).toBe(true);
});

it("old runs go where no history is kept, too", async () => {
  const { runId } = await engine.run(job("a")).result;
  const run = join(stateDir, "runs", runId);
  const old = new Date(Date.now() - 401 * day);
  for (const path of [join(run, "journal"), join(run, "report.json"), run]) utimesSync(path, old, old);
  await using other = await Engine.create({ workers: 1, stateDir, history: false });
  const later = await other.run(job("b")).result;
  expect(existsSync(run)).toBe(false);
  expect(existsSync(join(stateDir, "runs", later.runId))).toBe(true);
});

it("a run that is at work stays, whatever its age", async () => {
  const run = engine.run(job("a"));
  let asked = false;
  for await (const event of run) {
    if (event.kind !== "run-started") continue;
    asked = true;
    expect(pruneRuns({ stateDir, keepDays: 0, nowMs: inDays(1000) })).toEqual([]);
  }
  const { status } = await run.result;
  expect([asked, status]).toEqual([true, "success"]);
});

/** Cuts the end of a run's journal off until it says what a crash at that point would have left. */
function cutOff(runId: string, until: (staged: boolean) => boolean): void {
  const journal = join(stateDir, "runs", runId, "journal");
  for (let size = statSync(journal).size - 1; size > 0; size--) {
    truncateSync(journal, size);
    const open = openRun({ stateDir, runId });
    if (open !== null && until(open.staged)) return;
  }
  throw new Error("the journal has no such point");
}

it("a run that can be resumed stays until it is as old as the others", async () => {
  const { runId } = await engine.run(job("a")).result;
  cutOff(runId, (staged) => !staged);
  expect(listRuns({ stateDir })).toMatchObject([{ runId, state: "unfinished" }]);
  expect(pruneRuns({ stateDir, keepDays: 10, nowMs: inDays(9) })).toEqual([]);
  expect(pruneRuns({ stateDir, keepDays: 10, nowMs: inDays(11) })).toMatchObject([{ runId, state: "unfinished" }]);
  expect(listRuns({ stateDir })).toEqual([]);
});

it("a run that has only its publishing before it stays, whatever its age", async () => {
  const { runId } = await engine.run(job("a")).result;
  cutOff(runId, (staged) => staged);
  expect(pruneRuns({ stateDir, keepDays: 0, nowMs: inDays(1000) })).toEqual([]);
  expect(listRuns({ stateDir })).toMatchObject([{ runId, state: "unfinished" }]);
});

it("what a crash left of a removal goes with the next one", () => {
  const left = join(stateDir, "pruned-20260101T000000000-00000000");
  mkdirSync(left, { recursive: true });
  writeFileSync(join(left, "journal"), "");
  pruneRuns({ stateDir });
  expect(existsSync(left)).toBe(false);
});

it("days are a number of at least 0", () => {
  expect(() => pruneRuns({ stateDir, keepDays: -1 })).toThrowError(expect.objectContaining({ code: "INVALID_OPTION" }));
});
