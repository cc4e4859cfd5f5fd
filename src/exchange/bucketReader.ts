import type { Batch } from "../batch/column.js";
import { required } from "../common/assert.js";
import type { BatchReader } from "../io/contracts.js";
import type { PartitionSpec, ScanResult } from "../task/protocol.js";
import { BlockFile } from "./blockFile.js";
import { bucketRuns } from "./bucketRuns.js";
import { JoinedRows } from "./joinedRows.js";
import { giveReadMemory, type ReadMemory, takeReadMemory } from "./readMemory.js";

/** A task's table and its texts should stay near the processor. */
const runBytes = 2 ** 25;
const batchRows = 2 ** 16;

type BucketsPart = Extract<PartitionSpec, { kind: "buckets" }>;

/** The tasks over the buckets of an exchange. */
export const planBuckets = (paths: readonly string[]): BucketsPart[] =>
  bucketRuns(paths, runBytes).map((run) => ({ kind: "buckets", file: 0, ...run }));

/** Delivers some buckets of all files, in file order, each in row order. Where batches end says nothing. */
export class BucketReader implements BatchReader {
  readonly #part: BucketsPart;
  readonly #paths: readonly string[];
  readonly #batches: Iterator<Batch>;
  #open: BlockFile | null = null;
  #memory: ReadMemory | null = takeReadMemory();
  #joinedMemory: ReadMemory | null = takeReadMemory();
  #rows = 0;

  constructor(paths: readonly string[], part: BucketsPart) {
    this.#paths = paths;
    this.#part = part;
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
    for (const memory of [this.#memory, this.#joinedMemory]) if (memory !== null) giveReadMemory(memory);
    this.#memory = null;
    this.#joinedMemory = null;
  }

  #closeFile(): void {
    this.#open?.close();
    this.#open = null;
  }

  *#read(): Generator<Batch> {
    const memory = required(this.#memory ?? undefined, "memory of an open reader");
    const joined = new JoinedRows(required(this.#joinedMemory ?? undefined, "memory of an open reader"), batchRows);
    for (const path of this.#paths) {
      const file = new BlockFile(path);
      this.#open = file;
      for (const block of file.blocks) {
        const end = block.bounds[this.#part.to] ?? block.rows;
        for (let from = block.bounds[this.#part.from] ?? end; from < end; from += batchRows) {
          const to = Math.min(end, from + batchRows);
          const columns = file.read(block, from, to, memory);
          const schema = file.schemaOf(block);
          const isShort = to - from <= batchRows / 2;
          if (isShort && joined.append(schema, columns, to - from)) continue;
          yield* waiting(joined);
          if (isShort && joined.append(schema, columns, to - from)) continue;
          yield { schema, length: to - from, columns, selection: null, origin: null };
        }
      }
      this.#closeFile();
    }
    yield* waiting(joined);
  }
}

function* waiting(joined: JoinedRows): Generator<Batch> {
  const { schema, rows: length } = joined;
  if (schema !== null) yield { schema, length, columns: joined.take(), selection: null, origin: null };
}
