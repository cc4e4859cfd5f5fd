import { closeSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import type { Batch, Column } from "../../batch/column.js";
import { sliceBatch } from "../../batch/gather.js";
import { decodeIpc } from "../../batch/ipc.js";
import { required } from "../../common/assert.js";
import { dataError, externalError, internalError } from "../../common/errors.js";
import type { ResolvedSource, SourceFile } from "../../plan/bound.js";
import type { FileSource, SourceSpec } from "../../plan/nodes.js";
import type { Schema } from "../../schema/types.js";
import type { PartitionSpec, ScanResult, ScanSpec } from "../../task/protocol.js";
import { type ArrowBlock, type ArrowFooter, endOfStream, readArrowFooter, rowsOfMessage } from "./arrowFile.js";
import type { BatchReader } from "../contracts.js";
import type { ReaderOptions } from "../parquet/parquetRead.js";
import { agreeing, declaredPart, type ResolvedFiles } from "../parquet/parquetResolve.js";
import { reading } from "../fileErrors.js";
import { together } from "../smallFiles.js";

/** An Arrow file that is open: by blocks, or (streams, which have no footer) as a whole. */
interface OpenArrow {
  readonly footer: ArrowFooter | null;
  read(from: number, to: number): Uint8Array;
  close(): void;
}

/** @throws MillraceError External/SOURCE_CHANGED, Data/ARROW_UNREADABLE */
function openArrowFile(file: SourceFile): OpenArrow {
  const fd = reading(file.path, () => openSync(file.path, "r"));
  const close = () => closeSync(fd);
  const read = (from: number, to: number): Uint8Array => {
    const bytes = new Uint8Array(to - from);
    let at = 0;
    while (at < bytes.length) {
      const got = reading(file.path, () => readSync(fd, bytes, at, bytes.length - at, from + at));
      if (got === 0) break;
      at += got;
    }
    return bytes.subarray(0, at);
  };
  try {
    const { size } = reading(file.path, () => fstatSync(fd));
    if (size !== file.bytes) {
      throw externalError("SOURCE_CHANGED", `${file.path} had ${file.bytes} bytes when the run began and has ${size} now`, {
        file: file.path,
        hint: "Do not change input files while a run reads them.",
      });
    }
    const isFile = Buffer.from(read(0, Math.min(6, size))).toString("latin1") === "ARROW1";
    return { footer: isFile ? readArrowFooter(file.path, size, read) : null, read, close };
  } catch (thrown) {
    close();
    throw thrown;
  }
}

/** A stream of some of a file's blocks: schema, every dictionary, then the blocks. */
function streamOf(arrow: OpenArrow, { schema, dictionaries }: ArrowFooter, blocks: readonly ArrowBlock[]): Uint8Array {
  const parts = [...dictionaries, ...blocks].map((b) => arrow.read(b.offset, b.offset + b.metadataBytes + b.bodyBytes));
  return Buffer.concat([schema, ...parts, endOfStream]);
}

/**
 * Reads the schema of every Arrow IPC file or stream, and counts rows where that needs no reading of data (files, not streams).
 * @throws MillraceError Data/ARROW_UNREADABLE, UNSUPPORTED_ARROW_TYPE, SCHEMA_MISMATCH
 */
export async function resolveArrow(spec: SourceSpec & FileSource, files: readonly SourceFile[]): Promise<ResolvedFiles> {
  const [first] = files;
  if (first === undefined) throw internalError("a source without files was resolved");
  let schema: Schema = [];
  let rows: number | null = 0;
  for (const [i, file] of files.entries()) {
    const found = describe(file);
    rows = rows === null || found.rows === null ? null : rows + found.rows;
    const own = declaredPart(
      found.schema,
      spec.schema,
      file.path,
      found.schema.map((field) => field.name),
    );
    schema = i === 0 ? own : agreeing(schema, own, first.path, file.path);
  }
  return { schema, rows };
}

function describe(file: SourceFile): { readonly schema: Schema; readonly rows: number | null } {
  const arrow = openArrowFile(file);
  try {
    const { footer } = arrow;
    if (footer === null) return { schema: decodeIpc(readFileSync(file.path), file.path).schema, rows: null };
    const rows = footer.batches.reduce((sum, b) => sum + rowsOfMessage(arrow.read(b.offset, b.offset + b.metadataBytes)), 0);
    return { schema: decodeIpc(streamOf(arrow, footer, []), file.path).schema, rows };
  } finally {
    arrow.close();
  }
}

const allBatches = { first: 0, count: Number.MAX_SAFE_INTEGER };

/** Cuts files into partitions of neighbouring record batches of about `targetBytes`; a stream is one partition. See `together` for small files. */
export async function planArrow({ files }: ResolvedSource, targetBytes: number): Promise<PartitionSpec[]> {
  const parts = files.map((file, index): PartitionSpec[] => {
    const arrow = openArrowFile(file);
    try {
      const { footer } = arrow;
      if (footer === null) return [{ kind: "batches", file: index, ...allBatches, firstRow: 0 }];
      return planBlocks(arrow, footer.batches, index, targetBytes);
    } finally {
      arrow.close();
    }
  });
  return together(files, parts, targetBytes);
}

function planBlocks(arrow: OpenArrow, blocks: readonly ArrowBlock[], file: number, targetBytes: number): PartitionSpec[] {
  const parts: PartitionSpec[] = [];
  let first = 0;
  let firstRow = 0;
  let bytes = 0;
  let row = 0;
  blocks.forEach((block, i) => {
    bytes += block.metadataBytes + block.bodyBytes;
    row += rowsOfMessage(arrow.read(block.offset, block.offset + block.metadataBytes));
    if (bytes < targetBytes && i < blocks.length - 1) return;
    parts.push({ kind: "batches", file, first, count: i + 1 - first, firstRow });
    first = i + 1;
    firstRow = row;
    bytes = 0;
  });
  return parts;
}

/** Delivers record batches of one file. */
export async function openArrow(scan: ScanSpec, part: PartitionSpec, options: ReaderOptions): Promise<BatchReader> {
  if (part.kind !== "batches" && part.kind !== "wholeFile")
    throw internalError(`an Arrow file was asked for a partition of ${part.kind}`);
  const file = required(scan.source.files[part.file], "file of the partition");
  const { first, count } = part.kind === "wholeFile" ? allBatches : part;
  return new ArrowReader(scan.schema, file, first, count, options.batchRows);
}

class ArrowReader implements BatchReader {
  readonly #schema: Schema;
  readonly #file: SourceFile;
  readonly #batchRows: number;
  readonly #arrow: OpenArrow;
  readonly #blocks: ArrowBlock[];
  #stream: boolean;
  #ready: Batch[] = [];
  #rows = 0;
  #bytes = 0;
  #open = true;

  constructor(schema: Schema, file: SourceFile, first: number, count: number, batchRows: number) {
    this.#schema = schema;
    this.#file = file;
    this.#batchRows = batchRows;
    this.#arrow = openArrowFile(file);
    this.#stream = this.#arrow.footer === null;
    this.#blocks = this.#arrow.footer?.batches.slice(first, first + count) ?? [];
  }

  next(): Batch | null {
    for (;;) {
      const batch = this.#ready.shift();
      if (batch !== undefined) {
        this.#rows += batch.length;
        return batch;
      }
      const bytes = this.#nextBytes();
      if (bytes === null) return null;
      this.#bytes += bytes.length;
      this.#ready = decodeIpc(bytes, this.#file.path).batches.flatMap((decoded) => this.#deliver(decoded));
    }
  }

  #nextBytes(): Uint8Array | null {
    if (this.#stream) {
      this.#stream = false;
      return readFileSync(this.#file.path);
    }
    const block = this.#blocks.shift();
    const { footer } = this.#arrow;
    return block === undefined || footer === null ? null : streamOf(this.#arrow, footer, [block]);
  }

  #deliver(decoded: Batch): Batch[] {
    const columns = this.#schema.map((field): Column => {
      const at = decoded.schema.findIndex((own) => own.name === field.name);
      const column = decoded.columns[at];
      if (column !== undefined) return column;
      throw dataError("SCHEMA_MISMATCH", `${this.#file.path}: the file has no column ${JSON.stringify(field.name)}`, {
        file: this.#file.path,
        column: field.name,
      });
    });
    const place = { file: this.#file.path, line: null, byte: null, length: null };
    const origin = { place: () => place, raw: () => null };
    const batch: Batch = { schema: this.#schema, length: decoded.length, columns, selection: null, origin };
    const batches: Batch[] = [];
    for (let from = 0; from < batch.length; from += this.#batchRows)
      batches.push(sliceBatch(batch, from, from + this.#batchRows));
    return batches;
  }

  result(): ScanResult {
    return { rows: this.#rows, rejected: 0, bytes: this.#bytes, start: null, end: null, lines: 0 };
  }

  close(): void {
    if (this.#open) this.#arrow.close();
    this.#open = false;
  }
}
