import { required } from "../common/assert.js";
import { internalError } from "../common/errors.js";
import type { Schema } from "../schema/types.js";
import type { Batch } from "./column.js";
import { concatColumn } from "./concat.js";
import { copyBatch, sliceBatch } from "./gather.js";

/** Fewer rows than this are joined with those before them, so that rows that come one by one do not each have arrays of their own. */
const fewRows = 4096;

/** Collects rows of batches, column by column, in memory of its own. */
export class RowBuffer {
  readonly #schema: Schema;
  #parts: Batch[] = [];
  #length = 0;

  constructor(schema: Schema) {
    this.#schema = schema;
  }

  get length(): number {
    return this.#length;
  }

  /** Adds live rows [from, to) of a batch. */
  add(batch: Batch, from: number, to: number): void {
    if (from === to) return;
    this.#length += to - from;
    let last = copyBatch(sliceBatch(batch, from, to));
    for (let before = this.#parts.at(-1); before !== undefined && before.length <= last.length; before = this.#parts.at(-1)) {
      if (last.length >= fewRows) break;
      this.#parts.pop();
      last = this.#joined([before, last]);
    }
    this.#parts.push(last);
  }

  /** The rows so far as one batch; the buffer is empty afterwards. */
  take(): Batch {
    const batch = this.#joined(this.#parts);
    this.#parts = [];
    this.#length = 0;
    return batch;
  }

  #joined(parts: readonly Batch[]): Batch {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    const columns = this.#schema.map((field, i) =>
      concatColumn(
        field.type,
        parts.map((part) => required(part.columns[i], `column ${i}`)),
        () => internalError("rows are buffered that have more than 2 GiB of text in a column"),
      ),
    );
    return { schema: this.#schema, length, columns, selection: null, origin: null };
  }
}
