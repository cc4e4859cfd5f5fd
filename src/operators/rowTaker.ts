import { builderFor } from "../batch/builder.js";
import type { Batch, Column } from "../batch/column.js";
import { columnReader } from "../batch/reader.js";
import { required } from "../common/assert.js";
import { internalError } from "../common/errors.js";
import type { Schema } from "../schema/types.js";
import { concatColumns } from "./joinColumns.js";

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
      for (const [i, column] of batch.columns.entries()) parts[i]?.push(copied(column, this.#from, to));
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

/** Rows of a batch that is good until the next one. */
function copied(column: Column, from: number, to: number): Column {
  const builder = builderFor(column.type, to - from);
  const read = columnReader(column);
  for (let i = from; i < to; i++) builder.append(read(i));
  return builder.finish();
}
