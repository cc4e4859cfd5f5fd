import type { SourceFile } from "../../plan/bound.js";
import type { PartitionSpec } from "../../task/protocol.js";
import type { BatchReader } from "../contracts.js";
import { type ByteSource, holdSmall, isGzip, openGzip, openPlain, type SmallFile } from "./textBytes.js";

type Open = (start: number) => ByteSource;

/** The records that begin at these bytes of a file. `exactStart`: the first of them is a record's first byte. */
export interface TextRange {
  readonly start: number;
  readonly end: number;
  readonly exactStart: boolean;
}

const all: TextRange = { start: 0, end: Number.POSITIVE_INFINITY, exactStart: true };

/** A reader of text that can read several files, one after the other. */
interface FileByFile extends BatchReader {
  /** Closes the file. */
  endFile(): void;
}

interface Opening<R> {
  readonly part: Extract<PartitionSpec, { readonly kind: "bytes" | "wholeFile" }>;
  readonly file: SourceFile;
  /** Gives the file's bytes; null where they are on the disk. */
  readonly open: Open | null;
  /** The reader of the file before, which is at its end; null for none. */
  readonly before: R | null;
  /** Has it go on with a small file; false where it cannot. */
  readonly goOn: (reader: R, small: SmallFile) => boolean;
  readonly make: (file: SourceFile, open: Open, range: TextRange) => R;
}

/**
 * The reader of a text file or of a part of one. Where it can, the reader before goes on with a small file: to make a reader takes as long as to read a
 * hundred kilobytes. Otherwise that one is closed.
 */
export function openText<R extends FileByFile>({ part, file, open, before, goOn, make }: Opening<R>): R {
  before?.endFile();
  const small = part.kind === "wholeFile" && open === null ? holdSmall(file) : null;
  try {
    if (small !== null && before !== null && goOn(before, small)) return before;
    void before?.close();
    if (small !== null) return make(small.text, small.open, all);
    const onDisk: Open = (start) => (isGzip(file.path) ? openGzip(file) : openPlain(file, start));
    const { start, end, exactStart } = part.kind === "wholeFile" ? all : part;
    return make(file, open ?? onDisk, { start, end, exactStart });
  } catch (error) {
    small?.close();
    throw error;
  }
}

/** Whether what the folders of two files say of them is the same. */
export const inSameFolders = (a: SourceFile, b: SourceFile): boolean =>
  a.partitionValues.every((value, i) => value === b.partitionValues[i]);
