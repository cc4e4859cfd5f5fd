import path from "node:path";
import { configError } from "../../common/errors.js";
import type { SinkSpec } from "../../plan/nodes.js";
import { readIntent, recover, removeStaging, requireNobodyElse } from "./commitIntent.js";
import { keepOwner, ownerKept, releaseStaging, takeStaging } from "./commitOwner.js";
import { killPoint } from "../killPoint.js";
import { bookFolder, readManifest } from "./manifest.js";
import { warnOfLeftover } from "../fileErrors.js";
import { type FileSystem, nodeFileSystem } from "../fileSystem.js";
import { extensions } from "../sink/sinks.js";

/** A place that a run is going to write to, checked, with a staging folder on the same file system. */
export interface Target {
  readonly sink: SinkSpec;
  readonly runId: string;
  /** Absolute. */
  readonly path: string;
  readonly kind: "file" | "folder";
  /** `wholeFolder`: nothing is there yet, and the folder appears by one rename. `inPlace`: file by file. */
  readonly layout: "wholeFolder" | "inPlace";
  /** `<folder>/.millrace/<runId>…` */
  readonly staging: string;
  /** A folder in the staging for fragments of tasks. */
  readonly fragments: string;
  /** Folders that were made for this target, outermost first; `discard` takes them away again. */
  readonly created: readonly string[];
}

/** Whether a sink writes one file: its path ends in the format's extension and it has no partitions. */
export const isFileTarget = (sink: SinkSpec): boolean =>
  sink.format !== "duckdb" && sink.partitionBy.length === 0 && path.extname(sink.path) === `.${extensions[sink.format]}`;

/**
 * Checks a sink's target before any work is done, settles what earlier runs left there, and makes the staging folder. A run that goes on
 * after a crash calls it again with the same id and finds its staging as it was. `runFolder`: where the run keeps what it needs for that, if it can.
 * @throws MillraceError Config/TARGET_EXISTS, TARGET_IS_FILE, TARGET_IS_FOLDER, TARGET_NOT_WRITABLE, TARGET_BUSY, INVALID_MODE
 */
export async function prepareTarget(
  sink: SinkSpec,
  runId: string,
  files: FileSystem = nodeFileSystem,
  runFolder: string | null = null,
): Promise<Target> {
  const target = path.resolve(sink.path);
  const kind = isFileTarget(sink) ? "file" : "folder";
  checkMode(sink, kind);
  checkAncestors(files, target);
  await recover(target, { keep: runId, files });
  const found = files.stat(target);
  checkKind(target, kind, found?.kind ?? null);
  const empty = found === null || (kind === "folder" && files.list(target).length === 0);
  const ours = !empty && readManifest(files, { path: target, kind })?.runId === runId;
  // A target that this very run published before it was interrupted is not somebody else's.
  if (sink.mode === "error" && !empty && !ours && holdsData(files, target, kind)) throw targetExists(target, sink);
  const layout = kind === "folder" && empty ? "wholeFolder" : "inPlace";
  const beside = kind === "file" || layout === "wholeFolder";
  const folder = beside ? path.dirname(target) : target;
  const staging = path.join(folder, bookFolder, beside ? `${runId}-${path.basename(target)}` : runId);
  const created = missingFolders(files, folder);
  const fragments = path.join(staging, "fragments");
  const prepared: Target = { sink, runId, path: target, kind, layout, staging, fragments, created };
  try {
    files.makeFolder(fragments);
    takeStaging(files, staging, runId, path.basename(target), runFolder);
    keepOwner(files, staging);
    // Of two runs that both found nobody at work, the one that looks again later finds the other.
    requireNobodyElse(files, target, runId);
  } catch (thrown) {
    await discard(prepared, files);
    throw thrown;
  }
  killPoint("target-ready");
  return prepared;
}

function checkMode(sink: SinkSpec, kind: Target["kind"]): void {
  const wrong = (why: string, hint: string) =>
    configError("INVALID_MODE", `mode ${JSON.stringify(sink.mode)} of ${sink.path}: ${why}`, { file: sink.path, hint });
  if (sink.mode === "append" && kind === "file") {
    throw wrong("a single file cannot be appended to", "Give a folder as path; each run then adds a file to it.");
  }
  if (sink.mode === "overwrite-partitions" && sink.partitionBy.length === 0) {
    throw wrong("there is no partitionBy", 'Name the partition columns, or use mode "overwrite".');
  }
}

function checkAncestors(files: FileSystem, target: string): void {
  for (let at = path.dirname(target); ; at = path.dirname(at)) {
    const found = files.stat(at);
    if (found !== null && found.kind !== "folder") {
      throw configError("TARGET_NOT_WRITABLE", `${target} cannot be written: ${at} is a file, not a folder`, {
        file: target,
        hint: "Choose another path.",
      });
    }
    if (found !== null || at === path.dirname(at)) return;
  }
}

function checkKind(target: string, kind: Target["kind"], found: string | null): void {
  if (found === null || found === kind) return;
  if (kind === "folder") {
    throw configError("TARGET_IS_FILE", `${target} is a file; a folder of files is to be written there`, {
      file: target,
      hint: "Choose another path, or end it in the format's extension to write a single file.",
    });
  }
  throw configError("TARGET_IS_FOLDER", `${target} is a folder; a single file is to be written there`, {
    file: target,
    hint: "Choose another path, or one without extension to write a folder.",
  });
}

/** Whether there is anything but our own books. */
const holdsData = (files: FileSystem, target: string, kind: Target["kind"]): boolean =>
  kind === "file" || files.list(target).some((entry) => entry.name !== bookFolder);

export const targetExists = (target: string, sink: SinkSpec) =>
  configError("TARGET_EXISTS", `${target} is there already, and the sink's mode is "error"`, {
    file: target,
    hint: `Choose another path, or a mode: ${sink.partitionBy.length > 0 ? '"overwrite", "overwrite-partitions"' : '"overwrite"'} or "append".`,
  });

function missingFolders(files: FileSystem, folder: string): string[] {
  const missing: string[] = [];
  for (let at = folder; files.stat(at) === null; at = path.dirname(at)) missing.unshift(at);
  return missing;
}

/**
 * Takes away all that was staged, and the folders that were made for it: nothing is left of a run that failed. Where a publish has begun, its
 * staging stays: `recover` carries it to its end. What cannot be removed is a warning, and left to the next run that writes there.
 */
export async function discard(target: Target, files: FileSystem = nodeFileSystem): Promise<void> {
  // What became of the owner does not matter any more, but its file must not be open when the run ends.
  await ownerKept(target.staging);
  try {
    if (readIntent(files, target.staging) !== null) return;
    removeStaging(files, target.staging);
    for (const folder of [...target.created].reverse()) if (!files.removeEmpty(folder)) break;
  } catch (cause) {
    warnOfLeftover(target.staging, cause);
  } finally {
    releaseStaging(target.staging);
  }
}
