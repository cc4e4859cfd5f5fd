import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { MillraceError } from "../../common/errors.js";
import type { JsonValue } from "../../expr/nodes.js";
import { folderOfRun, runIds } from "../../history/runFolders.js";
import { supersededBy } from "../../io/commit/commit.js";
import { nodeFileSystem } from "../../io/fileSystem.js";
import { readMemory, type RunMemory } from "../journal/journal.js";
import { ownerOfRun } from "./runLock.js";

/**
 * `running`: a process works on it; `unfinished`: it was cut off and can be gone on with; `superseded`: it was cut off, and a later run took
 * one of its targets over; `finished` and `failed` are over.
 */
export type RunState = "running" | "unfinished" | "superseded" | "finished" | "failed";

/** A run that wrote to sinks, as its journal tells. */
export interface RunSummary {
  readonly runId: string;
  readonly job: string;
  readonly state: RunState;
  /** Milliseconds since the epoch. */
  readonly startMs: number;
  readonly targets: readonly string[];
  /** The file that the plan came from, and what it was given, where a command line ran it. */
  readonly planFile: string | null;
  readonly parameters: { readonly [name: string]: JsonValue };
  readonly workingFolder: string;
  /** The process that works on it. */
  readonly pid: number | null;
  /** Tasks and queries that it has done. */
  readonly done: number;
}

/** Runs with a journal, oldest first. A journal that cannot be read belongs to no run that one could go on with. */
export function listRuns(of: { readonly stateDir?: string } = {}): RunSummary[] {
  const stateDir = resolve(of.stateDir ?? ".millrace");
  return runIds(stateDir).flatMap((runId) => summaryOf(stateDir, runId) ?? []);
}

/** Of runs that nobody has finished there are few: those have a scratch folder. */
export function unfinishedMemories(stateDir: string): { readonly runId: string; readonly memory: RunMemory }[] {
  return runIds(stateDir).flatMap((runId) => {
    const folder = folderOfRun(stateDir, runId);
    if (!existsSync(join(folder, "scratch"))) return [];
    const memory = memoryOf(folder);
    return memory !== null && stateOf(folder, memory) === "unfinished" ? [{ runId, memory }] : [];
  });
}

function memoryOf(folder: string): RunMemory | null {
  try {
    return readMemory(nodeFileSystem, folder);
  } catch (error) {
    // What cannot be read right now may be the run that is asked for: only one whose journal is none is passed over.
    if (error instanceof MillraceError && error.code === "JOURNAL_DAMAGED") return null;
    throw error;
  }
}

function summaryOf(stateDir: string, runId: string): RunSummary | null {
  const folder = folderOfRun(stateDir, runId);
  const memory = memoryOf(folder);
  if (memory === null) return null;
  const { job, startMs, targets, planFile, parameters, workingFolder } = memory.header;
  const pid = ownerOfRun(folder)?.pid ?? null;
  const done = memory.tasks.size + memory.stages.size;
  return { runId, job, state: stateOf(folder, memory), startMs, targets, planFile, parameters, workingFolder, pid, done };
}

export function stateOf(folder: string, memory: RunMemory): RunState {
  if (memory.finished !== null) return memory.finished.status === "failed" ? "failed" : "finished";
  if (ownerOfRun(folder) !== null) return "running";
  return supersededBy(nodeFileSystem, folder) === null ? "unfinished" : "superseded";
}
