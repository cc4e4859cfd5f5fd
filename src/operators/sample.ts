import { type Batch, rowCount } from "../batch/column.js";
import { required } from "../common/assert.js";
import { hashRows } from "../kernels/groups/hash.js";
import type { Step } from "../task/protocol.js";
import { noCounts, type Operator } from "./operator.js";

/**
 * Keeps rows by a hash of their values and the seed: the same rows whatever the partitions, workers and order. Rows that are left out count
 * as filtered.
 */
export class SampleOperator implements Operator {
  readonly counts = noCounts();
  readonly done = false;
  readonly #columns: readonly number[];
  readonly #seed: number;
  /** Rows whose 32-bit hash lies below it stay. */
  readonly #below: number;

  constructor(step: Extract<Step, { readonly op: "sample" }>) {
    this.#columns = step.columns;
    this.#seed = scramble(scramble(step.seed % 2 ** 32) ^ Math.trunc(step.seed / 2 ** 32));
    this.#below = Math.round(step.fraction * 2 ** 32);
  }

  push(batch: Batch): Batch | null {
    const { selection, length } = batch;
    const live = rowCount(batch);
    const columns = this.#columns.map((index) => required(batch.columns[index], "column"));
    const hashes = hashRows(columns, selection, length);
    const kept = new Int32Array(live);
    let count = 0;
    for (let j = 0; j < live; j++) {
      if (scramble((hashes[j] as number) ^ this.#seed) >>> 0 >= this.#below) continue;
      kept[count++] = selection === null ? j : (selection[j] as number);
    }
    this.counts.rowsIn += live;
    this.counts.rowsOut += count;
    this.counts.filtered += live - count;
    return count === 0 ? null : { ...batch, selection: kept.subarray(0, count) };
  }

  flush(): null {
    return null;
  }
}

/** The finaliser of MurmurHash3 (Appleby, public domain): a change of any bit changes every bit of the result half of the time. */
function scramble(word: number): number {
  let h = word ^ (word >>> 16);
  h = Math.imul(h, 0x85eb_ca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2_ae35);
  return h ^ (h >>> 16);
}
