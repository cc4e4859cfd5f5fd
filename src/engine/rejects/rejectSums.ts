import type { TaskResult } from "../../task/protocol.js";
import type { RejectIndex } from "./rejectIndex.js";

/** Counts of several tasks' rejects, together. */
export function rejectSums(all: readonly TaskResult["rejects"][]): Pick<RejectIndex, "count" | "byCode" | "byFile" | "byColumn"> {
  const sumOf = (of: "byCode" | "byFile" | "byColumn"): Record<string, number> => {
    const sums = new Map<string, number>();
    for (const rejects of all)
      for (const [key, times] of Object.entries(rejects[of])) sums.set(key, (sums.get(key) ?? 0) + times);
    return Object.fromEntries(sums);
  };
  const count = all.reduce((sum, rejects) => sum + rejects.count, 0);
  return { count, byCode: sumOf("byCode"), byFile: sumOf("byFile"), byColumn: sumOf("byColumn") };
}
