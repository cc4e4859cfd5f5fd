import path from "node:path";
import { type Batch, type Column, rowCount } from "../../batch/column.js";
import { RowBuffer } from "../../batch/rowBuffer.js";
import { assertNever, required } from "../../common/assert.js";
import { configError, internalError } from "../../common/errors.js";
import type { SinkSpec } from "../../plan/nodes.js";
import { requireField, type Schema } from "../../schema/types.js";
import type { FileWritten } from "../../task/protocol.js";
import type { BatchWriter } from "../contracts.js";
import { ParquetFileWriter, parquetOptions } from "../parquet/parquetWrite.js";
import { ArrowFileWriter } from "./sinkArrow.js";
import { CsvFileWriter, csvSinkOptions } from "./sinkCsv.js";
import { type FileSystem, nodeFileSystem } from "../fileSystem.js";
import { JsonlFileWriter } from "./sinkJsonl.js";
import { type FileOutput, OutputFile, type OutputSummary } from "./sinkOutput.js";
import { comparePartitions, PartitionKeys } from "./sinkPartition.js";
import { SharedOutput, type SharedPlace } from "./sinkShared.js";

/** Writes one file of a format. */
export interface FileWriter {
  readonly rows: number;
  readonly bufferedBytes: number;
  write(batch: Batch): void;
  /** Writes out what is buffered. */
  flushRowGroup(): void;
  finish(): OutputSummary;
  abort(): void;
}

export interface WriterOptions {
  readonly files?: FileSystem;
  /**
   * Whether finished files wait for the disk. False by default: fragments are read again by the same run, and the commit waits for what it
   * publishes. A run that takes fragments over after the machine itself went down must compare their checksums first.
   */
  readonly fsync?: boolean;
  /** Fragments of a partitioned sink that may be open at once; the least recently used one is finished first. */
  readonly openFiles?: number;
  /** The writer is made before the task's reader has given a batch, and may take some of its memory; see `LineFileWriter`. */
  readonly sharesReader?: boolean;
  /** Bytes that the open fragments of a partitioned sink may hold in memory together. */
  readonly bufferBytes?: number;
  /** Bytes of rows of a partitioned sink that wait until they are given to their fragments. */
  readonly waitingBytes?: number;
  /** Where there may be room for a fragment in a file that tasks share. */
  readonly shared?: SharedPlace;
}

export type FileFormat = Exclude<SinkSpec["format"], "duckdb">;

export const extensions: { readonly [F in FileFormat]: string } = {
  parquet: "parquet",
  csv: "csv",
  jsonl: "jsonl",
  arrow: "arrow",
};

/** The columns that stand in the files: all but those in folder names. @throws MillraceError Plan/UNKNOWN_COLUMN, Config/INVALID_OPTION */
export function fileSchema(sink: SinkSpec, schema: Schema): Schema {
  for (const name of sink.partitionBy) requireField(schema, name, "partitionBy");
  const left = schema.filter((field) => !sink.partitionBy.includes(field.name));
  if (left.length === 0 && sink.partitionBy.length > 0) {
    throw configError("INVALID_OPTION", "partitionBy names every column, so that nothing is left to write into the files", {
      hint: "Leave at least one column out of partitionBy.",
    });
  }
  return left;
}

/** A writer of one file in the sink's format. */
export function openFile(sink: SinkSpec, schema: Schema, file: string, options: WriterOptions = {}): FileWriter {
  const { format } = sink;
  if (format === "duckdb") throw internalError("a duckdb sink has no files");
  // Before there is a file: options may be wrong.
  if (format === "parquet") parquetOptions(sink.options);
  const { shared } = options;
  const settings = { fsync: false, stamped: true, ...options };
  const output = shared === undefined ? new OutputFile(file, settings) : new SharedOutput(file, shared, settings);
  try {
    return writerOf(format, output, schema, sink, options.sharesReader === true);
  } catch (thrown) {
    // The first bytes of a file are written as its writer is made.
    output.abort();
    throw thrown;
  }
}

function writerOf(format: FileFormat, output: FileOutput, schema: Schema, sink: SinkSpec, sharing: boolean): FileWriter {
  switch (format) {
    case "parquet":
      return new ParquetFileWriter(output, schema, parquetOptions(sink.options));
    case "csv":
      return new CsvFileWriter(output, schema, csvSinkOptions(sink.options), sharing);
    case "jsonl":
      return new JsonlFileWriter(output, schema, sharing);
    case "arrow":
      return new ArrowFileWriter(output, schema);
    default:
      return assertNever(format, "sink format");
  }
}

/**
 * A writer of a task's rows as fragments `<partition>-<n>.<ext>.part` in `directory` (which exists). `schema` is that of the rows, with the
 * `partitionBy` columns. Fragments of a task are numbered in the order they were begun; `finish` gives them by partition values, then by
 * number, which keeps the order of rows within a partition. The name's end keeps fragments out of `**` globs that look into hidden folders.
 */
export function openWriter(
  sink: SinkSpec,
  schema: Schema,
  directory: string,
  partition: number,
  options: WriterOptions = {},
): BatchWriter {
  if (sink.format === "duckdb") throw internalError("a duckdb sink has no files");
  const extension = extensions[sink.format];
  const columns = fileSchema(sink, schema);
  const name = (n: number) => path.join(directory, `${String(partition).padStart(6, "0")}-${n}.${extension}.part`);
  const isSingle = sink.partitionBy.length === 0;
  const own = isSingle ? options : { ...options, sharesReader: false };
  const open = (n: number): Fragment => ({ n, file: name(n), writer: openFile(sink, columns, name(n), own) });
  return isSingle ? new SingleWriter(open(0)) : new PartitionedWriter(sink, schema, open, options);
}

interface Fragment {
  readonly n: number;
  readonly file: string;
  readonly writer: FileWriter;
}

const written = ({ file, writer }: Fragment, partitionValues: readonly (string | null)[]): FileWritten => {
  return { path: file, rows: writer.rows, partitionValues, ...writer.finish() };
};

class SingleWriter implements BatchWriter {
  readonly #fragment: Fragment;

  constructor(fragment: Fragment) {
    this.#fragment = fragment;
  }

  write(batch: Batch): void {
    this.#fragment.writer.write(batch);
  }

  finish(): FileWritten[] {
    return [written(this.#fragment, [])];
  }

  abort(): void {
    this.#fragment.writer.abort();
  }
}

interface OpenPartition {
  readonly key: number;
  readonly fragment: Fragment;
  /** Rows of the current window that came in batches before this one. */
  readonly waiting: RowBuffer;
  /** Those of this batch, by their numbers there. */
  rows: number[];
  /** Number of the last row that came here. */
  lastRow: number;
}

/** About the bytes that a row holds in memory. */
function rowBytes(columns: readonly Column[]): (row: number) => number {
  const texts = columns.filter((column) => column.layout === "bytes");
  return (row) => {
    let bytes = columns.length * 8;
    for (const { starts, ends, valid } of texts) {
      if (valid === null || valid[row] !== 0) bytes += (ends[row] as number) - (starts[row] as number);
    }
    return bytes;
  };
}

/** Open fragments of a task. Values that come in turns and exceed it would begin a new fragment with almost every row. */
const mostOpenFiles = 1024;
/**
 * Rows wait until there are so many, or so many bytes of them, before each goes to its writer, to which a few rows cost as much as a few
 * hundred. Counted over the whole task: the cuts must not depend on the sizes of batches.
 */
const windowRows = 262_144;
const mostWaitingBytes = 32 << 20;
/** Of rows whose bytes are not known beforehand. */
const nestedWindowRows = 8192;

class PartitionedWriter implements BatchWriter {
  readonly #keys: PartitionKeys;
  readonly #kept: readonly number[];
  readonly #schema: Schema;
  readonly #openFragment: (n: number) => Fragment;
  readonly #files: FileSystem;
  readonly #mostOpen: number;
  readonly #mostBytes: number;
  readonly #windowRows: number;
  readonly #windowBytes: number;
  readonly #open = new Map<number, OpenPartition>();
  readonly #done: { readonly n: number; readonly file: FileWritten }[] = [];
  /** Of the current window. */
  #waiting = 0;
  #bytes = 0;
  #fragments = 0;
  #row = 0;

  constructor(sink: SinkSpec, schema: Schema, openFragment: (n: number) => Fragment, options: WriterOptions) {
    const columns = sink.partitionBy.map((name) => ({ name, index: schema.findIndex((field) => field.name === name) }));
    this.#keys = new PartitionKeys(
      columns.map(({ index }) => ({ index, type: required(schema[index], "partition column").type })),
    );
    this.#kept = schema.flatMap((field, i) => (sink.partitionBy.includes(field.name) ? [] : [i]));
    this.#schema = fileSchema(sink, schema);
    this.#windowRows = this.#schema.some(({ type }) => type.kind === "list" || type.kind === "struct")
      ? nestedWindowRows
      : windowRows;
    this.#windowBytes = options.waitingBytes ?? mostWaitingBytes;
    this.#openFragment = openFragment;
    this.#files = options.files ?? nodeFileSystem;
    this.#mostOpen = Math.max(1, options.openFiles ?? mostOpenFiles);
    this.#mostBytes = options.bufferBytes ?? 128 << 20;
  }

  write(batch: Batch): void {
    const keyOf = this.#keys.of(batch);
    const columns = this.#kept.map((index) => batch.columns[index] as Column);
    const own: Batch = { schema: this.#schema, length: batch.length, columns, selection: null, origin: null };
    const bytesOf = rowBytes(columns);
    const count = rowCount(batch);
    for (let i = 0; i < count; i++) {
      const row = batch.selection === null ? i : (batch.selection[i] as number);
      const key = keyOf(row);
      const partition = this.#open.get(key) ?? this.#begin(key, own);
      partition.rows.push(row);
      partition.lastRow = this.#row++;
      this.#bytes += bytesOf(row);
      if (++this.#waiting < this.#windowRows && this.#bytes < this.#windowBytes) continue;
      for (const open of this.#open.values()) {
        this.#keep(open, own);
        this.#write(open);
      }
      this.#waiting = 0;
      this.#bytes = 0;
      this.#limitMemory();
    }
    for (const open of this.#open.values()) this.#keep(open, own);
  }

  #begin(key: number, batch: Batch): OpenPartition {
    if (this.#open.size >= this.#mostOpen) {
      let oldest: OpenPartition | null = null;
      for (const partition of this.#open.values()) if (oldest === null || partition.lastRow < oldest.lastRow) oldest = partition;
      if (oldest !== null) {
        this.#keep(oldest, batch);
        this.#end(oldest);
      }
    }
    const fragment = this.#openFragment(this.#fragments++);
    const begun = { key, fragment, waiting: new RowBuffer(this.#schema), rows: [], lastRow: this.#row };
    this.#open.set(key, begun);
    return begun;
  }

  /** Copies a partition's rows of a batch, whose memory is the reader's. */
  #keep(partition: OpenPartition, batch: Batch): void {
    if (partition.rows.length === 0) return;
    const selection = Int32Array.from(partition.rows);
    partition.waiting.add({ ...batch, selection }, 0, selection.length);
    partition.rows = [];
  }

  /** Gives what waits to the partition's writer. */
  #write({ waiting, fragment }: OpenPartition): void {
    if (waiting.length > 0) fragment.writer.write(waiting.take());
  }

  #limitMemory(): void {
    const bySize = [...this.#open.values()];
    let bytes = bySize.reduce((sum, { fragment }) => sum + fragment.writer.bufferedBytes, 0);
    if (bytes <= this.#mostBytes) return;
    bySize.sort((a, b) => b.fragment.writer.bufferedBytes - a.fragment.writer.bufferedBytes || a.fragment.n - b.fragment.n);
    for (const { fragment } of bySize) {
      if (bytes <= this.#mostBytes / 2) break;
      bytes -= fragment.writer.bufferedBytes;
      fragment.writer.flushRowGroup();
    }
  }

  #end(partition: OpenPartition): void {
    this.#open.delete(partition.key);
    this.#write(partition);
    this.#done.push({ n: partition.fragment.n, file: written(partition.fragment, this.#keys.values(partition.key)) });
  }

  finish(): FileWritten[] {
    for (const partition of [...this.#open.values()]) this.#end(partition);
    return this.#done
      .sort((a, b) => comparePartitions(a.file.partitionValues, b.file.partitionValues) || a.n - b.n)
      .map(({ file }) => file);
  }

  abort(): void {
    for (const { fragment } of this.#open.values()) fragment.writer.abort();
    for (const { file } of this.#done) this.#files.removeFile(file.path);
    this.#open.clear();
  }
}
