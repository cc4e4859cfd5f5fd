import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { configError, MillraceError } from "../../common/errors.js";
import { folderOfRun, runsFolder } from "../../history/runFolders.js";
import { removeStagingsOf, supersededBy } from "../../io/commit/commit.js";
import { isAlive, ownerOf, releaseStaging, takeStaging } from "../../io/commit/commitOwner.js";
import { killPoint } from "../../io/killPoint.js";
import { fileError } from "../../io/fileErrors.js";
import { nodeFileSystem } from "../../io/fileSystem.js";
import { readMemory } from "../journal/journal.js";
import type { EngineSettings } from "../options.js";
import { indexPath, rejectFolder, removeRejectParts } from "../rejects/rejectIndex.js";
import { isTransient } from "../attempts/retry.js";
import { ownershipOf, RunLock } from "./runLock.js";

/** `20260131T235959123-1a2b3c4d`: sorts by start (to the millisecond), and two runs of one millisecond differ. */
export function newRunId(now: Date): string {
  const stamp = now.toISOString().replace(/[-:.Z]/g, "");
  return `${stamp}-${randomBytes(4).toString("hex")}`;
}

/** The folders of one run under the state folder. `scratch` is removed when nobody can go on with the run, the rest stays. */
export interface RunFolder {
  readonly folder: string;
  readonly scratch: string;
  /** null for a run that nobody can go on with. */
  readonly lock: RunLock | null;
}

/**
 * Makes the run's folders, or takes those of an earlier process over, and clears away what dead runs left.
 * @throws MillraceError Config/STATE_NOT_WRITABLE, RUN_BUSY
 */
export function createRunFolder(settings: EngineSettings, runId: string, resumable: boolean): RunFolder {
  const folder = folderOfRun(settings.stateDir, runId);
  const scratch = join(folder, "scratch");
  let lock: RunLock | null = null;
  try {
    mkdirSync(folder, { recursive: true });
    // Before the scratch folder: of two processes, the one that does not get the run must not leave one behind the other's back.
    if (resumable) lock = RunLock.take(folder, runId);
    mkdirSync(scratch, { recursive: true });
    if (!resumable) takeStaging(nodeFileSystem, scratch, runId, "scratch");
  } catch (cause) {
    lock?.release();
    if (cause instanceof MillraceError && cause.code === "RUN_BUSY") throw cause;
    const failure = fileError(cause, "make the run's folder", folder);
    if (failure.category === "Resource" || isTransient(failure)) throw failure;
    throw configError("STATE_NOT_WRITABLE", `cannot make the run's folder ${folder}: ${(cause as Error).message}`, {
      file: folder,
      hint: "Point stateDir at a folder that this process may write.",
      cause,
    });
  }
  sweep(runsFolder(settings.stateDir), settings.keepUnfinishedMs);
  return { folder, scratch, lock };
}

/** Ends this process' work on a run. `keep`: another is to go on with it. */
export function leaveRunFolder(run: RunFolder, keep: boolean): void {
  if (!keep) {
    quietly("files of rejects could not be removed", () => removeRejectParts(run.folder));
    quietly("scratch files could not be removed", () => rmSync(run.scratch, { recursive: true, force: true }));
    killPoint("finished");
  }
  releaseStaging(run.scratch);
  quietly("the run's folder could not be released", () => run.lock?.release());
}

/** What is left over is seen to by a later run, and does not change what came of this one. */
function quietly(what: string, run: () => void): void {
  try {
    run();
  } catch (cause) {
    process.emitWarning(`${what}: ${(cause as Error).message}`, "MillraceWarning");
  }
}

/** Scratch folders without an owner are left alone while they may still be in the making. */
const ownerlessMs = 10 * 60_000;

/** Failures are left to the next start: another process may be sweeping as well. */
function sweep(runs: string, keepMs: number): void {
  for (const run of namesIn(runs)) {
    const folder = join(runs, run);
    const scratch = join(folder, "scratch");
    try {
      const made = statSync(scratch, { throwIfNoEntry: false });
      if (made === undefined) continue;
      if (existsSync(join(folder, "owners"))) sweepUnfinished(folder, run, keepMs);
      else {
        const owner = ownerOf(nodeFileSystem, scratch);
        const dead = owner === null ? Date.now() - made.mtimeMs > ownerlessMs : !isAlive(owner, scratch);
        if (dead) rmSync(scratch, { recursive: true, force: true });
      }
    } catch (cause) {
      if (cause instanceof MillraceError && cause.code === "RUN_BUSY") continue;
      process.emitWarning(`scratch files of run ${run} could not be removed: ${(cause as Error).message}`, "MillraceWarning");
    }
  }
}

function namesIn(runs: string): string[] {
  let names: string[] = [];
  quietly("earlier runs could not be looked for", () => {
    names = readdirSync(runs);
  });
  return names;
}

/** What is asked before the lock is taken may have changed when it is held: another process can have ended, and left a run to go on with. */
function sweepUnfinished(folder: string, runId: string, keepMs: number): void {
  if (!mayBeSwept(folder) || isWanted(folder, keepMs)) return;
  const lock = RunLock.take(folder, runId);
  try {
    if (!isWanted(folder, keepMs)) removeUnfinished(folder, runId);
  } finally {
    lock.release();
  }
}

/** A folder that nobody has owned yet is in the making: its process is about to take the lock, and must not find it taken. */
function mayBeSwept(folder: string): boolean {
  const ownership = ownershipOf(folder);
  if (ownership !== "never") return ownership === "left";
  const made = statSync(folder, { throwIfNoEntry: false });
  return made !== undefined && Date.now() - made.mtimeMs > ownerlessMs;
}

/** A run that somebody may still want to go on with is kept for a time. */
function isWanted(folder: string, keepMs: number): boolean {
  const written = statSync(join(folder, "journal"), { throwIfNoEntry: false });
  if (written === undefined) return false;
  const memory = readMemory(nodeFileSystem, folder);
  const young = Date.now() - written.mtimeMs < keepMs;
  // What was staged for publishing is the only whole copy: the next run on the target, or a resume, completes it.
  const canGoOn = memory !== null && memory.finished === null && supersededBy(nodeFileSystem, folder) === null;
  return canGoOn && (young || memory.publishing !== null);
}

function removeUnfinished(folder: string, runId: string): void {
  const memory = existsSync(join(folder, "journal")) ? readMemory(nodeFileSystem, folder) : null;
  for (const target of memory?.header.targets ?? []) removeStagingsOf(target, runId);
  removeRejectParts(folder);
  // Without an index nobody reads what was written of them.
  if (!existsSync(indexPath(folder))) rmSync(rejectFolder(folder), { recursive: true, force: true });
  rmSync(join(folder, "scratch"), { recursive: true, force: true });
}
