import type { Batch, Column, FixedValues } from "../../batch/column.js";
import { required } from "../../common/assert.js";
import { internalError } from "../../common/errors.js";
import { parquetDefaults, ParquetFileWriter, type ParquetOptions } from "../../io/parquet/parquetWrite.js";
import { OutputFile } from "../../io/sink/sinkOutput.js";
import { types } from "../../schema/types.js";
import { rejectNumbers, rejectSchema, rejectTexts, taskRejectSchema } from "../../task/rejectColumns.js";

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

/** Makes one column of the file out of the blocks of tasks. */
type ColumnOf = (given: readonly Column[], part: RejectedPartition, length: number) => Column;

/** Writes the rejects of a run as Parquet, out of the blocks that tasks left. */
export class RejectParquet {
  private readonly writer: ParquetFileWriter;
  private readonly columns: readonly ColumnOf[];

  constructor(file: string, runId: string) {
    // The thread that leads the run writes it, beside busy workers: compressing would take more of its time than all the rest.
    const options = { ...parquetDefaults, rowGroupRows, compression: "uncompressed" } as const;
    this.writer = openRejects(file, options);
    this.columns = rejectSchema.map(({ name }) => columnNamed(name, runId));
  }

  write(batch: Batch, part: RejectedPartition): void {
    const { length } = batch;
    const columns = this.columns.map((columnOf) => columnOf(batch.columns, part, length));
    this.writer.write({ schema: rejectSchema, length, columns, selection: null, origin: null });
  }

  finish(): void {
    this.writer.finish();
  }

  abort(): void {
    this.writer.abort();
  }
}

/** A file whose first bytes cannot be written does not stay open. */
function openRejects(file: string, options: ParquetOptions): ParquetFileWriter {
  const output = new OutputFile(file);
  try {
    return new ParquetFileWriter(output, rejectSchema, options);
  } catch (thrown) {
    output.abort();
    throw thrown;
  }
}

function columnNamed(name: string, runId: string): ColumnOf {
  if (name === "run_id") {
    const run = new TextColumn();
    const runIds = [runId];
    return (_, __, length) => run.repeated(runIds, 0, length);
  }
  if (name === "source" || name === "partition") return (_, part, length) => wholeColumn(part[name], length);
  const place = taskRejectSchema.findIndex((field) => field.name === name);
  const given = (columns: readonly Column[]): Column => required(columns[place], `column ${name}`);
  if ((rejectNumbers as readonly string[]).includes(name)) {
    const numbers = new NumberColumn();
    return (columns, { lines }) => numbers.of(fixedValues(given(columns)) as Float64Array, name === "line" ? lines : 0);
  }
  if (name === "message") {
    const messages = new MessageColumn();
    const own = taskRejectSchema.findIndex((field) => field.name === "own_message");
    return (columns, { texts }) =>
      messages.of(texts, fixedValues(given(columns)) as Int32Array, required(columns[own], "column own_message"));
  }
  if ((rejectTexts as readonly string[]).includes(name)) {
    const texts = new TextColumn();
    return (columns, part) => texts.of(part.texts, fixedValues(given(columns)) as Int32Array);
  }
  if (name === "raw") {
    const raws = new RawColumn();
    return (columns) => raws.of(given(columns));
  }
  return given;
}

function fixedValues(column: Column): FixedValues {
  if (column.layout !== "fixed") throw internalError(`a number of a reject is held as ${column.layout}`);
  return column.values;
}

function wholeColumn(value: number, length: number): Column {
  const valid = value < 0 ? new Uint8Array(length) : null;
  return { layout: "fixed", type: types.int32, length, values: new Int32Array(length).fill(Math.max(0, value)), valid };
}

// Loops over many rejects are functions of their own: those are compiled in no time, while a job of a second pays for each large one.

function isAll(numbers: Float64Array | Int32Array, number: number): boolean {
  for (let i = 0; i < numbers.length; i++) if (numbers[i] !== number) return false;
  return true;
}

/**
 * Whole numbers as 64-bit integers, `add` added: as halves, since a BigInt for each costs more than all the rest. Negative ones are null. Answers
 * how many those are.
 */
function widen(numbers: Float64Array, add: number, halves: Uint32Array, valid: Uint8Array): number {
  let nulls = 0;
  for (let i = 0; i < numbers.length; i++) {
    const isNull = (numbers[i] as number) < 0;
    const value = isNull ? 0 : (numbers[i] as number) + add;
    const high = Math.floor(value / 2 ** 32);
    halves[2 * i] = value - high * 2 ** 32;
    halves[2 * i + 1] = high;
    valid[i] = isNull ? 0 : 1;
    if (isNull) nulls++;
  }
  return nulls;
}

/** Where the text of each number stands; negative ones are null. Answers how many those are. */
function placeTexts(numbers: Int32Array, bounds: Int32Array, from: Int32Array, to: Int32Array, valid: Uint8Array): number {
  let nulls = 0;
  for (let i = 0; i < numbers.length; i++) {
    const number = numbers[i] as number;
    const isNull = number < 0;
    from[i] = isNull ? 0 : (bounds[number] as number);
    to[i] = isNull ? 0 : (bounds[number + 1] as number);
    valid[i] = isNull ? 0 : 1;
    if (isNull) nulls++;
  }
  return nulls;
}

/** Ends of records without the byte that stands behind each; a null has none. */
function withoutLast(starts: Int32Array, ends: Int32Array, out: Int32Array): void {
  for (let i = 0; i < ends.length; i++) out[i] = Math.max(starts[i] as number, (ends[i] as number) - 1);
}

/** Validity in memory that all blocks share. */
class Validity {
  private memory = new Uint8Array(0);

  of(length: number): Uint8Array {
    if (this.memory.length < length) this.memory = new Uint8Array(length);
    return this.memory.subarray(0, length);
  }
}

/** Records without the byte that stands behind each in the blocks of tasks. */
class RawColumn {
  private memory = new Int32Array(0);

  of(column: Column): Column {
    if (column.layout !== "bytes") throw internalError(`records of rejects are held as ${column.layout}`);
    const { length, starts, ends } = column;
    if (this.memory.length < length) this.memory = new Int32Array(length);
    const until = this.memory.subarray(0, length);
    withoutLast(starts, ends, until);
    return { ...column, ends: until };
  }
}

/** Messages, of which those without a number stand in a column of their own. */
class MessageColumn {
  private readonly known = new TextColumn();

  of(texts: readonly string[], numbers: Int32Array, own: Column): Column {
    const known = this.known.of(texts, numbers);
    if (known.valid === null || known.layout !== "bytes" || own.layout !== "bytes") return known;
    const base = known.bytes.length;
    const bytes = new Uint8Array(base + own.bytes.length);
    bytes.set(known.bytes);
    bytes.set(own.bytes, base);
    const { starts, ends } = known;
    for (let i = 0; i < numbers.length; i++) {
      if ((numbers[i] as number) >= 0) continue;
      starts[i] = base + (own.starts[i] as number);
      ends[i] = base + (own.ends[i] as number);
    }
    return { ...known, bytes, valid: null };
  }
}

/** A column of numbers, of which negative ones are null. Each block's is good until the next one's. */
class NumberColumn {
  private memory = new BigInt64Array(0);
  private readonly validity = new Validity();

  of(values: Float64Array, add: number): Column {
    const { length } = values;
    if (this.memory.length < length) this.memory = new BigInt64Array(length);
    const wide = this.memory.subarray(0, length);
    const valid = this.validity.of(length);
    const nulls = widen(values, add, new Uint32Array(wide.buffer, 0, 2 * length), valid);
    return { layout: "fixed", type: types.int64, length, values: wide, valid: nulls === 0 ? null : valid };
  }
}

/** Rows that share the bytes of their texts; a negative number is null. Each block's column is good until the next one's. */
class TextColumn {
  private starts = new Int32Array(0);
  private ends = new Int32Array(0);
  private readonly validity = new Validity();
  private known: readonly string[] = [];
  private bytes = new Uint8Array(0);
  private bounds = new Int32Array(1);

  of(texts: readonly string[], numbers: Int32Array): Column {
    const { length } = numbers;
    const [first = -1] = numbers;
    if (isAll(numbers, first)) return this.repeated(texts, first, length);
    const [from, to] = this.open(texts, length);
    const valid = this.validity.of(length);
    const nulls = placeTexts(numbers, this.bounds, from, to, valid);
    const { bytes } = this;
    return { layout: "bytes", type: types.utf8, length, bytes, starts: from, ends: to, valid: nulls === 0 ? null : valid };
  }

  /** The same text in every row, as in most blocks; null for a negative number. */
  repeated(texts: readonly string[], number: number, length: number): Column {
    const [from, to] = this.open(texts, length);
    from.fill(number < 0 ? 0 : (this.bounds[number] as number));
    to.fill(number < 0 ? 0 : (this.bounds[number + 1] as number));
    const valid = number < 0 ? this.validity.of(length).fill(0) : null;
    return { layout: "bytes", type: types.utf8, length, bytes: this.bytes, starts: from, ends: to, valid };
  }

  private open(texts: readonly string[], length: number): [from: Int32Array, to: Int32Array] {
    if (texts !== this.known) this.learn(texts);
    if (this.starts.length < length) {
      this.starts = new Int32Array(length);
      this.ends = new Int32Array(length);
    }
    return [this.starts.subarray(0, length), this.ends.subarray(0, length)];
  }

  private learn(texts: readonly string[]): void {
    const encoded = texts.map((text) => Buffer.from(text, "utf8"));
    this.known = texts;
    this.bytes = new Uint8Array(Buffer.concat(encoded));
    this.bounds = new Int32Array(texts.length + 1);
    encoded.forEach((text, i) => {
      this.bounds[i + 1] = (this.bounds[i] ?? 0) + text.length;
    });
  }
}
