import { readFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";

/** Memory this process may use: the smallest of the machine's and the control group's limits, in bytes. */
export function availableMemory(): number {
  const limits = [totalmem()];
  for (const file of ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]) {
    const limit = readNumber(file);
    if (limit !== null && limit > 0) limits.push(limit);
  }
  return Math.min(...limits);
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

function readNumber(file: string): number | null {
  const text = readText(file)?.trim();
  if (text === undefined || text === "max") return null;
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}
