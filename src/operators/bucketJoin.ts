import { type Batch, rowCount } from "../batch/column.js";
import { required } from "../common/assert.js";
import { internalError } from "../common/errors.js";
import { BlockFileWriter } from "../exchange/blockFile.js";
import { columnParts } from "../exchange/blockParts.js";
import { areTooMany, KeyedReader, rowsByBlock } from "../exchange/keyedReader.js";
import { countSchema } from "../exchange/matchFile.js";
import type { Schema } from "../schema/types.js";
import type { FileWritten } from "../task/protocol.js";
import { ownBatch } from "./joinColumns.js";
import { noCounts, type Operator, type OperatorContext } from "./operator.js";
import { type BucketJoinStep, type RightRows, rightRows, writeRows } from "./rightRows.js";
import { SpilledJoinOperator } from "./spilledJoin.js";
import { valuesOfRows } from "./windowRows.js";

/** Finds the matches of left rows among the right rows of the same buckets, and writes them for each block of left rows. */
export class BucketJoinOperator implements Operator {
  readonly counts = noCounts();
  readonly done = false;
  readonly #step: BucketJoinStep;
  readonly #right: RightRows;
  readonly #writer: BlockFileWriter;
  readonly #keys: readonly number[];
  readonly #keepsOnly: boolean;
  /** Rows of the blocks that were not ended yet. */
  readonly #blocks: readonly number[];
  #block = 0;
  /** Of each row of the block how many matches it has, or whether it stays. */
  #found = new Uint32Array(0);
  #rows = 0;
  #matches = new Int32Array(writeRows);
  #matched = 0;
  #file: FileWritten | null = null;

  constructor(step: BucketJoinStep, right: RightRows, blocks: readonly number[]) {
    this.#step = step;
    this.#right = right;
    this.#blocks = blocks;
    this.#keys = step.on.map((pair) => pair.left);
    this.#keepsOnly = step.how === "semi" || step.how === "anti";
    this.#writer = new BlockFileWriter(step.file);
  }

  get files(): readonly FileWritten[] {
    return this.#file === null ? [] : [this.#file];
  }

  push(batch: Batch): null {
    const { columns, selection, length } = batch;
    if (selection !== null) throw internalError("buckets come as whole batches");
    this.counts.rowsIn += rowCount(batch);
    this.#endBlocks();
    if (this.#rows === 0) this.#found = new Uint32Array(this.#blocks[this.#block] ?? 0);
    const keys = this.#keys.map((index) => required(columns[index], "key column"));
    const first = this.#right.table?.probe(keys, null, length) ?? new Int32Array(length).fill(-1);
    if (this.#keepsOnly) this.#keep(first);
    else this.#match(first);
    this.#rows += length;
    this.#endBlocks();
    return null;
  }

  flush(): null {
    this.#endBlocks();
    this.#file = this.#writer.finish();
    this.#right.free();
    return null;
  }

  abort(): void {
    this.#right.free();
    this.#writer.abort();
  }

  #keep(first: Int32Array): void {
    const wanted = this.#step.how === "semi";
    for (let i = 0; i < first.length; i++) this.#found[this.#rows + i] = (first[i] as number) >= 0 === wanted ? 1 : 0;
  }

  #match(first: Int32Array): void {
    const chains = this.#right.table?.next() ?? null;
    const keepsMisses = this.#step.how === "left";
    const [matches, found, rows] = [this.#matches, this.#found, this.#rows];
    let matched = this.#matched;
    for (let i = 0; i < first.length; i++) {
      let row = first[i] as number;
      let count = 0;
      if (row >= 0 || keepsMisses) {
        do {
          if (matched === writeRows) {
            this.#writeMatches(matched);
            matched = 0;
          }
          matches[matched++] = row;
          count++;
          row = chains === null || row < 0 ? -1 : (chains[row] as number);
        } while (row >= 0);
      }
      found[rows + i] = count;
    }
    this.#matched = matched;
  }

  #writeMatches(rows: number): void {
    if (rows === 0) return;
    const matches = this.#matches.subarray(0, rows);
    const columns = this.#right.columns.map((column) => columnParts(valuesOfRows(column, matches)));
    this.#writer.write(this.#step.schema, rows, [0, rows], columns);
    this.counts.rowsOut += rows;
    this.#matched = 0;
  }

  /** Ends the blocks of which all rows have come; many have none. */
  #endBlocks(): void {
    while (this.#block < this.#blocks.length && this.#rows === this.#blocks[this.#block]) {
      const rows = this.#rows;
      if (this.#keepsOnly) {
        const values = Uint8Array.from(this.#found.subarray(0, rows));
        this.#writer.write(this.#step.schema, rows, [0, rows], [{ values, offsets: null, valid: null }]);
        this.counts.rowsOut += rows;
      } else {
        this.#writeMatches(this.#matched);
        const values = new Uint8Array(this.#found.buffer, 0, rows * 4);
        this.#writer.write(countSchema, rows, [0, rows], [{ values, offsets: null, valid: null }]);
        this.#writer.endGroup();
      }
      this.#block++;
      this.#rows = 0;
    }
  }
}

/** The operator, once the right side of its buckets was read. */
export function createBucketJoin(step: BucketJoinStep, input: Schema, context: OperatorContext): Operator {
  const { buckets } = context;
  const beside = buckets?.beside ?? null;
  if (buckets === undefined || beside?.how.kind !== "build") throw internalError("a join of buckets has a right side");
  const { schema } = beside.how;
  const { part, paths } = buckets;
  if (areTooMany(beside.paths, part))
    return new SpilledJoinOperator(step, { paths, schema: input }, { paths: beside.paths, schema }, part);
  const reader = new KeyedReader(beside.paths, schema, part);
  const batches: Batch[] = [];
  try {
    for (let batch = reader.next(); batch !== null; batch = reader.next()) batches.push(ownBatch(batch));
  } finally {
    reader.close();
  }
  return new BucketJoinOperator(step, rightRows(step, schema, batches), rowsByBlock(paths, part));
}
