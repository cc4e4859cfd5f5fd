import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { folderOfRun } from "../../history/runFolders.js";
import { nodeFileSystem } from "../../io/fileSystem.js";
import { readMemory, type RunMemory, type TaskRecord } from "../journal/journal.js";
import { listRuns, type RunSummary } from "./runs.js";

/** What the tasks and queries of a stage had done when their results were journalled. */
export interface OpenStage {
  readonly stage: number;
  readonly tasks: number;
  /** Records that its tasks read; null for a query. */
  readonly recordsRead: number | null;
  /** Attempts beyond the first of each task. */
  readonly retries: number;
}

/** A run without an end, as its journal and its last sign of life tell. */
export interface OpenRun extends RunSummary {
  readonly stages: readonly OpenStage[];
  /** Processes that have worked on it. */
  readonly processes: number;
  readonly lastBeat: { readonly time: string; readonly stage: string; readonly rows: number } | null;
  /** Targets whose output is visible already: the run was cut off while it published. */
  readonly published: readonly string[];
  /** Whether everything was computed and only the publishing is missing. */
  readonly staged: boolean;
  /** Why it stopped, where it could still say so. */
  readonly stoppedBy: string | null;
}

/** A run that is running, or was cut off, by its id or the id's end; null where no such run is the only one. */
export function openRun(of: OpenRunOf): OpenRun | null {
  return readOpenRun(of)?.run ?? null;
}

export interface OpenRunOf {
  readonly stateDir?: string;
  readonly runId: string;
}

/** The same, with what the journal holds. */
export function readOpenRun(of: OpenRunOf): { readonly run: OpenRun; readonly memory: RunMemory } | null {
  const stateDir = resolve(of.stateDir ?? ".millrace");
  const found = listRuns({ stateDir }).filter(
    ({ runId, state }) => of.runId !== "" && runId.endsWith(of.runId) && state !== "finished" && state !== "failed",
  );
  const [run] = found;
  if (run === undefined || found.length > 1) return null;
  const folder = folderOfRun(stateDir, run.runId);
  const memory = readMemory(nodeFileSystem, folder);
  if (memory === null) return null;
  const open: OpenRun = {
    ...run,
    stages: stagesOf(memory),
    processes: memory.owners,
    lastBeat: lastBeat(folder),
    published: [...memory.published],
    staged: memory.publishing !== null,
    stoppedBy: memory.stopped === null ? null : `${memory.stopped.code}: ${memory.stopped.message}`,
  };
  return { run: open, memory };
}

/** A task that took the place of another stands under both. */
export const tasksOf = (memory: RunMemory): readonly TaskRecord[] => [...new Set(memory.tasks.values())];

function stagesOf(memory: RunMemory): OpenStage[] {
  const stages = new Map<number, OpenStage>();
  const add = (slot: string, recordsRead: number | null, retries: number) => {
    const stage = Number.parseInt(slot, 10);
    const known = stages.get(stage) ?? { stage, tasks: 0, recordsRead: null, retries: 0 };
    stages.set(stage, {
      stage,
      tasks: known.tasks + 1,
      recordsRead: recordsRead === null ? known.recordsRead : (known.recordsRead ?? 0) + recordsRead,
      retries: known.retries + retries,
    });
  };
  for (const { identity, result, attempts } of tasksOf(memory)) add(identity.slot, result.scan.rows, Math.max(0, attempts - 1));
  for (const { identity } of memory.stages.values()) add(identity.slot, null, 0);
  return [...stages.values()].sort((a, b) => a.stage - b.stage);
}

/** The file is written anew every few seconds; a run that was cut off early has none. */
function lastBeat(folder: string): OpenRun["lastBeat"] {
  try {
    const { time, stage, rows } = JSON.parse(readFileSync(join(folder, "heartbeat.json"), "utf8")) as Record<string, unknown>;
    return typeof time === "string" && typeof stage === "string" && typeof rows === "number" ? { time, stage, rows } : null;
  } catch {
    return null;
  }
}
