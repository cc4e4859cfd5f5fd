import { Option } from "commander";
import { usageError } from "./failure.js";

/** Parameters of a plan, as `--set` gave them. */
export type Parameters = { readonly [name: string]: string };

/** Options that every verb which runs something shares. */
export interface EngineFlags {
  readonly memory?: string;
  readonly workers?: number;
  readonly stateDir?: string;
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

/** A whole number of at least 1, for `--workers` and `--rows`. */
export function wholeNumber(flag: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < 1) {
      throw usageError("INVALID_OPTION", `${flag} ${text}: expected a whole number of at least 1`);
    }
    return value;
  };
}

/** A size as the engine takes it; checked here so that the message names the flag. */
export function memorySize(text: string): string {
  if (!/^\d+(\.\d+)?\s*(B|[KMGT]i?B?)?$/i.test(text)) {
    throw usageError("INVALID_OPTION", `--memory ${text}: expected a size`, "Write for example --memory 1GB or --memory 512MB.");
  }
  return text;
}

export const setOption = (): Option =>
  new Option("--set <name=value>", "a parameter of the plan; may be repeated").argParser(collectParameter).default({}, "none");

export const engineOptions = (): readonly Option[] => [
  new Option("--memory <size>", "memory that the run may use, such as 1GB").argParser(memorySize),
  new Option("--workers <n>", "worker threads").argParser(wholeNumber("--workers")),
  new Option("--state-dir <dir>", "where runs keep their journal and scratch files"),
];

/** Only what was given, so that the engine's own defaults hold for the rest. */
export function engineSettings(flags: EngineFlags): { memory?: string; workers?: number; stateDir?: string } {
  return {
    ...(flags.memory === undefined ? {} : { memory: flags.memory }),
    ...(flags.workers === undefined ? {} : { workers: flags.workers }),
    ...(flags.stateDir === undefined ? {} : { stateDir: flags.stateDir }),
  };
}
