import type { Batch } from "../batch/column.js";
import type { SourceFile } from "../plan/bound.js";
import type { PartitionSpec, ScanResult } from "../task/protocol.js";
import type { BatchReader } from "./contracts.js";

/** Opening a file takes about as long as reading so many bytes. */
const openBytes = 128 * 1024;
/** Small files together are a partition of this share of all, so that there are some for many workers, but of so many bytes at the least. */
const mostShare = 1 / 32;
const leastBytes = 2 ** 20;

/**
 * The partitions of files, of which `parts` has those of each. Small files that follow each other, and have one partition each, are one together: a task
 * for each would take longer than what it does. `bytesOf`: about how many bytes a file is to its reader.
 */
export function together(
  files: readonly SourceFile[],
  parts: readonly PartitionSpec[][],
  targetBytes: number,
  bytesOf: (file: SourceFile) => number = ({ bytes }) => bytes,
): PartitionSpec[] {
  const weights = files.map((file) => openBytes + bytesOf(file));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const most = Math.min(targetBytes, Math.max(leastBytes, total * mostShare));
  const all: PartitionSpec[] = [];
  let count = 0;
  for (let first = 0; first < files.length; first += count) {
    count = 0;
    for (let left = most; parts[first + count]?.length === 1; count++) {
      left -= weights[first + count] as number;
      if (left < 0) break;
    }
    if (count > 1) all.push({ kind: "files", file: first, count });
    else all.push(...(parts[first] ?? []));
    count = Math.max(1, count);
  }
  return all;
}

type FilesPart = Extract<PartitionSpec, { kind: "files" }>;

/** Opens a file. `before`: the reader of the one before, which is at its end, to be closed or to go on with this one. */
type OpenFile = (part: PartitionSpec, before: BatchReader | null) => Promise<BatchReader>;

/** Reads whole files, one after the other. */
export class FilesReader implements BatchReader {
  readonly #open: OpenFile;
  readonly #end: number;
  #next: number;
  #reader: BatchReader | null = null;
  /** The reader has nothing more. */
  #isIdle = true;
  #filtered = 0;
  #done: ScanResult = { rows: 0, rejected: 0, bytes: 0, start: null, end: null, lines: 0 };

  constructor({ file, count }: FilesPart, open: OpenFile) {
    this.#open = open;
    this.#next = file;
    this.#end = file + count;
  }

  next(): Batch | null | Promise<Batch | null> {
    if (this.#reader === null || this.#isIdle) return this.#next === this.#end ? null : this.#openNext();
    const step = this.#reader.next();
    return step instanceof Promise ? step.then((batch) => batch ?? this.#afterFile()) : (step ?? this.#afterFile());
  }

  async #openNext(): Promise<Batch | null> {
    this.#reader = await this.#open({ kind: "wholeFile", file: this.#next++ }, this.#reader);
    this.#isIdle = false;
    return this.next();
  }

  #afterFile(): Batch | null | Promise<Batch | null> {
    this.#done = this.result();
    this.#filtered = this.filtered;
    this.#isIdle = true;
    return this.next();
  }

  get filtered(): number {
    return this.#filtered + (this.#reader === null || this.#isIdle ? 0 : (this.#reader.filtered ?? 0));
  }

  result(): ScanResult {
    const done = this.#done;
    if (this.#reader === null || this.#isIdle) return done;
    const now = this.#reader.result();
    return {
      ...done,
      rows: done.rows + now.rows,
      rejected: done.rejected + now.rejected,
      bytes: done.bytes + now.bytes,
      lines: done.lines + now.lines,
    };
  }

  close(): void {
    void this.#reader?.close();
  }
}
