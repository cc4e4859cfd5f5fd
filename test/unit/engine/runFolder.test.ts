import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { engineSettings } from "../../../src/engine/options.js";
import { createRunFolder, leaveRunFolder } from "../../../src/engine/runs/runFolder.js";
import { RunLock } from "../../../src/engine/runs/runLock.js";

let stateDir = "";
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), "millrace-folder-"));
});
afterEach(() => rmSync(stateDir, { recursive: true, force: true }));

const settings = () => engineSettings({ stateDir });
const other = (runId: string) => join(stateDir, "runs", runId);

function start(): void {
  const own = createRunFolder(settings(), "own", true);
  leaveRunFolder(own, false);
}

/** What another process has made so far of its run's folder. */
function inTheMaking(runId: string, ageMinutes: number): void {
  mkdirSync(join(other(runId), "scratch"), { recursive: true });
  mkdirSync(join(other(runId), "owners"));
  const then = new Date(Date.now() - ageMinutes * 60_000);
  utimesSync(other(runId), then, then);
}

it("a folder that another process is making is not taken from it", () => {
  inTheMaking("theirs", 0);
  start();
  expect(existsSync(join(other("theirs"), "scratch"))).toBe(true);
  expect(() => RunLock.take(other("theirs"), "theirs")).not.toThrow();
});

it("a folder whose maker never came to own it goes after a time", () => {
  inTheMaking("lost", 30);
  start();
  expect(existsSync(join(other("lost"), "scratch"))).toBe(false);
});

it("a folder whose owner died before its journal goes at once", () => {
  inTheMaking("dead", 0);
  writeFileSync(join(other("dead"), "owners", "000001.json"), JSON.stringify({ pid: 0, started: null, startMs: 0 }));
  start();
  expect(existsSync(join(other("dead"), "scratch"))).toBe(false);
});

it("who does not get a run leaves no scratch folder there", () => {
  const own = createRunFolder(settings(), "own", true);
  rmSync(own.scratch, { recursive: true });
  expect(() => createRunFolder(settings(), "own", true)).toThrow(expect.objectContaining({ code: "RUN_BUSY" }));
  expect(existsSync(own.scratch)).toBe(false);
  leaveRunFolder(own, false);
});
