import { statSync } from "node:fs";
import { isGlob } from "../io/glob.js";
import type { Plan } from "../plan/nodes.js";
import { sourceKey } from "../plan/walk.js";
import type { EngineSettings } from "./options.js";
import { scansForWorkers } from "./workerScans.js";

/**
 * How many worker threads a plan is sure to need, as far as that can be told before its sources are resolved: text is read by workers, small files
 * together, and so is Parquet on its way to files, functions and folds. They load while the plan is bound and cut into stages. 0 where it cannot
 * be told; the stage that needs some starts them.
 */
export function workersSurelyNeeded(plan: Plan, settings: EngineSettings): number {
  let partitions = 0;
  let small = 0;
  const sources = new Map([...scansForWorkers(plan.outputs)].map(({ source }) => [sourceKey(source), source]));
  for (const source of sources.values()) {
    if (!("paths" in source)) continue;
    for (const path of source.paths) {
      if (partitions >= settings.workers) return settings.workers;
      const share = bytesOf(path) / settings.partitionBytes;
      if (share >= 1) partitions += Math.ceil(share);
      else small += share;
    }
  }
  return Math.min(settings.workers, partitions + Math.ceil(small));
}

/** Globs and folders have a file at the least, or the plan is refused when it is prepared, as it is where there is nothing at all. */
function bytesOf(path: string): number {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found?.isFile() === true) return Math.max(1, found.size);
    return found?.isDirectory() === true || isGlob(path) ? 1 : 0;
  } catch {
    return 0;
  }
}
