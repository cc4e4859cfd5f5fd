import { accessSync, constants, type Dirent, promises as fs, type Stats, statSync } from "node:fs";
import { basename, dirname, join, sep } from "node:path";
import { configError, externalError, type MillraceError } from "../common/errors.js";
import { didYouMean, nearestNames } from "../common/nearest.js";
import type { SourceFile } from "../plan/bound.js";
import type { Schema } from "../schema/types.js";
import { globToRegExp, isGlob, literalPrefix } from "./glob.js";
import { TypeGuess } from "./text/textInfer.js";

/** The files of a source, sorted, with the columns that their `key=value` folders name. */
export interface FoundFiles {
  readonly files: readonly SourceFile[];
  readonly partitionSchema: Schema;
}

const extensions = {
  csv: [".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz"],
  jsonl: [".jsonl", ".ndjson", ".json", ".jsonl.gz", ".ndjson.gz", ".json.gz"],
  parquet: [".parquet", ".pq"],
  arrow: [".arrow", ".arrows", ".feather", ".ipc"],
} as const;

export type FileFormat = keyof typeof extensions;

const hiveNull = "__HIVE_DEFAULT_PARTITION__";

interface Hit {
  readonly path: string;
  /** Path below the folder or the glob's fixed part, where `key=value` names count. */
  readonly below: string;
}

/**
 * Finds the files that paths, globs and folders stand for. A folder gives every file of the format below it; names that begin with `.`
 * or `_` are left out. The result is sorted by code point, and a file that several paths name appears once.
 * @throws MillraceError Config/SOURCE_NOT_FOUND, SOURCE_NO_MATCH, SOURCE_EMPTY_FOLDER; External/SOURCE_UNREADABLE
 */
export async function findFiles(paths: readonly string[], format: FileFormat, declared: Schema | undefined): Promise<FoundFiles> {
  if (paths.length === 0) throw configError("SOURCE_NOT_FOUND", "a source needs at least one path");
  const hits = new Map<string, Hit>();
  for (const path of paths) for (const hit of await expand(path, format)) hits.set(hit.path, hit);
  const sorted = inOrder([...hits.values()]);
  // Files mostly share their folders.
  const folders = new Map(sorted.map(({ below }) => [below, noValues]));
  for (const below of folders.keys()) folders.set(below, new Map(folderValues(below)));
  const keys = [...new Set([...folders.values()].flatMap((values) => [...values.keys()]))];
  const files: SourceFile[] = [];
  for (const hit of sorted) files.push(await describe(hit, keys, folders.get(hit.below) ?? noValues));
  return { files, partitionSchema: partitionSchema(keys, files, declared) };
}

type FolderValues = ReadonlyMap<string, string>;
const noValues: FolderValues = new Map();

async function expand(path: string, format: FileFormat): Promise<Hit[]> {
  const stats = await statOrNull(path);
  if (stats?.isDirectory()) {
    const hits = await walk(path, "");
    const wanted = hits.filter((hit) => extensions[format].some((end) => hit.path.toLowerCase().endsWith(end)));
    if (wanted.length === 0) {
      throw configError("SOURCE_EMPTY_FOLDER", `${path} has no file that ends in ${extensions[format].join(", ")}`, {
        file: path,
        hint: `It has ${hits.length} other files. Name them with a glob if they are to be read.`,
      });
    }
    return wanted;
  }
  if (stats !== null) return [{ path, below: "" }];
  if (!isGlob(path)) throw await notFound(path);
  const root = literalPrefix(path);
  const pattern = globToRegExp(path);
  const within = (await statOrNull(root))?.isDirectory() ? await walk(root, "") : [];
  const matching = within.filter((hit) => pattern.test(portable(hit.path)));
  if (matching.length > 0) return matching;
  throw configError("SOURCE_NO_MATCH", `no file matches ${path}`, {
    file: path,
    hint: `${within.length} files stand below ${root}.`,
  });
}

async function walk(root: string, below: string): Promise<Hit[]> {
  const entries = await listing(join(root, below));
  const hits: Hit[] = [];
  for (const entry of entries) {
    if (/^[._]/.test(entry.name) && !/^__?[^=]*=/.test(entry.name)) continue;
    const inner = join(below, entry.name);
    const path = join(root, inner);
    const isLink = entry.isSymbolicLink();
    const stats = isLink ? await statOrNull(path) : null;
    if (entry.isDirectory() || stats?.isDirectory()) {
      if (!isLink) hits.push(...(await walk(root, inner)));
    } else if (entry.isFile() || stats?.isFile()) {
      hits.push({ path, below: dirname(inner) });
    }
  }
  return hits;
}

async function listing(folder: string): Promise<Dirent[]> {
  try {
    return await fs.readdir(folder, { withFileTypes: true });
  } catch (error) {
    throw unreadable(folder, error);
  }
}

/** null when nothing has that name. */
async function statOrNull(path: string): Promise<Stats | null> {
  try {
    return await fs.stat(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw unreadable(path, error);
  }
}

/** Without a wait: for thousands of files that takes longer than asking. */
async function describe(hit: Hit, keys: readonly string[], values: FolderValues): Promise<SourceFile> {
  let stats: Stats | undefined;
  try {
    stats = statSync(hit.path, { throwIfNoEntry: false });
    if (stats !== undefined) accessSync(hit.path, constants.R_OK);
  } catch (error) {
    throw unreadable(hit.path, error);
  }
  if (stats === undefined) throw await notFound(hit.path);
  const missing = keys.find((key) => !values.has(key));
  if (missing !== undefined) {
    throw configError("SOURCE_MIXED_FOLDERS", `${hit.path} stands in no folder ${missing}=…, as other files of the source do`, {
      file: hit.path,
      hint: "Read the two kinds of folder as two sources.",
    });
  }
  return {
    path: hit.path,
    bytes: stats.size,
    modifiedMs: stats.mtimeMs,
    partitionValues: keys.map((key) => {
      const value = values.get(key);
      return value === undefined || value === hiveNull ? null : value;
    }),
  };
}

/** `key=value` folders of a path, decoded. */
function folderValues(below: string): (readonly [key: string, value: string])[] {
  return below.split(sep).flatMap((name) => {
    const at = name.indexOf("=");
    return at < 1 ? [] : [[decode(name.slice(0, at)), decode(name.slice(at + 1))] as const];
  });
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A stray percent sign is part of the name.
    return text;
  }
}

function partitionSchema(keys: readonly string[], files: readonly SourceFile[], declared: Schema | undefined): Schema {
  return keys.map((name, i) => {
    const field = declared?.find((candidate) => candidate.name === name);
    if (field !== undefined) return field;
    const guess = new TypeGuess();
    for (const file of files) {
      const value = file.partitionValues[i];
      if (value !== null && value !== undefined) guess.add(value);
    }
    return { name, type: guess.type, nullable: true };
  });
}

async function notFound(path: string): Promise<MillraceError> {
  const folder = dirname(path);
  const names = await fs.readdir(folder).catch(() => null);
  const near = names === null ? [] : nearestNames(basename(path), names);
  const hint =
    names === null
      ? `The folder ${folder} does not exist either.`
      : near.length > 0
        ? didYouMean(basename(path), names)
        : `${folder} has ${names.length} entries, and none with a similar name.`;
  return configError("SOURCE_NOT_FOUND", `${path} does not exist`, { file: path, hint });
}

function unreadable(path: string, cause: unknown): MillraceError {
  const message = `${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`;
  return externalError("SOURCE_UNREADABLE", message, {
    file: path,
    cause,
    hint: "Check the permissions of the file and its folders.",
  });
}

const portable = (path: string): string => (sep === "/" ? path : path.split(sep).join("/"));

/** Order by code point: UTF-16 order differs from it where surrogates stand. */
function inOrder(hits: readonly Hit[]): Hit[] {
  const keyed = hits.map((hit) => ({ hit, key: Buffer.from(hit.path, "utf8") }));
  return keyed.sort((a, b) => Buffer.compare(a.key, b.key)).map(({ hit }) => hit);
}
