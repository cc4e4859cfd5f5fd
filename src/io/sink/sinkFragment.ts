import type { Batch } from "../../batch/column.js";
import type { FileWritten } from "../../task/protocol.js";
import type { FileSystem } from "../fileSystem.js";
import type { OutputSummary } from "./sinkOutput.js";
import type { SharedPlace } from "./sinkShared.js";

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
  /** Fragments of a partitioned sink that stay open while further rows are collected; where there are more, all are finished. */
  readonly openFiles?: number;
  /** The writer is made before the task's reader has given a batch, and may take some of its memory; see `LineFileWriter`. */
  readonly sharesReader?: boolean;
  /** Bytes that the open fragments of a partitioned sink may hold in memory together. */
  readonly bufferBytes?: number;
  /** Bytes of rows of a partitioned sink that wait until they are given to their fragments. */
  readonly waitingBytes?: number;
  /** Where there may be room for a fragment in a file that tasks share. */
  readonly shared?: SharedPlace;
  /** Whether small fragments of a partitioned sink go into one file. They are copied out of it, where the only one of its partition could be linked. */
  readonly packed?: boolean;
}

/** A file of a task's rows that is being written. */
export interface Fragment {
  readonly n: number;
  readonly file: string;
  readonly writer: FileWriter;
}

export const writtenFragment = ({ file, writer }: Fragment, values: readonly (string | null)[]): FileWritten => {
  return { path: file, rows: writer.rows, partitionValues: values, ...writer.finish() };
};
