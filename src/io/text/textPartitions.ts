import type { SourceFile } from "../../plan/bound.js";
import type { PartitionSpec } from "../../task/protocol.js";
import { together } from "../smallFiles.js";
import type { TextEncoding } from "./encoding.js";
import { transcodeHead } from "./encodingSource.js";
import { isGzip, isHeld, readBytesAt, readHeadBytes } from "./textBytes.js";

/** Compressed text becomes so many times as long. */
const gzipFactor = 4;

/**
 * Byte ranges of about `targetBytes` over text files; boundaries depend on sizes alone. A compressed file is one range, and so is one
 * that must be read as a `whole`. See `together` for small files.
 */
export function planText(
  files: readonly SourceFile[],
  targetBytes: number,
  whole: (file: SourceFile) => boolean = () => false,
): PartitionSpec[] {
  const parts = files.map((file, index): PartitionSpec[] => {
    if (isGzip(file.path) || whole(file)) return [{ kind: "wholeFile", file: index }];
    // Even pieces: a last partition of a few bytes would cost a task.
    const count = Math.max(1, Math.round(file.bytes / Math.max(1, targetBytes)));
    const border = (i: number): number => Math.floor((file.bytes * i) / count);
    return Array.from({ length: count }, (_, i) => ({
      kind: "bytes",
      file: index,
      start: border(i),
      end: border(i + 1),
      exactStart: i === 0,
    }));
  });
  return together(files, parts, targetBytes, ({ path, bytes }) => bytes * (isGzip(path) ? gzipFactor : 1));
}

/** A piece of a file that begins at a line border. `last`: it ends with the file. */
export interface SamplePiece {
  readonly bytes: Uint8Array;
  readonly last: boolean;
}

export const pieceBytes = 256 * 1024;

/** Up to three pieces of 256 KiB: from the first record, the middle and the end. Of a stream, the first. As UTF-8; `dataStart` counts in that. */
export function sampleText(file: SourceFile, dataStart: number, newline: number, encoding: TextEncoding = "utf8"): SamplePiece[] {
  if (isGzip(file.path) || encoding !== "utf8") {
    const { bytes, whole } = readHeadBytes(file, pieceBytes);
    return [{ bytes: transcodeHead(bytes, encoding, whole).subarray(dataStart), last: whole }];
  }
  const first = readBytesAt(file, dataStart, pieceBytes);
  if (isHeld(file)) return [{ bytes: first, last: file.whole && dataStart + first.length >= file.held.length }];
  const pieces: SamplePiece[] = [{ bytes: first, last: dataStart + first.length >= file.bytes }];
  const rest = file.bytes - dataStart - first.length;
  if (rest <= 0) return pieces;
  for (const start of rest > 2 * pieceBytes
    ? [dataStart + Math.floor((file.bytes - dataStart) / 2), file.bytes - pieceBytes]
    : []) {
    const bytes = readBytesAt(file, start, pieceBytes);
    const line = bytes.indexOf(newline);
    if (line >= 0) pieces.push({ bytes: bytes.subarray(line + 1), last: start + bytes.length >= file.bytes });
  }
  return pieces;
}
