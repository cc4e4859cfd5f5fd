import type { Batch } from "../batch/column.js";
import { required } from "../common/assert.js";
import type { BatchReader } from "../io/contracts.js";
import { giveReaderKernels, takeReaderKernels } from "../kernels/taskKernels.js";
import type { PartitionSpec, ScanResult } from "../task/protocol.js";
import { BlockFile } from "./blockFile.js";
import type { Block, EvenBlocks } from "./blockFooter.js";
import { BlockRows } from "./blockRows.js";
import { bucketRuns } from "./bucketRuns.js";
import { giveReadMemory, type ReadMemory, takeReadMemory } from "./readMemory.js";

/** A task's table and its texts should stay near the processor. */
const runBytes = 2 ** 25;
const batchRows = 2 ** 16;

type BucketsPart = Extract<PartitionSpec, { kind: "buckets" }>;

/** The tasks over the buckets of an exchange. */
export const planBuckets = (paths: readonly string[]): BucketsPart[] =>
  bucketRuns([{ paths, share: 1 }], runBytes).map((run) => ({ kind: "buckets", file: 0, ...run }));

/** Delivers some buckets of all files, in file order, each in row order. Where batches end says nothing. */
export class BucketReader implements BatchReader {
  readonly #part: BucketsPart;
  readonly #paths: readonly string[];
  readonly #batches: Iterator<Batch>;
  #open: BlockFile | null = null;
  #memory: ReadMemory | null = takeReadMemory();
  readonly #kernels = takeReaderKernels();
  readonly #together: BlockRows;
  #closed = false;
  #rows = 0;

  constructor(paths: readonly string[], part: BucketsPart) {
    this.#paths = paths;
    this.#part = part;
    this.#together = new BlockRows(this.#kernels, batchRows);
    this.#batches = this.#read();
  }

  next(): Batch | null {
    const step = this.#batches.next();
    if (step.done === true) return null;
    this.#rows += step.value.length;
    return step.value;
  }

  result(): ScanResult {
    return { rows: this.#rows, rejected: 0, bytes: 0, start: null, end: null, lines: 0 };
  }

  close(): void {
    this.#closeFile();
    if (this.#closed) return;
    this.#closed = true;
    if (this.#memory !== null) giveReadMemory(this.#memory);
    this.#memory = null;
    this.#together.free();
    giveReaderKernels(this.#kernels);
  }

  #closeFile(): void {
    this.#open?.close();
    this.#open = null;
  }

  *#read(): Generator<Batch> {
    for (const path of this.#paths) {
      const file = new BlockFile(path);
      this.#open = file;
      const { even } = file;
      if (even === null) for (const block of file.blocks) yield* this.#bucketsOf(file, block);
      else yield* this.#evenBuckets(file, even);
      this.#closeFile();
    }
    yield* this.#waiting();
  }

  *#bucketsOf(file: BlockFile, block: Block): Generator<Batch> {
    const end = block.bounds[this.#part.to] ?? block.rows;
    yield* this.#rowsOf(file, block, block.bounds[this.#part.from] ?? end, end);
  }

  *#evenBuckets(file: BlockFile, even: EvenBlocks): Generator<Batch> {
    const { from, to } = this.#part;
    const together = this.#together;
    for (let block = 0; block < even.blocks; ) {
      let next = together.appendBuckets(file, even, from, to, block);
      if (next === block && together.rows > 0) {
        yield* this.#waiting();
        next = together.appendBuckets(file, even, from, to, block);
      }
      // More rows of one block than a batch has.
      if (next === block) yield* this.#bucketsOf(file, file.block(next++));
      block = next;
    }
  }

  /** Short stretches of rows go behind one another where they can. */
  *#rowsOf(file: BlockFile, block: Block, first: number, end: number): Generator<Batch> {
    const memory = required(this.#memory ?? undefined, "memory of an open reader");
    const together = this.#together;
    let to = first;
    for (let from = first; from < end; from = to) {
      to = Math.min(end, from + (together.room > 0 ? together.room : batchRows));
      if (together.append(file, block, from, to)) continue;
      yield* this.#waiting();
      to = Math.min(end, from + batchRows);
      if (together.append(file, block, from, to)) continue;
      const columns = file.read(block, from, to, memory);
      yield { schema: file.schemaOf(block), length: to - from, columns, selection: null, origin: null };
    }
  }

  *#waiting(): Generator<Batch> {
    const { schema, rows: length } = this.#together;
    if (schema !== null) yield { schema, length, columns: this.#together.take(), selection: null, origin: null };
  }
}
