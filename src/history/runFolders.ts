import { type Dirent, existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { configError, type MillraceError } from "../common/errors.js";
import { fileError, patiently } from "../io/fileErrors.js";
import { nearestNames } from "../common/nearest.js";

export const runsFolder = (stateDir: string): string => join(stateDir, "runs");
export const folderOfRun = (stateDir: string, runId: string): string => join(runsFolder(stateDir), runId);

function namesIn(folder: string): readonly Dirent[] {
  try {
    return patiently(() => readdirSync(folder, { withFileTypes: true }));
  } catch (thrown) {
    throw fileError(thrown, "list", folder);
  }
}

/** Ids of the runs that have a folder, by their start. @throws MillraceError External/FILE_IO */
export function runIds(stateDir: string): string[] {
  const folder = runsFolder(stateDir);
  if (!existsSync(folder)) return [];
  return namesIn(folder)
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

/** Config/RUN_NOT_FOUND. `near`: what the caller may have meant; otherwise the latest of `runs` are told. */
export function runNotFound(
  stateDir: string,
  message: string,
  wanted: string,
  runs: readonly string[],
  near: readonly string[] = nearestNames(wanted, runs),
): MillraceError {
  const latest = runs.slice(-3).reverse();
  const hint =
    near.length > 0
      ? `Did you mean ${near.slice(0, 3).join(" or ")}?`
      : latest.length > 0
        ? `The latest runs are ${latest.join(", ")}.`
        : "No plan was run with this state folder yet.";
  return configError("RUN_NOT_FOUND", `${message} in ${stateDir}`, { file: stateDir, hint });
}
