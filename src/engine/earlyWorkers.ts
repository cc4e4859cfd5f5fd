import { statSync } from "node:fs";
import type { Plan } from "../plan/nodes.js";
import { sourcesOf } from "../plan/walk.js";
import type { EngineSettings } from "./options.js";

/**
 * How many worker threads a plan is sure to need, as far as that can be told before its sources are resolved: text is read by workers, one
 * partition each. They load while the plan is bound and cut into stages. 0 where it cannot be told; the stage that needs some starts them.
 */
export function workersSurelyNeeded(plan: Plan, settings: EngineSettings): number {
  let partitions = 0;
  for (const source of sourcesOf(plan.outputs)) {
    if (source.format !== "csv" && source.format !== "jsonl") continue;
    for (const path of source.paths) {
      if (partitions >= settings.workers) return settings.workers;
      partitions += Math.ceil(bytesOf(path) / settings.partitionBytes);
    }
  }
  return Math.min(settings.workers, partitions);
}

/** What is not a file (a glob, a folder, nothing at all) is looked into when the plan is prepared, or refused there. */
function bytesOf(path: string): number {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    return found?.isFile() === true ? Math.max(1, found.size) : 0;
  } catch {
    return 0;
  }
}
