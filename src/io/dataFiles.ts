import { promises as fs } from "node:fs";
import { configError, MillraceError } from "../common/errors.js";
import { type FileFormat, findFiles } from "./files.js";

/** Files of one format, sorted: what a source with the same paths reads. */
export interface DataFiles {
  readonly format: FileFormat;
  readonly files: readonly string[];
}

const formats: readonly { readonly format: FileFormat; readonly ending: RegExp }[] = [
  { format: "csv", ending: /\.(csv|tsv|txt)(\.gz)?$/i },
  { format: "jsonl", ending: /\.(jsonl|ndjson|json)(\.gz)?$/i },
  { format: "parquet", ending: /\.(parquet|pq)$/i },
  { format: "arrow", ending: /\.(arrow|arrows|ipc|feather)$/i },
];

/**
 * Which files paths, patterns or a folder stand for, and in which format, by the first one's name; of a folder, the first format that it
 * holds.
 * @throws MillraceError Config/UNKNOWN_FILE_TYPE, SOURCE_NOT_FOUND, SOURCE_NO_MATCH; External/SOURCE_UNREADABLE
 */
export async function dataFiles(paths: readonly string[]): Promise<DataFiles> {
  const path = paths[0] ?? "";
  const named = formats.find(({ ending }) => ending.test(path));
  if (named !== undefined) return filesOf(paths, named.format);
  const folder = (await fs.stat(path).catch(() => null))?.isDirectory() === true;
  for (const { format } of folder ? formats : []) {
    try {
      return await filesOf(paths, format);
    } catch (thrown) {
      if (!(thrown instanceof MillraceError && thrown.code === "SOURCE_EMPTY_FOLDER")) throw thrown;
    }
  }
  const found = folder
    ? "no file in this folder has a name that says what it holds"
    : "the name does not say what the file holds";
  throw configError("UNKNOWN_FILE_TYPE", `${path}: ${found}`, {
    hint: "Expected a name in .csv .tsv .txt .jsonl .ndjson .parquet .arrow (text may end in .gz).",
  });
}

async function filesOf(paths: readonly string[], format: FileFormat): Promise<DataFiles> {
  const { files } = await findFiles(paths, format, undefined);
  return { format, files: files.map((file) => file.path) };
}
