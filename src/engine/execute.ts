import { MillraceError, toErrorData } from "../common/errors.js";
import { runStopped } from "./context.js";
import { preparePlan } from "./prepare.js";
import { finishEarlier, requireJournal, takeUp } from "./runs/resume.js";
import type { RunResult } from "./runs/run.js";
import { createRunFolder, leaveRunFolder, type RunFolder } from "./runs/runFolder.js";
import { runHeader } from "./journal/runHeader.js";
import { destroyInputs, destroyInputsOnAbort } from "./stages/streamInputs.js";
import { systemError } from "../worker/systemError.js";
import { type Execution, keepsJournal } from "./execution.js";
import { PlanRun } from "./planRun.js";

/** Runs a plan from its sources to published outputs, and writes its report, also when it fails. */
export async function executePlan(execution: Execution): Promise<RunResult> {
  const { plan, options } = execution;
  const release = destroyInputsOnAbort(plan, options.signal);
  try {
    const saved = await earlierResult(execution);
    if (saved !== null) return saved;
    const folder = createRunFolder(execution.settings, execution.runId, keepsJournal(execution));
    return (await resultOf(execution, folder)) ?? (await runPlan(beginRun(execution, folder)));
  } catch (error) {
    destroyInputs(plan);
    throw typed(error);
  } finally {
    release();
  }
}

/** Completes an earlier run of the same job that was cut off while it published; null where its result is not that of this plan. */
async function earlierResult({ resumption, plan, settings, options }: Execution): Promise<RunResult | null> {
  const runId = resumption?.finishFirst ?? null;
  if (resumption?.named === true && resumption.runId !== null) requireJournal(settings, resumption.runId);
  if (runId === null) return null;
  return finishEarlier({ runId, plan, settings, options }, async () => {
    const { sources } = await preparePlan(plan, settings);
    return runHeader({ runId, startMs: Date.now(), plan, options, settings, sources });
  });
}

/** The result of a run that is gone on with and has nothing left to compute. */
async function resultOf(execution: Execution, folder: RunFolder): Promise<RunResult | null> {
  const { resumption, runId, plan, settings, options } = execution;
  if (resumption === undefined || resumption.runId === null) return null;
  let result: RunResult | null;
  try {
    result = await takeUp({ runId, plan, settings, options }, folder);
  } catch (error) {
    leaveRunFolder(folder, true);
    throw error;
  }
  if (result !== null) leaveRunFolder(folder, false);
  return result;
}

/** A run whose journal cannot be opened lets go of its folder: what an earlier process left stays for the next. */
function beginRun(execution: Execution, folder: RunFolder): PlanRun {
  try {
    return new PlanRun(execution, folder);
  } catch (error) {
    leaveRunFolder(folder, (execution.resumption?.runId ?? null) !== null);
    throw error;
  }
}

async function runPlan(run: PlanRun): Promise<RunResult> {
  const { execution } = run;
  try {
    await run.execute();
    return await run.finish(null);
  } catch (error) {
    const failure = failureOf(error, execution);
    await run.undo(failure);
    execution.onRows?.fail?.(failure);
    destroyInputs(execution.plan);
    const { report } = await run.finish(failure);
    Object.assign(failure, { runId: execution.runId, report });
    throw failure;
  }
}

/** A stop shows in many ways, from a refused query to a torn-down worker; the caller is told of the stop. */
function failureOf(error: unknown, { options, stop }: Execution): MillraceError {
  for (const signal of [options.signal, stop]) if (signal?.aborted === true) return runStopped(signal);
  return typed(error);
}

const typed = (error: unknown): MillraceError =>
  error instanceof MillraceError ? error : MillraceError.fromData(systemError(error) ?? toErrorData(error));
