import { closeSync, fstatSync, openSync, readSync, type Stats, statSync } from "node:fs";
import { type Batch, type Column, rowCount } from "../../batch/column.js";
import { sliceBatch } from "../../batch/gather.js";
import { required } from "../../common/assert.js";
import { dataError, externalError, internalError, MillraceError } from "../../common/errors.js";
import type { SourceFile } from "../../plan/bound.js";
import type { Schema } from "../../schema/types.js";
import type { PartitionSpec, ScanResult, ScanSpec } from "../../task/protocol.js";
import type { BatchReader, RejectSink, ScanFilter } from "../contracts.js";
import { checkPages } from "./parquetChecksum.js";
import { chunkRoom } from "./parquetChunkRoom.js";
import { ColumnRoom } from "./parquetColumnRoom.js";
import { convertColumn } from "./parquetConvert.js";
import { type Footer, readFooter } from "./parquetFooter.js";
import { type FileColumn, fileColumns, inFile, reasonOf } from "./parquetReadSchema.js";
import { mismatch } from "./parquetResolve.js";
import { type ColumnChunks, type DecodedRows, decodeRowGroup, pagesOf } from "./parquetRowGroup.js";
import { passedOver, RowGroupFilter } from "./parquetRowGroupFilter.js";
import { numberField, structsField, type ThriftStruct } from "./parquetThrift.js";
import { reading } from "../fileErrors.js";
import { nodeFileSystem } from "../fileSystem.js";

export interface ReaderOptions {
  readonly batchRows: number;
  readonly reject: RejectSink;
  readonly partition: number;
  readonly where?: ScanFilter | null;
  /** Whether batches must stay what they are after the next one and the end. */
  readonly keeps?: boolean;
}

/** Delivers row groups of one file, or all of it. Files must still be what they were when the source was resolved. */
export async function openParquet(scan: ScanSpec, part: PartitionSpec, options: ReaderOptions): Promise<BatchReader> {
  if (part.kind !== "rowGroups" && part.kind !== "wholeFile")
    throw internalError(`a Parquet file was asked for a partition of ${part.kind}`);
  const file = required(scan.source.files[part.file], "file of the partition");
  const reader = new ParquetReader(scan, file, part.kind === "wholeFile" ? null : part.groups, options);
  if (options.where != null) await reader.passOver(options.where);
  return reader;
}

/** The file that this thread has read last: its tasks read neighbouring parts of one, and a footer can be as long as what they read. */
let last: { readonly path: string; readonly stats: Stats; readonly footer: Footer } | null = null;

function footerOf(path: string): Footer {
  const stats = statSync(path, { throwIfNoEntry: false });
  const isSame = (known: Stats) => stats?.size === known.size && stats.mtimeMs === known.mtimeMs && stats.ino === known.ino;
  if (last?.path === path && isSame(last.stats)) return last.footer;
  const footer = readFooter(nodeFileSystem, path);
  last = stats === undefined ? null : { path, stats, footer };
  return footer;
}

class ParquetReader implements BatchReader {
  readonly keeps: boolean;
  /** null where batches stay what they are. */
  readonly #memory: ColumnRoom | null;
  readonly #file: string;
  readonly #schema: Schema;
  readonly #columns: readonly FileColumn[];
  readonly #footer: Footer;
  readonly #groups: readonly number[];
  readonly #batchRows: number;
  readonly #fd: number;
  #next = 0;
  #ready: Batch[] = [];
  #rows = 0;
  #filtered = 0;
  #bytes = 0;
  #open = true;
  #filter: RowGroupFilter | null = null;

  /** `groups`: null for all. */
  constructor(scan: ScanSpec, file: SourceFile, groups: readonly number[] | null, { batchRows, keeps = false }: ReaderOptions) {
    this.keeps = keeps;
    this.#file = file.path;
    this.#schema = scan.schema;
    this.#batchRows = batchRows;
    this.#footer = footerOf(file.path);
    this.#groups = groups ?? this.#footer.rowGroups.map((_, i) => i);
    const names = new Set(scan.schema.map((field) => field.name));
    const found = inFile(file.path, () => fileColumns(this.#footer, file.path, names));
    this.#columns = scan.schema.map((field) => {
      const column = found.find((candidate) => candidate.name === field.name);
      if (column === undefined)
        throw mismatch(file.path, field.name, `the file has no column ${JSON.stringify(field.name)} any more`);
      return column;
    });
    this.#fd = reading(file.path, () => openSync(file.path, "r"));
    this.#memory = keeps ? null : new ColumnRoom();
    try {
      this.#requireSame(file);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** From now on rows are left out that do not meet a condition. */
  async passOver(where: ScanFilter): Promise<void> {
    this.#filter = await RowGroupFilter.of(where, this.#schema, this.#columns, this.#footer);
  }

  get filtered(): number {
    return this.#filtered;
  }

  #requireSame(file: SourceFile): void {
    const size = reading(file.path, () => fstatSync(this.#fd).size);
    if (size !== file.bytes) {
      throw externalError("SOURCE_CHANGED", `${file.path} had ${file.bytes} bytes when the run began and has ${size} now`, {
        file: file.path,
        hint: "Do not change input files while a run reads them.",
      });
    }
  }

  next(): Batch | null {
    for (;;) {
      const batch = this.#ready.shift();
      if (batch !== undefined) {
        this.#rows += batch.length;
        this.#filtered += batch.length - rowCount(batch);
        return batch;
      }
      const group = this.#groups[this.#next++];
      if (group === undefined) return null;
      this.#ready = this.#readGroup(group);
    }
  }

  #readGroup(index: number): Batch[] {
    this.#memory?.reuse();
    const group = required(this.#footer.rowGroups[index], "row group");
    const rows = inFile(this.#file, () => numberField(group, 3) ?? 0);
    const whole: Batch = { schema: this.#schema, length: rows, columns: [], selection: null, origin: this.#origin };
    if (rows > 0 && this.#filter !== null && inFile(this.#file, () => this.#filter?.isOut(group))) return [passedOver(whole)];
    if (this.#columns.length === 0) return this.#cut(whole);
    try {
      return this.#filter?.triesFirst ? this.#tryFirst(this.#filter, group, index, rows) : this.#readWhole(group, index, rows);
    } catch (thrown) {
      throw this.#corrupt(index, group, thrown);
    }
  }

  #readWhole(group: ThriftStruct, index: number, rows: number): Batch[] {
    const parts = this.#decode(group, index, this.#columns, rows);
    return parts.flatMap((part) => this.#cut(this.#batch(part, this.#schema)));
  }

  /** Decodes the columns of the condition, and the others only if there is a row that meets it. */
  #tryFirst(filter: RowGroupFilter, group: ThriftStruct, index: number, rows: number): Batch[] {
    const of = (places: readonly number[]) => places.map((place) => required(this.#columns[place], "column"));
    const [tested, ...moreTested] = this.#decode(group, index, of(filter.first), rows);
    if (tested === undefined || moreTested.length > 0) {
      filter.giveUp();
      return this.#readWhole(group, index, rows);
    }
    const live = this.#cut(this.#batch(tested, filter.schema)).map((batch) => filter.live(batch));
    const isAny = live.some((selection) => selection === null || selection.length > 0);
    filter.note(isAny);
    if (!isAny) return [passedOver(this.#batch(tested, this.#schema))];
    const rest = this.#columns.flatMap((_, place) => (filter.first.includes(place) ? [] : [place]));
    const [others, ...moreOthers] = this.#decode(group, index, of(rest), rows);
    if (others === undefined || moreOthers.length > 0) {
      filter.giveUp();
      return this.#readWhole(group, index, rows);
    }
    const columns: Column[] = [];
    for (const [i, place] of filter.first.entries()) columns[place] = required(tested.columns[i], "column");
    for (const [i, place] of rest.entries()) columns[place] = required(others.columns[i], "column");
    return this.#cut(this.#batch({ columns, length: rows }, this.#schema)).map((batch, i) => {
      const selection = live[i] ?? null;
      return selection?.length === 0 ? passedOver(batch) : { ...batch, selection };
    });
  }

  /** Decodes columns of a row group; nothing else of the file is read. */
  #decode(group: ThriftStruct, index: number, columns: readonly FileColumn[], rows: number): readonly DecodedRows[] {
    const chunks = structsField(group, 1);
    const wanted = columns.map((column) => ({
      column,
      chunks: Array.from({ length: column.leaves }, (_, i) => required(chunks[column.firstLeaf + i], "column chunk")),
    }));
    const room = chunkRoom(wanted.flatMap((one) => one.chunks.map((chunk) => this.#sizeOf(chunk))).reduce((a, b) => a + b, 0));
    let at = 0;
    const read = wanted.map((one): ColumnChunks => {
      const bytes = one.chunks.map((chunk) => {
        const from = at;
        at += this.#sizeOf(chunk);
        return this.#readChunk(chunk, room.subarray(from, at), index, one.column.name);
      });
      return { ...one, bytes };
    });
    const parts = decodeRowGroup(read, rows, this.#batchRows, this.#file, this.#memory);
    const total = parts.reduce((sum, part) => sum + part.length, 0);
    if (total !== rows) throw this.#corruptError(index, `it holds ${total} rows where the metadata says ${rows}`);
    return parts.map(({ columns: own, length }) => ({
      columns: own.map((column, i) => convertColumn(column, required(columns[i], "column").conversion)),
      length,
    }));
  }

  /** Bytes of a chunk; 0 where they are not all in the file. */
  #sizeOf(chunk: ThriftStruct): number {
    const { from, to } = pagesOf(chunk);
    return to <= this.#footer.dataEnd ? Math.max(0, to - from) : 0;
  }

  /** @param bytes room for the chunk, as `#sizeOf` has it */
  #readChunk(chunk: ThriftStruct, bytes: Uint8Array, group: number, column: string): Uint8Array {
    this.#read(chunk, bytes, group, column);
    try {
      checkPages(bytes);
    } catch (thrown) {
      throw this.#corruptError(group, reasonOf(thrown), column, thrown);
    }
    return bytes;
  }

  #read(chunk: ThriftStruct, bytes: Uint8Array, group: number, column: string): void {
    const { from } = pagesOf(chunk);
    let at = 0;
    while (at < bytes.length) {
      const got = reading(this.#file, () => readSync(this.#fd, bytes, at, bytes.length - at, from + at));
      if (got === 0) break;
      at += got;
    }
    if (at < bytes.length || bytes.length === 0) throw this.#corruptError(group, "its pages lie outside of the file", column);
    this.#bytes += at;
  }

  #batch({ columns, length }: DecodedRows, schema: Schema): Batch {
    return { schema, length, columns, selection: null, origin: this.#origin };
  }

  #cut(batch: Batch): Batch[] {
    if (batch.length === 0) return [];
    const batches: Batch[] = [];
    for (let from = 0; from < batch.length; from += this.#batchRows)
      batches.push(sliceBatch(batch, from, from + this.#batchRows));
    return batches;
  }

  readonly #origin = {
    place: () => ({ file: this.#file, line: null, byte: null, length: null }),
    raw: () => null,
  };

  /** Finds the column that cannot be decoded, to name it. */
  #corrupt(index: number, group: ThriftStruct, thrown: unknown): Error {
    if (thrown instanceof MillraceError && thrown.code === "PARQUET_CORRUPT" && thrown.place.file !== undefined) return thrown;
    const guilty = this.#columns.find((column) => {
      try {
        this.#decode(group, index, [column], numberField(group, 3) ?? 0);
        return false;
      } catch {
        return true;
      }
    });
    return this.#corruptError(index, reasonOf(thrown), guilty?.name, thrown);
  }

  #corruptError(rowGroup: number, reason: string, column?: string, cause?: unknown): MillraceError {
    const where = `row group ${rowGroup}${column === undefined ? "" : `, column ${JSON.stringify(column)}`}`;
    return dataError("PARQUET_CORRUPT", `${this.#file}: ${where} cannot be read: ${reason}`, {
      file: this.#file,
      rowGroup,
      ...(column === undefined ? {} : { column }),
      ...(cause === undefined ? {} : { cause }),
      hint: "Write or copy the file again.",
    });
  }

  result(): ScanResult {
    return { rows: this.#rows, rejected: 0, bytes: this.#bytes, start: null, end: null, lines: 0 };
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#memory?.close();
    closeSync(this.#fd);
  }
}
