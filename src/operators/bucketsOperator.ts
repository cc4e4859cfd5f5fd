import { type Batch, rowCount } from "../batch/column.js";
import { areTooMany } from "../exchange/keyedReader.js";
import type { Schema } from "../schema/types.js";
import type { FileWritten } from "../task/protocol.js";
import { GroupedBuckets, type Grouping } from "./groupedBuckets.js";
import { noCounts, type Operator, type OperatorContext } from "./operator.js";
import { SpilledGroups } from "./spilledGroups.js";

/** Computes something of every row of some buckets from the rows of its group: in memory, or through files where there are too many. */
export abstract class BucketsOperator implements Operator {
  readonly counts = noCounts();
  readonly done = false;
  readonly #buckets: GroupedBuckets | SpilledGroups;
  #file: FileWritten | null = null;

  constructor(input: Schema, grouping: Grouping, file: string, context: OperatorContext) {
    const { buckets } = context;
    this.#buckets =
      buckets !== undefined && areTooMany(buckets.paths, buckets.part)
        ? new SpilledGroups(input, grouping, file, context)
        : new GroupedBuckets(input, grouping, context);
  }

  get files(): readonly FileWritten[] {
    return this.#file === null ? [] : [this.#file];
  }

  push(batch: Batch): null {
    this.counts.rowsIn += rowCount(batch);
    this.#buckets.push(batch);
    return null;
  }

  flush(): null {
    const buckets = this.#buckets;
    this.#file = buckets instanceof SpilledGroups ? this.streamed(buckets) : this.inMemory(buckets);
    this.counts.rowsOut += this.#file.rows;
    return null;
  }

  abort(): void {
    this.#buckets.abort();
  }

  /** Both write the same file. */
  protected abstract inMemory(buckets: GroupedBuckets): FileWritten;
  protected abstract streamed(buckets: SpilledGroups): FileWritten;
}
