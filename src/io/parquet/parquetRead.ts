import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { Batch, Column } from "../../batch/column.js";
import { sliceBatch } from "../../batch/gather.js";
import { required } from "../../common/assert.js";
import { dataError, externalError, internalError, MillraceError } from "../../common/errors.js";
import { didYouMean } from "../../common/nearest.js";
import type { ColumnRange, ResolvedSource, SourceFile } from "../../plan/bound.js";
import type { FileSource, SourceSpec } from "../../plan/nodes.js";
import { type Field, type Schema, sameType, typeName } from "../../schema/types.js";
import type { PartitionSpec, ScanResult, ScanSpec } from "../../task/protocol.js";
import type { BatchReader, RejectSink } from "../contracts.js";
import { checkPages } from "./parquetChecksum.js";
import { convertColumn } from "./parquetConvert.js";
import { type Footer, readFooter } from "./parquetFooter.js";
import { columnRanges } from "./parquetRanges.js";
import { columnNames, type FileColumn, fileColumns, inFile, reasonOf, schemaOfColumns } from "./parquetReadSchema.js";
import { chunkRange, type ColumnChunks, decodeRowGroup } from "./parquetRowGroup.js";
import { numberField, structField, structsField, type ThriftStruct } from "./parquetThrift.js";
import { reading } from "../fileErrors.js";
import { nodeFileSystem } from "../fileSystem.js";

export interface ReaderOptions {
  readonly batchRows: number;
  readonly reject: RejectSink;
  readonly partition: number;
}

export interface ResolvedFiles {
  /** The files' own columns. */
  readonly schema: Schema;
  readonly rows: number | null;
  readonly ranges?: readonly ColumnRange[];
}

/**
 * Reads the metadata of every file and gives their common schema. Times of day are delivered as int64 microseconds since midnight, UUIDs
 * (outside of lists and structs), JSON and enums as utf8, timestamps of every unit and zone as timestamp, maps as lists of key and value.
 * @throws MillraceError Data/PARQUET_NOT_PARQUET, PARQUET_TRUNCATED, PARQUET_CORRUPT, UNSUPPORTED_PARQUET_TYPE, SCHEMA_MISMATCH
 */
export async function resolveParquet(spec: SourceSpec & FileSource, files: readonly SourceFile[]): Promise<ResolvedFiles> {
  const [first] = files;
  if (first === undefined) throw internalError("a source without files was resolved");
  const names = spec.schema === undefined ? null : new Set(spec.schema.map((field) => field.name));
  let schema: Schema = [];
  let rows = 0;
  const footers: { readonly footer: Footer; readonly columns: readonly FileColumn[] }[] = [];
  for (const [i, file] of files.entries()) {
    const footer = readFooter(nodeFileSystem, file.path);
    const columns = inFile(file.path, () => fileColumns(footer, file.path, names));
    footers.push({ footer, columns });
    rows += footer.rows;
    const own = inFile(file.path, () =>
      declaredPart(schemaOfColumns(columns, file.path), spec.schema, file.path, columnNames(footer)),
    );
    schema = i === 0 ? own : agreeing(schema, own, first.path, file.path);
  }
  return { schema, rows, ranges: inFile(first.path, () => columnRanges(footers)) };
}

/** The declared columns, which a file must have with the declared types. `names`: all columns of the file. */
export function declaredPart(own: Schema, declared: Schema | undefined, file: string, names: readonly string[]): Schema {
  if (declared === undefined) return own;
  return declared.map((field) => {
    const found = own.find((candidate) => candidate.name === field.name);
    if (found === undefined) {
      throw mismatch(file, field.name, `the file has no column ${JSON.stringify(field.name)}. ${didYouMean(field.name, names)}`);
    }
    if (!sameType(found.type, field.type)) {
      const what = `column ${JSON.stringify(field.name)} is declared as ${typeName(field.type)} and is ${typeName(found.type)} in the file`;
      throw mismatch(file, field.name, what, "Declare the file's type and cast the column in the plan.");
    }
    return { ...field, nullable: found.nullable };
  });
}

/** One schema for both files: the same columns and types by name; a column may hold nulls if it may in either. */
export function agreeing(schema: Schema, own: Schema, firstFile: string, file: string): Schema {
  const extra = own.find((field) => !schema.some((other) => other.name === field.name));
  if (extra !== undefined) {
    throw mismatch(file, extra.name, `column ${JSON.stringify(extra.name)} is not in the first file of the source, ${firstFile}`);
  }
  return schema.map((field): Field => {
    const other = own.find((candidate) => candidate.name === field.name);
    if (other === undefined) throw mismatch(file, field.name, `column ${JSON.stringify(field.name)} of ${firstFile} is missing`);
    if (!sameType(field.type, other.type)) {
      const found = `is ${typeName(other.type)}, but ${typeName(field.type)} in ${firstFile}`;
      throw mismatch(file, field.name, `column ${JSON.stringify(field.name)} ${found}`);
    }
    return field.nullable || !other.nullable ? field : { ...field, nullable: true };
  });
}

function mismatch(file: string, column: string, what: string, hint?: string): MillraceError {
  return dataError("SCHEMA_MISMATCH", `${file}: ${what}`, {
    file,
    column,
    hint: hint ?? "Read files of different schemas as separate sources and union them.",
  });
}

/** Cuts the files into partitions of neighbouring row groups of about `targetBytes` (compressed); none for files without rows. */
export async function planParquet(source: ResolvedSource, targetBytes: number): Promise<PartitionSpec[]> {
  return source.files.flatMap((file, index) =>
    inFile(file.path, () => planFile(readFooter(nodeFileSystem, file.path), index, targetBytes)),
  );
}

function planFile(footer: Footer, file: number, targetBytes: number): PartitionSpec[] {
  const parts: PartitionSpec[] = [];
  let groups: number[] = [];
  let bytes = 0;
  let firstRow = 0;
  let row = 0;
  const close = () => {
    if (groups.length > 0) parts.push({ kind: "rowGroups", file, groups, firstRow });
    groups = [];
    bytes = 0;
    firstRow = row;
  };
  footer.rowGroups.forEach((group, i) => {
    const size = groupBytes(group);
    if (groups.length > 0 && bytes + size > targetBytes * 1.25) close();
    groups.push(i);
    bytes += size;
    row += numberField(group, 3) ?? 0;
    if (bytes >= targetBytes) close();
  });
  close();
  return parts;
}

const groupBytes = (group: ThriftStruct): number =>
  structsField(group, 1).reduce((sum, chunk) => sum + (numberField(structField(chunk, 3) ?? new Map(), 7) ?? 0), 0);

/** Delivers row groups of one file. Files must still be what they were when the source was resolved. */
export async function openParquet(scan: ScanSpec, part: PartitionSpec, options: ReaderOptions): Promise<BatchReader> {
  if (part.kind !== "rowGroups") throw internalError(`a Parquet file was asked for a partition of ${part.kind}`);
  return new ParquetReader(scan, required(scan.source.files[part.file], "file of the partition"), part.groups, options.batchRows);
}

class ParquetReader implements BatchReader {
  readonly keeps = true;
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
  #bytes = 0;
  #open = true;

  constructor(scan: ScanSpec, file: SourceFile, groups: readonly number[], batchRows: number) {
    this.#file = file.path;
    this.#schema = scan.schema;
    this.#groups = groups;
    this.#batchRows = batchRows;
    this.#footer = readFooter(nodeFileSystem, file.path);
    const names = new Set(scan.schema.map((field) => field.name));
    const found = inFile(file.path, () => fileColumns(this.#footer, file.path, names));
    this.#columns = scan.schema.map((field) => {
      const column = found.find((candidate) => candidate.name === field.name);
      if (column === undefined)
        throw mismatch(file.path, field.name, `the file has no column ${JSON.stringify(field.name)} any more`);
      return column;
    });
    this.#fd = reading(file.path, () => openSync(file.path, "r"));
    try {
      this.#requireSame(file);
    } catch (error) {
      this.close();
      throw error;
    }
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
        return batch;
      }
      const group = this.#groups[this.#next++];
      if (group === undefined) return null;
      this.#ready = this.#readGroup(group);
    }
  }

  #readGroup(index: number): Batch[] {
    const group = required(this.#footer.rowGroups[index], "row group");
    const rows = inFile(this.#file, () => numberField(group, 3) ?? 0);
    if (this.#columns.length === 0)
      return this.#cut({ schema: [], length: rows, columns: [], selection: null, origin: this.#origin });
    let decoded: readonly Batch[];
    try {
      decoded = this.#decode(group, index, this.#columns).map((batch) => this.#deliver(batch));
    } catch (thrown) {
      throw this.#corrupt(index, group, thrown);
    }
    const total = decoded.reduce((sum, batch) => sum + batch.length, 0);
    if (total !== rows) throw this.#corruptError(index, `it holds ${total} rows where the metadata says ${rows}`);
    return decoded.flatMap((batch) => this.#cut(batch));
  }

  /** Decodes columns of a row group; nothing else of the file is read. */
  #decode(group: ThriftStruct, index: number, columns: readonly FileColumn[]): readonly Batch[] {
    const chunks = structsField(group, 1);
    const read = columns.map((column): ColumnChunks => {
      const own = Array.from({ length: column.leaves }, (_, i) => required(chunks[column.firstLeaf + i], "column chunk"));
      return { column, chunks: own, bytes: own.map((chunk) => this.#readChunk(chunk, index, column.name)) };
    });
    const parts = decodeRowGroup(read, numberField(group, 3) ?? 0, this.#batchRows, this.#file);
    return parts.map((part) => ({ schema: this.#schema, ...part, selection: null, origin: null }));
  }

  #readChunk(chunk: ThriftStruct, group: number, column: string): Uint8Array {
    const { from, to } = chunkRange(chunk);
    const bytes = this.#read(from, to, group, column);
    try {
      checkPages(bytes);
    } catch (thrown) {
      throw this.#corruptError(group, reasonOf(thrown), column, thrown);
    }
    return bytes;
  }

  #read(from: number, to: number, group: number, column: string): Uint8Array {
    const bytes = new Uint8Array(Math.max(0, to - from));
    let at = 0;
    while (at < bytes.length && to <= this.#footer.dataEnd) {
      const got = reading(this.#file, () => readSync(this.#fd, bytes, at, bytes.length - at, from + at));
      if (got === 0) break;
      at += got;
    }
    if (at < bytes.length || to <= from) throw this.#corruptError(group, "its pages lie outside of the file", column);
    this.#bytes += at;
    return bytes;
  }

  #deliver(batch: Batch): Batch {
    const columns = batch.columns.map(
      (column, i): Column => convertColumn(column, required(this.#columns[i], "column").conversion),
    );
    return { schema: this.#schema, length: batch.length, columns, selection: null, origin: this.#origin };
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
        this.#decode(group, index, [column]);
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
    if (this.#open) closeSync(this.#fd);
    this.#open = false;
  }
}
