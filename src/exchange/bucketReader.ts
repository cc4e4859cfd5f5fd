import type { Batch } from "../batch/column.js";
import { required } from "../common/assert.js";
import type { BatchReader } from "../io/contracts.js";
import type { PartitionSpec, ScanResult } from "../task/protocol.js";
import { BlockFile } from "./blockFile.js";
import { JoinedRows } from "./joinedRows.js";
import { giveReadMemory, type ReadMemory, takeReadMemory } from "./readMemory.js";

/**
 * Rows and bytes of one run of buckets: a task's table and its texts should stay near the processor, but every task opens all files. `mostRuns`:
 * how many tasks are plenty.
 */
const leastRunRows = 2 ** 17;
const mostRunRows = 2 ** 19;
const mostRuns = 24;
const runBytes = 2 ** 25;
const batchRows = 2 ** 16;

type BucketsPart = Extract<PartitionSpec, { kind: "buckets" }>;

/** Cuts the buckets of an exchange into runs of neighbours that are worth a task each. It depends on the files alone. */
export function planBuckets(paths: readonly string[]): BucketsPart[] {
  const { rows, rowBytes } = bucketRows(paths);
  const all = rows.reduce((total, more) => total + more, 0);
  const runRows = Math.min(mostRunRows, Math.max(leastRunRows, all / mostRuns));
  const parts: BucketsPart[] = [];
  let from = 0;
  let sum = 0;
  rows.forEach((more, bucket) => {
    const full = sum + more > runRows || (sum + more) * rowBytes > runBytes;
    if (full && bucket > from) {
      parts.push({ kind: "buckets", file: 0, from, to: bucket });
      from = bucket;
      sum = 0;
    }
    sum += more;
  });
  parts.push({ kind: "buckets", file: 0, from, to: Math.max(1, rows.length) });
  return parts;
}

function bucketRows(paths: readonly string[]): { readonly rows: readonly number[]; readonly rowBytes: number } {
  const rows: number[] = [];
  let bytes = 0;
  let all = 0;
  for (const path of paths) {
    const file = new BlockFile(path);
    bytes += file.bytes;
    for (const block of file.blocks) {
      all += block.rows;
      for (let b = 0; b + 1 < block.bounds.length; b++) {
        rows[b] = (rows[b] ?? 0) + (block.bounds[b + 1] as number) - (block.bounds[b] as number);
      }
    }
    file.close();
  }
  return { rows, rowBytes: all === 0 ? 0 : bytes / all };
}

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
