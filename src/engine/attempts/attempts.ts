import { MillraceError, toErrorData } from "../../common/errors.js";
import type { AttemptMetrics } from "../../report/model.js";
import { newTaskControl, stopTask, taskProgress } from "../../task/control.js";
import type { PartitionSpec, PoisonedRow, RowProbe, TaskResult, TaskSpec } from "../../task/protocol.js";
import { howItEnded, overtaken, removeLeftovers, stopped, timedOut } from "./attemptEnds.js";
import type { AttemptParts } from "./attemptParts.js";
import { findPoisonedRow } from "./attemptPoison.js";
import { endedItsWorker, gaveUp, isTransient, retryDelay, seededRandom } from "./retry.js";
import { findStragglers } from "./stragglers.js";

/** One attempt under way. */
interface Attempt {
  /** From 1, by partition. */
  readonly number: number;
  readonly spec: TaskSpec;
  readonly control: SharedArrayBuffer;
  readonly reason: AttemptMetrics["reason"];
  readonly queuedMs: number;
  /** By a clock that goes on evenly: when it was first seen at work, and when it was asked to stop. */
  seenMs: number | null;
  cancelledMs: number | null;
  killed: boolean;
}

/** The attempts of a partition that race for one result. */
interface Flight {
  readonly partition: number;
  readonly part: PartitionSpec;
  readonly poisoned: readonly PoisonedRow[];
  readonly live: Set<Attempt>;
  readonly speculates: boolean;
  over: boolean;
  resolve(result: TaskResult): void;
  reject(error: unknown): void;
}

/** What is kept of a partition's attempts. */
interface AttemptLog {
  count: number;
  readonly history: AttemptMetrics[];
  /** Rows at work when the last attempt that ended its worker did. */
  endedAt: { readonly from: number; readonly rows: number } | null;
}

const tickMs = 100;
/** From when on a tick counts as held up. */
const lateMs = 1000;
/** How long an attempt that was asked to stop may take to do so before its thread is ended. */
const graceMs = 250;
/** The same where the whole stage stops. */
const stopGraceMs = 5000;
/** Records of one partition that are found to end workers before the task is given up. */
const mostPoisoned = 16;

/**
 * The attempts of a stage's tasks: retries what may pass, ends what takes too long, has a second attempt overtake stragglers, and sets aside
 * records that end every worker. Whatever happens, a partition has one result, and only the files of that stay.
 */
export class StageAttempts {
  private readonly logs = new Map<number, AttemptLog>();
  private readonly flights = new Set<Flight>();
  private readonly finishedMs: number[] = [];
  /** Attempts under way, and those that lost until they have ended. */
  private readonly ending = new Map<Attempt, Promise<void>>();
  private readonly cancelled = new Set<Attempt>();
  /** Events that wait to be told. */
  private telling: Promise<unknown> = Promise.resolve();
  private stopTicking: () => void = () => undefined;
  private tasks = 0;
  private tickedMs = 0;
  private stoppedMs: number | null = null;

  constructor(private readonly parts: AttemptParts) {}

  /** @param tasks how many the stage has */
  begin(tasks: number): void {
    this.tasks = tasks;
    this.tickedMs = this.parts.clock.elapsed();
    this.stopTicking = this.parts.clock.every(tickMs, () => this.tick());
  }

  /** Attempts of a partition so far. */
  count(partition: number): number {
    return this.logs.get(partition)?.count ?? 0;
  }

  history(partition: number): readonly AttemptMetrics[] {
    return this.logs.get(partition)?.history ?? [];
  }

  /**
   * A partition's result, after as many attempts as that takes.
   * @param before attempts that it has had in an earlier process, whose numbers are taken
   * @throws MillraceError the last failure, once no further attempt is due
   */
  async run(partition: number, part: PartitionSpec, before = 0): Promise<TaskResult> {
    const { retry: policy } = this.parts.settings;
    const poisoned: PoisonedRow[] = [];
    const log = this.logOf(partition);
    log.count = Math.max(log.count, before);
    let reason: AttemptMetrics["reason"] = log.count === 0 ? "first" : "border";
    for (let retry = 0; ; reason = "retry") {
      try {
        return await this.fly(partition, part, reason, poisoned);
      } catch (error) {
        if (!(error instanceof MillraceError) || !isTransient(error) || this.parts.cancelled()) throw error;
        if (poisoned.length === 0 && retry < policy.retries) {
          if (!this.parts.budget.take()) throw gaveUp(error, log.count, `all ${policy.perRun} retries of the run are used up`);
          await this.backOff(partition, ++retry, error);
          continue;
        }
        const row = endedItsWorker(error) ? await this.poisonedRow(partition, part, poisoned, log) : null;
        if (row === null || this.parts.cancelled()) throw log.count > 1 ? gaveUp(error, log.count) : error;
        if (poisoned.length >= mostPoisoned) {
          throw gaveUp(error, log.count, `more than ${mostPoisoned} records of this partition end their workers`);
        }
        if (poisoned.length === 0) this.parts.budget.giveBack(retry);
        poisoned.push(row);
      }
    }
  }

  /** Waits until no attempt is left that could still write. */
  async end(): Promise<void> {
    while (this.ending.size > 0) await Promise.all(this.ending.values());
    await this.telling;
    this.stopTicking();
  }

  private logOf(partition: number): AttemptLog {
    const known = this.logs.get(partition);
    if (known !== undefined) return known;
    const log: AttemptLog = { count: 0, history: [], endedAt: null };
    this.logs.set(partition, log);
    return log;
  }

  private async backOff(partition: number, retry: number, error: MillraceError): Promise<void> {
    const { clock, settings, seed, stage } = this.parts;
    const delayMs = retryDelay(settings.retry, retry, seededRandom(`${seed}/${stage}/${partition}/${retry}`));
    const { code, message } = error;
    this.parts.emit({ kind: "retry", stage, partition, retry, delayMs, code, message });
    const until = clock.elapsed() + delayMs;
    for (;;) {
      const left = until - clock.elapsed();
      if (this.parts.cancelled()) throw error;
      this.parts.throwIfStopping();
      if (left <= 0) return;
      await clock.sleep(Math.min(left, tickMs));
    }
  }

  private fly(
    partition: number,
    part: PartitionSpec,
    reason: AttemptMetrics["reason"],
    poisoned: readonly PoisonedRow[],
    probe?: RowProbe,
  ): Promise<TaskResult> {
    return new Promise((resolve, reject) => {
      const speculates = probe === undefined && this.parts.settings.speculation;
      const flight: Flight = { partition, part, poisoned, live: new Set(), speculates, over: false, resolve, reject };
      this.flights.add(flight);
      this.launch(flight, reason, probe);
    });
  }

  private launch(flight: Flight, reason: AttemptMetrics["reason"], probe?: RowProbe): void {
    const { partition, part, poisoned } = flight;
    const control = newTaskControl();
    const log = this.logOf(partition);
    const options = { control, ...(poisoned.length > 0 ? { poisoned } : {}), ...(probe === undefined ? {} : { probe }) };
    const number = ++log.count;
    const spec = this.parts.task(partition, number, part, options);
    const attempt: Attempt = {
      number,
      spec,
      control,
      reason,
      queuedMs: this.parts.clock.now(),
      seenMs: null,
      cancelledMs: null,
      killed: false,
    };
    flight.live.add(attempt);
    const ended = this.parts.pool
      .run(spec)
      .then(
        (result) => this.succeeded(flight, attempt, result),
        (error: unknown) => this.failed(flight, attempt, error),
      )
      .catch((error: unknown) => {
        // Whoever waits for the partition must not wait for ever because its outcome could not be dealt with.
        this.settle(flight);
        flight.reject(error);
      });
    this.ending.set(
      attempt,
      ended.finally(() => this.ending.delete(attempt)),
    );
  }

  private succeeded(flight: Flight, attempt: Attempt, result: TaskResult): void {
    flight.live.delete(attempt);
    const probing = attempt.reason === "probe";
    if (flight.over || probing) removeLeftovers(attempt.spec, result);
    this.note(flight, attempt, flight.over ? "lost" : "done", null);
    if (flight.over) return;
    if (!probing) this.finishedMs.push(result.timing.endMs - result.timing.startMs);
    this.settle(flight);
    flight.resolve(result);
  }

  private failed(flight: Flight, attempt: Attempt, error: unknown): void {
    flight.live.delete(attempt);
    // A thread that ended could not tidy up.
    removeLeftovers(attempt.spec);
    this.note(flight, attempt, flight.over ? "lost" : "failed", error);
    if (flight.over) return;
    const { phase, from, rows } = taskProgress(attempt.control);
    this.logOf(flight.partition).endedAt = endedItsWorker(error) && phase === "feeding" ? { from, rows } : null;
    // The other attempt may yet succeed where this one had bad luck.
    if (flight.live.size > 0 && isTransient(error)) return;
    this.settle(flight);
    flight.reject(error);
  }

  /** The flight has its outcome: what still flies is told to stop. */
  private settle(flight: Flight): void {
    flight.over = true;
    this.flights.delete(flight);
    for (const attempt of flight.live) {
      stopTask(attempt.control);
      attempt.cancelledMs = this.parts.clock.elapsed();
      this.cancelled.add(attempt);
    }
  }

  private note(flight: Flight, attempt: Attempt, outcome: AttemptMetrics["outcome"], error: unknown): void {
    const { partition } = flight;
    const { startMs, thread } = taskProgress(attempt.control);
    const nowMs = this.parts.clock.now();
    const cause = error === null || outcome === "lost" ? null : toErrorData(error);
    const entry: AttemptMetrics = {
      attempt: attempt.number,
      reason: attempt.reason,
      worker: thread,
      queuedMs: attempt.queuedMs,
      startMs: startMs === 0 ? nowMs : startMs,
      endMs: nowMs,
      outcome,
      code: cause?.code ?? null,
      message: cause?.message ?? null,
    };
    this.cancelled.delete(attempt);
    this.logOf(partition).history.push(entry);
    if (outcome === "done" && entry.attempt === 1) return;
    const { stage } = this.parts;
    this.parts.emit({ kind: "attempt", stage, partition, ...entry });
  }

  /** @param known records that were found before, which probes pass over */
  private async poisonedRow(
    partition: number,
    part: PartitionSpec,
    known: readonly PoisonedRow[],
    log: AttemptLog,
  ): Promise<PoisonedRow | null> {
    if (log.endedAt === null) return null;
    return findPoisonedRow(log.endedAt, async (probe) => {
      log.endedAt = null;
      try {
        await this.fly(partition, part, "probe", known, probe);
        return null;
      } catch (error) {
        const at = this.logOf(partition).endedAt;
        return at === null || !(error instanceof MillraceError) ? null : { ...at, message: howItEnded(error) };
      }
    });
  }

  private tick(): void {
    const nowMs = this.parts.clock.elapsed();
    const missedMs = nowMs - this.tickedMs - tickMs;
    this.tickedMs = nowMs;
    if (missedMs + tickMs > lateMs) {
      this.standStill(missedMs);
      return;
    }
    if (this.parts.cancelled()) this.stoppedMs ??= nowMs;
    const stopping = this.stoppedMs !== null && nowMs - this.stoppedMs > stopGraceMs;
    for (const attempt of this.cancelled) {
      if (attempt.cancelledMs !== null && nowMs - attempt.cancelledMs >= graceMs) this.kill(attempt, overtaken());
    }
    const { taskTimeoutMs } = this.parts.settings;
    for (const flight of this.flights) {
      for (const attempt of flight.live) {
        if (taskProgress(attempt.control).phase === "waiting") continue;
        attempt.seenMs ??= nowMs;
        if (taskTimeoutMs !== null && nowMs - attempt.seenMs > taskTimeoutMs)
          this.kill(attempt, timedOut(attempt.spec, taskTimeoutMs));
        else if (stopping) this.kill(attempt, stopped());
      }
    }
    if (this.parts.settings.speculation && this.stoppedMs === null) this.speculate(nowMs);
  }

  /**
   * This thread was held up, or the whole process or machine stood still: that time counts for no task. Answers may wait to be read: they come before
   * anything is ended.
   */
  private standStill(missedMs: number): void {
    for (const { live } of this.flights) {
      for (const attempt of live) if (attempt.seenMs !== null) attempt.seenMs += missedMs;
    }
    for (const attempt of this.cancelled) if (attempt.cancelledMs !== null) attempt.cancelledMs += missedMs;
    if (this.stoppedMs !== null) this.stoppedMs += missedMs;
  }

  private kill(attempt: Attempt, why: MillraceError): void {
    if (attempt.killed || taskProgress(attempt.control).phase === "waiting") return;
    attempt.killed = true;
    this.parts.pool.kill(attempt.spec, why);
  }

  private speculate(nowMs: number): void {
    const { pool, stage } = this.parts;
    if (pool.idle <= 0 || this.finishedMs.length < 0.75 * this.tasks) return;
    const running = new Map<number, { readonly flight: Flight; readonly runningMs: number }>();
    for (const flight of this.flights) {
      const [attempt, second] = flight.live;
      if (attempt === undefined || second !== undefined || !flight.speculates || attempt.killed) continue;
      if (attempt.seenMs !== null) running.set(flight.partition, { flight, runningMs: nowMs - attempt.seenMs });
    }
    const tasks = [...running].map(([partition, { runningMs }]) => ({ partition, runningMs }));
    for (const { partition, runningMs, medianMs } of findStragglers(tasks, this.finishedMs, this.tasks)) {
      const flight = running.get(partition)?.flight;
      if (flight === undefined || pool.idle <= 0) return;
      this.launch(flight, "straggler");
      const told = this.parts.where(flight.part).then((where) => {
        this.parts.emit({ kind: "straggler", stage, partition, runningMs, medianMs, where });
      });
      this.telling = Promise.all([this.telling, told]);
    }
  }
}
