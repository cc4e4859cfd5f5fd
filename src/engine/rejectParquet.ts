import type { Batch, Column } from "../batch/column.js";
import { required } from "../common/assert.js";
import { parquetDefaults, ParquetFileWriter } from "../io/parquetWrite.js";
import { OutputFile } from "../io/sinkOutput.js";
import { types } from "../schema/types.js";
import { rejectNumbers, rejectSchema, rejectTexts, taskRejectSchema } from "../task/rejectColumns.js";

/** A partition's part in its rejects. */
export interface RejectedPartition {
  /** Number of the source; -1 for rows of an earlier stage. */
  readonly source: number;
  readonly partition: number;
  /** Lines of the file before it. */
  readonly lines: number;
  readonly texts: readonly string[];
}

/** Small row groups stay in the cache of the thread that leads the run. */
const rowGroupRows = 16_384;

/** Writes the rejects of a run as Parquet, out of the blocks that tasks left. */
export class RejectParquet {
  private readonly writer: ParquetFileWriter;

  constructor(
    file: string,
    private readonly runId: string,
  ) {
    this.writer = new ParquetFileWriter(new OutputFile(file), rejectSchema, { ...parquetDefaults, rowGroupRows });
  }

  write(batch: Batch, part: RejectedPartition): void {
    const { length } = batch;
    const given = new Map(taskRejectSchema.map((field, i) => [field.name, required(batch.columns[i], "column of rejects")]));
    const numbers = new Set<string>(rejectNumbers);
    const texts = new Set<string>(rejectTexts);
    const columns = rejectSchema.map(({ name }): Column => {
      if (name === "run_id") return textColumn([this.runId], new Int32Array(length));
      if (name === "source") return wholeColumn(part.source, length);
      if (name === "partition") return wholeColumn(part.partition, length);
      const column = required(given.get(name), `column ${name}`);
      if (column.layout !== "fixed") return column;
      if (numbers.has(name)) return numberColumn(column.values as Float64Array, name === "line" ? part.lines : 0);
      return texts.has(name) ? textColumn(part.texts, column.values as Int32Array) : column;
    });
    this.writer.write({ schema: rejectSchema, length, columns, selection: null, origin: null });
  }

  finish(): void {
    this.writer.finish();
  }

  abort(): void {
    this.writer.abort();
  }
}

function wholeColumn(value: number, length: number): Column {
  const valid = value < 0 ? new Uint8Array(length) : null;
  return { layout: "fixed", type: types.int32, length, values: new Int32Array(length).fill(Math.max(0, value)), valid };
}

/** Negative is null. */
function numberColumn(values: Float64Array, add: number): Column {
  const { length } = values;
  const wide = new BigInt64Array(length);
  // Halves, since a BigInt for each value costs more than all the rest.
  const halves = new Uint32Array(wide.buffer);
  let valid: Uint8Array | null = null;
  for (let i = 0; i < length; i++) {
    const value = values[i] as number;
    if (value < 0) {
      valid ??= new Uint8Array(length).fill(1);
      valid[i] = 0;
      continue;
    }
    halves[2 * i] = (value + add) % 2 ** 32;
    halves[2 * i + 1] = Math.floor((value + add) / 2 ** 32);
  }
  return { layout: "fixed", type: types.int64, length, values: wide, valid };
}

/** Rows that share the bytes of their texts; a negative number is null. */
function textColumn(texts: readonly string[], numbers: Int32Array): Column {
  const encoded = texts.map((text) => Buffer.from(text, "utf8"));
  const bytes = new Uint8Array(Buffer.concat(encoded));
  const bounds = new Int32Array(texts.length + 1);
  encoded.forEach((text, i) => {
    bounds[i + 1] = (bounds[i] ?? 0) + text.length;
  });
  const { length } = numbers;
  const [from, to] = [new Int32Array(length), new Int32Array(length)];
  let valid: Uint8Array | null = null;
  for (let i = 0; i < length; i++) {
    const number = numbers[i] as number;
    if (number < 0) {
      valid ??= new Uint8Array(length).fill(1);
      valid[i] = 0;
      continue;
    }
    from[i] = bounds[number] as number;
    to[i] = bounds[number + 1] as number;
  }
  return { layout: "bytes", type: types.utf8, length, bytes, starts: from, ends: to, valid };
}
