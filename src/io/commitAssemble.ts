import path from "node:path";
import { crc32 } from "node:zlib";
import { assertNever, required } from "../common/assert.js";
import { internalError } from "../common/errors.js";
import type { SinkSpec } from "../plan/nodes.js";
import type { Schema } from "../schema/types.js";
import type { FileWritten } from "../task/protocol.js";
import { type ArrowBlock, arrowFooter, arrowMagic, readArrowFooter, schemaMessage } from "./arrowFile.js";
import type { Target } from "./commitTarget.js";
import { killPoint } from "./killPoint.js";
import { encodeFooterLike, type Footer, magic, readFooter, type RowGroup, shiftRowGroup } from "./parquetFooter.js";
import { encodeThrift, numberField, structsField } from "./parquetThrift.js";
import { csvHeader, csvSinkOptions } from "./sinkCsv.js";
import { crc32After, crc32Before } from "./sinkChecksum.js";
import { type FileSystem, fileError, nodeFileSystem } from "./sinkFileSystem.js";
import { OutputFile, type OutputSummary } from "./sinkOutput.js";
import { comparePartitions, partitionFolder } from "./sinkPartition.js";
import { extensions, fileSchema, openFile } from "./sinks.js";

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

const copyBytes = 1 << 20;

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
): Promise<Staged> {
  const columns = fileSchema(target.sink, schema);
  const folder = path.join(target.staging, "files");
  files.removeTree(folder);
  files.makeFolder(folder);
  const staged: StagedFile[] = [];
  for (const { values, parts } of groupFragments(target.sink, fragments)) {
    const relative = [
      ...values.map((value, i) => partitionFolder(target.sink.partitionBy[i] as string, value)),
      fileName(target),
    ];
    // Where the target is already there, readers may look for files of its format below it, hidden folders included.
    const file = path.join(folder, ...relative) + (target.layout === "inPlace" ? ".staged" : "");
    files.makeFolder(path.dirname(file));
    const summary = await assembleFile(target.sink, columns, parts, file, files);
    const rows = parts.reduce((sum, part) => sum + part.rows, 0);
    staged.push({ path: relative.join("/"), staged: file, rows, partitionValues: values, ...summary });
    killPoint("file-staged");
  }
  return { schema, files: staged, rows: staged.reduce((sum, file) => sum + file.rows, 0) };
}

function fileName(target: Target): string {
  if (target.kind === "file") return path.basename(target.path);
  if (target.sink.format === "duckdb") throw internalError("a duckdb sink has no files");
  const extension = extensions[target.sink.format];
  return target.sink.mode === "append" ? `part-${target.runId}.${extension}` : `part-00000.${extension}`;
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
): Promise<OutputSummary> {
  const [only] = parts;
  if (only === undefined) return openFile(sink, schema, file, { files, fsync: true }).finish();
  if (parts.length === 1) {
    files.link(only.path, file);
    syncFile(files, file);
    return { bytes: only.bytes, checksum: only.checksum };
  }
  const output = new OutputFile(file, { files });
  try {
    merge(sink, schema, parts, output, files);
    await output.settle();
    return output.finish();
  } catch (thrown) {
    output.abort();
    throw thrown;
  }
}

/** Fragments do not wait for the disk when they are written: a linked one does so here. */
function syncFile(files: FileSystem, file: string): void {
  const fd = files.open(file, "read");
  try {
    files.fsync(fd);
  } catch (thrown) {
    throw fileError(thrown, "sync", file);
  } finally {
    files.close(fd);
  }
}

function merge(sink: SinkSpec, schema: Schema, parts: readonly FileWritten[], output: OutputFile, files: FileSystem): void {
  switch (sink.format) {
    case "parquet":
      mergeParquet(parts, output, files);
      return;
    case "csv": {
      const header = csvHeader(schema, csvSinkOptions(sink.options));
      output.write([header]);
      for (const part of parts) appendAfter(part, header, output);
      return;
    }
    case "jsonl":
      for (const part of parts) output.append(part.path, 0, part.bytes, checksumOf(part));
      return;
    case "arrow":
      mergeArrow(schema, parts, output, files);
      return;
    case "duckdb":
      throw internalError("a duckdb sink has no files");
    default:
      assertNever(sink.format, "sink format");
  }
}

// The checksum of a merged file is computed from those that its fragments had when they were written: bytes that change on the disk
// before they are copied do not become the right ones by that.
const checksumOf = (part: FileWritten): number => Number.parseInt(part.checksum, 16);

/** Appends what follows the bytes that a fragment begins with. */
function appendAfter(part: FileWritten, head: Uint8Array, output: OutputFile): void {
  const length = part.bytes - head.length;
  output.append(part.path, head.length, part.bytes, crc32After(checksumOf(part), crc32(head), length));
}

/** Row groups are copied as they are; only their offsets in the footer change. */
function mergeParquet(parts: readonly FileWritten[], output: OutputFile, files: FileSystem): void {
  output.write([magic]);
  const groups: RowGroup[] = [];
  let first: Footer | null = null;
  for (const part of parts) {
    const footer = readFooter(files, part.path);
    first ??= footer;
    if (schemaChecksum(footer) !== schemaChecksum(first)) throw internalError(`the fragment ${part.path} has another schema`);
    const shift = output.bytes - magic.length;
    const tail = part.bytes - footer.dataEnd;
    const head = crc32Before(checksumOf(part), footer.tailChecksum, tail);
    const data = crc32After(head, crc32(magic), footer.dataEnd - magic.length);
    output.append(part.path, magic.length, footer.dataEnd, data);
    for (const group of footer.rowGroups) if ((numberField(group, 3) ?? 0) > 0) groups.push(shiftRowGroup(group, shift));
  }
  output.write([encodeFooterLike(required(first, "fragment").metadata, groups)]);
}

function schemaChecksum(footer: Footer): number {
  return structsField(footer.metadata, 2).reduce((crc, fields) => crc32(encodeThrift({ kind: "struct", fields }), crc), 0);
}

/** Copies bytes of a fragment. @throws MillraceError Internal when it is shorter than it was */
function copyRange(from: string, start: number, end: number, output: OutputFile, files: FileSystem): void {
  const fd = files.open(from, "read");
  try {
    const buffer = new Uint8Array(Math.min(copyBytes, Math.max(0, end - start)));
    for (let at = start; at < end; ) {
      const chunk = buffer.subarray(0, Math.min(buffer.length, end - at));
      const got = files.read(fd, chunk, at);
      if (got === 0) throw internalError(`the fragment ${from} ends at ${at} instead of ${end}`);
      output.write([chunk.subarray(0, got)]);
      at += got;
    }
  } finally {
    files.close(fd);
  }
}

/** Record batches are copied as they are, behind one schema. */
function mergeArrow(schema: Schema, parts: readonly FileWritten[], output: OutputFile, files: FileSystem): void {
  output.write([arrowMagic, schemaMessage(schema)]);
  const blocks: ArrowBlock[] = [];
  for (const part of parts) {
    for (const block of arrowBlocks(files, part)) {
      const end = block.offset + block.metadataBytes + block.bodyBytes;
      blocks.push({ ...block, offset: output.bytes });
      copyRange(part.path, block.offset, end, output, files);
    }
  }
  output.write([arrowFooter(schema, blocks)]);
}

function arrowBlocks(files: FileSystem, part: FileWritten): readonly ArrowBlock[] {
  const fd = files.open(part.path, "read");
  try {
    const read = (from: number, to: number) => {
      const into = new Uint8Array(to - from);
      return into.subarray(0, files.read(fd, into, from));
    };
    return readArrowFooter(part.path, part.bytes, read).batches;
  } finally {
    files.close(fd);
  }
}
