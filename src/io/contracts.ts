import type { Batch } from "../batch/column.js";
import type { Bound } from "../expr/nodes.js";
import type { RejectedRecords } from "./rejectedRecords.js";
import type { Schema } from "../schema/types.js";
import type { FileWritten, RejectRecord, ScanResult } from "../task/protocol.js";

/** Takes a reject as it occurs, with the record's bytes, which are good until it returns. Throws when the source says `onReject: "fail"`. */
export type RejectSink = (reject: RejectRecord, raw: Uint8Array | null) => void;

/** Takes many at once, in the order in which they occur. */
export type RejectsSink = (records: RejectedRecords) => void;

/** What is read of a source. */
export interface ColumnsRead {
  readonly schema: Schema;
  /** Over these columns; rows need not be read that do not meet it. null: all are. */
  readonly condition: Bound | null;
}

/** Rows that do not meet the condition need not be delivered; see `BatchReader.filtered`. */
export interface ScanFilter {
  /** Over the columns that are delivered. It neither fails nor calls a user's function. */
  readonly condition: Bound;
  readonly interpreted: boolean;
}

/** Delivers one partition of a source as batches. A batch is valid until the next call. */
export interface BatchReader {
  /** Batches stay what they are after the next one and the end. */
  readonly keeps?: boolean;
  /** The next batch, or null at the end. Synchronous where the format allows it. */
  next(): Batch | null | Promise<Batch | null>;
  /** Rows of the batches so far that are not live, because they do not meet the condition of `ScanFilter`; a batch without live ones has no columns. */
  readonly filtered?: number;
  /** Counts so far; complete after `next` gave null. */
  result(): ScanResult;
  close(): void | Promise<void>;
}

/** Writes the rows of one task to staged files. */
export interface BatchWriter {
  /** Writes the live rows of a batch; keeps no view of it. */
  write(batch: Batch): void | Promise<void>;
  /** Ends every file and says what was written, ordered by partition values. */
  finish(): FileWritten[] | Promise<FileWritten[]>;
  /** Closes and removes what was written. */
  abort(): void | Promise<void>;
}
