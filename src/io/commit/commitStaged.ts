import path from "node:path";
import { internalError } from "../../common/errors.js";
import type { Target } from "./commitTarget.js";
import type { FileSystem } from "../fileSystem.js";
import { extensions } from "../sink/sinks.js";

const filesFolder = (target: Target): string => path.join(target.staging, "files");

/** An empty folder for the files of a target. */
export function clearStaged(target: Target, files: FileSystem): void {
  files.removeTree(filesFolder(target));
  files.makeFolder(filesFolder(target));
}

/** Where the target is already there, readers may look for files of its format below it, hidden folders included. */
export const stagedPath = (target: Target, relative: readonly string[]): string =>
  path.join(filesFolder(target), ...relative) + (target.layout === "inPlace" ? ".staged" : "");

/** The name of a file of the target, without folders. */
export function fileName(target: Target): string {
  if (target.kind === "file") return path.basename(target.path);
  if (target.sink.format === "duckdb") throw internalError("a duckdb sink has no files");
  const extension = extensions[target.sink.format];
  return target.sink.mode === "append" ? `part-${target.runId}.${extension}` : `part-00000.${extension}`;
}
