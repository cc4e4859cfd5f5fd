import type { AlertRules, Finding } from "./alertRules.js";
import { countText, durationText } from "./format.js";
import type { ObservedBeat, ObservedRun } from "./observer.js";

/** A run at work that broke rules. */
export interface LiveAlert {
  readonly runId: string;
  readonly job: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** Milliseconds since the run began. */
  readonly runningMs: number;
  readonly stage: string;
  readonly records: number;
  /** Those that were not told of this run before; at least one. */
  readonly violations: readonly Finding[];
}

type LiveRules = Pick<AlertRules, "deadline" | "heartbeatMs" | "zeroThroughputMs" | "timesUsual" | "durationMs">;

/** Watches one run by its heartbeats. Tells of each rule at most once. */
export class LiveWatch {
  /** Codes that were told. */
  readonly told = new Set<string>();
  private last: { readonly stage: string; readonly records: number; readonly bytes: number } = {
    stage: "",
    records: 0,
    bytes: 0,
  };
  private beatAt: number;
  private movedAt: number;

  constructor(
    private readonly run: ObservedRun & { readonly usualMs?: number | null },
    private readonly rules: LiveRules,
  ) {
    this.beatAt = run.time;
    this.movedAt = run.time;
  }

  /** What a heartbeat says; null where it breaks no rule that was not told yet. */
  beat(beat: ObservedBeat): LiveAlert | null {
    const { time, stage, records, bytes } = beat;
    const silentMs = time - this.beatAt;
    this.beatAt = time;
    const { last } = this;
    if (stage !== last.stage || records !== last.records || bytes !== last.bytes) this.movedAt = time;
    this.last = { stage, records, bytes };
    const violations = this.broken(beat, silentMs).filter(({ code }) => !this.told.has(code));
    if (violations.length === 0) return null;
    for (const { code } of violations) this.told.add(code);
    const { runId, job, time: start } = this.run;
    return { runId, job, time, runningMs: time - start, stage, records, violations };
  }

  /** What a deadline that has passed says; null where nobody wants to know. */
  deadlineMissed({ runId, job, time }: ObservedRun): LiveAlert | null {
    const code = "deadline-missed";
    if (this.rules.deadline !== true || this.told.has(code)) return null;
    this.told.add(code);
    const { stage, records } = this.last;
    const runningMs = time - this.run.time;
    const text = `It has run for ${durationText(runningMs)} and is not done by its deadline.`;
    return { runId, job, time, runningMs, stage, records, violations: [{ code, level: "critical", text }] };
  }

  private broken({ time, stage, records }: ObservedBeat, silentMs: number): Finding[] {
    const { heartbeatMs, zeroThroughputMs, timesUsual, durationMs } = this.rules;
    const found: Finding[] = [];
    const say = (code: string, text: string) => found.push({ code, level: "warning", text });
    const runningMs = time - this.run.time;
    const stillMs = time - this.movedAt;
    const usual = this.run.usualMs ?? null;
    if (isOver(silentMs, heartbeatMs)) say("heartbeat-missing", `The run gave no sign of life for ${durationText(silentMs)}.`);
    if (isOver(stillMs, zeroThroughputMs)) {
      const where = stage === "" ? "" : ` of stage ${stage}`;
      say("zero-throughput", `No record${where} has moved for ${durationText(stillMs)}; ${countText(records)} have until then.`);
    }
    if (usual !== null && usual > 0 && isOver(runningMs, timesUsual == null ? null : timesUsual * usual)) {
      const times = (runningMs / usual).toFixed(1);
      say(
        "slower-than-usual",
        `It has run for ${durationText(runningMs)} and goes on: ${times} times the usual ${durationText(usual)}.`,
      );
    }
    if (isOver(runningMs, durationMs)) say("long-run", `It has run for ${durationText(runningMs)} and goes on.`);
    return found;
  }
}

const isOver = (value: number, most: number | null | undefined): boolean => most !== null && most !== undefined && value > most;
