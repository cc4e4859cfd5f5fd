import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Batch } from "../../batch/column.js";
import { exchangeWriter } from "../../exchange/codec.js";
import type { BatchWriter } from "../../io/contracts.js";
import { ColumnFailure, RowCollector } from "../../kernels/rows.js";
import type { IngestStage } from "../../planner/stages.js";
import type { StageMetrics } from "../../report/model.js";
import type { FileWritten, TaskResult } from "../../task/protocol.js";
import { RejectLog } from "../../worker/rejects.js";
import type { RunContext } from "../context.js";
import type { IngestRecord } from "../journal/journal.js";
import { RowFeed } from "./rowFeed.js";
import type { StreamFeed } from "../prepare.js";

const rowsPerFile = 1_000_000;
const rowsPerBatch = 10_000;

export interface IngestResult {
  readonly files: readonly FileWritten[];
  readonly metrics: StageMetrics;
  readonly result: TaskResult;
}

/** Takes the program's rows in, slice by slice, into exchange files of a fixed number of rows. Rows that do not fit are rejected. */
export async function runIngestStage(stage: IngestStage, feed: RowFeed | StreamFeed, run: RunContext): Promise<IngestResult> {
  const startMs = Date.now();
  const { id, name, source } = stage;
  run.emit({ kind: "stage-started", stage: name, stageId: id, partitions: 1 });
  const rejects = new RejectLog(source.spec.onReject, join(run.folder, "rejects", `s${id}-rows`));
  const ingest = new Ingest(stage, run, rejects);
  try {
    await (feed instanceof RowFeed ? ingest.takeRows(feed) : ingest.takeText(feed));
  } catch (error) {
    await ingest.abort();
    throw error;
  }
  const endMs = Date.now();
  run.emit({ kind: "stage-finished", stage: name, stageId: id, rows: ingest.rows, durationMs: endMs - startMs });
  const result = taskResult(ingest.rows, rejects.finish(), startMs, endMs);
  const { count, samples } = result.rejects;
  if (count > 0) run.emit({ kind: "reject", stage: name, count, samples });
  run.rejects.add({ rejects: result.rejects, lines: 0, partition: 0, source });
  run.limits.add(result, source);
  run.limits.stageFinished();
  const counts = {
    recordsRead: ingest.rows,
    recordsIn: ingest.rows,
    recordsOut: ingest.rows - count,
    filtered: 0,
    rejected: count,
    bytes: 0,
  };
  const metrics: StageMetrics = { id, name, kind: "ingest", startMs, endMs, ...counts, tasks: [], steps: [] };
  return { files: ingest.files, metrics, result };
}

/** What an earlier process took in. */
export function resumeIngest(stage: IngestStage, { files, result }: IngestRecord, run: RunContext): IngestResult {
  const { id, name, source } = stage;
  const { rows } = result.scan;
  const { count, samples } = result.rejects;
  run.emit({ kind: "task-reused", stage: name, partition: 0, rows, bytes: 0 });
  if (count > 0) run.emit({ kind: "reject", stage: name, count, samples });
  run.rejects.add({ rejects: result.rejects, lines: 0, partition: 0, source });
  run.limits.add(result, source);
  run.limits.stageFinished();
  const { startMs, endMs } = result.timing;
  const counts = { recordsRead: rows, recordsIn: rows, recordsOut: rows - count, filtered: 0, rejected: count, bytes: 0 };
  const metrics: StageMetrics = { id, name, kind: "ingest", startMs, endMs, ...counts, tasks: [], steps: [] };
  return { files, metrics, result };
}

class Ingest {
  readonly files: FileWritten[] = [];
  rows = 0;
  private writer: BatchWriter;
  private inFile = 0;
  private readonly collector: RowCollector;

  constructor(
    private readonly stage: IngestStage,
    private readonly run: RunContext,
    private readonly rejects: RejectLog,
  ) {
    mkdirSync(this.folder, { recursive: true });
    this.writer = this.open(0);
    this.collector = new RowCollector(stage.source.schema, "read.rows");
  }

  async takeRows(feed: RowFeed): Promise<void> {
    for await (const slice of feed.slices(rowsPerBatch)) await this.write(this.collect(slice));
    this.files.push(...(await this.writer.finish()));
  }

  async takeText({ reader, text }: StreamFeed): Promise<void> {
    const { source, name: stage } = this.stage;
    const read = reader.read(text, source.schema, rowsPerBatch, (reject, raw) => {
      const bytes = raw === null ? null : ({ kind: "bytes", bytes: raw } as const);
      this.rejects.take({ ...reject, file: "", stage }, bytes);
    });
    try {
      for (let batch = await read.next(); batch !== null; batch = await read.next()) {
        await this.write(batch);
        this.rows = read.result().rows;
      }
      this.rows = read.result().rows;
    } finally {
      await read.close();
    }
    this.files.push(...(await this.writer.finish()));
  }

  async abort(): Promise<void> {
    this.rejects.discard();
    await this.writer.abort();
  }

  private async write(batch: Batch): Promise<void> {
    this.run.throwIfStopped();
    if (this.inFile >= rowsPerFile) {
      this.files.push(...(await this.writer.finish()));
      this.writer = this.open(this.files.length);
      this.inFile = 0;
    }
    if (batch.length > 0) await this.writer.write(batch);
    this.inFile += batch.length;
  }

  private collect(slice: readonly unknown[]): Batch {
    let length = 0;
    for (const row of slice) {
      try {
        this.collector.append(row);
        length++;
      } catch (thrown) {
        if (!(thrown instanceof ColumnFailure)) throw thrown;
        this.reject(row, thrown);
      }
      this.rows++;
    }
    return { ...this.collector.take(), length };
  }

  private reject(row: unknown, { code, message, column }: ColumnFailure): void {
    const nowhere = { file: "", line: null, byte: null, length: null, functionName: null, functionHash: null, attempt: 1 };
    const reject = { ...nowhere, row: this.rows, stage: this.stage.name, column, code, message: `row ${this.rows}: ${message}` };
    this.rejects.take(reject, this.rejects.wantsRaw ? rawRow(row) : null);
  }

  private get folder(): string {
    return join(this.run.scratch, `x${this.stage.exchange}`);
  }

  private open(index: number): BatchWriter {
    return exchangeWriter(this.stage.source.schema, join(this.folder, `p${String(index).padStart(6, "0")}.parquet`));
  }
}

/** A row of the program as JSON; null where it has none, such as a value that contains itself. */
function rawRow(row: unknown): { readonly kind: "json"; readonly bytes: Uint8Array } | null {
  try {
    const text = JSON.stringify(row, (_, value: unknown) => (typeof value === "bigint" ? value.toString() : value)) as
      | string
      | undefined;
    return text === undefined ? null : { kind: "json", bytes: Buffer.from(text, "utf8") };
  } catch {
    return null;
  }
}

function taskResult(rows: number, rejects: TaskResult["rejects"], startMs: number, endMs: number): TaskResult {
  return {
    scan: { rows, rejected: rejects.count, bytes: 0, start: null, end: null, lines: 0 },
    enough: false,
    steps: [],
    rejects,
    timing: { startMs, endMs, readMs: 0, computeMs: 0, writeMs: 0, cpuMs: 0 },
  };
}
