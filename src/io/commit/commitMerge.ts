import { assertNever } from "../../common/assert.js";
import { internalError } from "../../common/errors.js";
import type { SinkSpec } from "../../plan/nodes.js";
import { crc32 } from "../../runtime/safety.js";
import type { Schema } from "../../schema/types.js";
import type { FileWritten } from "../../task/protocol.js";
import { type ArrowBlock, arrowFooter, arrowMagic, readArrowFooter, schemaMessage } from "../arrow/arrowFile.js";
import { fragmentDamaged } from "../fileErrors.js";
import {
  encodeFooter,
  encodeFooterLike,
  type Footer,
  type FooterGroup,
  groupAsRead,
  groupsAsWritten,
  magic,
  readFooter,
  shiftRowGroup,
} from "../parquet/parquetFooter.js";
import { leavesOf } from "../parquet/parquetLeaves.js";
import { encodeThrift, numberField, structsField } from "../parquet/parquetThrift.js";
import { parquetOptions } from "../parquet/parquetWrite.js";
import { crc32After, crc32Before } from "../sink/sinkChecksum.js";
import { csvHeader, csvSinkOptions } from "../sink/sinkCsv.js";
import type { FileSystem } from "../fileSystem.js";
import type { OutputFile } from "../sink/sinkOutput.js";

const copyBytes = 1 << 20;

/** Puts fragments, one after the other, into one file. */
export interface Merger {
  add(part: FileWritten): void;
  /** Writes what stands at the file's end. */
  end(): void;
}

const noEnd = (): void => undefined;

export function mergerOf(sink: SinkSpec, schema: Schema, output: OutputFile, files: FileSystem): Merger {
  switch (sink.format) {
    case "parquet":
      return parquetMerger(sink, schema, output, files);
    case "csv": {
      const header = csvHeader(schema, csvSinkOptions(sink.options));
      output.writeHead(header);
      return { add: (part) => append(output, dataOf(part, header)), end: noEnd };
    }
    case "jsonl":
      return { add: (part) => append(output, dataOf(part, noHead)), end: noEnd };
    case "arrow":
      return arrowMerger(schema, output, files);
    case "duckdb":
      throw internalError("a duckdb sink has no files");
    default:
      return assertNever(sink.format, "sink format");
  }
}

// The checksum of a merged file is computed from those that its fragments had when they were written: bytes that change on the disk
// before they are copied do not become the right ones by that.
export const checksumOf = (part: FileWritten): number => Number.parseInt(part.checksum, 16);

const noHead = new Uint8Array(0);

/** What stands between the head and the tail of a fragment, wherever that is. */
interface FragmentData {
  readonly path: string;
  readonly start: number;
  readonly end: number;
  readonly crc: number;
  readonly stamp?: string;
}

/** `headAndData`: crc32 of all bytes before `end`. */
function dataOf(
  part: FileWritten,
  head: Uint8Array,
  end: number = part.bytes,
  headAndData: number = checksumOf(part),
): FragmentData {
  const { path, within } = part;
  const stamped = part.stamp === undefined ? {} : { stamp: part.stamp };
  if (within !== undefined) {
    return { path: within.path, start: within.start, end: within.start + part.bytes, crc: checksumOf(part), ...stamped };
  }
  const crc = crc32After(headAndData, crc32(head), end - head.length);
  return { path, start: head.length, end, crc, ...stamped };
}

/** Appends bytes, unless their task has written them there itself. */
function append(output: OutputFile, { path, start, end, crc, stamp }: FragmentData): void {
  if (path !== output.path) output.append(path, start, end, crc, stamp);
  else if (start === output.bytes) output.adopt(end - start, crc);
  else throw internalError(`bytes ${start} to ${end} of ${path} stand where byte ${output.bytes} is to be`);
}

/** Row groups are copied as they are; only their offsets in the footer change. */
function parquetMerger(sink: SinkSpec, schema: Schema, output: OutputFile, files: FileSystem): Merger {
  output.writeHead(magic);
  const groups: FooterGroup[] = [];
  let first: Footer | null = null;
  const add = (part: FileWritten): void => {
    if (part.within !== undefined) {
      const { compression } = parquetOptions(sink.options);
      groups.push(...groupsAsWritten(leavesOf(schema), part.within.rowGroups ?? [], output.bytes, compression));
      append(output, dataOf(part, magic));
      return;
    }
    const footer = readFooter(files, part.path);
    first ??= footer;
    if (schemaChecksum(footer) !== schemaChecksum(first)) throw fragmentDamaged(part.path, "it has another schema");
    const shift = output.bytes - magic.length;
    const tail = part.bytes - footer.dataEnd;
    append(output, dataOf(part, magic, footer.dataEnd, crc32Before(checksumOf(part), footer.tailChecksum, tail)));
    for (const group of footer.rowGroups)
      if ((numberField(group, 3) ?? 0) > 0) groups.push(groupAsRead(shiftRowGroup(group, shift)));
  };
  const footer = () =>
    first === null ? encodeFooter(schema, leavesOf(schema).length, groups) : encodeFooterLike(first.metadata, groups);
  return { add, end: () => output.write([footer()]) };
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
      if (got === 0) throw fragmentDamaged(from, `it ends at byte ${at} instead of ${end}`);
      output.write([chunk.subarray(0, got)]);
      at += got;
    }
  } finally {
    files.close(fd);
  }
}

/** Record batches are copied as they are, behind one schema. */
function arrowMerger(schema: Schema, output: OutputFile, files: FileSystem): Merger {
  output.write([arrowMagic, schemaMessage(schema)]);
  const blocks: ArrowBlock[] = [];
  const add = (part: FileWritten): void => {
    for (const block of arrowBlocks(files, part)) {
      const end = block.offset + block.metadataBytes + block.bodyBytes;
      blocks.push({ ...block, offset: output.bytes });
      copyRange(part.path, block.offset, end, output, files);
    }
  };
  return { add, end: () => output.write([arrowFooter(schema, blocks)]) };
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
