import { type Batch, type FixedColumn, rowCount } from "../batch/column.js";
import { types } from "../schema/types.js";
import type { Step } from "../task/protocol.js";
import { noCounts, type Operator } from "./operator.js";

/**
 * Adds a column with the number of each row: 2^32 times the partition plus how many rows of that came before. A pass that reads the same partitions
 * through the same steps gives the same rows the same numbers.
 */
export class NumberOperator implements Operator {
  readonly counts = noCounts();
  readonly done = false;
  #next = 0;

  constructor(
    private readonly step: Extract<Step, { readonly op: "number" }>,
    private readonly partition: number,
  ) {}

  push(batch: Batch): Batch {
    const live = rowCount(batch);
    const values = new BigInt64Array(batch.length);
    // Two halves of each number; a bigint a row would be an object a row.
    const words = new Uint32Array(values.buffer);
    for (let j = 0; j < live; j++) {
      const row = batch.selection === null ? j : (batch.selection[j] as number);
      words[2 * row] = this.#next++;
      words[2 * row + 1] = this.partition;
    }
    this.counts.rowsIn += live;
    this.counts.rowsOut += live;
    const column: FixedColumn = { layout: "fixed", type: types.int64, length: batch.length, values, valid: null };
    return { ...batch, schema: this.step.schema, columns: [...batch.columns, column] };
  }

  flush(): null {
    return null;
  }
}
