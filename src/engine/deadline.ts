import { configError, MillraceError } from "../common/errors.js";
import { durationMs } from "./attempts/attemptOptions.js";
import type { RunEventBody } from "./observe/events.js";

/** When a run has to be done, and what happens if it is not. */
export interface Deadline {
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly action: "report" | "stop";
}

interface DeadlineGiven {
  readonly deadline?: string | number | Date;
  readonly onDeadline?: "report" | "stop";
}

const moment = /^\d{4}-\d\d-\d\dT\d\d:\d\d/;
const actions = ["report", "stop"];

/**
 * The deadline of a run that begins now; null without one.
 * @throws MillraceError Config/INVALID_OPTION
 */
export function deadlineOf({ deadline, onDeadline = "report" }: DeadlineGiven, nowMs: number): Deadline | null {
  if (!actions.includes(onDeadline)) {
    throw configError("INVALID_OPTION", `onDeadline: expected "report" or "stop", found ${JSON.stringify(onDeadline)}`);
  }
  if (deadline === undefined) return null;
  const isMoment = deadline instanceof Date || (typeof deadline === "string" && moment.test(deadline));
  const atMs = isMoment ? new Date(deadline).getTime() : nowMs + span(deadline);
  if (Number.isFinite(atMs)) return { atMs, action: onDeadline };
  throw invalid(deadline);
}

function span(given: string | number): number {
  try {
    return durationMs(given, "deadline");
  } catch {
    throw invalid(given);
  }
}

const invalid = (given: unknown): MillraceError =>
  configError(
    "INVALID_OPTION",
    `deadline: expected a time from the run's beginning such as "90s" or "2h", or a moment such as "2026-01-31T06:00:00Z", found ${String(given)}`,
  );

/** The longest that a timer waits; a run that goes on for 24 days looks again. */
const longestWait = 2 ** 31 - 1;

/** Tells when the deadline passes, and calls `stop` where it says so. Gives what ends the watch. */
export function watchDeadline(
  { atMs, action }: Deadline,
  runId: string,
  emit: (event: RunEventBody) => void,
  stop: (reason: MillraceError) => void,
): () => void {
  let timer: NodeJS.Timeout;
  const look = (): void => {
    const left = atMs - Date.now();
    if (left > 0) {
      timer = setTimeout(look, Math.min(left, longestWait)).unref();
      return;
    }
    emit({ kind: "deadline-missed", deadlineMs: atMs, stopping: action === "stop" });
    if (action === "stop") stop(exceeded(runId, atMs));
  };
  timer = setTimeout(look, 0).unref();
  return () => clearTimeout(timer);
}

const exceeded = (runId: string, atMs: number): MillraceError =>
  new MillraceError(
    "Cancelled",
    "DEADLINE_EXCEEDED",
    `run ${runId} was not done by ${new Date(atMs).toISOString()} and was stopped; nothing was published`,
    { hint: `Go on with it: millrace resume ${runId}, or engine.run(plan, { resume: "${runId}" }).` },
  );
