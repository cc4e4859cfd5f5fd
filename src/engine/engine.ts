import { setTimeout as delay } from "node:timers/promises";
import { loadArrow } from "../batch/arrowLibrary.js";
import type { ArrowBatch, ArrowTable } from "../batch/arrowTypes.js";
import type { Batch } from "../batch/column.js";
import { copyBatch } from "../batch/gather.js";
import { configError } from "../common/errors.js";
import { didYouMean } from "../common/nearest.js";
import type { Plan } from "../plan/nodes.js";
import type { StreamTarget } from "../plan/stream.js";
import { type Explanation, explanationText } from "../planner/explain.js";
import { WorkerPool } from "../pool/pool.js";
import { splitMemory } from "../runtime/memory.js";
import type { Schema } from "../schema/types.js";
import { Channel } from "./channel.js";
import { workersSurelyNeeded } from "./earlyWorkers.js";
import { deadlineOf, watchDeadline } from "./deadline.js";
import { EventQueue, type RunEventBody } from "./observe/events.js";
import { executePlan } from "./execute.js";
import type { Resumption, RowsConsumer } from "./execution.js";
import { Observers } from "./observe/observers.js";
import { type EngineOptions, type EngineSettings, engineSettings } from "./options.js";
import type { ReplayOptions, ReplayResult } from "./replay/replay.js";
import { explainPrepared, preparePlan } from "./prepare.js";
import { chooseRun } from "./runs/resume.js";
import { RunHandle, type RunOptions } from "./runs/run.js";
import { newRunId } from "./runs/runFolder.js";
import { StreamOutput } from "./streamOutput.js";

/** A dataset, which can be made a plan without a sink. */
export interface PlanSource {
  toPlan(): Plan;
}

/** How long `close` waits for runs to stop by themselves. */
const graceMs = 2_000;

const engineClosed = () => configError("ENGINE_CLOSED", "the engine was closed", { hint: "Make another with Engine.create." });

/** Arrow is only needed to hand rows to the program, and takes a while to load. */
const arrow = async () => {
  await loadArrow();
  return import("../batch/arrowExport.js");
};

const loadAfterMs = 12;

/** What a run needs when its last task is done, loaded while this thread waits for the first. */
function loadForTheEnd(givesRows: boolean): void {
  // Whoever needs it loads it again, and tells why that fails.
  import("./observe/afterRun.js").catch(() => undefined);
  if (givesRows) arrow().catch(() => undefined);
}

const runOptionNames = ["signal", "job", "parameters", "report", "resume", "deadline", "onDeadline", "planFile"];

/** @throws MillraceError Config/INVALID_ARGUMENT */
function requireDataset(dataset: PlanSource, where: string): void {
  if (typeof dataset?.toPlan === "function") return;
  throw configError("INVALID_ARGUMENT", `${where}: expected a dataset, such as read.csv(…).filter(…)`, {
    hint: "A plan that ends in a sink (.write.…) is run with engine.run.",
  });
}

/** @throws MillraceError Config/UNKNOWN_OPTION */
function requireRunOptions(options: RunOptions, where: string): void {
  for (const name of Object.keys(options)) {
    if (runOptionNames.includes(name)) continue;
    const hint = didYouMean(name, runOptionNames);
    throw configError("UNKNOWN_OPTION", `${where}: unknown option ${JSON.stringify(name)}. ${hint}`);
  }
}

/**
 * Runs plans. Holds the worker threads; make one, use it for many runs, and close it (`await using` does).
 */
export class Engine implements AsyncDisposable {
  private closed = false;
  private readonly closing = new AbortController();
  private readonly active = new Set<Promise<unknown>>();

  private constructor(
    private readonly settings: EngineSettings,
    private readonly pool: WorkerPool,
  ) {}

  /** @throws MillraceError Config for options that make no sense. */
  static async create(options: EngineOptions = {}): Promise<Engine> {
    const settings = engineSettings(options);
    const { workerHeap } = splitMemory(settings.memoryBytes, settings.workers);
    return new Engine(settings, new WorkerPool({ workers: settings.workers, workerHeap }));
  }

  /** Runs a plan that ends in sinks. The run begins at once; see RunHandle. */
  run(plan: Plan, options: RunOptions = {}): RunHandle {
    requireRunOptions(options, "engine.run");
    // A program without types may hand over anything.
    const { stream, outputs = [] } = (plan as Plan | null | undefined) ?? {};
    if (stream !== undefined) return this.runToStream(plan, options, stream);
    if (outputs.length === 0 || outputs.some((output) => output.kind !== "sink")) {
      throw configError("PLAN_WITHOUT_SINK", "engine.run: the plan does not end in a sink", {
        hint: "End it with .write.parquet(…), or use engine.collect or engine.stream to get the rows.",
      });
    }
    return this.start(plan, options, null, chooseRun(plan, options, this.settings));
  }

  /**
   * Runs the rejected records of a run through the whole of a plan (by default the one that the run had), adds what is good now to the run's
   * outputs, and remembers it: a second replay does nothing. See docs/REJECTS.md for what can be replayed.
   * @throws MillraceError Config/RUN_NOT_FOUND, REPLAY_NOT_POSSIBLE, REPLAY_TARGET_CHANGED, REPLAY_BUSY, REPLAY_INTERRUPTED
   */
  async replay(runId: string, plan: Plan | null = null, options: ReplayOptions = {}): Promise<ReplayResult> {
    if (this.closed) throw engineClosed();
    const signals = options.signal === undefined ? [] : [options.signal];
    const signal = AbortSignal.any([...signals, this.closing.signal]);
    const { settings, pool } = this;
    const { replayRun } = await import("./replay/replay.js");
    const result = replayRun({ runId, plan, settings, pool, options: { ...options, signal } });
    const settled = result.finally(() => this.active.delete(settled));
    this.active.add(settled);
    return settled;
  }

  private runToStream(plan: Plan, options: RunOptions, target: StreamTarget): RunHandle {
    const stop = new AbortController();
    const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
    return this.start(plan, { ...options, signal }, new StreamOutput(target, (reason) => stop.abort(reason)));
  }

  /** All rows of a dataset as an Arrow table. */
  async collect(dataset: PlanSource, options: RunOptions = {}): Promise<ArrowTable> {
    requireRunOptions(options, "engine.collect");
    requireDataset(dataset, "engine.collect");
    const batches: Batch[] = [];
    let columns: Schema = [];
    await this.start(dataset.toPlan(), options, {
      restarts: true,
      begin: (schema) => {
        columns = schema;
        batches.length = 0;
      },
      batch: (batch) => {
        batches.push(copyBatch(batch));
      },
    });
    return (await arrow()).tableOf(columns, batches);
  }

  /** The rows of a dataset as Arrow record batches. The engine makes no batch ahead of the consumer; leaving the loop ends the run. */
  stream(dataset: PlanSource, options: RunOptions = {}): AsyncIterableIterator<ArrowBatch> {
    requireRunOptions(options, "engine.stream");
    requireDataset(dataset, "engine.stream");
    const stop = new AbortController();
    const channel = new Channel<ArrowBatch>(() => stop.abort());
    const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
    const ended = AbortSignal.any([signal, this.closing.signal]);
    ended.addEventListener("abort", () => channel.abandon(ended.reason), { once: true });
    const handle = this.start(
      dataset.toPlan(),
      { ...options, signal },
      {
        restarts: false,
        begin: () => undefined,
        batch: async (batch) => channel.send((await arrow()).toRecordBatch(copyBatch(batch))),
      },
    );
    handle.then(
      () => channel.close(),
      (error) => channel.close(stop.signal.aborted ? null : error),
    );
    return channel;
  }

  /** What a plan or dataset would do: the optimised plan, its stages, where each runs and why. */
  async explain(plan: Plan | PlanSource): Promise<string> {
    return explanationText(await this.explainData(plan));
  }

  /** The same as data. */
  async explainData(plan: Plan | PlanSource): Promise<Explanation> {
    return explainPrepared(await preparePlan("toPlan" in plan ? plan.toPlan() : plan, this.settings));
  }

  /** Stops runs that are not finished, which fail with ENGINE_CLOSED and publish nothing, and ends the worker threads. */
  async close(): Promise<void> {
    if (!this.closed) this.closing.abort(engineClosed());
    this.closed = true;
    const runs = Promise.allSettled(this.active);
    // A function that never returns must not keep the engine open: its thread is ended instead.
    await Promise.race([runs, delay(graceMs, undefined, { ref: false })]);
    await this.pool.close();
    await runs;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private start(plan: Plan, options: RunOptions, onRows: RowsConsumer | null, resumption?: Resumption): RunHandle {
    if (this.closed) throw engineClosed();
    const deadline = deadlineOf(options, Date.now());
    const runId = resumption?.runId ?? newRunId(new Date());
    const events = new EventQueue();
    const observers = new Observers(this.settings.observers, options.job ?? "job", this.settings, deadline?.atMs ?? null);
    let loading: NodeJS.Timeout | null = null;
    const emit = (event: RunEventBody) => {
      const told = { time: Date.now(), runId, ...event };
      events.push(told);
      observers.event(told);
    };
    // Not at once: the first of the work may ask for something yet.
    const waiting = () => {
      loading ??= setTimeout(loadForTheEnd, loadAfterMs, onRows !== null).unref();
    };
    const { settings, pool } = this;
    const signals = options.signal === undefined ? [] : [options.signal];
    const signal = AbortSignal.any([...signals, this.closing.signal]);
    pool.warm(workersSurelyNeeded(plan, settings));
    const stopping = new AbortController();
    const execution = {
      runId,
      plan,
      settings,
      pool,
      options: { ...options, signal },
      emit,
      waiting,
      onRows,
      stop: stopping.signal,
      deadline,
    };
    const unwatch = deadline === null ? null : watchDeadline(deadline, runId, emit, (reason) => stopping.abort(reason));
    const running = executePlan({ ...execution, ...(resumption === undefined ? {} : { resumption }) });
    const done = running.finally(() => unwatch?.());
    const result = observers.until(done).finally(() => {
      events.end();
      if (loading !== null) clearTimeout(loading);
      this.active.delete(result);
    });
    this.active.add(result);
    return new RunHandle(runId, result, events, stopping);
  }
}
