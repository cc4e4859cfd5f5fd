import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { dataError } from "../../common/errors.js";
import { nodeFileSystem, writeTextAtomically } from "../../io/fileSystem.js";
import { planFromJson, planToJson } from "../../plan/json.js";
import type { Plan } from "../../plan/nodes.js";

/** The whole records of one source file that were rejected, ready to be read again: what the file begins with, then the records. */
export interface RawFileEntry {
  /** Number of the source in its plan. */
  readonly source: number;
  readonly format: "csv" | "jsonl";
  /** The file that the records come from, as its source names it. */
  readonly file: string;
  /** Beside the index. */
  readonly path: string;
  /** Bytes before the first record. */
  readonly headBytes: number;
  /** The bytes that end a line. */
  readonly lineEnd: readonly number[];
  readonly records: number;
}

/** What stands in the rejects folder of a run, so that the rejects can be listed without reading them. */
export interface RejectIndex {
  readonly version: 1;
  readonly runId: string;
  readonly job: string;
  readonly planFingerprint: string;
  readonly count: number;
  readonly byCode: { readonly [code: string]: number };
  readonly byFile: { readonly [file: string]: number };
  readonly byColumn: { readonly [column: string]: number };
  readonly raws: readonly RawFileEntry[];
  /** What of the plan decides how it can be replayed. */
  readonly shape: { readonly notRowWise: string | null; readonly fanOut: boolean };
  /** A source was rows of a program, which nobody can read again. */
  readonly byRows: boolean;
  readonly inputs: readonly { readonly path: string; readonly bytes: number; readonly modifiedMs: number }[];
  /** Absolute paths. */
  readonly outputs: readonly { readonly path: string; readonly format: string; readonly mode: string }[];
}

export const rejectFolder = (runFolder: string): string => join(runFolder, "rejects");
export const indexPath = (runFolder: string): string => join(rejectFolder(runFolder), "index.json");
export const rejectsPath = (runFolder: string): string => join(rejectFolder(runFolder), "rejects.parquet");

const planPath = (runFolder: string): string => join(rejectFolder(runFolder), "plan.json");

/** The run's own plan, for a replay that is given none. */
export const writeRejectPlan = (runFolder: string, plan: Plan): void =>
  writeTextAtomically(nodeFileSystem, planPath(runFolder), JSON.stringify(planToJson(plan)));

/** @throws MillraceError Data/REJECTS_UNREADABLE */
export function readRejectPlan(runFolder: string): Plan {
  const file = planPath(runFolder);
  try {
    return planFromJson(JSON.parse(readFileSync(file, "utf8")));
  } catch (thrown) {
    throw unreadable(file, thrown);
  }
}

export const writeRejectIndex = (runFolder: string, index: RejectIndex): void =>
  writeTextAtomically(nodeFileSystem, indexPath(runFolder), `${JSON.stringify(index, null, 2)}\n`);

/** The index of a run's rejects; null where it has none. @throws MillraceError Data/REJECTS_UNREADABLE */
export function readRejectIndex(runFolder: string): RejectIndex | null {
  const file = indexPath(runFolder);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw unreadable(file, thrown);
  }
  try {
    const index = JSON.parse(text) as RejectIndex;
    if (index.version !== 1) throw new TypeError(`version ${String(index.version)} is not 1`);
    return index;
  } catch (thrown) {
    throw unreadable(file, thrown);
  }
}

const unreadable = (file: string, cause: unknown) =>
  dataError("REJECTS_UNREADABLE", `${file} cannot be read: ${(cause as Error).message}`, {
    file,
    hint: "The run's folder was changed by something else; run the plan again.",
    cause,
  });

/** Removes what tasks left of their rejects, also those of processes that were cut off. One that goes on with the run would read it again. */
export function removeRejectParts(runFolder: string): void {
  const folder = rejectFolder(runFolder);
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) if (/^s\d+-.*\.blocks$/.test(name)) rmSync(join(folder, name), { force: true });
  try {
    rmdirSync(folder);
  } catch {
    // There are rejects.
  }
}
