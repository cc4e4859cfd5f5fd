import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { batchFromRows } from "../kernels/rows.js";
import { exchangeWriter } from "../exchange/codec.js";
import type { IngestStage } from "../planner/stages.js";
import type { StageMetrics } from "../report/model.js";
import type { FileWritten } from "../task/protocol.js";
import type { RunContext } from "./context.js";
import type { RowFeed } from "./rowFeed.js";

const rowsPerFile = 1_000_000;
const rowsPerBatch = 10_000;

/** Takes the program's rows in, slice by slice, into exchange files of a fixed number of rows. */
export async function runIngestStage(
  stage: IngestStage,
  feed: RowFeed,
  run: RunContext,
): Promise<{ readonly files: readonly FileWritten[]; readonly metrics: StageMetrics }> {
  const startMs = Date.now();
  const { schema } = stage.source;
  const folder = join(run.scratch, `x${stage.exchange}`);
  mkdirSync(folder, { recursive: true });
  run.emit({ kind: "stage-started", stage: stage.name, stageId: stage.id, partitions: 1 });
  const open = (index: number) => exchangeWriter(schema, join(folder, `p${String(index).padStart(6, "0")}.parquet`));
  const files: FileWritten[] = [];
  let writer = open(0);
  let inFile = 0;
  let rows = 0;
  try {
    for await (const slice of feed.slices(rowsPerBatch)) {
      run.throwIfStopped();
      if (inFile >= rowsPerFile) {
        files.push(...(await writer.finish()));
        writer = open(files.length);
        inFile = 0;
      }
      await writer.write(batchFromRows(slice as readonly object[], schema, `read.rows, rows from ${rows}`));
      rows += slice.length;
      inFile += slice.length;
    }
    files.push(...(await writer.finish()));
  } catch (error) {
    await writer.abort();
    throw error;
  }
  const endMs = Date.now();
  run.emit({ kind: "stage-finished", stage: stage.name, stageId: stage.id, rows, durationMs: endMs - startMs });
  const metrics: StageMetrics = {
    id: stage.id,
    name: stage.name,
    kind: "ingest",
    startMs,
    endMs,
    recordsIn: rows,
    recordsOut: rows,
    filtered: 0,
    rejected: 0,
    bytes: 0,
    tasks: [],
    steps: [],
  };
  return { files, metrics };
}
