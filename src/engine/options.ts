import { resolve } from "node:path";
import { configError } from "../common/errors.js";
import { didYouMean } from "../common/nearest.js";
import type { HistoryOptions } from "../history/history.js";
import { defaultBroadcastBytes } from "../planner/placement.js";
import type { RunObserver } from "../report/observer.js";
import { parseBytes } from "../runtime/bytes.js";
import { availableCores, availableMemory } from "../runtime/machine.js";
import { durationMs, flag, retryPolicy } from "./attempts/attemptOptions.js";
import type { RetryPolicy } from "./attempts/retry.js";

/** Options of `Engine.create`; all have defaults that fit the machine. */
export interface EngineOptions {
  /** Ceiling for the process, such as `"1GB"`. Default: 60 % of what the machine or control group allows. */
  readonly memory?: string | number;
  /** Ceiling for what a run keeps in scratch files: exchanges between stages, and what DuckDB spills. Default: what the disk has. */
  readonly maxDisk?: string | number;
  /** Worker threads. Default: the cores this process may use. Results do not depend on it. */
  readonly workers?: number;
  /** Where runs keep their journal, reports and scratch files. Default `.millrace` in the working directory. */
  readonly stateDir?: string;
  /** Bytes of input per partition; small files share one. Results keep their rows, but floating-point sums may differ in the last digit when it changes. */
  readonly partitionBytes?: string | number;
  /** `interpreted` runs expressions through the reference evaluator instead of generated code. */
  readonly kernels?: "compiled" | "interpreted";
  /** `false` runs the plan as written. */
  readonly optimizer?: boolean;
  /**
   * A join whose right side is estimated to take no more memory than this runs in the workers, each with a copy of that side. Default
   * `"64MiB"`; 0 has DuckDB run all joins. Results keep their rows and their order, but floating-point sums over a join may differ in the
   * last digit when it changes.
   */
  readonly broadcastBytes?: string | number;
  /** Days for which the files of a run that was cut off are kept, so that it can be resumed. Default 7. */
  readonly keepUnfinishedDays?: number;
  /** How tasks are tried again after failures that may pass (docs/FAULTS.md); `false`: never. Default: 3 retries, after about 1, 2 and 4 s. */
  readonly retry?: Partial<RetryPolicy> | false;
  /** How long one attempt of a task may take, in milliseconds or as `"90s"`, `"10m"`, `"1h"`; then its thread is ended. Default: no limit. */
  readonly taskTimeout?: string | number;
  /** Whether a task that takes far longer than the others gets a second attempt on an idle worker. Default true. */
  readonly speculation?: boolean;
  /** How runs are remembered, so that a run can be compared with earlier ones; `false`: not at all. See docs/REPORT.md. */
  readonly history?: HistoryOptions | false;
  /** Are told of every run: `alerts(…)`, `openTelemetry(…)`, or your own. */
  readonly observers?: readonly RunObserver[];
}

export interface EngineSettings {
  readonly memoryBytes: number;
  /** null: no limit. */
  readonly maxDiskBytes: number | null;
  readonly workers: number;
  readonly stateDir: string;
  readonly partitionBytes: number;
  readonly interpreted: boolean;
  readonly optimizer: boolean;
  readonly broadcastBytes: number;
  readonly keepUnfinishedMs: number;
  readonly retry: RetryPolicy;
  /** Milliseconds; null: no limit. */
  readonly taskTimeoutMs: number | null;
  readonly speculation: boolean;
  readonly history: HistoryOptions | false;
  readonly observers: readonly RunObserver[];
}

const names = [
  "memory",
  "maxDisk",
  "workers",
  "stateDir",
  "partitionBytes",
  "kernels",
  "optimizer",
  "broadcastBytes",
  "keepUnfinishedDays",
  "retry",
  "taskTimeout",
  "speculation",
  "history",
  "observers",
];
const leastMemory = 64 * 2 ** 20;

/** @throws MillraceError Config/UNKNOWN_OPTION, INVALID_OPTION, INVALID_SIZE. */
export function engineSettings(options: EngineOptions): EngineSettings {
  for (const name of Object.keys(options)) {
    if (!names.includes(name))
      throw configError("UNKNOWN_OPTION", `Engine.create: unknown option ${JSON.stringify(name)}. ${didYouMean(name, names)}`);
  }
  const workers = options.workers ?? availableCores();
  if (!Number.isInteger(workers) || workers < 1) {
    throw configError("INVALID_OPTION", `workers: expected a whole number of at least 1, found ${String(workers)}`);
  }
  const kernels = options.kernels ?? "compiled";
  if (kernels !== "compiled" && kernels !== "interpreted") {
    throw configError("INVALID_OPTION", `kernels: expected "compiled" or "interpreted", found ${JSON.stringify(kernels)}`);
  }
  const memoryBytes = options.memory === undefined ? Math.floor(availableMemory() * 0.6) : parseBytes(options.memory, "memory");
  if (memoryBytes < leastMemory) {
    throw configError("INVALID_OPTION", `memory: expected at least 64MiB, found ${String(options.memory)}`);
  }
  const days = options.keepUnfinishedDays ?? 7;
  if (!(days >= 0)) {
    throw configError("INVALID_OPTION", `keepUnfinishedDays: expected a number of at least 0, found ${String(days)}`);
  }
  return {
    memoryBytes,
    maxDiskBytes: options.maxDisk === undefined ? null : parseBytes(options.maxDisk, "maxDisk"),
    workers,
    stateDir: resolve(options.stateDir ?? ".millrace"),
    partitionBytes: parseBytes(options.partitionBytes ?? "32MiB", "partitionBytes"),
    interpreted: kernels === "interpreted",
    optimizer: options.optimizer ?? true,
    broadcastBytes: broadcastBytes(options.broadcastBytes),
    retry: retryPolicy(options.retry),
    taskTimeoutMs: options.taskTimeout === undefined ? null : durationMs(options.taskTimeout, "taskTimeout"),
    speculation: flag(options.speculation ?? true, "speculation"),
    keepUnfinishedMs: days * 86_400_000,
    history: historyOptions(options.history),
    observers: options.observers ?? [],
  };
}

/** 0 means none, which no other size may be. */
function broadcastBytes(given: string | number | undefined): number {
  if (given === undefined) return defaultBroadcastBytes;
  return given === 0 || given === "0" ? 0 : parseBytes(given, "broadcastBytes");
}

function historyOptions(given: HistoryOptions | false | undefined): HistoryOptions | false {
  if (given === undefined || given === false) return given ?? {};
  for (const [name, value] of Object.entries(given) as [string, unknown][]) {
    if (name !== "keepDays" && name !== "compareWith") {
      throw configError(
        "UNKNOWN_OPTION",
        `history: unknown option ${JSON.stringify(name)}. ${didYouMean(name, ["keepDays", "compareWith"])}`,
      );
    }
    if (typeof value !== "number" || !Number.isInteger(value) || value < 1) {
      throw configError("INVALID_OPTION", `history.${name}: expected a whole number of at least 1, found ${String(value)}`);
    }
  }
  return given;
}
