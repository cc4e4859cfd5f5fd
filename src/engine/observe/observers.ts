import { setTimeout as delay } from "node:timers/promises";
import { defaultCompareWith, History, unnamedJob } from "../../history/history.js";
import type { ObservedRun, RunObserver } from "../../report/observer.js";
import type { RunReport } from "../../report/report.js";
import type { RunEvent } from "./events.js";
import type { EngineSettings } from "../options.js";

/** How long a run waits for those it tells of its end. */
const patienceMs = 10_000;

/** Tells the observers of an engine of one run. Nothing they do fails it. */
export class Observers {
  constructor(
    private readonly observers: readonly RunObserver[],
    private readonly job: string,
    private readonly settings: Pick<EngineSettings, "stateDir" | "history">,
    private readonly deadlineMs: number | null = null,
  ) {}

  event(event: RunEvent): void {
    const { job } = this;
    const { runId, time } = event;
    if (event.kind === "run-started") this.started({ runId, job, time });
    if (event.kind === "heartbeat") {
      const { stage, rows: records, bytes } = event;
      this.each((observer) => observer.heartbeat?.({ runId, job, time, stage, records, bytes }));
    }
    if (event.kind === "deadline-missed") this.each((observer) => observer.deadlineMissed?.({ runId, job, time }));
    if (event.kind === "progress") {
      const { rows: records, rate: recordsPerSecond } = event;
      this.each((observer) => observer.progress?.({ runId, job, time, records, recordsPerSecond }));
    }
  }

  /** A run's result, once the observers were told of it. */
  async until<T extends { readonly report: RunReport }>(running: Promise<T>): Promise<T> {
    try {
      const result = await running;
      await this.finished(result.report);
      return result;
    } catch (failure) {
      // A run that failed has its report on its error.
      const { report } = failure as { readonly report?: RunReport };
      if (report !== undefined) await this.finished(report);
      throw failure;
    }
  }

  private started(run: ObservedRun): void {
    if (this.observers.length === 0) return;
    const usualMs = this.usualMs();
    const { deadlineMs } = this;
    this.each((observer) => observer.started?.({ ...run, usualMs, deadlineMs }));
  }

  /** Runs without a name are told apart by their plan, which is not known yet. */
  private usualMs(): number | null {
    const { stateDir, history } = this.settings;
    if (history === false || this.job === unnamedJob) return null;
    try {
      const { compareWith = defaultCompareWith } = history;
      const keep = ({ status }: { readonly status: string }) => status !== "failed";
      const past = new History(stateDir).runs({ job: this.job, limit: compareWith, keep });
      return past.length === 0 ? null : past.reduce((sum, { durationMs }) => sum + durationMs, 0) / past.length;
    } catch {
      // The report at the run's end says that the history cannot be read.
      return null;
    }
  }

  private async finished(report: RunReport): Promise<void> {
    if (this.observers.length === 0) return;
    const ended = new AbortController();
    const all = Promise.all(
      this.observers.map(async (observer) => {
        try {
          await observer.finished?.(report);
        } catch (cause) {
          warn(observer, cause);
        }
      }),
    );
    const late = delay(patienceMs, "late" as const, { signal: ended.signal }).catch(() => null);
    if ((await Promise.race([all, late])) === "late") {
      process.emitWarning(`an observer of the run did not end within ${patienceMs / 1000} s`, "MillraceWarning");
    }
    ended.abort();
  }

  private each(tell: (observer: RunObserver) => void): void {
    for (const observer of this.observers) {
      try {
        tell(observer);
      } catch (cause) {
        warn(observer, cause);
      }
    }
  }
}

function warn({ name }: RunObserver, cause: unknown): void {
  const message = cause instanceof Error ? cause.message : String(cause);
  process.emitWarning(`the observer ${name} failed: ${message}`, "MillraceWarning");
}
