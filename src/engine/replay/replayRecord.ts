import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { dataError } from "../../common/errors.js";
import { nodeFileSystem, writeTextAtomically } from "../../io/fileSystem.js";
import { rejectFolder } from "../rejects/rejectIndex.js";

/**
 * What one replay settles, written before it publishes anything (`prepared`) and confirmed afterwards. A replay that was cut off in between is
 * told from one that never published by the manifests of its targets, which name the replay's id.
 */
export interface ReplayRecord {
  readonly version: 1;
  readonly replayId: string;
  readonly planFingerprint: string;
  readonly strategy: "append" | "recompute";
  readonly where: { readonly [field: string]: string };
  /** Absolute. */
  readonly targets: readonly { readonly path: string; readonly kind: "file" | "folder" }[];
  /** Numbers of the rejects that are settled by it, in the order of the run's rejects. */
  readonly resolved: readonly number[];
}

export const replaysFolder = (runFolder: string): string => join(rejectFolder(runFolder), "replays");

const preparedEnd = ".prepared.json";
const doneEnd = ".done.json";

export function prepareReplay(runFolder: string, record: ReplayRecord): void {
  const folder = replaysFolder(runFolder);
  mkdirSync(folder, { recursive: true });
  writeTextAtomically(nodeFileSystem, join(folder, record.replayId + preparedEnd), JSON.stringify(record));
}

export function confirmReplay(runFolder: string, replayId: string): void {
  const folder = replaysFolder(runFolder);
  renameSync(join(folder, replayId + preparedEnd), join(folder, replayId + doneEnd));
  nodeFileSystem.syncFolder(folder);
}

/** Forgets a replay that published nothing. */
export const withdrawReplay = (runFolder: string, replayId: string): void =>
  rmSync(join(replaysFolder(runFolder), replayId + preparedEnd), { force: true });

/** Replays by their state, oldest first. */
export function replaysOf(runFolder: string, state: "prepared" | "done"): ReplayRecord[] {
  const folder = replaysFolder(runFolder);
  if (!existsSync(folder)) return [];
  const end = state === "prepared" ? preparedEnd : doneEnd;
  const files = readdirSync(folder).filter((file) => file.endsWith(end));
  const number = (file: string) => Number(/-r(\d+)\./.exec(file)?.[1] ?? 0);
  return files.sort((a, b) => number(a) - number(b)).map((file) => readRecord(join(folder, file)));
}

function readRecord(file: string): ReplayRecord {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as ReplayRecord;
  } catch (cause) {
    throw dataError("REJECTS_UNREADABLE", `${file} cannot be read: ${(cause as Error).message}`, {
      file,
      hint: "The run's folder was changed by something else; run the plan again.",
      cause,
    });
  }
}

/** Which rejects of a run are settled, by number. */
export function replayedRecords(runFolder: string): { readonly resolved: number; readonly numbers: ReadonlySet<number> } {
  const numbers = new Set(replaysOf(runFolder, "done").flatMap((record) => record.resolved));
  return { resolved: numbers.size, numbers };
}
