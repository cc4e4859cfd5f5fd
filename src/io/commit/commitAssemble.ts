import path from "node:path";
import { MillraceError } from "../../common/errors.js";
import { inLanes } from "../../common/lanes.js";
import type { SinkSpec } from "../../plan/nodes.js";
import { checksums, crc32 } from "../../runtime/safety.js";
import type { Schema } from "../../schema/types.js";
import type { FileWritten } from "../../task/protocol.js";
import type { BegunFile, EarlyFile } from "./commitEarly.js";
import { checksumOf, type Merger, mergerOf } from "./commitMerge.js";
import { ownerKept } from "./commitOwner.js";
import { clearStaged, fileName, stagedPath } from "./commitStaged.js";
import type { Target } from "./commitTarget.js";
import { breath } from "../fileCopy.js";
import { fileError, fragmentDamaged } from "../fileErrors.js";
import { killPoint } from "../killPoint.js";
import { type FileSystem, fileLanes, nodeFileSystem, syncFile } from "../fileSystem.js";
import { OutputFile, type OutputSummary } from "../sink/sinkOutput.js";
import { comparePartitions, partitionFolder } from "../sink/sinkPartition.js";
import { fileSchema, openFile } from "../sink/sinks.js";

/** A file that is ready to be published. `path` is relative to the target folder (for a file target: its name), with `/`. */
export interface StagedFile {
  readonly path: string;
  readonly staged: string;
  readonly rows: number;
  readonly bytes: number;
  readonly checksum: string;
  readonly partitionValues: readonly (string | null)[];
}

/** All files of a target, staged. */
export interface Staged {
  readonly schema: Schema;
  readonly files: readonly StagedFile[];
  readonly rows: number;
}

/**
 * Merges fragments, given in the order of tasks, into one file for every partition (one in all without `partitionBy`, also when there are
 * no rows). Rows keep the order of the fragments. `schema` is that of the rows, with the partition columns. The fragments stay as they
 * are, so that this can be done again after a crash.
 */
export async function assemble(
  target: Target,
  schema: Schema,
  fragments: readonly FileWritten[],
  files: FileSystem = nodeFileSystem,
  early: EarlyFile | null = null,
): Promise<Staged> {
  const columns = fileSchema(target.sink, schema);
  const failure = await ownerKept(target.staging);
  if (failure !== null) throw failure;
  const begun = (await early?.take(fragments)) ?? null;
  try {
    clearStaged(target, files);
    // Several at a time: waiting for the disk is most of it where there are many files.
    const staged = await inLanes(groupFragments(target.sink, fragments), fileLanes, async ({ values, parts }) => {
      const relative = [
        ...values.map((value, i) => partitionFolder(target.sink.partitionBy[i] as string, value)),
        fileName(target),
      ];
      const file = stagedPath(target, relative);
      files.makeFolder(path.dirname(file));
      const summary = await assembleFile(target.sink, columns, parts, file, files, begun);
      const rows = parts.reduce((sum, part) => sum + part.rows, 0);
      killPoint("file-staged");
      return { path: relative.join("/"), staged: file, rows, partitionValues: values, ...summary };
    });
    return { schema, files: staged, rows: staged.reduce((sum, file) => sum + file.rows, 0) };
  } finally {
    begun?.output.close();
  }
}

interface Group {
  readonly values: readonly (string | null)[];
  readonly parts: FileWritten[];
}

function groupFragments(sink: SinkSpec, fragments: readonly FileWritten[]): Group[] {
  const filled = fragments.filter((fragment) => fragment.rows > 0);
  if (sink.partitionBy.length === 0) return [{ values: [], parts: filled }];
  const groups = new Map<string, Group>();
  for (const fragment of filled) {
    const values = fragment.partitionValues;
    // JSON keeps texts, null and the borders between values apart.
    const key = JSON.stringify(values);
    const group = groups.get(key) ?? { values, parts: [] };
    group.parts.push(fragment);
    groups.set(key, group);
  }
  return [...groups.values()].sort((a, b) => comparePartitions(a.values, b.values));
}

async function assembleFile(
  sink: SinkSpec,
  schema: Schema,
  parts: readonly FileWritten[],
  file: string,
  files: FileSystem,
  begun: BegunFile | null,
): Promise<OutputSummary> {
  const [only] = parts;
  if (only === undefined) {
    const { bytes, checksum } = openFile(sink, schema, file, { files, fsync: true }).finish();
    return { bytes, checksum };
  }
  if (parts.length === 1 && only.within === undefined) {
    files.link(only.path, file);
    await syncFragment(files, file, only);
    return { bytes: only.bytes, checksum: only.checksum };
  }
  if (begun !== null) return assembleShared(begun, parts, file, files);
  const output = new OutputFile(file, { files });
  try {
    await addAll(output, mergerOf(sink, schema, output, files), parts);
    return await output.finishSoon();
  } catch (thrown) {
    output.abort();
    throw ofFragment(thrown);
  }
}

/** What tasks have written stays where it is, for whoever goes on after a crash: the staged file is another name of theirs. */
async function assembleShared(
  { output, merger, parts: there }: BegunFile,
  parts: readonly FileWritten[],
  file: string,
  files: FileSystem,
): Promise<OutputSummary> {
  try {
    await addAll(output, merger, parts.slice(there));
    output.cut();
    const summary = await output.finishSoon();
    files.link(output.path, file);
    // A second name has nothing to wait for; a copy, where the file system knows no second names, has.
    await syncFile(files, file);
    return summary;
  } catch (thrown) {
    throw ofFragment(thrown);
  }
}

async function addAll(output: OutputFile, merger: Merger, parts: readonly FileWritten[]): Promise<void> {
  for (const part of parts) merger.add(part);
  merger.end();
  await output.settle();
}

/** What a reader says of a fragment: the fault of whoever changed it, and not of anybody's data. */
function ofFragment(thrown: unknown): unknown {
  const isDamage = thrown instanceof MillraceError && /^(?:PARQUET|ARROW|SOURCE)_/.test(thrown.code);
  return isDamage && thrown.place.file !== undefined ? fragmentDamaged(thrown.place.file, thrown.message) : thrown;
}

/** Fragments do not wait for the disk when they are written: a linked one does so here, and is looked at once more. */
async function syncFragment(files: FileSystem, file: string, fragment: FileWritten): Promise<void> {
  const fd = files.open(file, "read");
  try {
    await syncLinked(files, fd, file, fragment);
    if (checksums && (await checksumOfFile(files, fd)).crc !== checksumOf(fragment)) {
      throw fragmentDamaged(fragment.path, "its bytes have another checksum");
    }
  } catch (thrown) {
    throw fileError(thrown, "sync", file);
  } finally {
    files.close(fd);
  }
}

/**
 * What the disk refused once, the system may show as it was and count as written: a second flush would go well and say nothing. Without the fragment, its
 * task is done again.
 */
async function syncLinked(files: FileSystem, fd: number, file: string, fragment: FileWritten): Promise<void> {
  try {
    await files.startSync(fd);
  } catch (thrown) {
    for (const name of [file, fragment.path]) files.removeFile(name);
    throw thrown;
  }
}

const checkBytes = 1 << 18;
/** Nothing is left in it when others have their turn. */
let checkBuffer: Uint8Array | null = null;

/** Length and crc32 of the bytes `start..end` of an open file, or of those up to its end. Others have their turn meanwhile. */
export async function checksumOfFile(
  files: FileSystem,
  fd: number,
  start = 0,
  end = Number.POSITIVE_INFINITY,
): Promise<{ readonly bytes: number; readonly crc: number }> {
  let crc = 0;
  for (let at = start; ; ) {
    checkBuffer ??= new Uint8Array(checkBytes);
    const some = checkBuffer.subarray(0, Math.min(checkBytes, end - at));
    const got = files.read(fd, some, at);
    crc = crc32(some.subarray(0, got), crc);
    at += got;
    if (got < checkBytes) return { bytes: at - start, crc };
    if ((at - start) % (8 * checkBytes) === 0) await breath();
  }
}
