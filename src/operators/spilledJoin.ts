import type { Batch, Column } from "../batch/column.js";
import { gatherColumn } from "../batch/gather.js";
import { required } from "../common/assert.js";
import { BlockFileWriter } from "../exchange/blockFile.js";
import { columnParts } from "../exchange/blockParts.js";
import { type KeyedPart, KeyedReader, rowsByBlock } from "../exchange/keyedReader.js";
import { countSchema } from "../exchange/matchFile.js";
import { SortedFiles } from "../exchange/sortedFiles.js";
import { ascendingKey } from "../kernels/sortBuffer.js";
import { forceSpill } from "../runtime/forceSpill.js";
import { type Schema, types } from "../schema/types.js";
import type { FileWritten } from "../task/protocol.js";
import { type BucketJoinStep, type RightRows, rightRows, writeRows } from "./rightRows.js";
import { ownBatch } from "./joinColumns.js";
import { noCounts, type Operator } from "./operator.js";
import { RowTaker } from "./rowTaker.js";
import { valuesOfRows } from "./windowRows.js";

/** Right rows that are in memory at a time. */
const chunkRows = 2 ** 19;

/** Buckets of block files. */
export interface KeyedSide {
  readonly paths: readonly string[];
  readonly schema: Schema;
}

/**
 * As `BucketJoinOperator`, for more right rows than memory has room for: some of them at a time, with all left rows for each; the matches are sorted by
 * their left rows, those of one row staying in the order of the right ones.
 */
export class SpilledJoinOperator implements Operator {
  readonly counts = noCounts();
  readonly done = false;
  readonly #step: BucketJoinStep;
  readonly #left: KeyedSide;
  readonly #right: KeyedSide;
  readonly #part: KeyedPart;
  /** Of each left row, how many matches it has. */
  readonly #found: Uint32Array<ArrayBuffer>;
  readonly #blocks: readonly number[];
  readonly #keepsOnly: boolean;
  readonly #matches: SortedFiles | null;
  #readers: KeyedReader[] = [];
  #chunk: RightRows | null = null;
  #writer: BlockFileWriter | null = null;
  #file: FileWritten | null = null;

  constructor(step: BucketJoinStep, left: KeyedSide, right: KeyedSide, part: KeyedPart) {
    this.#step = step;
    this.#left = left;
    this.#right = right;
    this.#part = part;
    this.#blocks = rowsByBlock(left.paths, part);
    this.#found = new Uint32Array(this.#blocks.reduce((sum, rows) => sum + rows, 0));
    this.#keepsOnly = step.how === "semi" || step.how === "anti";
    // Without right columns the numbers of matches are enough.
    const isCounted = this.#keepsOnly || step.schema.length === 0;
    this.#matches = isCounted ? null : new SortedFiles(`${step.file}-matches`, [ascendingKey(types.uint32)], step.schema);
  }

  get files(): readonly FileWritten[] {
    return this.#file === null ? [] : [this.#file];
  }

  /** The left rows are read again for every part of the right ones. */
  push(batch: Batch): null {
    this.counts.rowsIn += batch.length;
    return null;
  }

  flush(): null {
    for (const chunk of this.#chunks()) this.#join(chunk);
    this.#file = this.#write();
    return null;
  }

  abort(): void {
    this.#chunk?.free();
    for (const reader of this.#readers) reader.close();
    this.#matches?.abort();
    this.#writer?.abort();
  }

  *#chunks(): Generator<RightRows> {
    const { paths, schema } = this.#right;
    let batches: Batch[] = [];
    let rows = 0;
    for (const batch of this.#read(paths, schema)) {
      batches.push(ownBatch(batch));
      rows += batch.length;
      if (rows < chunkRows && !forceSpill) continue;
      yield rightRows(this.#step, schema, batches);
      [batches, rows] = [[], 0];
    }
    if (rows > 0) yield rightRows(this.#step, schema, batches);
  }

  *#read(paths: readonly string[], schema: Schema): Generator<Batch> {
    const reader = new KeyedReader(paths, schema, this.#part);
    this.#readers.push(reader);
    try {
      for (let batch = reader.next(); batch !== null; batch = reader.next()) yield batch;
    } finally {
      reader.close();
      this.#readers = this.#readers.filter((one) => one !== reader);
    }
  }

  /** All left rows with some right ones. */
  #join(chunk: RightRows): void {
    this.#chunk = chunk;
    let row = 0;
    for (const batch of this.#read(this.#left.paths, this.#left.schema)) {
      const keys = this.#step.on.map(({ left }) => required(batch.columns[left], "key column"));
      const first = chunk.table?.probe(keys, null, batch.length);
      if (first !== undefined) this.#match(first, chunk, row);
      row += batch.length;
    }
    chunk.free();
    this.#chunk = null;
  }

  #match(first: Int32Array, chunk: RightRows, before: number): void {
    const chains = chunk.table?.next() ?? null;
    const found = new Matches(chunk, this.#matches);
    for (let i = 0; i < first.length; i++) {
      for (let right = first[i] as number; right >= 0; right = chains === null ? -1 : (chains[right] as number)) {
        (this.#found[before + i] as number)++;
        if (this.#keepsOnly) break;
        found.add(before + i, right);
      }
    }
    found.end();
  }

  #write(): FileWritten {
    const writer = new BlockFileWriter(this.#step.file);
    this.#writer = writer;
    const matches = this.#matches === null ? null : new RowTaker(this.#step.schema, this.#matches.merged());
    let from = 0;
    for (const rows of this.#blocks) {
      const found = this.#found.subarray(from, from + rows);
      if (this.#keepsOnly) this.#writeKept(writer, found);
      else this.#writeMatches(writer, found, matches);
      from += rows;
    }
    matches?.end();
    this.#writer = null;
    return writer.finish();
  }

  #writeKept(writer: BlockFileWriter, found: Uint32Array): void {
    const wanted = this.#step.how === "semi";
    const values = Uint8Array.from(found, (count) => (count > 0 === wanted ? 1 : 0));
    writer.write(this.#step.schema, found.length, [0, found.length], [{ values, offsets: null, valid: null }]);
    this.counts.rowsOut += found.length;
  }

  /** The matches of a block's rows, a row of nulls for each that stays without one, and how many each row has. */
  #writeMatches(writer: BlockFileWriter, found: Uint32Array<ArrayBuffer>, matches: RowTaker | null): void {
    const keepsMisses = this.#step.how === "left";
    const counts = keepsMisses ? found.map((count) => Math.max(1, count)) : found;
    let [taken, places] = [0, [] as number[]];
    const put = (): void => {
      if (places.length > 0) this.#writeRows(writer, matches?.take(taken) ?? [], Int32Array.from(places));
      [taken, places] = [0, []];
    };
    for (const count of found) {
      for (let i = 0; i < count; i++) {
        places.push(taken++);
        if (places.length === writeRows) put();
      }
      if (count > 0 || !keepsMisses) continue;
      places.push(-1);
      if (places.length === writeRows) put();
    }
    put();
    const values = new Uint8Array(counts.slice().buffer);
    writer.write(countSchema, counts.length, [0, counts.length], [{ values, offsets: null, valid: null }]);
    writer.endGroup();
  }

  #writeRows(writer: BlockFileWriter, columns: readonly Column[], places: Int32Array): void {
    const rows = places.length;
    const placed = columns.map((column) => columnParts(valuesOfRows(column, places)));
    writer.write(this.#step.schema, rows, [0, rows], placed);
    this.counts.rowsOut += rows;
  }
}

/** Collects matches and has them sorted by their left rows. */
class Matches {
  readonly #left = new Uint32Array(writeRows);
  readonly #right = new Int32Array(writeRows);
  #count = 0;

  constructor(
    private readonly chunk: RightRows,
    private readonly files: SortedFiles | null,
  ) {}

  add(left: number, right: number): void {
    if (this.#count === writeRows) this.end();
    this.#left[this.#count] = left;
    this.#right[this.#count++] = right;
  }

  end(): void {
    const length = this.#count;
    this.#count = 0;
    if (length === 0 || this.files === null) return;
    const values = this.#left.slice(0, length);
    const rows: Column = { layout: "fixed", type: types.uint32, length, values, valid: null };
    const right = this.#right.subarray(0, length);
    this.files.append(
      [rows],
      this.chunk.columns.map((column) => gatherColumn(column, right)),
      length,
    );
  }
}
