import path from "node:path";
import { MillraceError } from "../../common/errors.js";
import type { Staged } from "./commitAssemble.js";
import { applyIntent, type Intent, readIntent, removeStaging, writeIntent } from "./commitIntent.js";
import { keepOwner, ownerKept, ownerOf, releaseStaging, takeStaging } from "./commitOwner.js";
import { killPoint } from "../killPoint.js";
import { type Target, targetExists } from "./commitTarget.js";
import {
  bookFolder,
  type Manifest,
  type ManifestFile,
  makeManifest,
  manifestPath,
  manifestText,
  readManifest,
} from "./manifest.js";
import { isRefusedSync, warnOfLeftover } from "../fileErrors.js";
import { type FileSystem, nodeFileSystem, writeTextSoon } from "../fileSystem.js";
import { extensions } from "../sink/sinks.js";

export { assemble, type Staged, type StagedFile } from "./commitAssemble.js";
export { EarlyFile } from "./commitEarly.js";
export { type Recovery, recover, removeStagingsOf, runFoldersAt, type Superseded, supersededBy } from "./commitIntent.js";
export { discard, isFileTarget, prepareTarget, type Target } from "./commitTarget.js";

export interface PublishOptions {
  readonly planFingerprint?: string;
  readonly files?: FileSystem;
}

/**
 * Makes staged files visible: writes down what is going to happen, renames every file into its place, removes the old files that the mode
 * says, and writes the manifest. After a crash anywhere in between, `recover` on the target carries it to its end. A run with several
 * targets stages all of them before it publishes the first.
 * @throws MillraceError Config/TARGET_EXISTS, External/FILE_IO, Resource/DISK_FULL
 */
export async function publish(target: Target, staged: Staged, options: PublishOptions = {}): Promise<Manifest> {
  const files = options.files ?? nodeFileSystem;
  try {
    const manifest = manifestFor(target, staged, options.planFingerprint ?? null, files);
    const intent =
      target.layout === "wholeFolder"
        ? await folderIntent(target, manifest, files)
        : filesIntent(target, staged, manifest, files);
    await syncStaged(target, staged, files);
    writeIntent(files, target.staging, intent);
    await carryOut(target, intent, files);
    await removeQuietly(target, files);
    killPoint("publish");
    return manifest;
  } finally {
    releaseStaging(target.staging);
  }
}

/**
 * Publishes what a run that was cut off had staged completely, from wherever its publish stood; does nothing where it was done. The staging is
 * the last thing to go, and an intent goes before it: without a staging, or with one that has no intent beside a manifest of this run,
 * everything is in its place.
 * @throws MillraceError as publish
 */
export async function completePublish(target: Target, staged: Staged, options: PublishOptions = {}): Promise<void> {
  const files = options.files ?? nodeFileSystem;
  if (files.stat(target.staging) === null) {
    files.removeEmpty(path.dirname(target.staging));
    return;
  }
  // Whoever finds this process dead has to find the run, too: what is staged is the only copy.
  const runFolder = ownerOf(files, target.staging)?.runFolder ?? null;
  takeStaging(files, target.staging, target.runId, path.basename(target.path), runFolder);
  keepOwner(files, target.staging);
  const failure = await ownerKept(target.staging);
  if (failure !== null) throw failure;
  const intent = readIntent(files, target.staging);
  if (intent !== null) await carryOut(target, intent, files);
  else if (!isPublishedBy(target, files)) {
    await publish(target, staged, options);
    return;
  }
  await removeQuietly(target, files);
}

/** How often what is to be published is carried on with after a failure but that of a flush: another attempt goes on where the last one stopped. */
const mostAttempts = 3;

/** @throws MillraceError PUBLISH_INTERRUPTED, of the category of its cause: some files may be in their places and others not */
async function carryOut(target: Target, intent: Intent, files: FileSystem): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await applyIntent(files, target.staging, intent);
      return;
    } catch (failure) {
      if (!(failure instanceof MillraceError) || failure.code === "COMMIT_BROKEN") throw failure;
      if (attempt < mostAttempts && !isRefusedSync(failure)) continue;
      const message = `publishing ${target.path} has begun and could not be carried to its end: ${failure.message}`;
      throw new MillraceError(failure.category, "PUBLISH_INTERRUPTED", message, {
        ...failure.place,
        file: failure.place.file ?? target.path,
        cause: failure,
        hint: `Nothing is lost: once the cause is gone, resume run ${target.runId}, or run again; either completes it first.`,
      });
    }
  }
}

/** What stays of a staging whose files are all published is cleared away by the next run that writes there. */
async function removeQuietly(target: Target, files: FileSystem): Promise<void> {
  try {
    await removeFragments(target, files);
    removeStaging(files, target.staging);
  } catch (cause) {
    warnOfLeftover(target.staging, cause);
  }
}

function isPublishedBy(target: Target, files: FileSystem): boolean {
  return readManifest(files, target)?.runId === target.runId;
}

const rootOf = (target: Target): string => path.dirname(path.dirname(target.staging));

/** The folder did not exist: it appears by one rename, manifest and all. */
async function folderIntent(target: Target, manifest: Manifest, files: FileSystem): Promise<Intent> {
  const folder = path.join(target.staging, "files");
  const book = path.join(folder, bookFolder);
  files.makeFolder(book);
  // Nobody looks at it before the intent is there, and a publish that begins again writes it again.
  await writeTextSoon(files, path.join(book, "manifest.json"), manifestText(manifest));
  const found = files.stat(target.path);
  if (found !== null && (found.kind !== "folder" || files.list(target.path).length > 0))
    throw targetExists(target.path, target.sink);
  const root = rootOf(target);
  const to = path.relative(root, target.path);
  return {
    version: 1,
    runId: target.runId,
    target: to,
    renames: [{ from: path.relative(root, folder), to }],
    removals: [],
    manifest: null,
  };
}

function filesIntent(target: Target, staged: Staged, manifest: Manifest, files: FileSystem): Intent {
  const root = rootOf(target);
  const base = target.kind === "file" ? path.dirname(target.path) : target.path;
  const renames = staged.files.map((file) => ({
    from: path.relative(root, file.staged),
    to: path.relative(root, path.join(base, file.path)),
  }));
  return {
    version: 1,
    runId: target.runId,
    target: path.relative(root, target.path),
    renames,
    removals: staleFiles(target, staged, files).map((file) => path.relative(root, path.join(base, file))),
    manifest: { path: path.relative(root, manifestPath(target)), text: manifestText(manifest) },
  };
}

/** Many files go faster several at a time; the intent is still there, in case this is not the end. */
async function removeFragments({ fragments }: Target, files: FileSystem): Promise<void> {
  if (files.stat(fragments)?.kind !== "folder") return;
  const folders = files.list(fragments).filter((entry) => entry.kind === "folder");
  const found = folders.flatMap(({ name }) => {
    const folder = path.join(fragments, name);
    return files.list(folder).flatMap((entry) => (entry.kind === "file" ? [path.join(folder, entry.name)] : []));
  });
  await files.removeFiles(found);
}

/** Names of staged files must be on the disk before an intent speaks of them. */
async function syncStaged(target: Target, staged: Staged, files: FileSystem): Promise<void> {
  const folder = path.join(target.staging, "files");
  const folders = new Set([folder, path.join(folder, bookFolder)]);
  for (const file of staged.files) {
    for (let at = path.dirname(file.staged); at.length > target.staging.length; at = path.dirname(at)) folders.add(at);
  }
  await files.syncFolders(folders);
}

/** Files at the target that this publish replaces, relative to the target folder: of the sink's format, or listed by the last manifest. */
function staleFiles(target: Target, staged: Staged, files: FileSystem): string[] {
  const { sink } = target;
  if (target.kind === "file" || sink.mode === "append" || sink.mode === "error" || sink.format === "duckdb") return [];
  const fresh = new Set(staged.files.map((file) => file.path));
  const listed = new Set(readManifest(files, target)?.files.map((file) => file.path) ?? []);
  const extension = `.${extensions[sink.format]}`;
  const isData = (file: string) => file.endsWith(extension) || listed.has(file);
  if (sink.mode === "overwrite")
    return dataFiles(files, target.path, "", true).filter((file) => isData(file) && !fresh.has(file));
  const touched = new Set(staged.files.map((file) => path.posix.dirname(file.path)));
  return [...touched].flatMap((folder) =>
    dataFiles(files, path.join(target.path, folder), folder, false).filter((file) => isData(file) && !fresh.has(file)),
  );
}

/** Files below a folder whose names, and those of the folders above them, do not begin with `.` or `_`; paths with `/`. */
function dataFiles(files: FileSystem, folder: string, prefix: string, deep: boolean): string[] {
  if (files.stat(folder)?.kind !== "folder") return [];
  return files.list(folder).flatMap((entry) => {
    if (/^[._]/.test(entry.name)) return [];
    const name = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
    if (entry.kind === "folder") return deep ? dataFiles(files, path.join(folder, entry.name), name, true) : [];
    return entry.kind === "file" ? [name] : [];
  });
}

/** The manifest after this publish: the new files, and those of the old manifest that stay. */
function manifestFor(target: Target, staged: Staged, planFingerprint: string | null, files: FileSystem): Manifest {
  const { sink, runId } = target;
  const own = staged.files.map(
    (file): ManifestFile => ({
      path: file.path,
      rows: file.rows,
      bytes: file.bytes,
      crc32: file.checksum,
      partitionValues: file.partitionValues,
      runId,
    }),
  );
  const head = { format: sink.format, mode: sink.mode, runId, planFingerprint, partitionBy: sink.partitionBy };
  return makeManifest(head, staged.schema, [...keptFiles(target, staged, files), ...own]);
}

function keptFiles(target: Target, staged: Staged, files: FileSystem): readonly ManifestFile[] {
  const { mode } = target.sink;
  if (target.kind === "file" || mode === "overwrite" || mode === "error") return [];
  const fresh = new Set(staged.files.map((file) => file.path));
  const touched = new Set(staged.files.map((file) => path.posix.dirname(file.path)));
  const old = readManifest(files, target)?.files ?? [];
  return old.filter((file) => !fresh.has(file.path) && (mode === "append" || !touched.has(path.posix.dirname(file.path))));
}
