import { resolve } from "node:path";
import { configError } from "../common/errors.js";
import { didYouMean } from "../common/nearest.js";
import { defaultBroadcastBytes } from "../planner/placement.js";
import { parseBytes } from "../runtime/bytes.js";
import { availableCores, availableMemory } from "../runtime/machine.js";

/** Options of `Engine.create`; all have defaults that fit the machine. */
export interface EngineOptions {
  /** Ceiling for the process, such as `"1GB"`. Default: 60 % of what the machine or control group allows. */
  readonly memory?: string | number;
  /** Worker threads. Default: the cores this process may use. Results do not depend on it. */
  readonly workers?: number;
  /** Where runs keep their journal, reports and scratch files. Default `.millrace` in the working directory. */
  readonly stateDir?: string;
  /** Bytes of text per partition. Results keep their rows, but floating-point sums may differ in the last digit when it changes. */
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
}

export interface EngineSettings {
  readonly memoryBytes: number;
  readonly workers: number;
  readonly stateDir: string;
  readonly partitionBytes: number;
  readonly interpreted: boolean;
  readonly optimizer: boolean;
  readonly broadcastBytes: number;
}

const names = ["memory", "workers", "stateDir", "partitionBytes", "kernels", "optimizer", "broadcastBytes"];
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
  return {
    memoryBytes,
    workers,
    stateDir: resolve(options.stateDir ?? ".millrace"),
    partitionBytes: parseBytes(options.partitionBytes ?? "32MiB", "partitionBytes"),
    interpreted: kernels === "interpreted",
    optimizer: options.optimizer ?? true,
    broadcastBytes: broadcastBytes(options.broadcastBytes),
  };
}

/** 0 means none, which no other size may be. */
function broadcastBytes(given: string | number | undefined): number {
  if (given === undefined) return defaultBroadcastBytes;
  return given === 0 || given === "0" ? 0 : parseBytes(given, "broadcastBytes");
}
