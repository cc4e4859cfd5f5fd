import type * as Arrow from "apache-arrow";
import { arrow } from "./arrowLibrary.js";
import { dataError, MillraceError } from "../common/errors.js";
import type { Schema } from "../schema/types.js";
import { toRecordBatch } from "./arrowExport.js";
import { fromRecordBatch } from "./arrowImport.js";
import { arrowSchema, schemaFromArrow } from "./arrowSchema.js";
import type { Batch } from "./column.js";

/** Batches as an Arrow IPC stream. */
export const encodeIpcStream = (schema: Schema, batches: Iterable<Batch>): Uint8Array =>
  encode(new arrow.RecordBatchStreamWriter(), schema, batches);

/** Batches as an Arrow IPC file (random access, with a footer). */
export const encodeIpcFile = (schema: Schema, batches: Iterable<Batch>): Uint8Array =>
  encode(new arrow.RecordBatchFileWriter(), schema, batches);

function encode(writer: Arrow.RecordBatchWriter, schema: Schema, batches: Iterable<Batch>): Uint8Array {
  writer.reset(undefined, arrowSchema(schema));
  for (const batch of batches) writer.write(toRecordBatch(batch));
  writer.finish();
  return writer.toUint8Array(true);
}

/**
 * The schema message with which a stream of a file's record batches begins. Some writers put the schema of a file into its footer alone.
 * @param file an Arrow file whose footer lists no blocks
 */
export function schemaMessageOfFile(file: Uint8Array): Uint8Array {
  const { schema } = arrow.RecordBatchReader.from(file).open();
  const writer = new arrow.RecordBatchStreamWriter();
  writer.reset(undefined, schema);
  writer.finish();
  return writer.toUint8Array(true);
}

export interface DecodedIpc {
  readonly schema: Schema;
  readonly batches: readonly Batch[];
}

/**
 * Reads an Arrow IPC stream or file held in memory. Batches share that memory.
 * @throws MillraceError Data/ARROW_COMPRESSED when record batches or dictionaries are compressed, Data/ARROW_UNREADABLE when the bytes are not
 * whole Arrow IPC.
 */
export function decodeIpc(bytes: Uint8Array, file?: string): DecodedIpc {
  const place = file === undefined ? {} : { file };
  try {
    const reader = arrow.RecordBatchReader.from(bytes).open();
    // Read before the records: a reader that has come to its end forgets its schema.
    const { schema } = reader;
    if (schema === undefined) throw dataError("ARROW_UNREADABLE", "the bytes hold no Arrow schema", place);
    const batches: Batch[] = [];
    // A stream without batches is given as one empty batch that lacks the parts of nested columns.
    for (const record of reader) if (record.numRows > 0) batches.push(fromRecordBatch(record));
    return { schema: schemaFromArrow(schema), batches };
  } catch (thrown) {
    if (thrown instanceof MillraceError) throw file === undefined ? thrown : inFile(thrown, file);
    if (isForCodec(thrown)) {
      throw dataError("ARROW_COMPRESSED", `${file ?? "the Arrow data"}: its record batches are compressed (LZ4 or ZSTD)`, {
        ...place,
        hint: "Write the file again without compression, or as Parquet.",
      });
    }
    throw dataError("ARROW_UNREADABLE", "the bytes are not a whole Arrow IPC stream or file", {
      cause: thrown,
      ...place,
      hint: "Write or copy the file again.",
    });
  }
}

/** What the Arrow library says of compressed batches and dictionaries where it was given no codec. */
const isForCodec = (thrown: unknown): boolean =>
  thrown instanceof Error && thrown.message.includes("compressed but codec not found");

const inFile = (error: MillraceError, file: string): MillraceError =>
  error.place.file === undefined ? MillraceError.fromData({ ...error.toData(), file }) : error;
