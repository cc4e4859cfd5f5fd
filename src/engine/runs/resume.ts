import type { Resumption } from "../execution.js";
import { configError, MillraceError } from "../../common/errors.js";
import { folderOfRun } from "../../history/runFolders.js";
import { supersededBy } from "../../io/commit/commit.js";
import { nodeFileSystem } from "../../io/fileSystem.js";
import type { Plan } from "../../plan/nodes.js";
import { canonicalJson } from "../../plan/canonical.js";
import type { RunReport } from "../../report/report.js";
import { completeRun, savedReport } from "../completion.js";
import { type PublishingRecord, readMemory, type RunHeader, type RunMemory } from "../journal/journal.js";
import type { EngineSettings } from "../options.js";
import { type RejectIndex, readRejectIndex } from "../rejects/rejectIndex.js";
import type { RunOptions, RunResult } from "./run.js";
import { createRunFolder, leaveRunFolder, type RunFolder } from "./runFolder.js";
import { isTransient } from "../attempts/retry.js";
import { requireOwnJournal } from "../journal/journalCheck.js";
import { outlineOf, shapingOf, targetsOf } from "../journal/runHeader.js";
import { runFolderOf, RunRejects } from "../rejects/runRejects.js";
import { unfinishedMemories } from "./runs.js";

/** @throws MillraceError Config/RUN_NOT_FOUND, JOURNAL_DAMAGED */
export function chooseRun(plan: Plan, options: RunOptions, settings: EngineSettings): Resumption {
  const { resume = false } = options;
  if (resume === false) return { runId: null, named: false, finishFirst: null };
  if (resume !== "auto") {
    runFolderOf(settings.stateDir, resume);
    return { runId: resume, named: true, finishFirst: null };
  }
  const found = unfinishedMemories(settings.stateDir).findLast(({ memory }) => isSameJob(memory.header, plan, options, settings));
  if (found === undefined) return { runId: null, named: false, finishFirst: null };
  if (found.memory.publishing !== null) return { runId: null, named: false, finishFirst: found.runId };
  return { runId: found.runId, named: false, finishFirst: null };
}

function isSameJob(header: RunHeader, plan: Plan, options: RunOptions, settings: EngineSettings): boolean {
  return (
    header.job === (options.job ?? "job") &&
    canonicalJson(header.targets) === canonicalJson(targetsOf(plan)) &&
    canonicalJson(header.shaping) === canonicalJson(shapingOf(settings)) &&
    header.planShape === outlineOf(plan).planShape
  );
}

/** What it takes to give the result of a run whose work is all done. */
export interface Completion {
  readonly runId: string;
  readonly plan: Plan;
  readonly settings: EngineSettings;
  readonly options: RunOptions;
}

/**
 * The result of a run that has nothing left to compute: it has finished, or is only to be published. null where there is work left.
 * @throws MillraceError Config/RUN_SUPERSEDED, RUN_NOT_RESUMABLE, RESUME_MISMATCH, TARGET_CHANGED
 */
export async function takeUp(of: Completion, folder: RunFolder): Promise<RunResult | null> {
  const memory = readMemory(nodeFileSystem, folder.folder);
  requireOwnJournal(folder.folder, of.runId, memory);
  // It was cut off before its first record.
  if (memory === null) return null;
  requireSameTargets(memory.header, of);
  if (memory.finished !== null && (memory.publishing === null || memory.finished.status === "failed")) {
    throw hasFailed(of.runId, memory);
  }
  if (memory.finished === null) requireNotSuperseded(of.runId, folder.folder);
  if (memory.publishing === null) return null;
  const { publishing } = memory;
  const { settings, options } = of;
  const completed =
    memory.finished === null ? await completeRun({ settings, folder, memory, publishing, reportFile: options.report }) : null;
  return savedResult(of, folder, publishing, completed ?? (await savedReport(settings, memory, publishing)));
}

/** Completes the publishing of an earlier run of the same job. Its result is that of this one if nothing that it depends on has changed. */
export async function finishEarlier(of: Completion, header: () => Promise<RunHeader>): Promise<RunResult | null> {
  const folder = createRunFolder(of.settings, of.runId, true);
  let result: RunResult | null = null;
  try {
    const same = await isSameWork(folder, header);
    result = await takeUp(of, folder);
    return (await same()) ? result : null;
  } finally {
    leaveRunFolder(folder, result === null);
  }
}

/**
 * Looks at what a run is to do now before an earlier one is completed: what fails then for the moment must not leave a finished run behind, in whose place
 * the next attempt would begin another. An input that is gone is told of afterwards; it keeps nothing from being published.
 */
async function isSameWork({ folder }: RunFolder, header: () => Promise<RunHeader>): Promise<() => Promise<boolean>> {
  const before = readMemory(nodeFileSystem, folder)?.header;
  try {
    const now = await header();
    const same = before?.planFingerprint === now.planFingerprint && canonicalJson(before.inputs) === canonicalJson(now.inputs);
    return async () => same;
  } catch (cause) {
    if (cause instanceof MillraceError && isTransient(cause)) throw cause;
    return () => Promise.reject(cause);
  }
}

function savedResult(
  { runId }: Completion,
  { folder }: RunFolder,
  { report: saved }: PublishingRecord,
  report: RunReport,
): RunResult {
  const { metrics } = saved;
  const { count, byCode, byFile, byColumn } = rejectCounts(folder) ?? metrics.rejects;
  const outputs = metrics.outputs.map(({ path, format, rows, bytes, files }) => ({
    path,
    format,
    rows,
    bytes,
    files: files.length,
  }));
  const rejects = new RunRejects(runId, folder, { count, byCode, byFile, byColumn });
  return { runId, status: report.status, report, outputs, rejects };
}

/**
 * Everything is published by now: whoever is told of a failure would begin the run once more. Who reads the rejects themselves learns what is wrong
 * with them.
 */
function rejectCounts(runFolder: string): RejectIndex | null {
  try {
    return readRejectIndex(runFolder);
  } catch {
    return null;
  }
}

function requireSameTargets(header: RunHeader, { runId, plan }: Completion): void {
  const now = targetsOf(plan);
  if (canonicalJson(header.targets) === canonicalJson(now)) return;
  throw configError("RESUME_MISMATCH", `run ${runId} writes to ${header.targets.join(", ")}, the plan to ${now.join(", ")}`, {
    hint: "Resume the run with the plan that it had, or run this plan on its own.",
  });
}

function requireNotSuperseded(runId: string, folder: string): void {
  const superseded = supersededBy(nodeFileSystem, folder);
  if (superseded === null) return;
  throw configError(
    "RUN_SUPERSEDED",
    `run ${runId} cannot go on: run ${superseded.by} has written to ${superseded.target} since`,
    {
      file: superseded.target,
      hint: "Run the plan anew if its result is still wanted.",
    },
  );
}

function hasFailed(runId: string, { finished }: RunMemory): MillraceError {
  const error = finished?.error;
  const why = error === null || error === undefined ? "" : `: ${error.code}: ${error.message}`;
  return configError("RUN_NOT_RESUMABLE", `run ${runId} has failed${why}`, {
    hint: "What failed would fail again; see to that, and run the plan anew.",
  });
}

/** Whether a run that was never journalled is meant. @throws MillraceError Config/RUN_NOT_RESUMABLE */
export function requireJournal(settings: EngineSettings, runId: string): void {
  const folder = folderOfRun(settings.stateDir, runId);
  if (nodeFileSystem.stat(`${folder}/owners`) !== null) return;
  throw configError("RUN_NOT_RESUMABLE", `run ${runId} kept no journal`, {
    hint: "Only runs that end in sinks can be resumed; collect, stream and replays are run again.",
  });
}
