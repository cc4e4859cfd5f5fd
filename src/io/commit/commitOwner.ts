import { readFileSync } from "node:fs";
import path from "node:path";
import { type FileSystem, readText, syncFile, writeTextUnsynced } from "../fileSystem.js";

/** Who works in a staging folder, so that nobody clears it away under a run that is alive. */
export interface Owner {
  readonly runId: string;
  /** Name of the target's last part; several targets of one folder share the folder that stagings are in. */
  readonly target: string;
  readonly pid: number;
  /** When the process began, in the system's own terms; null where that cannot be told. */
  readonly started: string | null;
  /** The run's folder of a run that another process can go on with; null for any other. */
  readonly runFolder?: string | null;
}

/** Tells a process from every other, also from a later one of the same number. */
export type ProcessIdentity = Pick<Owner, "pid" | "started">;

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

export const thisProcess = (): ProcessIdentity => ({ pid: process.pid, started: startOf(process.pid) });

/**
 * Says that this process works in a staging folder. Whoever looks sees that at once; `keepOwner` sees to it that a machine which loses power does
 * not forget it. For scratch files that does not matter.
 */
export function takeStaging(
  files: FileSystem,
  staging: string,
  runId: string,
  target: string,
  runFolder: string | null = null,
): void {
  const owner: Owner = { runId, target, ...thisProcess(), runFolder };
  writeTextUnsynced(files, path.join(staging, ownerFile), JSON.stringify(owner));
  held.add(staging);
}

export const releaseStaging = (staging: string): boolean => held.delete(staging);

/** Owners that are on their way to the disk: null once they are there, else what went wrong. */
const syncing = new Map<string, Promise<unknown>>();

/** Has the disk take the owner of a staging folder while the work begins. `ownerKept` waits for it. */
export function keepOwner(files: FileSystem, staging: string): void {
  syncing.set(
    staging,
    syncOwner(files, staging).then(
      () => null,
      (thrown: unknown) => thrown,
    ),
  );
}

async function syncOwner(files: FileSystem, staging: string): Promise<void> {
  await syncFile(files, path.join(staging, ownerFile));
  await files.syncFolders([staging]);
}

/**
 * Waits until the disk has the owner of a staging folder: before anything is published from there, and before it is removed.
 * Gives what went wrong; null for nothing, and for an owner that nobody sent there.
 */
export async function ownerKept(staging: string): Promise<unknown> {
  const failure = (await syncing.get(staging)) ?? null;
  syncing.delete(staging);
  return failure;
}

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
export const isAlive = (owner: Owner, staging: string): boolean =>
  owner.pid === process.pid ? held.has(staging) : isRunning(owner);

/** Whether a process still runs. */
export function isRunning(owner: ProcessIdentity): boolean {
  try {
    process.kill(owner.pid, 0);
  } catch (thrown) {
    if ((thrown as { code?: unknown }).code === "ESRCH") return false;
  }
  return owner.started === null || startOf(owner.pid) === owner.started;
}
