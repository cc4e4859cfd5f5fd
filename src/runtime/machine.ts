import { readFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { controlGroupLimits } from "./memoryLimits.js";

/** Memory this process may use: the smallest of the machine's and its control groups' limits, in bytes. */
export function availableMemory(): number {
  return Math.min(totalmem(), ...controlGroupLimits(readText));
}

/** Cores this process may use: the scheduler's affinity and the control group's quota, at least 1. */
export function availableCores(): number {
  const cores = availableParallelism();
  const quota = readText("/sys/fs/cgroup/cpu.max")?.trim().split(/\s+/);
  if (quota === undefined || quota[0] === "max") return cores;
  const share = Number(quota[0]) / Number(quota[1]);
  return Number.isFinite(share) && share > 0 ? Math.max(1, Math.min(cores, Math.ceil(share))) : cores;
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch {
    // Not every system has control groups; then the machine's own limits stand.
    return null;
  }
}
