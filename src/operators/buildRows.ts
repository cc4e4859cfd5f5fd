import type { Batch } from "../batch/column.js";
import { internalError } from "../common/errors.js";
import { openReader } from "../io/sources.js";
import type { RowsBuild } from "../task/protocol.js";

/** A row group of a usual size is one batch. */
const batchRows = 2 ** 20;

/**
 * Reads rows that every task of a stage needs as a whole. A batch is good until `take` returns, unless its reader keeps it.
 * @param what they are, for an error that does not happen: earlier stages leave no record that cannot be read
 */
export async function eachBatch(
  { scan, parts }: RowsBuild,
  what: string,
  take: (batch: Batch, keeps: boolean) => void,
): Promise<void> {
  const reject = (): never => {
    throw internalError(`${what} had a record that cannot be read`);
  };
  for (const part of parts) {
    const reader = await openReader(scan, part, { batchRows, partition: 0, reject, keeps: true });
    try {
      for (let batch = await reader.next(); batch !== null; batch = await reader.next()) take(batch, reader.keeps === true);
    } finally {
      await reader.close();
    }
  }
}
