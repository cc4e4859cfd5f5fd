import { layoutOf } from "../batch/builder.js";
import type { Batch } from "../batch/column.js";
import { compactBatch } from "../batch/gather.js";
import type { BatchWriter } from "../io/contracts.js";
import { ParquetFileWriter, type ParquetOptions, parquetDefaults } from "../io/parquet/parquetWrite.js";
import { OutputFile, type OutputOptions } from "../io/sink/sinkOutput.js";
import type { Schema } from "../schema/types.js";
import { BlockFileWriter } from "./blockFile.js";
import { blockParts } from "./blockParts.js";
import type { HoldingBudget } from "./heldFiles.js";

/** How rows stand in files between two stages. */
export interface ExchangeCodec {
  readonly extension: string;
  /** A writer of one file. Its `finish` gives that file, also when no row was written. */
  writer(schema: Schema, file: string, options?: OutputOptions): BatchWriter;
}

/**
 * Exchange files are read once, soon, on the same machine: plain pages that are not compressed. Their checksums are those that the whole file's
 * is made of. Snappy costs half as much time again to write, a dictionary about as much, and the page cache takes the bytes as they are.
 */
const exchangeOptions: ParquetOptions = {
  ...parquetDefaults,
  compression: "uncompressed",
  dictionary: false,
};

/** Parquet as the exchange format: workers write it, DuckDB and workers read it. */
export const parquetExchange: ExchangeCodec = {
  extension: "parquet",
  writer(schema, file, options = {}) {
    // Scratch files do not outlive the machine: they need not wait for the disk.
    const output = new OutputFile(file, { fsync: false, ...options });
    const inner = new ParquetFileWriter(output, schema, exchangeOptions);
    return {
      write: (batch: Batch) => inner.write(batch),
      finish() {
        const summary = inner.finish();
        return [{ path: file, rows: inner.rows, partitionValues: [], ...summary }];
      },
      abort: () => inner.abort(),
    };
  },
};

/** Whether rows of this schema can be written as blocks: no column is nested. */
export const fitsBlocks = (schema: Schema): boolean => schema.every((field) => layoutOf(field.type) !== "object");

/** Blocks, for exchanges that DuckDB does not read. */
export const blockExchange: ExchangeCodec = {
  extension: "blocks",
  writer(schema, file, options = {}) {
    return blockWriter(new BlockFileWriter(file, options), schema);
  },
};

/** `inMemory`: the file may stay there, where to write numbers narrower costs more than the bytes do. */
function blockWriter(writer: BlockFileWriter, schema: Schema, inMemory = false): BatchWriter {
  return {
    write(batch: Batch) {
      const { columns, length } = compactBatch(batch);
      writer.write(schema, length, [0, length], blockParts(columns, inMemory));
    },
    finish: () => [writer.finish()],
    abort: () => writer.abort(),
  };
}

/** Writes rows as one exchange file. Rows keep their order; columns keep their types. */
export const exchangeWriter = (
  schema: Schema,
  file: string,
  format: "parquet" | "blocks" = "parquet",
  holding: HoldingBudget | null = null,
): BatchWriter =>
  format === "blocks"
    ? blockWriter(new BlockFileWriter(file, {}, holding), schema, holding !== null)
    : parquetExchange.writer(schema, file);
