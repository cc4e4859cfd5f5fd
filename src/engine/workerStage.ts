import { rmSync } from "node:fs";
import { join } from "node:path";
import { required } from "../common/assert.js";
import { internalError, MillraceError } from "../common/errors.js";
import { planPartitions, resolveSource } from "../io/sources.js";
import type { ResolvedSource } from "../plan/bound.js";
import type { OnReject } from "../plan/nodes.js";
import type { WorkerStage } from "../planner/stages.js";
import type { StageMetrics, TaskMetrics } from "../report/model.js";
import type { FileWritten, PartitionSpec, Step, TaskResult, TaskSpec } from "../task/protocol.js";
import type { RunContext } from "./context.js";

/** What a worker stage leaves: files of its exchanges and fragments of its outputs, both in partition order. */
export interface WorkerStageResult {
  readonly metrics: StageMetrics;
  readonly exchanges: ReadonlyMap<number, readonly FileWritten[]>;
  readonly outputs: ReadonlyMap<number, readonly FileWritten[]>;
  readonly results: readonly TaskResult[];
}

/** Runs one task per partition on the pool and checks that the partitions meet without gap or overlap. */
export async function runWorkerStage(stage: WorkerStage, run: RunContext): Promise<WorkerStageResult> {
  return new StageRun(stage, run).execute();
}

class StageRun {
  private readonly startMs = Date.now();
  private readonly attempts: number[] = [];
  private readonly results: (TaskResult | undefined)[] = [];
  private source: ResolvedSource | null = null;
  private failure: { readonly partition: number; readonly error: unknown } | null = null;

  constructor(
    private readonly stage: WorkerStage,
    private readonly run: RunContext,
  ) {}

  async execute(): Promise<WorkerStageResult> {
    const source = await this.resolve();
    this.source = source;
    const parts = await planPartitions(source, this.run.settings.partitionBytes);
    this.run.emit({ kind: "stage-started", stage: this.stage.name, stageId: this.stage.id, partitions: parts.length });
    await this.runAll(parts);
    await this.verifyBorders(parts);
    const results = parts.map((_, i) => required(this.results[i], "task result"));
    const metrics = this.metrics(results);
    this.run.emit({
      kind: "stage-finished",
      stage: this.stage.name,
      stageId: this.stage.id,
      rows: metrics.recordsIn,
      durationMs: metrics.endMs - metrics.startMs,
    });
    return { metrics, results, exchanges: this.files(results, "exchange"), outputs: this.files(results, "output") };
  }

  private async resolve(): Promise<ResolvedSource> {
    const { input } = this.stage;
    if (input.kind === "source") return input.source;
    const files = this.run.exchangeFiles(input.exchange).map((file) => file.path);
    const onReject: OnReject = this.run.onReject;
    return resolveSource({ format: "parquet", paths: files, schema: input.schema, onReject, rejectLimits: {} });
  }

  /** Keeps one task more in flight than there are workers, so that none waits; partitions start in order. */
  private async runAll(parts: readonly PartitionSpec[]): Promise<void> {
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < parts.length && this.failure === null) {
        const partition = next++;
        await this.runPartition(partition, parts[partition] as PartitionSpec);
      }
    };
    await Promise.all(Array.from({ length: Math.min(parts.length, this.run.settings.workers + 1) }, lane));
    if (this.failure !== null) throw this.failure.error;
  }

  private async runPartition(partition: number, part: PartitionSpec): Promise<void> {
    try {
      const result = await this.attempt(partition, part);
      this.results[partition] = result;
    } catch (error) {
      // Of several failures the one of the earliest partition is told, so that the message does not depend on timing alone.
      if (this.failure === null || (partition < this.failure.partition && !isCancelled(error)))
        this.failure = { partition, error };
      this.run.stopTasks();
    }
  }

  private async attempt(partition: number, part: PartitionSpec): Promise<TaskResult> {
    this.run.throwIfStopped();
    const attempt = (this.attempts[partition] ?? 0) + 1;
    this.attempts[partition] = attempt;
    const result = await this.run.pool.run(this.task(partition, attempt, part));
    this.run.taskFinished(this.stage.name, partition, attempt, result, this.stage.input.kind === "source");
    return result;
  }

  private task(partition: number, attempt: number, part: PartitionSpec): TaskSpec {
    const { run, stage } = this;
    const name = `p${String(partition).padStart(6, "0")}-a${attempt}`;
    const source = required(this.source, "source");
    const steps = stage.steps.map(({ step, exchange, output }): Step => {
      if (step.op === "exchange")
        return { ...step, file: join(run.scratch, `x${required(exchange, "exchange")}`, `${name}.parquet`) };
      if (step.op === "sink") return { ...step, directory: join(run.staging(required(output, "output")), name) };
      return step;
    });
    return {
      protocol: 1,
      runId: run.runId,
      stage: stage.id,
      stageName: stage.name,
      partition,
      attempt,
      scan: { source, schema: stage.input.schema },
      part,
      steps,
      rejectFile: join(run.folder, "rejects", `s${stage.id}-${name}`),
      options: { interpreted: run.settings.interpreted, batchRows: 65_536, cancel: run.cancelFlag },
    };
  }

  /**
   * Text partitions begin at a guessed record border. Each must begin exactly where the one before it ended; one that guessed
   * wrong (its border lies inside a quoted field) is done again from the right byte.
   */
  private async verifyBorders(parts: readonly PartitionSpec[]): Promise<void> {
    let end: { readonly file: number; readonly byte: number } | null = null;
    for (const [partition, part] of parts.entries()) {
      if (part.kind !== "bytes") continue;
      let result = required(this.results[partition], "task result");
      if (end !== null && end.file === part.file && result.scan.start !== end.byte) {
        this.discard(result);
        result = await this.attempt(partition, { ...part, start: end.byte, exactStart: true });
        this.results[partition] = result;
        if (result.scan.start !== end.byte) {
          throw internalError(
            `partition ${partition} begins at byte ${result.scan.start}, the one before it ended at ${end.byte}`,
          );
        }
      }
      end = { file: part.file, byte: required(result.scan.end, "partition end") };
    }
  }

  private discard(result: TaskResult): void {
    for (const file of result.steps.flatMap((step) => step.files)) rmSync(file.path, { force: true });
    if (result.rejects.file !== null) rmSync(result.rejects.file, { force: true });
  }

  private files(results: readonly TaskResult[], of: "exchange" | "output"): Map<number, FileWritten[]> {
    const files = new Map<number, FileWritten[]>();
    this.stage.steps.forEach((planned, index) => {
      const id = planned[of];
      if (id === null) return;
      files.set(
        id,
        results.flatMap((result) => [...(result.steps[index]?.files ?? [])]),
      );
    });
    return files;
  }

  private metrics(results: readonly TaskResult[]): StageMetrics {
    const { stage } = this;
    const steps = stage.steps.map(({ step }, i) => {
      const of = (name: "rowsIn" | "rowsOut" | "filtered" | "rejected") => sum(results.map((one) => one.steps[i]?.[name] ?? 0));
      return {
        name: step.name,
        rowsIn: of("rowsIn"),
        rowsOut: of("rowsOut"),
        filtered: of("filtered"),
        rejected: of("rejected"),
      };
    });
    return {
      id: stage.id,
      name: stage.name,
      kind: "worker",
      startMs: this.startMs,
      endMs: Date.now(),
      recordsIn: sum(results.map((one) => one.scan.rows)),
      recordsOut: sum(
        stage.steps.map(({ step }, i) => (step.op === "exchange" || step.op === "sink" ? (steps[i]?.rowsOut ?? 0) : 0)),
      ),
      filtered: sum(steps.map((step) => step.filtered)),
      rejected: sum(results.map((one) => one.rejects.count)),
      bytes: stage.input.kind === "source" ? sum(results.map((one) => one.scan.bytes)) : 0,
      tasks: results.map((result, partition) => taskMetrics(result, partition, this.attempts[partition] ?? 1)),
      steps,
    };
  }
}

function taskMetrics(result: TaskResult, partition: number, attempts: number): TaskMetrics {
  const { startMs, endMs, readMs, computeMs, writeMs } = result.timing;
  const { rows, bytes } = result.scan;
  return { partition, rows, bytes, rejected: result.rejects.count, attempts, startMs, endMs, readMs, computeMs, writeMs };
}

const isCancelled = (error: unknown): boolean => error instanceof MillraceError && error.category === "Cancelled";
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
