import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Batch } from "../../../src/batch/column.js";
import { columnReader } from "../../../src/batch/reader.js";
import { DuckDbSession } from "../../../src/duckdb/session.js";

export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "millrace-duckdb-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export const openSession = (folder: string, threads = 2, memoryBytes = 500e6): Promise<DuckDbSession> =>
  DuckDbSession.open({ threads, memoryBytes, tempDirectory: join(folder, `spill-${threads}-${memoryBytes}`) });

/** All rows as arrays of values in their value form. */
export async function rowsOf(batches: AsyncIterable<Batch>): Promise<unknown[][]> {
  const rows: unknown[][] = [];
  for await (const batch of batches) {
    const readers = batch.columns.map(columnReader);
    for (let row = 0; row < batch.length; row++) rows.push(readers.map((read) => read(row)));
  }
  return rows;
}
