import { type Batch, type Column, rowCount } from "../batch/column.js";
import { required } from "../common/assert.js";
import { BlockFileWriter } from "../exchange/blockFile.js";
import { placeColumn } from "../exchange/placedReader.js";
import { KeyedRows } from "../kernels/groups/keyedRows.js";
import { forceSpill } from "../runtime/forceSpill.js";
import type { Schema } from "../schema/types.js";
import type { FileWritten, Step } from "../task/protocol.js";
import { noCounts, type Operator } from "./operator.js";

export type KeyExchangeStep = Extract<Step, { op: "keyExchange" }>;

/** A block is written once it holds this much: a constant, because blocks decide how the rows are cut into tasks later. */
const blockRows = 2 ** 18;
const blockBytes = 2 ** 25;

/** Writes the rows of a partition in buckets of their keys' hash, and where each of them stood. */
export class KeyExchangeOperator implements Operator {
  readonly counts = noCounts();
  readonly done = false;
  readonly #step: KeyExchangeStep;
  readonly #writer: BlockFileWriter;
  readonly #schema: Schema;
  #rows: KeyedRows | null;
  #file: FileWritten | null = null;

  constructor(step: KeyExchangeStep) {
    this.#step = step;
    const { schema, keys, buckets, places } = step;
    this.#schema = places && buckets > 1 ? [...schema, placeColumn] : schema;
    this.#writer = new BlockFileWriter(step.file);
    // Both sides of a join have the same hashes, whichever of them may be null.
    const types = keys.map((index) => ({ ...required(schema[index], "key column"), nullable: true }));
    this.#rows = new KeyedRows(
      types,
      schema.map(({ type }) => type),
      Math.log2(buckets),
    );
  }

  get files(): readonly FileWritten[] {
    return this.#file === null ? [] : [this.#file];
  }

  push(batch: Batch): null {
    const rows = this.#rows;
    if (rows === null) return null;
    this.counts.rowsIn += rowCount(batch);
    const keys = this.#step.keys.map((index): Column => required(batch.columns[index], "key column"));
    rows.append(keys, batch.columns, batch.selection, batch.length);
    if (forceSpill || rows.rows >= blockRows || rows.bytes >= blockBytes) this.#write(rows);
    return null;
  }

  flush(): null {
    if (this.#rows !== null) this.#write(this.#rows);
    this.#free();
    this.#file = this.#writer.finish();
    return null;
  }

  abort(): void {
    this.#free();
    this.#writer.abort();
  }

  #write(collected: KeyedRows): void {
    if (collected.rows === 0) return;
    const { rows, bounds, columns, places } = collected.take();
    const placed = places === null || !this.#step.places ? [] : [{ values: places, offsets: null, valid: null }];
    this.#writer.write(this.#schema, rows, bounds, [...columns, ...placed]);
    this.counts.rowsOut += rows;
  }

  #free(): void {
    this.#rows?.free();
    this.#rows = null;
  }
}
