import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import type { Batch } from "../../../src/batch/column.js";
import { columnReader } from "../../../src/batch/reader.js";
import { DuckDbSession } from "../../../src/duckdb/session.js";
import { runDuckDbStage } from "../../../src/duckdb/stage.js";
import { resolveParquet } from "../../../src/io/parquet/parquetResolve.js";
import type { BoundNode } from "../../../src/plan/bound.js";
import type { Schema } from "../../../src/schema/types.js";

export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "millrace-duckdb-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export const openSession = (folder: string, threads = 2, memoryBytes = 500e6): Promise<DuckDbSession> =>
  DuckDbSession.open({ threads, memoryBytes, tempDirectory: join(folder, `spill-${threads}-${memoryBytes}`) });

/** Opens a session before the tests of a file, and takes it and its folder away behind them. */
export function openForTests(folder: ReturnType<typeof temporaryFolder>, take: (session: DuckDbSession) => void): void {
  let session: DuckDbSession;
  beforeAll(async () => {
    session = await openSession(folder.path);
    take(session);
  });
  afterAll(() => {
    session.close();
    folder.remove();
  });
}

/** All rows as arrays of values in their value form. */
export async function rowsOf(batches: AsyncIterable<Batch>): Promise<unknown[][]> {
  const rows: unknown[][] = [];
  for await (const batch of batches) {
    const readers = batch.columns.map(columnReader);
    for (let row = 0; row < batch.length; row++) rows.push(readers.map((read) => read(row)));
  }
  return rows;
}

/** A scan of a Parquet file as the engine sees it. */
export async function scanOf(path: string, schema: Schema): Promise<BoundNode> {
  const spec = { format: "parquet", paths: [path], options: {}, onReject: "fail" } as const;
  const files = [{ path, bytes: statSync(path).size, modifiedMs: 0, partitionValues: [] }];
  const source = { spec, files, partitionColumns: [], ...(await resolveParquet(spec, files)) };
  return { kind: "scan", source, schema };
}

/** The rows of a node, and the query that gave them. */
export async function stageRows(session: DuckDbSession, node: BoundNode): Promise<{ rows: unknown[][]; sql: string }> {
  const rows: unknown[][] = [];
  const { sql } = await runDuckDbStage(session, node, new Map(), {
    kind: "batches",
    onBatch: async (batch) => {
      const one = (async function* () {
        yield batch;
      })();
      rows.push(...(await rowsOf(one)));
    },
  });
  return { rows, sql };
}
