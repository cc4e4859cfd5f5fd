import { MillraceError, resourceError } from "../common/errors.js";
import { HoldingBudget, heldAmong, holdFile, releaseFiles } from "../exchange/heldFiles.js";
import type { EarlyFile } from "../io/commit/commitEarly.js";
import type { OnReject } from "../plan/nodes.js";
import type { WorkerPool } from "../pool/pool.js";
import { formatBytes } from "../runtime/bytes.js";
import { forceSpill } from "../runtime/forceSpill.js";
import { splitMemory } from "../runtime/memory.js";
import type { FileWritten, HeldFile, TaskOptions, TaskResult } from "../task/protocol.js";
import type { RunEventBody } from "./observe/events.js";
import type { EngineSettings } from "./options.js";
import type { RejectLimiter } from "./rejects/rejectLimits.js";
import type { RejectStore } from "./rejects/rejectStore.js";
import type { StageMetrics, TaskAttempt } from "../report/model.js";
import { RetryBudget } from "./attempts/retry.js";
import type { RunJournal } from "./journal/runJournal.js";

export interface RunContextParts {
  readonly runId: string;
  readonly settings: EngineSettings;
  readonly pool: WorkerPool;
  /** The run's own folder under the state folder. */
  readonly folder: string;
  readonly scratch: string;
  readonly onReject: OnReject;
  readonly limits: RejectLimiter;
  readonly rejects: RejectStore;
  readonly totalBytes: number;
  readonly signal: AbortSignal | null;
  /** Asks for a stop at the next border of a task. */
  readonly stop: AbortSignal | null;
  readonly emit: (event: RunEventBody) => void;
  readonly waiting: () => void;
  /** Takes the attempts of tasks that the report tells of. */
  readonly attempts: TaskAttempt[];
  /** null for a run that nobody can go on with. */
  readonly journal: RunJournal | null;
}

/** What all stages of one run share. */
export class RunContext {
  readonly runId: string;
  readonly settings: EngineSettings;
  readonly pool: WorkerPool;
  readonly folder: string;
  readonly scratch: string;
  readonly onReject: OnReject;
  readonly signal: AbortSignal | null;
  readonly stop: AbortSignal | null;
  readonly emit: (event: RunEventBody) => void;
  /** To be called when a stage's work is handed out. */
  readonly waiting: () => void;
  readonly journal: RunJournal | null;
  readonly limits: RejectLimiter;
  readonly rejects: RejectStore;
  /** What all tasks of the run may retry together. */
  readonly retries: RetryBudget;
  readonly attempts: TaskAttempt[];
  /** The stage that the run failed in, as far as it came. */
  cutStage: StageMetrics | null = null;
  /** What tasks may keep in memory of what they leave for later stages; null where all of it is written, for a process that goes on with the run. */
  private readonly holding: SharedArrayBuffer | null;
  /** Files that are kept so. */
  private readonly held = new Map<string, HeldFile>();
  private readonly cancelFlags = new Set<SharedArrayBuffer>();
  private readonly exchanges = new Map<number, readonly FileWritten[]>();
  private readonly stagingFolders = new Map<number, string>();
  private readonly earlyFiles = new Map<number, EarlyFile>();
  private readonly startMs = Date.now();
  private readonly totalBytes: number;
  private stage = "";
  /** Bytes that this run's tasks wrote to scratch files. */
  private scratchBytes = 0;
  private rows = 0;
  private bytes = 0;

  constructor(parts: RunContextParts) {
    this.runId = parts.runId;
    this.settings = parts.settings;
    this.pool = parts.pool;
    this.folder = parts.folder;
    this.scratch = parts.scratch;
    this.onReject = parts.onReject;
    this.limits = parts.limits;
    this.rejects = parts.rejects;
    this.signal = parts.signal;
    this.stop = parts.stop;
    this.journal = parts.journal;
    this.emit = parts.emit;
    this.waiting = parts.waiting;
    this.totalBytes = parts.totalBytes;
    this.attempts = parts.attempts;
    const { memoryBytes, workers } = parts.settings;
    const holds = parts.journal === null && !forceSpill;
    this.holding = holds ? HoldingBudget.of(splitMemory(memoryBytes, workers).held) : null;
    this.retries = new RetryBudget(parts.settings.retry.perRun);
  }

  exchangeFiles(exchange: number): readonly FileWritten[] {
    const files = this.exchanges.get(exchange);
    if (files === undefined) throw new TypeError(`exchange ${exchange} is read before it is written`);
    return files;
  }

  addExchange(exchange: number, files: readonly FileWritten[]): void {
    this.exchanges.set(exchange, files);
  }

  /** Nobody reads an exchange any more. */
  releaseExchange(exchange: number): void {
    this.releaseHeld((this.exchanges.get(exchange) ?? []).map(({ path }) => path));
  }

  /** For the options of a task that reads these files. */
  heldOptions(reads: readonly string[]): Pick<TaskOptions, "holding" | "held"> {
    const held = heldAmong(reads);
    return { ...(this.holding === null ? {} : { holding: this.holding }), ...(held.length === 0 ? {} : { held }) };
  }

  /** Keeps the files that a result holds until they are released; the result without them. */
  takeHeld(result: TaskResult): TaskResult {
    if (result.steps.every(({ files }) => files.every(({ held }) => held === undefined))) return result;
    const without = ({ held, ...file }: FileWritten): FileWritten => {
      if (held === undefined) return file;
      holdFile(file.path, held);
      this.held.set(file.path, held);
      return file;
    };
    return { ...result, steps: result.steps.map((step) => ({ ...step, files: step.files.map(without) })) };
  }

  /** Nobody reads these files any more, or any that are held. */
  releaseHeld(paths: Iterable<string> = [...this.held.keys()]): void {
    for (const path of paths) {
      const file = this.held.get(path);
      if (file === undefined || this.holding === null) continue;
      new HoldingBudget(this.holding).giveFile(file);
      this.held.delete(path);
      releaseFiles([path]);
    }
  }

  staging(output: number): string {
    const folder = this.stagingFolders.get(output);
    if (folder === undefined) throw new TypeError(`output ${output} has no staging folder`);
    return folder;
  }

  /** `early`: the file that the fragments of an output are put into while the run goes on. */
  setStaging(output: number, folder: string, early: EarlyFile | null = null): void {
    this.stagingFolders.set(output, folder);
    if (early === null) this.earlyFiles.delete(output);
    else this.earlyFiles.set(output, early);
  }

  earlyFile(output: number): EarlyFile | null {
    return this.earlyFiles.get(output) ?? null;
  }

  /** A flag for the tasks of one stage: non-zero tells them to stop at the next batch. `stopTasks` raises it too. */
  newCancelFlag(): SharedArrayBuffer {
    const flag = new SharedArrayBuffer(4);
    this.cancelFlags.add(flag);
    if (this.signal?.aborted === true) raise(flag);
    return flag;
  }

  stopTasks(): void {
    for (const flag of this.cancelFlags) raise(flag);
  }

  /** @throws MillraceError Cancelled/RUN_CANCELLED once the caller's signal was aborted. */
  throwIfStopped(): void {
    throwIfAborted(this.signal);
  }

  /** Before new work is begun. @throws MillraceError Cancelled/RUN_STOPPED, RUN_CANCELLED */
  throwIfStopping(): void {
    throwIfAborted(this.signal);
    throwIfAborted(this.stop);
  }

  /** Whether new work is not to be begun. */
  get stopping(): boolean {
    return this.signal?.aborted === true || this.stop?.aborted === true;
  }

  /** `counts`: whether the rows are of a source and were not counted before. */
  taskFinished(stage: string, partition: number, attempt: number, result: TaskResult, counts: boolean): void {
    const { scan, timing } = result;
    this.emit({
      kind: "task-finished",
      stage,
      partition,
      attempt,
      rows: scan.rows,
      bytes: scan.bytes,
      durationMs: timing.endMs - timing.startMs,
    });
    if (counts) this.count(stage, scan);
    this.countScratch(stage, result);
  }

  /** @throws MillraceError Resource/DISK_LIMIT */
  private countScratch(stage: string, { steps }: TaskResult): void {
    const limit = this.settings.maxDiskBytes;
    for (const file of steps.flatMap((step) => step.files))
      if (!this.held.has(file.path) && file.path.startsWith(this.scratch)) this.scratchBytes += file.bytes;
    if (limit === null || this.scratchBytes <= limit) return;
    const needed = formatBytes(this.scratchBytes);
    throw resourceError(
      "DISK_LIMIT",
      `the exchanges need ${needed} so far, and the option maxDisk allows ${formatBytes(limit)}`,
      {
        stage,
        hint: "Raise the option `maxDisk`, or filter rows and drop columns earlier.",
      },
    );
  }

  taskReused(stage: string, partition: number, result: TaskResult, fromSource: boolean): void {
    const { scan } = result;
    this.emit({ kind: "task-reused", stage, partition, rows: scan.rows, bytes: scan.bytes });
    if (fromSource) this.count(stage, scan);
  }

  /** How far the run is. */
  get pace(): { readonly stage: string; readonly rows: number; readonly bytes: number; readonly rate: number } {
    const { stage, rows, bytes } = this;
    return { stage, rows, bytes, rate: (1000 * rows) / Math.max(1, Date.now() - this.startMs) };
  }

  private count(stage: string, scan: TaskResult["scan"]): void {
    this.rows += scan.rows;
    this.bytes += scan.bytes;
    this.stage = stage;
    this.progress(stage);
  }

  private progress(stage: string): void {
    const elapsed = Math.max(1, Date.now() - this.startMs);
    const left = this.totalBytes - this.bytes;
    this.emit({
      kind: "progress",
      stage,
      rows: this.rows,
      bytes: this.bytes,
      totalBytes: this.totalBytes,
      rate: (1000 * this.rows) / elapsed,
      etaMs: this.bytes > 0 && left >= 0 ? (elapsed * left) / this.bytes : null,
    });
  }
}

export const raise = (flag: SharedArrayBuffer): void => void Atomics.store(new Int32Array(flag), 0, 1);

/** @throws MillraceError Cancelled/RUN_CANCELLED, or Config/ENGINE_CLOSED, once the signal was aborted. */
export function throwIfAborted(signal: AbortSignal | null | undefined): void {
  if (signal?.aborted === true) throw runStopped(signal);
}

/** Why a run ends before its time. A reason of ours says so itself; any other is the caller's own. */
export function runStopped(signal: AbortSignal): MillraceError {
  const reason: unknown = signal.reason;
  if (reason instanceof MillraceError) return MillraceError.fromData(reason.toData());
  return new MillraceError("Cancelled", "RUN_CANCELLED", "the run was stopped by its caller", {
    hint: "Nothing was published; run the plan again.",
    cause: reason,
  });
}
