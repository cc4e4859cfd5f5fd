import { required } from "../common/assert.js";
import { internalError } from "../common/errors.js";
import type { Schema } from "../schema/types.js";
import type { Batch } from "./column.js";
import { concatColumn } from "./concat.js";
import { copyBatch, sliceBatch } from "./gather.js";

/** Fewer rows than this are joined with others in the end, so that rows that come one by one do not each have arrays of their own. */
const fewRows = 4096;
/** So many parts of few rows, which were joined equally often, are joined. */
const together = 16;

interface Part {
  readonly batch: Batch;
  /** How often it was joined; null for one that has rows enough. */
  readonly joins: number | null;
}

/** Collects rows of batches, column by column, in memory of its own. */
export class RowBuffer {
  readonly #schema: Schema;
  #parts: Part[] = [];
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
    this.#push(copyBatch(sliceBatch(batch, from, to)), 0);
    for (let last = this.#parts.at(-1); last?.joins != null; last = this.#parts.at(-1)) {
      const { joins } = last;
      const alike = this.#parts.slice(-together);
      if (alike.length < together || alike.some((part) => part.joins !== joins)) break;
      this.#parts.length -= together;
      this.#push(this.#joined(alike), joins + 1);
    }
  }

  #push(batch: Batch, joins: number): void {
    this.#parts.push({ batch, joins: batch.length < fewRows ? joins : null });
  }

  /** The rows so far as one batch; the buffer is empty afterwards. */
  take(): Batch {
    const batch = this.#joined(this.#parts);
    this.#parts = [];
    this.#length = 0;
    return batch;
  }

  #joined(parts: readonly Part[]): Batch {
    const length = parts.reduce((sum, { batch }) => sum + batch.length, 0);
    const columns = this.#schema.map((field, i) =>
      concatColumn(
        field.type,
        parts.map(({ batch }) => required(batch.columns[i], `column ${i}`)),
        () => internalError("rows are buffered that have more than 2 GiB of text in a column"),
      ),
    );
    return { schema: this.#schema, length, columns, selection: null, origin: null };
  }
}
