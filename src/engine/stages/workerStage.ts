import { rmSync } from "node:fs";
import { required } from "../../common/assert.js";
import { internalError, MillraceError } from "../../common/errors.js";
import { blockSource, planParts } from "../../exchange/openPart.js";
import { resolveSource } from "../../io/sources.js";
import type { ResolvedSource } from "../../plan/bound.js";
import { exchangesRead, type WorkerStage } from "../../planner/stages.js";
import type { StageMetrics } from "../../report/model.js";
import type { FileWritten, PartitionSpec, TaskResult } from "../../task/protocol.js";
import { ofScratch } from "../../worker/scratchError.js";
import type { AttemptParts } from "../attempts/attemptParts.js";
import type { StageAttempts } from "../attempts/attempts.js";
import { attemptsOf, placeOf, placeWithKey } from "../attempts/attemptWiring.js";
import { type RunContext, raise } from "../context.js";
import { StageIdentities, type TaskIdentity } from "../journal/taskIdentity.js";
import { checkAccounts } from "../rejects/rejectAccounts.js";
import { addLines, errorWithLines } from "../rejects/rejectLines.js";
import { joinBuilds } from "./joinBuilds.js";
import { besideOf, columnsRead, readsSource, StageTasks } from "./stageTasks.js";
import { type AttemptedTask, hasEnough, workerStageMetrics } from "./workerMetrics.js";

/** What a worker stage leaves: files of its exchanges and fragments of its outputs, both in partition order. */
export interface WorkerStageResult {
  readonly metrics: StageMetrics;
  readonly exchanges: ReadonlyMap<number, readonly FileWritten[]>;
  readonly outputs: ReadonlyMap<number, readonly FileWritten[]>;
  readonly results: readonly TaskResult[];
}

/** Runs one task per partition on the pool and checks that the partitions meet without gap or overlap. */
export async function runWorkerStage(
  stage: WorkerStage,
  run: RunContext,
  receiver: RowsReceiver | null = null,
): Promise<WorkerStageResult> {
  return new StageRun(stage, run, receiver).execute();
}

/** Takes what partitions wrote to an exchange as soon as they are settled, in order. While it does not, few further partitions begin. */
export interface RowsReceiver {
  readonly exchange: number;
  take(files: readonly FileWritten[]): Promise<void>;
}

/** Rows from which on a partition may be too large, whatever the others have. */
const largeRows = 10_000;

/** What came of a partition. A failure of the data is doubtful until the partitions before it are settled. */
type Slot = { readonly kind: "done"; readonly result: TaskResult } | { readonly kind: "failed"; readonly error: unknown };

type JoinBuilds = Awaited<ReturnType<typeof joinBuilds>>;
type MakeTask = AttemptParts["task"];

/** Where the last settled partition of a text file ended. */
interface Border {
  readonly file: number;
  readonly byte: number;
  /** Lines of the file before it. */
  readonly lines: number;
}

/**
 * Partitions run in any order and are settled in theirs. A text partition begins at a guessed record border: it is settled once the one
 * before it says where it ended, and done again from there when the guess was wrong (its border lay inside a quoted field). Whatever the
 * run tells of its input (rejects, limits, the first failure) comes from settled partitions alone, and so does not depend on timing.
 */
class StageRun {
  private readonly startMs = Date.now();
  private readonly cancel: SharedArrayBuffer;
  private readonly attempts: number[] = [];
  private readonly tries: StageAttempts;
  private readonly slots: (Slot | undefined)[] = [];
  private readonly settled: AttemptedTask[] = [];
  private parts: readonly PartitionSpec[] = [];
  private source: ResolvedSource | null = null;
  private tasks: StageTasks | null = null;
  /** null where no journal is kept. */
  private identities: StageIdentities | null = null;
  private next = 0;
  private border: Border | null = null;
  /** Lanes that wait for room. */
  private readonly waiting: (() => void)[] = [];
  private settling: Promise<void> | null = null;
  /** A settled partition had all rows that the limits below ask for: those after it do not count. */
  private enough = false;
  private failure: { readonly error: unknown } | null = null;
  /** A partition of this round failed, which may be the fault of a wrong guess. */
  private doubt = false;

  constructor(
    private readonly stage: WorkerStage,
    private readonly run: RunContext,
    private readonly receiver: RowsReceiver | null,
  ) {
    this.cancel = run.newCancelFlag();
    const task: MakeTask = (partition, attempt, part, options) =>
      required(this.tasks, "tasks").task(partition, attempt, part, part !== this.parts[partition], options);
    this.tries = attemptsOf(run, stage.name, this.cancel, task, (part) => this.whereLarge(part));
  }

  async execute(): Promise<WorkerStageResult> {
    const { stage, run } = this;
    const source = await this.resolve();
    this.source = source;
    const builds = await joinBuilds(stage, run);
    this.identities = run.journal === null ? null : this.identitiesOf(source, builds);
    const layout = stage.input.kind === "exchange" ? (stage.input.layout ?? null) : null;
    const build = besideOf(stage, run).beside;
    const besides = build?.how.kind === "build" ? build.paths : [];
    this.parts = await planParts(source, layout, run.settings.partitionBytes, besides, columnsRead(stage, source));
    this.tasks = new StageTasks(stage, run, this.cancel, source, builds, this.parts.length);
    for (const { output } of stage.steps) if (output !== null) run.earlyFile(output)?.begin(this.parts.length);
    run.pool.warm(this.parts.length);
    run.emit({ kind: "stage-started", stage: stage.name, stageId: stage.id, partitions: this.parts.length });
    run.waiting();
    this.tries.begin(this.parts.length);
    try {
      while (!this.isOver()) await this.round();
    } finally {
      // What was overtaken must not write any more.
      await this.tries.end();
    }
    if (this.failure !== null) {
      run.cutStage = { ...workerStageMetrics(stage, this.startMs, this.settled), unfinished: true };
      throw this.failure.error;
    }
    run.limits.stageFinished();
    await this.nameHeavyKeys();
    const metrics = workerStageMetrics(stage, this.startMs, this.settled);
    const { id: stageId, name } = stage;
    run.emit({
      kind: "stage-finished",
      stage: name,
      stageId,
      rows: metrics.recordsIn,
      durationMs: metrics.endMs - metrics.startMs,
    });
    const results = this.settled.map(({ result }) => result);
    checkAccounts(stage, results);
    return { metrics, results, exchanges: this.files(results, "exchange"), outputs: this.files(results, "output") };
  }

  /** What the partitions with far more rows than the others have so many of. */
  private async nameHeavyKeys(): Promise<void> {
    const rows = this.settled.map(({ result }) => result.scan.rows);
    const large = Math.max(largeRows, (1.5 * rows.reduce((sum, one) => sum + one, 0)) / Math.max(1, rows.length));
    for (const [i, task] of this.settled.entries()) {
      if (task.result.scan.rows < large) continue;
      this.settled[i] = { ...task, where: await this.whereLarge(this.part(task.partition)) };
    }
  }

  private whereLarge(part: PartitionSpec): Promise<string> {
    const steps = this.stage.steps.map(({ step }) => step);
    return placeWithKey(part, this.source, steps);
  }

  private get fromSource(): boolean {
    return readsSource(this.stage);
  }

  private identitiesOf(source: ResolvedSource, builds: JoinBuilds): StageIdentities {
    const { stage, run } = this;
    const filesOf = (exchange: number) => run.exchangeFiles(exchange);
    const exchange = this.fromSource ? null : exchangesRead(stage).flatMap(filesOf);
    return new StageIdentities(stage, { source, exchange, builds, filesOf });
  }

  private async resolve(): Promise<ResolvedSource> {
    const { input } = this.stage;
    if (input.kind === "source") return input.source;
    const files = exchangesRead(this.stage).flatMap((one) => this.run.exchangeFiles(one).map((file) => file.path));
    if (input.layout !== undefined) return blockSource(files, input.schema);
    const spec = {
      format: "parquet" as const,
      paths: files,
      schema: input.schema,
      onReject: this.run.onReject,
      rejectLimits: {},
    };
    if (files.length === 0) return { spec, files: [], schema: input.schema, partitionColumns: [], rows: 0 };
    try {
      return await resolveSource(spec);
    } catch (error) {
      throw ofScratch(error);
    }
  }

  private isOver(): boolean {
    return this.failure !== null || this.enough || this.settled.length >= this.parts.length;
  }

  /**
   * Keeps one task more in flight than there are workers, so that none waits; partitions start in order. Ends early when a partition
   * failed: whether that counts is known once the ones before it are settled, which all are under way by then.
   */
  private async round(): Promise<void> {
    const lane = async (): Promise<void> => {
      while (this.next < this.parts.length && !this.isOver() && !this.doubt) {
        await this.runPartition(this.next++);
        await this.settle();
        await this.room();
      }
    };
    this.doubt = false;
    const lanes = Math.min(this.parts.length - this.next, this.run.settings.workers + 1);
    await Promise.all(Array.from({ length: lanes }, lane));
    await this.settle();
  }

  /** Waits while the receiver is behind by more partitions than are worked on at a time. */
  private async room(): Promise<void> {
    const most = this.run.settings.workers + 1;
    while (this.receiver !== null && !this.isOver() && !this.doubt && this.next - this.settled.length > most) {
      await new Promise<void>((wake) => this.waiting.push(wake));
    }
  }

  private async runPartition(partition: number): Promise<void> {
    try {
      this.slots[partition] = { kind: "done", result: await this.attempt(partition, this.part(partition)) };
    } catch (error) {
      if (isData(error)) {
        this.slots[partition] = { kind: "failed", error };
        this.doubt = true;
      } else if (!this.enough) this.fail(error);
    }
  }

  /** The first failure is told; what fails after it fails because the tasks are stopped. */
  private fail(error: unknown): void {
    this.failure ??= { error };
    // Who asks for a stop at the next border of a task lets those under way come to their end.
    if (this.run.stop?.aborted !== true) raise(this.cancel);
  }

  /** Settles partitions in order as far as they are done. */
  private async settle(): Promise<void> {
    if (this.settling !== null) return;
    this.settling = this.settleAll();
    await this.settling;
    if (this.isOver()) this.dropRest();
  }

  private async settleAll(): Promise<void> {
    // The promise of this call has to be known before it can end.
    await null;
    try {
      for (;;) {
        const partition = this.settled.length;
        const slot = this.slots[partition];
        if (slot === undefined || this.isOver()) break;
        const result = await this.confirmed(partition, slot);
        this.slots[partition] = undefined;
        this.accept(partition, result);
        await this.handOver(result);
        this.wake();
      }
    } catch (error) {
      this.fail(error);
    } finally {
      this.settling = null;
      this.wake();
    }
  }

  private wake(): void {
    for (const wake of this.waiting.splice(0)) wake();
  }

  private async handOver(result: TaskResult): Promise<void> {
    const { receiver, stage } = this;
    if (receiver === null) return;
    const files = stage.steps.flatMap(({ exchange }, i) =>
      exchange === receiver.exchange ? [...(result.steps[i]?.files ?? [])] : [],
    );
    await receiver.take(files);
  }

  /** A partition's result, from the right first byte. */
  private async confirmed(partition: number, slot: Slot): Promise<TaskResult> {
    const part = this.part(partition);
    const before = this.borderBefore(part);
    const exact = part.kind !== "bytes" || part.exactStart || before === null;
    if (slot.kind === "done" && (exact || slot.result.scan.start === before.byte)) return slot.result;
    const lines = before?.lines ?? 0;
    if (slot.kind === "failed" && exact) throw errorWithLines(slot.error, lines);
    // Who goes on with a journal finds out in the same way that the guess was wrong.
    if (slot.kind === "done" && this.run.journal === null) discard(slot.result, this.run);
    if (exact) throw internalError(`partition ${partition} has no border to begin at`);
    try {
      const result = await this.attempt(partition, { ...part, start: before.byte, exactStart: true }, part);
      if (result.scan.start === before.byte) return result;
      throw internalError(
        `partition ${partition} begins at byte ${result.scan.start}, the one before it ended at ${before.byte}`,
      );
    } catch (error) {
      throw errorWithLines(error, lines);
    }
  }

  private accept(partition: number, counted: TaskResult): void {
    const { run, stage } = this;
    const part = this.part(partition);
    const lines = this.borderBefore(part)?.lines ?? 0;
    const result = addLines(counted, lines);
    const { rejects, scan } = result;
    if (rejects.count > 0) run.emit({ kind: "reject", stage: stage.name, count: rejects.count, samples: rejects.samples });
    this.settled.push({
      partition,
      result,
      attempts: this.attempts[partition] ?? 1,
      where: placeOf(part, this.source),
      history: this.tries.history(partition),
    });
    for (const [i, { output }] of stage.steps.entries())
      if (output !== null) run.earlyFile(output)?.add(partition, result.steps[i]?.files ?? []);
    this.enough ||= result.enough || hasEnough(stage, this.settled);
    if (this.enough) raise(this.cancel);
    const source = this.fromSource ? required(this.source, "source") : null;
    run.rejects.add({ rejects, lines, partition, source });
    // A share is one of the records that count.
    if (this.counts || rejects.count > 0) run.limits.add(result, source);
    if (part.kind !== "bytes") return;
    this.border = { file: part.file, byte: required(scan.end, "partition end"), lines: lines + scan.lines };
  }

  /** Results that no longer count leave no files behind. */
  private dropRest(): void {
    // After a failure the whole run is dropped, or another process goes on with what is done.
    const keep = this.failure !== null && this.run.journal !== null;
    this.slots.forEach((slot, partition) => {
      if (slot?.kind === "done" && !keep) discard(slot.result, this.run);
      this.slots[partition] = undefined;
    });
  }

  private part(partition: number): PartitionSpec {
    return required(this.parts[partition], `partition ${partition}`);
  }

  private borderBefore(part: PartitionSpec): Border | null {
    return part.kind === "bytes" && this.border?.file === part.file ? this.border : null;
  }

  /**
   * A partition's result: what an earlier process made of the same work, or a new one. `planned`: the partition as it was cut, where its guess
   * of a record border was wrong.
   */
  private async attempt(partition: number, part: PartitionSpec, planned: PartitionSpec | null = null): Promise<TaskResult> {
    const { run, stage, identities } = this;
    run.throwIfStopping();
    const { journal } = run;
    if (journal === null || identities === null) return this.work(partition, part);
    const identity = identities.task(partition, part);
    const earlier = await journal.task(identity);
    if (earlier !== null) {
      this.attempts[partition] = earlier.attempts;
      run.taskReused(stage.name, partition, earlier.result, this.counts);
      return earlier.result;
    }
    run.throwIfStopping();
    const result = await this.work(partition, part);
    const instead: TaskIdentity | null = planned === null ? null : identities.task(partition, planned);
    journal.taskDone(identity, this.attempts[partition] ?? 1, result, instead);
    return result;
  }

  private async work(partition: number, part: PartitionSpec): Promise<TaskResult> {
    const before = this.attempts[partition] ?? 0;
    const result = this.run.takeHeld(await this.tries.run(partition, part, before));
    const attempt = this.tries.count(partition);
    this.attempts[partition] = attempt;
    this.run.taskFinished(this.stage.name, partition, attempt, result, this.counts && before === 0);
    return result;
  }

  /** Whether the records that it reads count as the run's. */
  private get counts(): boolean {
    return this.fromSource && this.stage.again !== true;
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
}

function discard(result: TaskResult, run: RunContext): void {
  const files = result.steps.flatMap((step) => step.files.map(({ path }) => path));
  run.releaseHeld(files);
  for (const file of files) rmSync(file, { force: true });
  if (result.rejects.file !== null) rmSync(result.rejects.file, { force: true });
}

const isData = (error: unknown): boolean => error instanceof MillraceError && error.category === "Data";
