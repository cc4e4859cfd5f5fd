import { type Batch, type Column, rowCount } from "../batch/column.js";
import { copyBatch, sliceColumn } from "../batch/gather.js";
import { required } from "../common/assert.js";
import { internalError } from "../common/errors.js";
import { partsColumn } from "../kernels/partsColumn.js";
import { SortBuffer } from "../kernels/sortBuffer.js";
import type { Step } from "../task/protocol.js";
import { takenOut } from "./fewRows.js";
import { KeyCut } from "./keyCut.js";
import { noCounts, type Operator } from "./operator.js";

/** Rows are sorted again once this many more than are wanted wait, or as many as are wanted. */
const leastWaiting = 512;
/** What waits is given on once it holds this much: rows can be large. */
const mostBytes = 2 ** 25;

/**
 * The first rows of the partition in the order of the keys, ties in input order; more than are wanted where they are too large to wait. Rows that come
 * behind count as filtered. As soon as there are enough rows, most others are left out by their keys, before any other column of them is looked at.
 */
export class TopRowsOperator implements Operator {
  readonly counts = noCounts();
  readonly done = false;
  readonly #step: Extract<Step, { op: "topRows" }>;
  /** Where the keys are among the columns. */
  readonly #keys: readonly number[];
  readonly #cut: KeyCut;
  #buffer: SortBuffer | null;

  constructor(step: Extract<Step, { op: "topRows" }>) {
    this.#step = step;
    this.#keys = step.keys.map(({ expr }) => {
      if (expr.kind !== "column") throw internalError("first rows are chosen by columns");
      return expr.index;
    });
    const order = step.keys.map(({ expr: { type, nullable }, descending, nulls }) => ({ type, nullable, descending, nulls }));
    this.#cut = new KeyCut(order);
    this.#buffer = new SortBuffer(
      order,
      step.schema.map(({ type }) => type),
    );
  }

  push(batch: Batch): Batch | null {
    const live = rowCount(batch);
    this.counts.rowsIn += live;
    const rows = this.#cut.rows(this.#keysOf(batch.columns), batch.selection, batch.length);
    const buffer = this.#held();
    const taken = rows === null ? live : rows.length;
    this.counts.filtered += live - taken;
    if (taken === 0) return null;
    const { columns, selection, length } = takenOut({ ...batch, selection: rows });
    buffer.append(this.#keysOf(columns), columns, selection, length);
    const isLarge = buffer.bytes >= mostBytes;
    if (!isLarge && buffer.rows < this.#step.count + Math.max(this.#step.count, leastWaiting)) return null;
    const first = this.#takeFirst(buffer);
    const keys = this.#keysOf(first.columns);
    if (first.length === this.#step.count) this.#cut.setLast(keys, first.length - 1);
    if (isLarge) return this.#give(first);
    buffer.append(keys, first.columns, null, first.length);
    return null;
  }

  flush(): Batch | null {
    const buffer = this.#held();
    const first = buffer.rows > 0 ? this.#give(this.#takeFirst(buffer)) : null;
    this.abort();
    return first;
  }

  #give(rows: Batch): Batch {
    this.counts.rowsOut += rows.length;
    return rows;
  }

  abort(): void {
    this.#buffer?.free();
    this.#buffer = null;
  }

  /** The first rows of those that wait, in memory of their own; the others are gone. */
  #takeFirst(buffer: SortBuffer): Batch {
    const { schema, count } = this.#step;
    const { rows, columns } = buffer.take(0);
    const length = Math.min(count, rows);
    this.counts.filtered += rows - length;
    // Before the rows come the strings that they were sorted by.
    const first = schema.map(({ type }, i) =>
      sliceColumn(partsColumn(type, rows, required(columns[i + 1], "column")), 0, length),
    );
    return copyBatch({ schema, length, columns: first, selection: null, origin: null });
  }

  #held(): SortBuffer {
    return required(this.#buffer ?? undefined, "buffer of the first rows");
  }

  #keysOf(columns: readonly Column[]): Column[] {
    return this.#keys.map((index) => required(columns[index], "key column"));
  }
}
