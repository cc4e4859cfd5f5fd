import { type Batch, rowCount } from "../batch/column.js";
import { copyBatch } from "../batch/gather.js";

/** Rows are few where a batch has more than this many times as many. */
const fewOf = 4;

/** A batch for a buffer, which brings the texts of a whole batch into its memory: few live rows are first taken out of it. */
export const takenOut = (batch: Batch): Batch => (rowCount(batch) * fewOf < batch.length ? copyBatch(batch) : batch);
