import { join } from "node:path";
import { assertNever, required } from "../common/assert.js";
import { type ErrorData, MillraceError } from "../common/errors.js";
import { killPoint } from "../io/killPoint.js";
import type { OnReject } from "../plan/nodes.js";
import { planFingerprint } from "../plan/json.js";
import { explanationText } from "../planner/explain.js";
import { readLast } from "../planner/readLast.js";
import type { IngestStage, Stage } from "../planner/stages.js";
import { requireChecks } from "../quality/decide.js";
import type { QualityReport } from "../quality/results.js";
import type {
  OutputMetrics,
  PhaseMetrics,
  RejectMetrics,
  RunMetrics,
  RunStatus,
  StageMetrics,
  TaskAttempt,
} from "../report/model.js";
import type { RejectRecord, TaskResult } from "../task/protocol.js";
import type { CountedMetrics } from "./observe/countedMetrics.js";
import { CheckFindings } from "./stages/checkFindings.js";
import { completeRunsAt } from "./completion.js";
import { RunContext, throwIfAborted } from "./context.js";
import { DuckDbRunner } from "./stages/duckdbStage.js";
import { EarlySession } from "./earlySession.js";
import { type IngestResult, resumeIngest, runIngestStage } from "./stages/ingestStage.js";
import { earlierFigures } from "./observe/earlierFigures.js";
import { beat } from "./observe/heartbeat.js";
import { requireInputsUnchanged } from "./journal/inputsUnchanged.js";
import type { EngineSettings } from "./options.js";
import { OutputSet, outputMetrics } from "./outputs.js";
import { explainPrepared, type PreparedPlan, preparePlan, replanned } from "./prepare.js";
import { writeRejectPlan } from "./rejects/rejectIndex.js";
import { RejectLimiter } from "./rejects/rejectLimits.js";
import { indexHead, RejectStore } from "./rejects/rejectStore.js";
import { planShape } from "./replay/replayPlan.js";
import { writeReportFiles } from "./observe/reportFiles.js";
import type { RunResult } from "./runs/run.js";
import { leaveRunFolder, type RunFolder } from "./runs/runFolder.js";
import { runHeader, targetsOf } from "./journal/runHeader.js";
import { noteEnd } from "./journal/noteEnd.js";
import { openJournal, type RunJournal } from "./journal/runJournal.js";
import { RunRejects } from "./rejects/runRejects.js";
import { unfinishedStage } from "./stages/workerMetrics.js";
import { runWorkerStage } from "./stages/workerStage.js";
import { type Execution, keepsJournal } from "./execution.js";
import { RowsDelivery } from "./stages/rowsDelivery.js";

/** What may go better another time, without a change to plan or data. */
const mayPass = ({ category, code }: MillraceError): boolean =>
  category === "Resource" || category === "External" || code === "RUN_STOPPED" || code === "DEADLINE_EXCEEDED";

/** What a query says when a single row could not be computed. */
const rowFailureCodes = ["CONVERSION_FAILED", "INTEGER_OVERFLOW", "INVALID_INPUT"];
const isRowFailure = (error: unknown): boolean => error instanceof MillraceError && rowFailureCodes.includes(error.code);

/** One run of a plan: its stages one after the other, then the check of its findings, then the commit. */
export class PlanRun {
  private readonly startMs = Date.now();
  private readonly cpuStart = process.cpuUsage();
  private readonly stages: StageMetrics[] = [];
  private readonly results: TaskResult[] = [];
  private readonly attempts: TaskAttempt[] = [];
  private readonly ingested = new Map<string, IngestResult>();
  private readonly journal: RunJournal | null;
  /** The engine's; of a run that is gone on with, those of its first process where they decide the bytes of its outputs. */
  private readonly settings: EngineSettings;
  private readonly rejected: RejectStore;
  private knownFingerprint: string | null = null;
  private prepared: PreparedPlan | null = null;
  private outputs: OutputSet | null = null;
  private early: EarlySession | null = null;
  private duckdb: DuckDbRunner | null = null;
  private rows: RowsDelivery | null = null;
  private published: readonly OutputMetrics[] = [];
  private quality: QualityReport | null = null;
  private readonly phases: PhaseMetrics[] = [];
  /** Another process can go on with the run. */
  private resumable = false;

  constructor(
    readonly execution: Execution,
    private readonly folder: RunFolder,
  ) {
    this.rejected = new RejectStore(folder.folder, execution.runId);
    this.journal = keepsJournal(execution)
      ? openJournal(folder.folder, ({ slot }, reason) => execution.emit({ kind: "task-redone", task: slot, reason }))
      : null;
    const { memory } = this.journal ?? { memory: null };
    this.settings = { ...execution.settings, ...memory?.header.shaping };
  }

  async execute(): Promise<void> {
    const { execution, settings, journal } = this;
    throwIfAborted(execution.options.signal);
    if (journal !== null && journal.memory !== null) this.rejected.removeEarlier();
    const preparing = preparePlan(execution.plan, settings, execution.replay?.source);
    this.early = EarlySession.begin(execution.plan.outputs, settings, this.folder.scratch);
    const prepared = await preparing;
    this.phases.push({ name: "prepare", startMs: this.startMs, endMs: Date.now() });
    const { onRows, emit, options } = execution;
    const careful = prepared.queriesMayFail && onRows !== null && !onRows.restarts;
    const before = journal?.memory?.replanned === true;
    this.prepared = careful || before ? replanned(prepared) : prepared;
    emit({ kind: "run-started", job: options.job ?? "job", stages: this.prepared.physical.stages.length });
    this.beginJournal(prepared);
    try {
      await this.runStages(this.prepared, before ? this.carefulScratch : this.folder.scratch);
    } catch (error) {
      if (!this.prepared.queriesMayFail || !isRowFailure(error)) throw error;
      // A query can only fail as a whole. The same plan once more, with such rows rejected one by one; clean data never comes here.
      await this.startOver();
      journal?.replanned();
      this.prepared = replanned(prepared);
      await this.runStages(this.prepared, this.carefulScratch);
    }
    for (const output of this.published) {
      emit({ kind: "published", path: output.path, rows: output.rows, files: output.files.length });
    }
  }

  private get carefulScratch(): string {
    return join(this.folder.scratch, "careful");
  }

  private beginJournal({ sources }: PreparedPlan): void {
    const { journal, execution, settings } = this;
    if (journal === null) return;
    const { runId, plan, options } = execution;
    const tasks = journal.begin(runHeader({ runId, startMs: this.startMs, plan, options, settings, sources }));
    if (journal.memory !== null) execution.emit({ kind: "run-resumed", tasks, earlierProcesses: journal.memory.owners });
  }

  private async runStages(prepared: PreparedPlan, scratch: string): Promise<void> {
    const { execution } = this;
    const { physical } = prepared;
    this.rejected.begin(prepared.sources);
    const context = this.makeContext(prepared, scratch);
    const checks = new CheckFindings(prepared.checks);
    const duckdb = new DuckDbRunner(context, execution.onRows, checks, this.early);
    this.duckdb = duckdb;
    const rows = new RowsDelivery(physical.outputs, checks, execution.onRows);
    this.rows = rows;
    const release = this.stopOnAbort(context);
    const stopBeat = beat(context);
    try {
      rows.begin();
      await completeRunsAt(targetsOf(execution.plan), this.settings, execution.runId);
      this.outputs = await OutputSet.prepare(physical.outputs, context, this.fingerprint);
      for (const stage of physical.stages) {
        context.throwIfStopping();
        const startMs = Date.now();
        try {
          this.stages.push(await this.runStage(stage, context));
        } catch (error) {
          this.stages.push(context.cutStage ?? unfinishedStage(stage, startMs));
          throw error;
        }
        for (const exchange of readLast(stage, physical)) context.releaseExchange(exchange);
      }
      await rows.deliver(context, duckdb);
      context.throwIfStopping();
      await requireInputsUnchanged(prepared.sources);
      const run = { runId: execution.runId, job: execution.options.job, planFingerprint: this.fingerprint };
      this.quality = checks.decide(this.results, earlierFigures(this.settings, run));
      this.keepRejects();
      killPoint("rejects-kept");
      if (this.quality !== null) requireChecks(this.quality);
      await execution.onRows?.end?.();
      if ((await execution.replay?.beforePublish()) === false) {
        await this.outputs.discard();
        return;
      }
      await this.publish(this.outputs, context, duckdb);
    } finally {
      context.releaseHeld();
      stopBeat();
      release();
    }
  }

  /** What is going to be published is written down before the first of it is visible; from then on the run is only carried to its end. */
  private async publish(outputs: OutputSet, context: RunContext, duckdb: DuckDbRunner): Promise<void> {
    const { journal, prepared } = this;
    const startMs = Date.now();
    const staged = await outputs.stage();
    context.throwIfStopping();
    if (journal !== null) {
      const { flowOf } = await import("./observe/afterRun.js");
      const metrics = { ...this.metrics(null), outputs: staged.map(outputMetrics) };
      journal.write({ kind: "publishing", outputs: staged, report: { metrics, flow: flowOf(plannedOf(prepared)) } });
      killPoint("publishing");
    }
    this.published = await outputs.publish(staged, duckdb);
    this.phases.push({ name: "publish", startMs, endMs: Date.now() });
  }

  private async startOver(): Promise<void> {
    await this.outputs?.discard();
    this.duckdb?.close();
    this.rejected.startOver(new Set([...this.ingested.values()].map(({ result }) => result.rejects)));
    this.outputs = null;
    this.stages.length = 0;
    this.results.length = 0;
  }

  private makeContext(prepared: PreparedPlan, scratch: string): RunContext {
    const { execution } = this;
    const totalBytes = prepared.sources.reduce(
      (sum, source) => sum + source.files.reduce((bytes, file) => bytes + file.bytes, 0),
      0,
    );
    return new RunContext({
      runId: execution.runId,
      settings: this.settings,
      pool: execution.pool,
      folder: this.folder.folder,
      scratch,
      onReject: mostLenient(prepared.sources.map((source) => source.spec.onReject)),
      limits: new RejectLimiter(prepared.sources),
      rejects: this.rejected,
      totalBytes,
      signal: execution.options.signal ?? null,
      stop: execution.stop ?? null,
      journal: this.journal,
      emit: execution.emit,
      waiting: execution.waiting,
      attempts: this.attempts,
    });
  }

  private stopOnAbort(context: RunContext): () => void {
    const { options, stop } = this.execution;
    const stopAll = () => {
      context.stopTasks();
      this.duckdb?.interrupt();
    };
    // A query is not made of tasks that one could wait for.
    const stopQuery = () => this.duckdb?.interrupt();
    options.signal?.addEventListener("abort", stopAll, { once: true });
    stop?.addEventListener("abort", stopQuery, { once: true });
    if (options.signal?.aborted === true) stopAll();
    return () => {
      options.signal?.removeEventListener("abort", stopAll);
      stop?.removeEventListener("abort", stopQuery);
    };
  }

  private async runStage(stage: Stage, context: RunContext): Promise<StageMetrics> {
    switch (stage.kind) {
      case "worker": {
        const done = await runWorkerStage(stage, context, required(this.rows, "rows").receiverOf(stage, context));
        for (const [exchange, files] of done.exchanges) context.addExchange(exchange, files);
        for (const [output, files] of done.outputs) {
          this.requireOutputs().add(output, files);
          this.requireOutputs().complete(output);
        }
        this.results.push(...done.results);
        return done.metrics;
      }
      case "duckdb":
        return required(this.duckdb, "DuckDB").runStage(stage, this.requireOutputs());
      case "ingest": {
        // An iterable can be read once only: a plan that is run again finds its rows where they were put.
        const done = this.ingested.get(stage.dataId) ?? (await this.ingest(stage, context));
        this.ingested.set(stage.dataId, done);
        this.results.push(done.result);
        context.addExchange(stage.exchange, done.files);
        return { ...done.metrics, id: stage.id };
      }
      default:
        return assertNever(stage, "stage");
    }
  }

  /** Rows that an earlier process of a named run took in are not asked for again: a stream gives them only once. */
  private async ingest(stage: IngestStage, context: RunContext): Promise<IngestResult> {
    const { spec } = stage.source;
    if (spec.format === "sql") return (await import("./stages/sqlSource.js")).runSqlSource(stage, spec, context);
    const { journal, execution } = this;
    const feed = required(this.prepared?.feeds.get(stage.dataId), "rows of the program");
    const source = [...(this.prepared?.feeds.keys() ?? [])].indexOf(stage.dataId);
    const earlier = execution.resumption?.named === true ? await journal?.ingest(source) : null;
    if (earlier !== null && earlier !== undefined) return resumeIngest(stage, earlier, context);
    const done = await runIngestStage(stage, feed, context);
    journal?.ingestDone(source, done.files, done.result);
    return done;
  }

  /** What was rejected is kept before anything is published, and also where nothing will be. */
  private keepRejects(): void {
    const { execution, prepared } = this;
    if (prepared === null) return;
    if (this.rejected.counts().count === 0) return;
    const { notRowWise, fanOut } = planShape(prepared.bound);
    const shape = { notRowWise, fanOut };
    const run = { job: execution.options.job ?? "job", planFingerprint: this.fingerprint, shape };
    const sinks = prepared.physical.outputs.flatMap((output) => (output.kind === "sink" ? [output.sink] : []));
    if (this.rejected.finish(indexHead(run, prepared.sources, sinks))) writeRejectPlan(this.folder.folder, execution.plan);
  }

  private get fingerprint(): string {
    this.knownFingerprint ??= planFingerprint(this.execution.plan);
    return this.knownFingerprint;
  }

  private requireOutputs(): OutputSet {
    return required(this.outputs, "outputs");
  }

  /** Leaves nothing of a failed run, or what another process needs to go on with it. */
  async undo(failure: MillraceError): Promise<void> {
    this.resumable = mayPass(failure) && this.journal?.isWorthKeeping === true;
    if (this.resumable) await this.outputs?.release();
    else await this.outputs?.discard();
  }

  async finish(failure: MillraceError | null): Promise<RunResult> {
    const { execution } = this;
    const error = failure === null ? null : failure.toData();
    if (failure !== null) this.keepRejectsOfFailure();
    this.duckdb?.close();
    await this.early?.close();
    // Loaded here, so that the report's code does not delay the first task.
    const { reportOf } = await import("./observe/afterRun.js");
    const planned = plannedOf(this.prepared);
    // A replay is no run of its job: it would make the usual figures wrong.
    const remember = execution.replay === undefined;
    const report = reportOf({ metrics: this.metrics(error), settings: execution.settings, planned, remember });
    writeReportFiles(report, this.folder.folder, execution.options.report);
    killPoint("report-written");
    await this.endJournal(report.status, error);
    const { resumable } = this;
    execution.emit({ kind: "run-finished", status: report.status, error, resumable });
    const outputs = this.published.map(({ path, format, rows, bytes, files }) => ({
      path,
      format,
      rows,
      bytes,
      files: files.length,
    }));
    const rejects = new RunRejects(execution.runId, this.folder.folder, this.rejected.counts());
    return { runId: execution.runId, status: report.status, report, outputs, rejects };
  }

  private async endJournal(status: RunStatus, error: ErrorData | null): Promise<void> {
    const { journal, resumable, folder } = this;
    const stopped = resumable && error !== null;
    if (journal !== null) noteEnd(journal, stopped ? { kind: "stopped", error } : { kind: "finished", status, error });
    await journal?.close();
    leaveRunFolder(folder, resumable);
  }

  private metrics(error: RunMetrics["error"]): CountedMetrics {
    const { execution, prepared } = this;
    const resume = this.journal?.metrics ?? null;
    const cpu = process.cpuUsage(this.cpuStart);
    return {
      job: execution.options.job ?? "job",
      runId: execution.runId,
      parameters: execution.options.parameters ?? {},
      planFingerprint: this.fingerprint,
      plan: prepared === null ? "" : explanationText(explainPrepared(prepared)),
      startMs: this.startMs,
      endMs: Date.now(),
      stages: this.stages,
      outputs: this.published,
      rejects: this.rejects(),
      inputs: (prepared?.sources ?? []).flatMap((source) =>
        source.files.map(({ path, bytes, modifiedMs }) => ({ path, bytes, modifiedMs })),
      ),
      peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
      cpuMs: (cpu.user + cpu.system) / 1000,
      workers: execution.settings.workers,
      memoryBytes: execution.settings.memoryBytes,
      quality: this.quality,
      ...(resume === null ? {} : { resume }),
      error,
      attempts: this.attempts,
      phases: this.phases,
      deadlineMs: execution.deadline?.atMs ?? null,
    };
  }

  private rejects(): RejectMetrics {
    const samples: RejectRecord[] = [];
    for (const { rejects } of this.results) samples.push(...rejects.samples.slice(0, Math.max(0, 10 - samples.length)));
    return { ...this.rejected.counts(), samples, files: this.rejected.files };
  }

  /** Why the run failed matters more than why its rejects cannot be kept. */
  private keepRejectsOfFailure(): void {
    try {
      this.keepRejects();
    } catch (cause) {
      process.emitWarning(`the rejects could not be kept: ${(cause as Error).message}`, "MillraceWarning");
    }
  }
}

/** Rows of several sources meet: what fails later is treated as the most lenient of them asks. */
function mostLenient(policies: readonly OnReject[]): OnReject {
  if (policies.includes("quarantine")) return "quarantine";
  return policies.includes("skip") ? "skip" : "fail";
}

const plannedOf = (prepared: PreparedPlan | null) =>
  prepared === null ? null : { physical: prepared.physical, checksFrom: prepared.checks.firstOutput };
