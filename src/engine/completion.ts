import { folderOfRun, runIds } from "../history/runFolders.js";
import { MillraceError } from "../common/errors.js";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { runFoldersAt, supersededBy } from "../io/commit/commit.js";
import { killPoint } from "../io/killPoint.js";
import { nodeFileSystem } from "../io/fileSystem.js";
import type { RunReport } from "../report/report.js";
import type { FileWritten } from "../task/protocol.js";
import { readExchangeFiles } from "./stages/duckdbStage.js";
import { openRunSession } from "./earlySession.js";
import { Journal, type PublishingRecord, readMemory, type RunMemory } from "./journal/journal.js";
import { noteEnd } from "./journal/noteEnd.js";
import type { EngineSettings } from "./options.js";
import { completeOutput, type RowsReader } from "./outputs.js";
import { writeReportFiles } from "./observe/reportFiles.js";
import { leaveRunFolder, type RunFolder } from "./runs/runFolder.js";
import { RunLock } from "./runs/runLock.js";

/** What of the publishing of a run is left to do. */
export interface Unpublished {
  readonly settings: EngineSettings;
  readonly folder: RunFolder;
  readonly memory: RunMemory;
  readonly publishing: PublishingRecord;
  /** A file for the report beside the one in the run's folder. */
  readonly reportFile?: string | undefined;
}

/** Publishes what an earlier process had staged and said so, from wherever it was cut off, and writes the report that it did not come to. */
export async function completeRun({ settings, folder, memory, publishing, reportFile }: Unpublished): Promise<RunReport | null> {
  const opened = Journal.resume(nodeFileSystem, folder.folder);
  if (opened === null) return null;
  const { journal } = opened;
  const place = { runId: memory.header.runId, folder: folder.folder, settings, scratch: folder.scratch };
  const rows = new TableRows(settings, folder.scratch);
  try {
    for (const output of publishing.outputs) {
      await completeOutput(output, memory.header.planFingerprint, rows, place);
      killPoint("completed");
    }
    const report = await savedReport(settings, memory, publishing);
    writeReportFiles(report, folder.folder, reportFile);
    killPoint("report-written");
    noteEnd(journal, { kind: "finished", status: report.status, error: null });
    return report;
  } finally {
    await journal.close();
  }
}

/** The report of a run that had come to publishing, as it was when it did. */
export async function savedReport(
  settings: EngineSettings,
  memory: RunMemory,
  { report: saved }: PublishingRecord,
): Promise<RunReport> {
  const { reportOf } = await import("./observe/afterRun.js");
  const resume = {
    earlierProcesses: memory.owners,
    reusedTasks: memory.tasks.size,
    reusedStages: memory.stages.size,
    redone: [],
  };
  const metrics = { ...saved.metrics, resume };
  return reportOf({ metrics, settings, planned: { flow: saved.flow }, remember: memory.finished === null });
}

/** Rows that were set aside for a table. */
class TableRows implements RowsReader {
  constructor(
    private readonly settings: EngineSettings,
    private readonly scratch: string,
  ) {}

  async *readFiles(files: readonly FileWritten[], schema: Parameters<RowsReader["readFiles"]>[1]) {
    const session = await openRunSession(this.settings, this.scratch);
    try {
      yield* readExchangeFiles(session, files, schema);
    } finally {
      session.close();
    }
  }
}

/**
 * A run that was cut off while it published has all of its outputs published before a later run writes to one of them: what another of its
 * targets shows already must not be the only trace of it. `targets`: absolute. A run that cannot be completed, because something else has
 * changed its targets, is told of and left.
 * @throws MillraceError External/FILE_IO, Resource/DISK_FULL
 */
export async function completeRunsAt(targets: readonly string[], settings: EngineSettings, ownRunId: string): Promise<void> {
  for (const folder of foldersToLookAt(targets, settings)) {
    const memory = unpublishedAt(folder, targets, ownRunId);
    if (memory === null) continue;
    try {
      await completeAlone(folder, memory, settings);
    } catch (cause) {
      if (!(cause instanceof MillraceError) || cause.category !== "Config") throw cause;
      // Another process completes it: the target's own check says what this run may do.
      if (cause.code === "RUN_BUSY") continue;
      process.emitWarning(`run ${memory.header.runId} could not be published to its end: ${cause.message}`, "MillraceWarning");
    }
  }
}

async function completeAlone(folder: string, seen: RunMemory, settings: EngineSettings): Promise<void> {
  const lock = RunLock.take(folder, seen.header.runId);
  const run: RunFolder = { folder, scratch: join(folder, "scratch"), lock };
  let done = false;
  try {
    const memory = readMemory(nodeFileSystem, folder);
    const publishing = memory?.publishing ?? null;
    if (memory !== null && publishing !== null && memory.finished === null)
      await completeRun({ settings, folder: run, memory, publishing });
    done = true;
  } finally {
    leaveRunFolder(run, !done);
  }
}

/** Runs of this state folder that somebody may go on with, and those of other state folders that have something staged at a target. */
function foldersToLookAt(targets: readonly string[], settings: EngineSettings): Set<string> {
  const own = runIds(settings.stateDir).map((runId) => folderOfRun(settings.stateDir, runId));
  return new Set([
    ...own.filter((folder) => existsSync(join(folder, "scratch")) && existsSync(join(folder, "journal"))),
    ...targets.flatMap((target) => runFoldersAt(nodeFileSystem, target)),
  ]);
}

/** null where nothing of a run is left to be published at one of the targets. */
function unpublishedAt(folder: string, targets: readonly string[], ownRunId: string): RunMemory | null {
  if (supersededBy(nodeFileSystem, folder) !== null) return null;
  let memory: RunMemory | null;
  try {
    memory = readMemory(nodeFileSystem, folder);
  } catch {
    // A journal that cannot be read says nothing of publishing.
    return null;
  }
  if (memory === null || memory.publishing === null || memory.finished !== null || memory.header.runId === ownRunId) return null;
  const wanted = new Set(targets);
  return memory.header.targets.some((target) => wanted.has(resolve(target))) ? memory : null;
}
