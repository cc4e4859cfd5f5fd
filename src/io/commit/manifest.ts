import path from "node:path";
import { type Schema, typeName } from "../../schema/types.js";
import type { WriteMode } from "../../plan/nodes.js";
import { type FileSystem, readText } from "../fileSystem.js";

/** A data file as the manifest lists it. `path` is relative to the target folder, with `/`. */
export interface ManifestFile {
  readonly path: string;
  readonly rows: number;
  readonly bytes: number;
  /** 8 hex digits. */
  readonly crc32: string;
  readonly partitionValues: readonly (string | null)[];
  /** The run that wrote the file. */
  readonly runId: string;
}

/** What stands at a target, written beside the data at every commit. It has no clock in it: the same run gives the same manifest. */
export interface Manifest {
  readonly version: 1;
  readonly format: string;
  readonly mode: WriteMode;
  readonly runId: string;
  readonly planFingerprint: string | null;
  readonly partitionBy: readonly string[];
  readonly schema: readonly { readonly name: string; readonly type: string; readonly nullable: boolean }[];
  readonly rows: number;
  readonly bytes: number;
  readonly files: readonly ManifestFile[];
}

/** The folder beside the data that holds manifests and staging. */
export const bookFolder = ".millrace";

/** Where the manifest of a target stands. */
export const manifestPath = (target: { readonly path: string; readonly kind: "file" | "folder" }): string =>
  target.kind === "folder"
    ? path.join(target.path, bookFolder, "manifest.json")
    : path.join(path.dirname(target.path), bookFolder, `${path.basename(target.path)}.manifest.json`);

export function makeManifest(
  head: Pick<Manifest, "format" | "mode" | "runId" | "planFingerprint" | "partitionBy">,
  schema: Schema,
  files: readonly ManifestFile[],
): Manifest {
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  return {
    version: 1,
    ...head,
    schema: schema.map(({ name, type, nullable }) => ({ name, type: typeName(type), nullable })),
    rows: sorted.reduce((sum, file) => sum + file.rows, 0),
    bytes: sorted.reduce((sum, file) => sum + file.bytes, 0),
    files: sorted,
  };
}

export const manifestText = (manifest: Manifest): string => `${JSON.stringify(manifest, null, 2)}\n`;

/** The manifest of a target; null where there is none, or one that cannot be read: the data is what counts. */
export function readManifest(
  files: FileSystem,
  target: { readonly path: string; readonly kind: "file" | "folder" },
): Manifest | null {
  const text = readText(files, manifestPath(target));
  if (text === null) return null;
  try {
    const parsed = JSON.parse(text) as Manifest;
    return parsed.version === 1 && Array.isArray(parsed.files) ? parsed : null;
  } catch {
    return null;
  }
}
