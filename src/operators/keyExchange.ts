import { type Batch, type Column, rowCount } from "../batch/column.js";
import { bytesOfTexts } from "../batch/text.js";
import { required } from "../common/assert.js";
import { BlockFileWriter } from "../exchange/blockFile.js";
import { placeColumn } from "../exchange/placedReader.js";
import { widthOfType } from "../kernels/groups/groupKeys.js";
import { KeyedRows } from "../kernels/groups/keyedRows.js";
import { KernelViews } from "../kernels/kernelViews.js";
import { forceSpill } from "../runtime/forceSpill.js";
import type { Schema } from "../schema/types.js";
import type { FileWritten, FirstOfKey, Step } from "../task/protocol.js";
import { takenOut } from "./fewRows.js";
import { FirstOfKeys } from "./firstOfKeys.js";
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
  readonly #first: FirstOfKeys | null;
  /** What was left out of the block: blocks end where they would with it. */
  #out = { rows: 0, bytes: 0 };
  #file: FileWritten | null = null;

  /** `sharing`: what the task reads lies in the memory that keys are looked up in; see `shareReaderKernels`. */
  constructor(step: KeyExchangeStep, sharing = false) {
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
    this.#first = step.first === undefined ? null : new FirstOfKeys(types, sharing, step.first);
  }

  get files(): readonly FileWritten[] {
    return this.#file === null ? [] : [this.#file];
  }

  push(batch: Batch): null {
    const rows = this.#rows;
    if (rows === null) return null;
    this.counts.rowsIn += rowCount(batch);
    const { first } = this.#step;
    if (first === undefined || this.#first === null || this.#first.isOver)
      rows.append(this.#keysOf(batch.columns), batch.columns, batch.selection, batch.length);
    else this.#appendFirst(rows, this.#first, first, batch);
    const out = this.#out;
    if (forceSpill || rows.rows + out.rows >= blockRows || rows.bytes + out.bytes >= blockBytes) this.#write(rows);
    return null;
  }

  #keysOf(columns: readonly Column[]): Column[] {
    return this.#step.keys.map((index) => required(columns[index], "key column"));
  }

  #appendFirst(rows: KeyedRows, first: FirstOfKeys, wanted: FirstOfKey, batch: Batch): void {
    const { columns: given, selection, length } = batch;
    const live = selection?.length ?? length;
    const bytes = bytesOfRows(given, selection, live);
    const views = new KernelViews(given);
    const columns = () => views.columns(0, given.length);
    const order = () => (wanted.order === null ? null : required(columns()[wanted.order.column], "order column"));
    const chosen = first.select(() => this.#keysOf(columns()), selection, length, order);
    const before = rows.bytes;
    const taken = takenOut({ ...batch, columns: columns(), selection: chosen });
    if (rowCount(taken) > 0) rows.append(this.#keysOf(taken.columns), taken.columns, taken.selection, taken.length);
    const appended = rows.bytes - before;
    first.noteBytes(appended);
    const others = live - (chosen?.length ?? length);
    this.#out.rows += others;
    if (wanted.others === "filtered") this.counts.filtered += others;
    else this.counts.repeated = (this.counts.repeated ?? 0) + others;
    this.#out.bytes += bytes - appended;
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
    const came = collected.rows + this.#out.rows;
    if (came === 0) return;
    const { rows, bounds, columns, places } = collected.take();
    const placed = places === null || !this.#step.places ? [] : [{ values: places, offsets: null, valid: null }];
    this.#writer.write(this.#schema, rows, bounds, [...columns, ...placed], came);
    this.counts.rowsOut += rows;
    this.#out = { rows: 0, bytes: 0 };
  }

  #free(): void {
    this.#first?.free();
    this.#rows?.free();
    this.#rows = null;
  }
}

/** Bytes that live rows of columns take in `KeyedRows`. */
function bytesOfRows(columns: readonly Column[], selection: Int32Array | null, live: number): number {
  return columns.reduce(
    (sum, column) =>
      sum + (column.layout === "bytes" ? bytesOfTexts(column, selection, 0, live) : live * widthOfType(column.type)),
    live * 4,
  );
}
