import path from "node:path";
import { configError, externalError } from "../../common/errors.js";
import { isAlive, type Owner, ownerOf, releaseStaging } from "./commitOwner.js";
import { killPoint } from "../killPoint.js";
import { bookFolder } from "./manifest.js";
import { breath } from "../fileCopy.js";
import { isGone } from "../fileErrors.js";
import { type FileSystem, nodeFileSystem, readText, writeTextAtomically } from "../fileSystem.js";

/**
 * What a publish will do, written down before the first step: whoever finds it can carry it to its end, as often as need be.
 * All paths are relative to the folder that holds the staging's `.millrace`.
 */
export interface Intent {
  readonly version: 1;
  readonly runId: string;
  /** The target; folders are removed only below it. */
  readonly target: string;
  readonly renames: readonly { readonly from: string; readonly to: string }[];
  readonly removals: readonly string[];
  readonly manifest: { readonly path: string; readonly text: string } | null;
}

const intentFile = "intent.json";

export function writeIntent(files: FileSystem, staging: string, intent: Intent): void {
  writeTextAtomically(files, path.join(staging, intentFile), JSON.stringify(intent));
  killPoint("intent");
}

export function readIntent(files: FileSystem, staging: string): Intent | null {
  const text = readText(files, path.join(staging, intentFile));
  return text === null ? null : (JSON.parse(text) as Intent);
}

const rootOf = (staging: string): string => path.dirname(path.dirname(staging));

/** Files after which others have their turn: there may be a hundred thousand. */
const breathAfter = 256;

/** Carries out what is left of an intent. Every step may have been done before. */
export async function applyIntent(files: FileSystem, staging: string, intent: Intent): Promise<void> {
  const root = rootOf(staging);
  const changed = new Set<string>();
  for (const [i, { from, to }] of intent.renames.entries()) {
    if (i % breathAfter === breathAfter - 1) await breath();
    const source = path.join(root, from);
    const target = path.join(root, to);
    if (files.stat(source) === null) {
      if (files.stat(target) !== null) continue;
      throw externalError("COMMIT_BROKEN", `the staged file ${source} is gone and ${target} is not there either`, {
        file: target,
        hint: "Something else removed files while they were being published; run the job again.",
      });
    }
    makeDurableFolder(files, path.dirname(target), changed);
    files.rename(source, target);
    killPoint("rename");
    changed.add(path.dirname(target));
  }
  // Old files go once the new ones are in place for good.
  await files.syncFolders(changed);
  for (const [i, removal] of intent.removals.entries()) {
    if (i % breathAfter === breathAfter - 1) await breath();
    files.removeFile(path.join(root, removal));
    killPoint("removal");
    changed.add(removeEmptyFolders(files, path.dirname(path.join(root, removal)), path.join(root, intent.target)));
  }
  if (intent.manifest !== null) {
    const manifest = path.join(root, intent.manifest.path);
    files.makeFolder(path.dirname(manifest));
    writeTextAtomically(files, manifest, intent.manifest.text);
    killPoint("manifest");
    changed.add(path.dirname(path.dirname(manifest)));
  }
  await files.syncFolders(changed);
}

/** Makes a folder and remembers every folder whose names changed by that. */
function makeDurableFolder(files: FileSystem, folder: string, changed: Set<string>): void {
  for (let at = folder; files.stat(at) === null; at = path.dirname(at)) changed.add(path.dirname(at));
  files.makeFolder(folder);
}

/** Removes a folder and those above it, as far as they are empty and below `limit`. Gives the first that stays. */
export function removeEmptyFolders(files: FileSystem, folder: string, limit: string): string {
  let at = folder;
  while (at.startsWith(limit + path.sep) && files.removeEmpty(at)) at = path.dirname(at);
  return at;
}

/** Clears a staging folder away, and the folder of stagings if nothing else is in it. */
export function removeStaging(files: FileSystem, staging: string): void {
  // Without its intent first: a half-removed staging must not look like one that is to be published.
  files.removeFile(path.join(staging, intentFile));
  killPoint("intent-removed");
  files.removeTree(staging);
  killPoint("staging-removed");
  files.removeEmpty(path.dirname(staging));
  releaseStaging(staging);
}

/** What `recover` found and did. */
export interface Recovery {
  /** Runs whose interrupted publish was carried to its end. */
  readonly completed: readonly string[];
  /** Runs whose staging was removed, because they had not come to publishing. */
  readonly removed: readonly string[];
}

const supersededFile = "superseded.json";

/** Which run took a target over, and which target that was. */
export interface Superseded {
  readonly by: string;
  /** Absolute. */
  readonly target: string;
}

/** Whether a later run took a target of this run over before it came to publishing. */
export function supersededBy(files: FileSystem, runFolder: string): Superseded | null {
  const text = readText(files, path.join(runFolder, supersededFile));
  return text === null ? null : (JSON.parse(text) as Superseded);
}

/** Tells a run whose staging goes away why: it cannot be resumed over what a later run writes. */
function supersede(files: FileSystem, runFolder: string, superseded: Superseded): void {
  if (files.stat(runFolder)?.kind !== "folder") return;
  writeTextAtomically(files, path.join(runFolder, supersededFile), JSON.stringify(superseded));
}

/**
 * Settles what earlier runs left at a target: an interrupted publish is carried to its end, a staging without one is removed. `keep` names a
 * run that is going to write there: its own staging stays, and it takes the target over from runs that could still be resumed. Without
 * `keep` the stagings of those stay too. Idempotent.
 * @throws MillraceError Config/TARGET_BUSY when another run is at work there right now
 */
export async function recover(
  targetPath: string,
  options: { readonly keep?: string; readonly files?: FileSystem } = {},
): Promise<Recovery> {
  const files = options.files ?? nodeFileSystem;
  const target = path.resolve(targetPath);
  const completed: string[] = [];
  const removed: string[] = [];
  for (const staging of stagingsOf(files, target)) {
    const owner = ownerOf(files, staging);
    const runId = owner?.runId ?? path.basename(staging);
    if (owner !== null && isAlive(owner, staging) && runId !== options.keep) throw targetBusy(target, owner);
    const intent = readIntent(files, staging);
    if (intent !== null) {
      await applyIntent(files, staging, intent);
      completed.push(runId);
      removeStaging(files, staging);
    } else if (runId !== options.keep) {
      const runFolder = owner?.runFolder ?? null;
      const resumable = runFolder !== null && files.stat(path.join(runFolder, "journal")) !== null;
      if (resumable && options.keep === undefined) continue;
      if (resumable) supersede(files, runFolder, { by: options.keep ?? "", target });
      removed.push(runId);
      removeStaging(files, staging);
    }
  }
  return { completed, removed };
}

/** @throws MillraceError Config/TARGET_BUSY when a run other than `runId` is at work at a target */
export function requireNobodyElse(files: FileSystem, target: string, runId: string): void {
  for (const staging of stagingsOf(files, target)) {
    const owner = ownerOf(files, staging);
    if (owner !== null && owner.runId !== runId && isAlive(owner, staging)) throw targetBusy(target, owner);
  }
}

const targetBusy = (target: string, { runId, pid }: Owner) =>
  configError("TARGET_BUSY", `run ${runId} (process ${pid}) is writing to ${target}`, {
    file: target,
    hint: "Wait for it to end, or write to another target.",
  });

/** Folders of runs that have something staged for a target, and that another process can go on with. */
export function runFoldersAt(files: FileSystem, targetPath: string): string[] {
  return stagingsOf(files, path.resolve(targetPath)).flatMap((staging) => ownerOf(files, staging)?.runFolder ?? []);
}

/** Takes away what a run had staged for a target, unless its publish has begun. */
export function removeStagingsOf(targetPath: string, runId: string, files: FileSystem = nodeFileSystem): void {
  for (const staging of stagingsOf(files, path.resolve(targetPath))) {
    if (ownerOf(files, staging)?.runId === runId && readIntent(files, staging) === null) removeStaging(files, staging);
  }
}

/** Staging folders in the target folder, and those beside the target that are for it. */
function stagingsOf(files: FileSystem, target: string): string[] {
  const inside = foldersIn(files, path.join(target, bookFolder));
  const beside = foldersIn(files, path.join(path.dirname(target), bookFolder));
  return [...inside, ...beside.filter((staging) => ownerOf(files, staging)?.target === path.basename(target))];
}

function foldersIn(files: FileSystem, folder: string): string[] {
  if (files.stat(folder)?.kind !== "folder") return [];
  try {
    const folders = files.list(folder).filter((entry) => entry.kind === "folder");
    return folders.map((entry) => path.join(folder, entry.name));
  } catch (thrown) {
    if (isGone(thrown)) return [];
    throw thrown;
  }
}
