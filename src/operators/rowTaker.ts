import type { Batch, Column } from "../batch/column.js";
import { sliceColumn } from "../batch/gather.js";
import { required } from "../common/assert.js";
import { internalError } from "../common/errors.js";
import type { Schema } from "../schema/types.js";
import { concatColumns, ownBatch } from "./joinColumns.js";

/** Takes so many rows at a time from batches of any length. */
export class RowTaker {
  readonly #schema: Schema;
  readonly #batches: Generator<Batch>;
  #batch: Batch | null = null;
  #from = 0;

  constructor(schema: Schema, batches: Generator<Batch>) {
    this.#schema = schema;
    this.#batches = batches;
  }

  take(count: number): Column[] {
    const parts: Column[][] = this.#schema.map(() => []);
    for (let missing = count; missing > 0; ) {
      if (this.#batch === null || this.#from === this.#batch.length) this.#next();
      const batch = required(this.#batch ?? undefined, "rows of a block");
      const to = Math.min(batch.length, this.#from + missing);
      const columns = batch.columns.map((column) => sliceColumn(column, this.#from, to));
      // A batch is good until the next one.
      const own = ownBatch({ ...batch, columns, length: to - this.#from });
      for (const [i, column] of own.columns.entries()) parts[i]?.push(column);
      missing -= to - this.#from;
      this.#from = to;
    }
    return this.#schema.map(({ type }, i) => concatColumns(type, parts[i] ?? []));
  }

  /** Lets go of the files. */
  end(): void {
    this.#batches.return(undefined);
  }

  #next(): void {
    const step = this.#batches.next();
    if (step.done === true) throw internalError("there are fewer results than rows");
    this.#batch = step.value;
    this.#from = 0;
  }
}
