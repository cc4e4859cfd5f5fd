import { readFileSync } from "node:fs";
import path from "node:path";
import { type FileSystem, readText, writeTextAtomically } from "./sinkFileSystem.js";

/** Who works in a staging folder, so that nobody clears it away under a run that is alive. */
export interface Owner {
  readonly runId: string;
  /** Name of the target's last part; several targets of one folder share the folder that stagings are in. */
  readonly target: string;
  readonly pid: number;
  /** When the process began, in the system's own terms; null where that cannot be told. */
  readonly started: string | null;
}

const ownerFile = "owner.json";

/** Staging folders that runs of this very process hold. */
const held = new Set<string>();

/** Distinguishes a process from a later one with the same id. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The second field is the command in parentheses and may hold anything; the fields after it are plain.
    const startTicks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
    return startTicks === undefined ? null : `${boot}/${startTicks}`;
  } catch {
    return null;
  }
}

export function takeStaging(files: FileSystem, staging: string, runId: string, target: string): void {
  const owner: Owner = { runId, target, pid: process.pid, started: startOf(process.pid) };
  writeTextAtomically(files, path.join(staging, ownerFile), JSON.stringify(owner));
  held.add(staging);
}

export const releaseStaging = (staging: string): boolean => held.delete(staging);

export function ownerOf(files: FileSystem, staging: string): Owner | null {
  const text = readText(files, path.join(staging, ownerFile));
  if (text === null) return null;
  try {
    return JSON.parse(text) as Owner;
  } catch {
    return null;
  }
}

/** Whether the run that holds a staging folder is still alive. */
export function isAlive(owner: Owner, staging: string): boolean {
  if (owner.pid === process.pid) return held.has(staging);
  try {
    process.kill(owner.pid, 0);
  } catch (thrown) {
    if ((thrown as { code?: unknown }).code === "ESRCH") return false;
  }
  return owner.started === null || startOf(owner.pid) === owner.started;
}
