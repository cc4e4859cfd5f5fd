import { Option } from "commander";
import type { EngineOptions, RunOptions } from "../index.js";
import { usageError } from "./failure.js";

/** Parameters of a plan, as `--set` gave them. */
export type Parameters = { readonly [name: string]: string };

/** Options that every verb which runs something shares. */
export interface EngineFlags {
  readonly memory?: string;
  readonly workers?: number;
  readonly stateDir?: string;
  readonly maxDisk?: string;
  readonly retries?: number;
  readonly retryLimit?: number;
  readonly taskTimeout?: string;
  /** False where it is switched off. */
  readonly speculation?: boolean;
}

/** Collects `--set name=value`. */
export function collectParameter(text: string, before: Parameters): Parameters {
  const equals = text.indexOf("=");
  if (equals < 1) {
    throw usageError("INVALID_PARAMETER", `--set ${text}: expected name=value`, "Write for example --set date=2026-01-01.");
  }
  const name = text.slice(0, equals);
  if (Object.hasOwn(before, name)) {
    throw usageError("INVALID_PARAMETER", `--set ${name}: given twice`, "Give each parameter once.");
  }
  return { ...before, [name]: text.slice(equals + 1) };
}

/** A whole number of at least `least`, such as for `--workers` and `--rows`. */
export function wholeNumber(flag: string, least = 1): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least) {
      throw usageError("INVALID_OPTION", `${flag} ${text}: expected a whole number of at least ${least}`);
    }
    return value;
  };
}

/** A size as the engine takes it; checked here so that the message names the flag. */
function size(flag: string): (text: string) => string {
  return (text) => {
    if (/^\d+(\.\d+)?\s*(B|[KMGT]i?B?)?$/i.test(text)) return text;
    throw usageError("INVALID_OPTION", `${flag} ${text}: expected a size`, `Write for example ${flag} 1GB or ${flag} 512MB.`);
  };
}

function duration(flag: string): (text: string) => string {
  return (text) => {
    if (/^\d+(\.\d+)?\s*(ms|s|m|min|h)$/.test(text)) return text;
    throw usageError("INVALID_OPTION", `${flag} ${text}: expected a time`, `Write for example ${flag} 90s or ${flag} 10m.`);
  };
}

export const setOption = (): Option =>
  new Option("--set <name=value>", "a parameter of the plan; may be repeated").argParser(collectParameter).default({}, "none");

const resources = "Resources:";
const failures = "Failures (docs/FAULTS.md):";

export const engineOptions = (): readonly Option[] => [
  new Option("--memory <size>", "memory that the run may use, such as 1GB").argParser(size("--memory")).helpGroup(resources),
  new Option("--workers <n>", "worker threads").argParser(wholeNumber("--workers")).helpGroup(resources),
  new Option("--state-dir <dir>", "where runs keep their journal and scratch files").helpGroup(resources),
];

/** Options of the verbs that carry a plan out. */
export const runningOptions = (): readonly Option[] => [
  ...engineOptions(),
  new Option("--max-disk <size>", "scratch files that the run may keep, such as 20GB; what the disk has by default")
    .argParser(size("--max-disk"))
    .helpGroup(resources),
  new Option("--retries <n>", "further attempts of a task after a failure that may pass; 3 by default, 0 for none")
    .argParser(wholeNumber("--retries", 0))
    .helpGroup(failures),
  new Option("--retry-limit <n>", "retries of all tasks of a run together; 100 by default")
    .argParser(wholeNumber("--retry-limit", 0))
    .helpGroup(failures),
  new Option("--task-timeout <time>", "how long one attempt of a task may take, such as 10m; no limit by default")
    .argParser(duration("--task-timeout"))
    .helpGroup(failures),
  new Option("--no-speculation", "give no second attempt to tasks that take far longer than the others").helpGroup(failures),
];

/** Options of the verbs whose runs may be late. */
export const deadlineOptions = (): readonly Option[] => [
  new Option(
    "--deadline <time>",
    "when the run has to be done: 2h from now, or 2026-01-31T06:00:00Z; a late run exits with 5",
  ).helpGroup(failures),
  new Option(
    "--stop-at-deadline",
    "stop at the deadline, resumable, and publish nothing; by default a late run goes on",
  ).helpGroup(failures),
];

export interface DeadlineFlags {
  readonly deadline?: string;
  readonly stopAtDeadline?: boolean;
}

/** @throws MillraceError Config/INVALID_OPTION for a stop without a deadline. */
export function deadlineSettings({ deadline, stopAtDeadline }: DeadlineFlags): Pick<RunOptions, "deadline" | "onDeadline"> {
  if (deadline === undefined) {
    if (stopAtDeadline !== true) return {};
    throw usageError(
      "INVALID_OPTION",
      "--stop-at-deadline: there is no --deadline",
      "Write for example --deadline 2h --stop-at-deadline.",
    );
  }
  return { deadline, onDeadline: stopAtDeadline === true ? "stop" : "report" };
}

/** Only what was given, so that the engine's own defaults hold for the rest. */
export function engineSettings(flags: EngineFlags): EngineSettings {
  const { memory, workers, stateDir, maxDisk, retries, retryLimit, taskTimeout, speculation } = flags;
  const retry = { ...(retries === undefined ? {} : { retries }), ...(retryLimit === undefined ? {} : { perRun: retryLimit }) };
  return {
    ...(memory === undefined ? {} : { memory }),
    ...(workers === undefined ? {} : { workers }),
    ...(stateDir === undefined ? {} : { stateDir }),
    ...(maxDisk === undefined ? {} : { maxDisk }),
    ...(Object.keys(retry).length === 0 ? {} : { retry }),
    ...(taskTimeout === undefined ? {} : { taskTimeout }),
    ...(speculation === false ? { speculation } : {}),
  };
}

type EngineSettings = Pick<
  EngineOptions,
  "memory" | "workers" | "stateDir" | "maxDisk" | "retry" | "taskTimeout" | "speculation"
>;
