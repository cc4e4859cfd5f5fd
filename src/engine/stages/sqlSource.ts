import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { openSource, type SqlSpec, sourceNode } from "../../duckdb/source.js";
import { runDuckDbStage } from "../../duckdb/stage.js";
import type { IngestStage } from "../../planner/stages.js";
import { splitMemory } from "../../runtime/memory.js";
import type { FileWritten, TaskResult } from "../../task/protocol.js";
import type { RunContext } from "../context.js";
import type { IngestResult } from "./ingestStage.js";
import { withChecksum } from "../journal/runJournal.js";
import { sourceIdentity } from "../journal/taskIdentity.js";

/**
 * Asks the query of a `read.sql` source, in a session of its own, and keeps its rows as one exchange file. What an earlier process kept of the same
 * query over the same file counts.
 */
export async function runSqlSource(stage: IngestStage, spec: SqlSpec, run: RunContext): Promise<IngestResult> {
  const startMs = Date.now();
  const { id, name, source } = stage;
  run.emit({ kind: "stage-started", stage: name, stageId: id, partitions: 1 });
  const identity = sourceIdentity(stage);
  const earlier = await run.journal?.stage(identity);
  const files = earlier?.files ?? [await ask(stage, spec, run)];
  const rows = files.reduce((sum, file) => sum + file.rows, 0);
  if (earlier === null || earlier === undefined) run.journal?.stageDone(identity, rows, files);
  else run.emit({ kind: "task-reused", stage: name, partition: 0, rows, bytes: 0 });
  const endMs = Date.now();
  run.emit({ kind: "stage-finished", stage: name, stageId: id, rows, durationMs: endMs - startMs });
  const bytes = source.files.reduce((sum, file) => sum + file.bytes, 0);
  const result = resultOf(rows, bytes, startMs, endMs);
  run.limits.add(result, source);
  run.limits.stageFinished();
  const counts = { recordsRead: rows, recordsIn: rows, recordsOut: rows, filtered: 0, rejected: 0, bytes };
  return { files, result, metrics: { id, name, kind: "duckdb", startMs, endMs, ...counts, tasks: [], steps: [] } };
}

async function ask(stage: IngestStage, spec: SqlSpec, run: RunContext): Promise<FileWritten> {
  const { settings, scratch, signal, stop } = run;
  const folder = join(scratch, `x${stage.exchange}`);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "p000000.parquet");
  const split = splitMemory(settings.memoryBytes, settings.workers);
  if (split.workersRest) await run.pool.rest();
  const session = await openSource(spec, {
    memoryBytes: split.duckdb,
    threads: settings.workers,
    maxTempBytes: settings.maxDiskBytes,
    tempDirectory: join(scratch, `duckdb-x${stage.exchange}`),
  });
  const interrupt = () => session.interrupt();
  for (const one of [signal, stop]) one?.addEventListener("abort", interrupt, { once: true });
  try {
    run.throwIfStopping();
    const { rows } = await runDuckDbStage(session, sourceNode(stage.source), new Map(), { kind: "exchange", file: path });
    const plain: FileWritten = { path, rows, bytes: 0, partitionValues: [], checksum: "" };
    // The file is read back for its checksum: only where somebody may go on with the run.
    return run.journal === null ? plain : await withChecksum(plain);
  } finally {
    for (const one of [signal, stop]) one?.removeEventListener("abort", interrupt);
    session.close();
  }
}

function resultOf(rows: number, bytes: number, startMs: number, endMs: number): TaskResult {
  return {
    scan: { rows, rejected: 0, bytes, start: null, end: null, lines: 0 },
    enough: false,
    steps: [],
    rejects: { count: 0, byCode: {}, byFile: {}, byColumn: {}, samples: [], file: null, written: null, texts: [] },
    timing: { startMs, endMs, readMs: 0, computeMs: 0, writeMs: 0, cpuMs: 0 },
  };
}
