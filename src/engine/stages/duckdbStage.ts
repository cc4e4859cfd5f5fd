import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Batch } from "../../batch/column.js";
import { assertNever } from "../../common/assert.js";
import { prepareQuery } from "../../duckdb/query.js";
import { nodeSql } from "../../duckdb/relation.js";
import type { DuckDbSession } from "../../duckdb/session.js";
import { runDuckDbStage, type StageFiles } from "../../duckdb/stage.js";
import { topological } from "../../optimize/rewrite.js";
import type { BoundNode } from "../../plan/bound.js";
import type { DuckDbStage } from "../../planner/stages.js";
import type { StageMetrics } from "../../report/model.js";
import { splitMemory } from "../../runtime/memory.js";
import type { Schema } from "../../schema/types.js";
import type { FileWritten } from "../../task/protocol.js";
import type { CheckFindings } from "./checkFindings.js";
import type { RunContext } from "../context.js";
import { type EarlySession, openRunSession, spillFolder } from "../earlySession.js";
import type { RowsConsumer } from "../execution.js";
import type { OutputSet, RowsReader } from "../outputs.js";
import { requireWhole } from "../journal/fileCheck.js";
import { withChecksum } from "../journal/runJournal.js";
import { damageBehind } from "./sourceDamage.js";
import { overWholePages } from "./sourcePages.js";
import { watchSpill } from "./spillWatch.js";
import { unfinishedStage } from "./workerMetrics.js";
import { queryIdentity, type TaskIdentity } from "../journal/taskIdentity.js";

/** Runs the DuckDB stages of one run in one session of its own, opened when the first one needs it. */
export class DuckDbRunner implements RowsReader {
  private session: DuckDbSession | null = null;

  constructor(
    private readonly run: RunContext,
    private readonly onRows: RowsConsumer | null,
    private readonly checks: CheckFindings,
    private readonly early: EarlySession | null,
  ) {}

  async runStage(stage: DuckDbStage, outputs: OutputSet): Promise<StageMetrics> {
    const context = this.run;
    const startMs = Date.now();
    context.emit({ kind: "stage-started", stage: stage.name, stageId: stage.id, partitions: 1 });
    const inputs = new Map(stage.inputs.map((id): [number, StageFiles] => [id, this.filesOf(id)]));
    const scanned = scannedBy(stage.node);
    const recordsIn = scanned.recordsRead + stage.inputs.reduce((sum, id) => sum + rowsOf(context.exchangeFiles(id)), 0);
    const spilled = watchSpill(spillFolder(context.scratch));
    let [rows, spillBytes]: [number | null, number] = [null, 0];
    try {
      rows = await this.reused(stage, outputs);
      rows ??= await this.located(stage, () => this.runQuery(stage, inputs, outputs));
    } finally {
      spillBytes = spilled();
      if (rows === null) context.cutStage = { ...unfinishedStage(stage, startMs), recordsIn, spillBytes };
    }
    const endMs = Date.now();
    context.emit({ kind: "stage-finished", stage: stage.name, stageId: stage.id, rows, durationMs: endMs - startMs });
    const { id, name } = stage;
    const counts = { ...scanned, recordsIn, recordsOut: rows, filtered: 0, rejected: 0 };
    return { id, name, kind: "duckdb", startMs, endMs, ...counts, tasks: [], steps: [], spillBytes };
  }

  /** Reads an exchange back, in order. */
  async readExchange(exchange: number, schema: Schema, onBatch: (batch: Batch) => void | Promise<void>): Promise<void> {
    const inputs = new Map([[exchange, this.filesOf(exchange)]]);
    const session = await this.open();
    const target = { kind: "batches", onBatch } as const;
    await this.overWhole([exchange], () =>
      runDuckDbStage(session, { kind: "stageInput", stage: exchange, schema }, inputs, target),
    );
  }

  /**
   * A query does not look at checksums: its input is compared with them meanwhile, and what came of it counts only where that was as it was
   * written. What a query says of damaged files is not worth telling.
   */
  private async overWhole<T>(exchanges: readonly number[], query: () => Promise<T>): Promise<T> {
    const files = exchanges.flatMap((id) => this.run.exchangeFiles(id));
    const [looked, done] = await Promise.allSettled([requireWhole(files), query()]);
    if (looked.status === "rejected") throw looked.reason;
    if (done.status === "rejected") throw done.reason;
    return done.value;
  }

  async *readFiles(files: readonly FileWritten[], schema: Schema): AsyncGenerator<Batch> {
    if (files.length > 0) yield* readExchangeFiles(await this.open(), files, schema);
  }

  interrupt(): void {
    this.session?.interrupt();
  }

  close(): void {
    this.session?.close();
    this.session = null;
  }

  /** Rows of a query that an earlier process ran; null where it is to be run. */
  private async reused(stage: DuckDbStage, outputs: OutputSet): Promise<number | null> {
    const identity = this.identityOf(stage);
    const earlier = identity === null ? null : await this.run.journal?.stage(identity);
    if (earlier === null || earlier === undefined) return null;
    const { rows, files } = earlier;
    if (stage.target.kind === "exchange") this.run.addExchange(stage.target.exchange, files);
    else if (stage.target.kind === "sink") outputs.add(stage.target.output, files);
    this.run.emit({ kind: "task-reused", stage: stage.name, partition: 0, rows, bytes: 0 });
    return rows;
  }

  /** null where nothing is kept of a query. */
  private identityOf(stage: DuckDbStage): TaskIdentity | null {
    if (this.run.journal === null || stage.target.kind === "rows") return null;
    return queryIdentity(stage, (exchange) => this.run.exchangeFiles(exchange));
  }

  private done(stage: DuckDbStage, rows: number, files: readonly FileWritten[]): void {
    const identity = this.identityOf(stage);
    if (identity !== null) this.run.journal?.stageDone(identity, rows, files);
  }

  /** Runs a query; where a damaged file made it fail, the error says which, and where. */
  private async located<T>(stage: DuckDbStage, query: () => Promise<T>): Promise<T> {
    try {
      return await query();
    } catch (thrown) {
      if (this.session === null || this.session.interrupted) throw thrown;
      throw await damageBehind(thrown, stage.node, { session: this.session, throwIfStopped: () => this.run.throwIfStopped() });
    }
  }

  private async runQuery(stage: DuckDbStage, inputs: ReadonlyMap<number, StageFiles>, outputs: OutputSet): Promise<number> {
    const { target } = stage;
    const { memoryBytes, workers } = this.run.settings;
    if (splitMemory(memoryBytes, workers).workersRest) await this.run.pool.rest();
    const session = await this.open();
    const query = (into: Parameters<typeof runDuckDbStage>[3]) =>
      this.overWhole(stage.inputs, () =>
        overWholePages(
          stage.node,
          (begun) => {
            session.whenBusy(() => {
              begun();
              this.run.waiting();
            });
            return runDuckDbStage(session, stage.node, inputs, into);
          },
          () => this.run.throwIfStopped(),
        ),
      );
    switch (target.kind) {
      case "exchange": {
        const file = this.exchangeFile(target.exchange);
        const { rows } = await query({ kind: "exchange", file });
        const plain: FileWritten = { path: file, rows, bytes: 0, partitionValues: [], checksum: "" };
        // The file is read back for its checksum: only where somebody may go on with the run.
        const written = this.run.journal === null ? plain : await withChecksum(plain);
        this.run.addExchange(target.exchange, [written]);
        this.done(stage, rows, [written]);
        return rows;
      }
      case "sink": {
        const writer = outputs.writer(target.output, stage.node.schema);
        try {
          const { rows } = await query({
            kind: "batches",
            onBatch: async (batch) => {
              this.run.throwIfStopped();
              await writer.write(batch);
            },
          });
          const files = await writer.finish();
          outputs.add(target.output, files);
          this.done(stage, rows, files);
          return rows;
        } catch (error) {
          await writer.abort();
          throw error;
        }
      }
      case "rows": {
        const { onRows, checks } = this;
        const { rows } = await query({
          kind: "batches",
          onBatch: (batch) => {
            this.run.throwIfStopped();
            if (checks.owns(target.output)) return checks.take(target.output, batch);
            return onRows?.batch(batch);
          },
        });
        return rows;
      }
      default:
        return assertNever(target, "stage target");
    }
  }

  private filesOf(exchange: number): StageFiles {
    const files = this.run.exchangeFiles(exchange);
    return { files: files.map((file) => file.path), schema: [] };
  }

  private exchangeFile(exchange: number): string {
    const folder = join(this.run.scratch, `x${exchange}`);
    mkdirSync(folder, { recursive: true });
    return join(folder, "p000000.parquet");
  }

  private async open(): Promise<DuckDbSession> {
    const { settings, scratch } = this.run;
    this.session ??= await (this.early?.take() ?? openRunSession(settings, scratch));
    return this.session;
  }
}

/** Rows of exchange files, in order. */
export async function* readExchangeFiles(
  session: DuckDbSession,
  files: readonly FileWritten[],
  schema: Schema,
): AsyncGenerator<Batch> {
  if (files.length === 0) return;
  const node: BoundNode = { kind: "stageInput", stage: 0, schema };
  const query = nodeSql(node, { stageFiles: () => files.map((file) => file.path) });
  yield* session.query(await prepareQuery(session, query), schema);
}

/** Rows and bytes of the files that a query reads itself. */
function scannedBy(node: BoundNode): Pick<StageMetrics, "recordsRead" | "bytes"> {
  const sources = new Set(topological([node]).flatMap((one) => (one.kind === "scan" ? [one.source] : [])));
  let [recordsRead, bytes] = [0, 0];
  for (const source of sources) {
    recordsRead += source.rows ?? 0;
    for (const file of source.files) bytes += file.bytes;
  }
  return { recordsRead, bytes };
}

const rowsOf = (files: readonly FileWritten[]): number => files.reduce((sum, file) => sum + file.rows, 0);
