import { existsSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { configError, MillraceError } from "../../common/errors.js";
import { defaultKeepDays } from "../../history/history.js";
import { folderOfRun, runIds } from "../../history/runFolders.js";
import { removeStagingsOf } from "../../io/commit/commit.js";
import { nodeFileSystem } from "../../io/fileSystem.js";
import { readMemory, type RunMemory } from "../journal/journal.js";
import { RunLock } from "./runLock.js";
import { type RunState, stateOf } from "./runs.js";

export interface PruneOptions {
  /** Where runs keep their files. Default `.millrace` in the working directory. */
  readonly stateDir?: string;
  /** Days that the folder of a run is kept after anything was last done on it. Default 400. */
  readonly keepDays?: number;
  /** Only tell what would go. */
  readonly dryRun?: boolean;
  /** Milliseconds since the epoch; the clock's by default. */
  readonly nowMs?: number;
}

/** A run whose folder (journal, report, rejects) went. */
export interface PrunedRun {
  readonly runId: string;
  /** null for a run that kept no journal. */
  readonly state: RunState | null;
  readonly bytes: number;
}

const dayMs = 86_400_000;
/** Folders on their way out; one that a crash left is removed by the next call. */
const outgoing = "pruned-";

/**
 * Removes the folders of old runs. A run that a process works on is never touched, nor is one whose output was computed and only waits to be
 * published; a run that could be resumed goes when it is as old as the others. The history keeps its line of each run.
 * @throws MillraceError Config/INVALID_OPTION
 */
export function pruneRuns(of: PruneOptions = {}): readonly PrunedRun[] {
  const { keepDays = defaultKeepDays, dryRun = false, nowMs = Date.now() } = of;
  if (!(keepDays >= 0)) {
    throw configError("INVALID_OPTION", `keepDays: expected a number of at least 0, found ${String(keepDays)}`);
  }
  const stateDir = resolve(of.stateDir ?? ".millrace");
  const before = nowMs - keepDays * dayMs;
  if (!dryRun) removeOutgoing(stateDir);
  return runIds(stateDir).flatMap((runId) => {
    const folder = folderOfRun(stateDir, runId);
    const old = oldRun(folder, before);
    if (old === null) return [];
    const bytes = bytesIn(folder);
    return dryRun || remove(stateDir, runId, before) ? [{ runId, state: old.state, bytes }] : [];
  });
}

interface OldRun {
  readonly memory: RunMemory | null;
  readonly state: RunState | null;
}

/** null for a run that stays. */
function oldRun(folder: string, before: number, ownLock = false): OldRun | null {
  // Taking the lock may have changed the folder itself.
  const touched = [join(folder, "journal"), join(folder, "report.json"), ...(ownLock ? [] : [folder])]
    .flatMap((path) => statSync(path, { throwIfNoEntry: false }) ?? [])
    .reduce((latest, { mtimeMs }) => Math.max(latest, mtimeMs), 0);
  if (touched >= before) return null;
  let memory: RunMemory | null = null;
  try {
    memory = readMemory(nodeFileSystem, folder);
  } catch (error) {
    if (!(error instanceof MillraceError && error.code === "JOURNAL_DAMAGED")) throw error;
  }
  // A run without a journal has an owner for as long as it has scratch files: the next start sees to those.
  if (memory === null) return existsSync(join(folder, "scratch")) ? null : { memory, state: null };
  const state = ownLock && memory.finished === null ? "unfinished" : stateOf(folder, memory);
  if (state === "running" || (state === "unfinished" && memory.publishing !== null)) return null;
  return { memory, state };
}

/** Whether the run's folder went. What is asked before the lock is taken may have changed when it is held. */
function remove(stateDir: string, runId: string, before: number): boolean {
  const folder = folderOfRun(stateDir, runId);
  let lock: RunLock;
  try {
    lock = RunLock.take(folder, runId);
  } catch (error) {
    if (error instanceof MillraceError && error.code === "RUN_BUSY") return false;
    throw error;
  }
  try {
    const run = oldRun(folder, before, true);
    if (run === null) return false;
    if (run.memory?.finished === null) for (const target of run.memory.header.targets) removeStagingsOf(target, runId);
    // Nobody sees half a folder.
    const out = join(stateDir, `${outgoing}${runId}`);
    renameSync(folder, out);
    rmSync(out, { recursive: true, force: true });
    return true;
  } finally {
    lock.release();
  }
}

function removeOutgoing(stateDir: string): void {
  if (!existsSync(stateDir)) return;
  for (const name of readdirSync(stateDir))
    if (name.startsWith(outgoing)) rmSync(join(stateDir, name), { recursive: true, force: true });
}

function bytesIn(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + (statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0), 0);
}
