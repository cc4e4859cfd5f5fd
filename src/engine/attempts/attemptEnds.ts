import { rmSync } from "node:fs";
import { MillraceError } from "../../common/errors.js";
import { HoldingBudget } from "../../exchange/heldFiles.js";
import { patiently, warnOfLeftover } from "../../io/fileErrors.js";
import { writesExchange } from "../../task/fileSteps.js";
import type { TaskResult, TaskSpec } from "../../task/protocol.js";

/**
 * Files of an attempt whose result does not count. Nobody reads one that cannot be removed, since results name their files: that is a warning, and no
 * reason for the run to fail.
 */
export function removeLeftovers(spec: TaskSpec, result: TaskResult | null = null): void {
  const { holding } = spec.options;
  for (const { held } of result?.steps.flatMap((step) => step.files) ?? [])
    if (held !== undefined && holding !== undefined) new HoldingBudget(holding).giveFile(held);
  for (const step of spec.steps) {
    if (writesExchange(step)) removeQuietly(step.file);
    else if (step.op === "sink") removeQuietly(step.directory);
  }
  removeQuietly(`${spec.rejectFile}.blocks`);
}

function removeQuietly(path: string): void {
  try {
    patiently(() => rmSync(path, { recursive: true, force: true }));
  } catch (cause) {
    warnOfLeftover(path, cause);
  }
}

/** In few words, the same for every worker. */
export const howItEnded = (error: MillraceError): string => (error.cause instanceof Error ? error.cause.message : error.message);

export const overtaken = () => new MillraceError("Cancelled", "RUN_CANCELLED", "another attempt was faster");

export const stopped = () => new MillraceError("Cancelled", "RUN_CANCELLED", "the run was stopped");

export function timedOut(task: TaskSpec, limitMs: number): MillraceError {
  const { stageName: stage, partition } = task;
  const message = `${stage}, partition ${partition} took longer than ${limitMs} ms, which taskTimeout allows an attempt`;
  return new MillraceError("Resource", "TASK_TIMEOUT", message, {
    stage,
    partition,
    hint: "Look into the function that the stage runs, raise taskTimeout, or make partitions smaller (partitionBytes).",
    cause: new Error(`it did not end within ${limitMs} ms`),
  });
}
