import type { Batch } from "../batch/column.js";
import { everyRow } from "../batch/gather.js";

/** The batch without these physical rows, and without moving any. */
export const dropRows = (batch: Batch, gone: ReadonlySet<number>): Batch => ({
  ...batch,
  selection: liveRows(batch, (row) => !gone.has(row)),
});

/** The live rows that are to be kept. */
export function liveRows({ selection, length }: Batch, keep: (row: number) => boolean): Int32Array {
  return (selection ?? everyRow(length)).filter(keep);
}
