import path from "node:path";
import type { Batch } from "../../batch/column.js";
import { assertNever } from "../../common/assert.js";
import { configError, internalError } from "../../common/errors.js";
import type { SinkSpec } from "../../plan/nodes.js";
import { requireField, type Schema } from "../../schema/types.js";
import type { FileWritten } from "../../task/protocol.js";
import type { BatchWriter } from "../contracts.js";
import { ParquetFileWriter, parquetOptions } from "../parquet/parquetWrite.js";
import { ArrowFileWriter } from "./sinkArrow.js";
import { CsvFileWriter, csvSinkOptions } from "./sinkCsv.js";
import { JsonlFileWriter } from "./sinkJsonl.js";
import { type FileOutput, OutputFile, type OutputOptions } from "./sinkOutput.js";
import { FragmentPack, PackedOutput } from "./sinkPacked.js";
import { type FileWriter, type Fragment, type WriterOptions, writtenFragment } from "./sinkFragment.js";
import { PartitionedWriter } from "./sinkPartitioned.js";
import { SharedOutput } from "./sinkShared.js";

interface FileOptions extends WriterOptions {
  readonly pack?: FragmentPack | null;
}

const fragmentDefaults: OutputOptions = { fsync: false, stamped: true };

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

/** Whether this process can write what a sink asks for. @throws MillraceError Config/INVALID_OPTION, UNSUPPORTED_COMPRESSION */
export function checkSink({ format, options }: SinkSpec): void {
  if (format === "parquet") parquetOptions(options);
}

/** A writer of one file in the sink's format. */
export function openFile(sink: SinkSpec, schema: Schema, file: string, options: FileOptions = {}): FileWriter {
  const { format } = sink;
  if (format === "duckdb") throw internalError("a duckdb sink has no files");
  // Before there is a file: options may be wrong.
  checkSink(sink);
  const output = outputOf(file, options);
  try {
    return writerOf(format, output, schema, sink, options.sharesReader === true);
  } catch (thrown) {
    // The first bytes of a file are written as its writer is made.
    output.abort();
    throw thrown;
  }
}

function outputOf(file: string, { shared, pack = null, ...options }: FileOptions): FileOutput {
  const settings = { ...fragmentDefaults, ...options };
  if (shared !== undefined) return new SharedOutput(file, shared, settings);
  return pack === null ? new OutputFile(file, settings) : new PackedOutput(file, pack, settings);
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
  if (isSingle) return new SingleWriter({ n: 0, file: name(0), writer: openFile(sink, columns, name(0), options) });
  // Where its batches stand is part of an Arrow file.
  const isPacked = options.packed === true && sink.format !== "arrow";
  const pack = isPacked ? new FragmentPack(path.join(directory, packName(partition)), { ...fragmentDefaults, ...options }) : null;
  const own = { ...options, sharesReader: false, pack };
  const open = (n: number): Fragment => ({ n, file: name(n), writer: openFile(sink, columns, name(n), own) });
  return new PartitionedWriter(sink, schema, open, pack, options);
}

const packName = (partition: number): string => `${String(partition).padStart(6, "0")}-pack.part`;

class SingleWriter implements BatchWriter {
  readonly #fragment: Fragment;

  constructor(fragment: Fragment) {
    this.#fragment = fragment;
  }

  write(batch: Batch): void {
    this.#fragment.writer.write(batch);
  }

  finish(): FileWritten[] {
    return [writtenFragment(this.#fragment, [])];
  }

  abort(): void {
    this.#fragment.writer.abort();
  }
}
