import { constants } from "node:os";
import type { ErrorData } from "../index.js";

/** What the process says to whatever started it. Stable. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  rejects: 3,
  gate: 4,
  deadline: 5,
  resumable: 75,
} as const;

export type StopSignal = "SIGINT" | "SIGTERM";

/** 130 for SIGINT, 143 for SIGTERM. */
export const signalExitCode = (signal: StopSignal): number => 128 + constants.signals[signal];

/** The exit code of a run that came to its end; being late weighs more than rejects, since those are in its report. */
export function exitCodeOfRun(status: string, isLate: boolean): number {
  return isLate && status !== "failed" ? exitCodes.deadline : exitCodeOfStatus(status);
}

export function exitCodeOfStatus(status: string): number {
  if (status === "success") return exitCodes.ok;
  if (status === "partial") return exitCodes.rejects;
  return exitCodes.failed;
}

const codesByError: Readonly<Record<string, number>> = {
  CHECK_FAILED: exitCodes.gate,
  GATE_FAILED: exitCodes.gate,
  REJECT_LIMIT_EXCEEDED: exitCodes.gate,
  DEADLINE_EXCEEDED: exitCodes.deadline,
};

/** The exit code of an error: by its code where that has one, else by whose fault it is. */
export function exitCodeOfError(error: ErrorData): number {
  const exact = codesByError[error.code];
  if (exact !== undefined) return exact;
  return error.category === "Plan" || error.category === "Config" ? exitCodes.usage : exitCodes.failed;
}
