import { existsSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { configError } from "../../common/errors.js";
import { openReport } from "../../history/reports.js";
import { type Manifest, type ManifestFile, readManifest } from "../../io/commit/manifest.js";
import { nodeFileSystem } from "../../io/fileSystem.js";
import { fileChecksum } from "../journal/fileCheck.js";

/** How a file differs from what was published: not there, of another size, of the same size with other bytes, or there without having been published. */
export interface OutputDifference {
  readonly kind: "missing" | "size" | "content" | "unexpected";
  /** Absolute. */
  readonly file: string;
  /** As in the manifest; null for a file that it does not list. */
  readonly expected: { readonly rows: number; readonly bytes: number; readonly crc32: string } | null;
  /** As it is now; null where there is none. The checksum is null where the size says enough. */
  readonly found: { readonly bytes: number; readonly crc32: string | null } | null;
}

/** What became of one output. */
export interface OutputVerification {
  readonly target: string;
  /** The run whose manifest stands at the target; null where there is no manifest. */
  readonly runId: string | null;
  /**
   * `intact`: every file has the bytes that were published. `replaced`: a later run has written the target since, so that nothing of the wanted run is
   * left to compare. `unverifiable`: the output keeps no manifest, as a table of DuckDB.
   */
  readonly verdict: "intact" | "different" | "replaced" | "unverifiable";
  /** Files, rows and bytes of the manifest that were compared. */
  readonly files: number;
  readonly rows: number;
  readonly bytes: number;
  readonly differences: readonly OutputDifference[];
}

export interface VerifyOptions {
  /** Where runs keep their files. Default `.millrace` in the working directory. */
  readonly stateDir?: string;
}

/**
 * Compares outputs with what was published: those of a target (a file or folder), or of a run by its id or the id's end. Reads every byte.
 * @throws MillraceError Config/MANIFEST_NOT_FOUND for a target without a manifest; RUN_NOT_FOUND, REPORT_UNREADABLE
 */
export async function verifyOutputs(targetOrRun: string, options: VerifyOptions = {}): Promise<readonly OutputVerification[]> {
  const target = path.resolve(targetOrRun);
  const manifest = manifestOf(target);
  if (manifest !== null) return [await compared(target, manifest, null)];
  if (existsSync(target) || targetOrRun.includes(path.sep)) {
    throw configError("MANIFEST_NOT_FOUND", `${target} has no manifest to compare it with`, {
      file: target,
      hint: "Name the target of a write (the folder or file that the plan names), or a run.",
    });
  }
  const { data } = await openReport({ ...options, runId: targetOrRun });
  const found: OutputVerification[] = [];
  for (const output of data.execution.outputs) found.push(await outputOfRun(path.resolve(output.path), data.runId));
  return found;
}

async function outputOfRun(target: string, runId: string): Promise<OutputVerification> {
  const manifest = manifestOf(target);
  const nothing = { target, files: 0, rows: 0, bytes: 0, differences: [] };
  if (manifest === null) {
    const verdict = existsSync(target) ? "unverifiable" : "different";
    const gone: OutputDifference = { kind: "missing", file: target, expected: null, found: null };
    return { ...nothing, runId: null, verdict, differences: verdict === "different" ? [gone] : [] };
  }
  const own = manifest.files.some((file) => file.runId === runId);
  if (!own && manifest.runId !== runId) return { ...nothing, runId: manifest.runId, verdict: "replaced" };
  return compared(target, manifest, runId);
}

function manifestOf(target: string): Manifest | null {
  return (
    readManifest(nodeFileSystem, { path: target, kind: "folder" }) ?? readManifest(nodeFileSystem, { path: target, kind: "file" })
  );
}

/** `runId`: the files of one run alone, since others may have replaced or added theirs. */
async function compared(target: string, manifest: Manifest, runId: string | null): Promise<OutputVerification> {
  const isFile = readManifest(nodeFileSystem, { path: target, kind: "folder" }) === null;
  const root = isFile ? path.dirname(target) : target;
  const at = (file: ManifestFile) => (isFile ? target : path.join(root, ...file.path.split("/")));
  const wanted = manifest.files.filter((file) => runId === null || file.runId === runId);
  const differences: OutputDifference[] = [];
  for (const file of wanted) {
    const difference = await differenceOf(at(file), file);
    if (difference !== null) differences.push(difference);
  }
  const listed = new Set(manifest.files.map(at));
  if (!isFile && existsSync(root)) {
    for (const file of dataFiles(root).filter((one) => !listed.has(one))) {
      differences.push({ kind: "unexpected", file, expected: null, found: { bytes: statSync(file).size, crc32: null } });
    }
  }
  const sum = (of: (file: ManifestFile) => number) => wanted.reduce((total, file) => total + of(file), 0);
  return {
    target,
    runId: manifest.runId,
    verdict: differences.length === 0 ? "intact" : "different",
    files: wanted.length,
    rows: sum(({ rows }) => rows),
    bytes: sum(({ bytes }) => bytes),
    differences,
  };
}

async function differenceOf(file: string, wanted: ManifestFile): Promise<OutputDifference | null> {
  const expected = { rows: wanted.rows, bytes: wanted.bytes, crc32: wanted.crc32 };
  const size = statSync(file, { throwIfNoEntry: false })?.size;
  if (size === undefined) return { kind: "missing", file, expected, found: null };
  // The bytes of a file of another size need not be read.
  if (size !== wanted.bytes) return { kind: "size", file, expected, found: { bytes: size, crc32: null } };
  const found = await fileChecksum(file);
  if (found === null) return { kind: "missing", file, expected, found: null };
  if (found.checksum === wanted.crc32) return null;
  return { kind: "content", file, expected, found: { bytes: found.bytes, crc32: found.checksum } };
}

/** Files that a reader of the folder would take for data: names that begin with a dot or an underline are no data. */
function dataFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !name.startsWith(".") && !name.startsWith("_"))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const at = path.join(folder, entry.name);
      return entry.isDirectory() ? dataFiles(at) : entry.isFile() ? [at] : [];
    });
}
