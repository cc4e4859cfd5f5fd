import { type Batch, rowCount } from "../batch/column.js";
import { sliceBatch } from "../batch/gather.js";
import { noCounts, type Operator } from "./operator.js";

/** The first `count` rows of the partition. Rows after them count as filtered, as far as they are read at all. */
export class LimitOperator implements Operator {
  readonly counts = noCounts();
  #left: number;

  constructor(count: number) {
    this.#left = count;
  }

  get done(): boolean {
    return this.#left === 0;
  }

  push(batch: Batch): Batch | null {
    const rows = rowCount(batch);
    const taken = Math.min(rows, this.#left);
    this.#left -= taken;
    this.counts.rowsIn += rows;
    this.counts.rowsOut += taken;
    this.counts.filtered += rows - taken;
    return taken === 0 ? null : sliceBatch(batch, 0, taken);
  }

  flush(): null {
    return null;
  }
}
