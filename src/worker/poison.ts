import type { Batch } from "../batch/column.js";
import type { PoisonedRow, RowProbe } from "../task/protocol.js";
import { dropRows, liveRows } from "./rowSelection.js";

/** Some rows of a batch, which are fed to the steps by themselves. `from` and `rows`: their numbers in the partition. */
export interface RowSlice {
  readonly batch: Batch;
  readonly from: number;
  readonly rows: number;
}

/** The rows that a probe asks for, cut as it asks. `first`: number of the batch's first row in its partition. */
export function* probeSlices(batch: Batch, first: number, probe: RowProbe): Generator<RowSlice> {
  const end = Math.min(probe.to, first + batch.length);
  for (let from = Math.max(probe.from, first); from < end; from += probe.size) {
    const to = Math.min(end, from + probe.size);
    const selection = liveRows(batch, (row) => row + first >= from && row + first < to);
    if (selection.length > 0) yield { batch: { ...batch, selection }, from, rows: to - from };
  }
}

/** Poisoned rows that live in this batch, in order. */
export function poisonedIn(batch: Batch, first: number, poisoned: readonly PoisonedRow[]): PoisonedRow[] {
  const here = poisoned.filter(({ row }) => row >= first && row < first + batch.length);
  if (here.length === 0) return [];
  const live = new Set(liveRows(batch, () => true));
  return here.filter(({ row }) => live.has(row - first)).sort((a, b) => a.row - b.row);
}

/** The batch without these rows. */
export const withoutRows = (batch: Batch, first: number, poisoned: readonly PoisonedRow[]): Batch =>
  dropRows(batch, new Set(poisoned.map(({ row }) => row - first)));
