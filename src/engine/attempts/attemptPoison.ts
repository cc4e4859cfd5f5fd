import type { PoisonedRow, RowProbe } from "../../task/protocol.js";

/** What came of a probe: the rows at work when it ended its worker; null where it did not, or not over rows. */
export type ProbeEnd = { readonly from: number; readonly rows: number; readonly message: string } | null;

/** Slices that a probe cuts its rows into, so that two probes find one row among 65,536. */
const fanOut = 256;

/**
 * Finds the record that ends every worker that works on it, among the rows that were at work when workers ended. Narrows down by feeding
 * ever smaller slices, then tries that one record alone: only one that ends a fresh worker by itself is to blame.
 * @returns null where no single record is: then the batch as a whole is, or the function's state, or chance
 */
export async function findPoisonedRow(
  at: { readonly from: number; readonly rows: number },
  probe: (probe: RowProbe) => Promise<ProbeEnd>,
): Promise<PoisonedRow | null> {
  let { from, rows } = at;
  while (rows > 1) {
    const to = from + rows;
    const end = await probe({ from, to, size: Math.ceil(rows / fanOut) });
    if (end === null || end.rows >= rows || end.from < from || end.from + end.rows > to) return null;
    ({ from, rows } = end);
  }
  const alone = await probe({ from, to: from + 1, size: 1 });
  return alone === null ? null : { row: from, message: alone.message };
}
