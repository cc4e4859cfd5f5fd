import { type AlertRules, defaultAlertRules, type Finding, violations } from "./alertRules.js";
import { type LiveAlert, LiveWatch } from "./liveAlerts.js";
import type { RunObserver } from "./observer.js";
import type { RunReport } from "./report.js";

/** A run that broke rules. */
export interface Alert {
  readonly report: RunReport;
  /** The gravest first; at least one. */
  readonly violations: readonly Finding[];
}

/** Passes an alert on; see `consoleAlerts`, `webhookAlerts`, `slackAlerts` and `mailAlerts`. */
export interface AlertHandler {
  /** For warnings. */
  readonly name: string;
  send(alert: Alert): void | Promise<void>;
  /** Of a run that is still at work; a handler without it hears of the same at the end. */
  sendLive?(alert: LiveAlert): void | Promise<void>;
}

export interface AlertOptions {
  readonly rules?: AlertRules;
  readonly handlers: readonly AlertHandler[];
}

/**
 * Calls every handler at most once per run, when the run breaks a rule, and while it goes on for each of the rules about time. What a handler
 * was told of then is not told again at the end. A handler that fails is a warning: the others are called, and the run stands.
 */
export function alerts({ rules = {}, handlers }: AlertOptions): RunObserver {
  const told = new Set<string>();
  const watches = new Map<string, LiveWatch>();
  const tell = (alert: LiveAlert | null): void => {
    if (alert === null) return;
    for (const handler of handlers) void sendBy(handler, () => handler.sendLive?.(alert));
  };
  return {
    name: "alerts",
    started(run) {
      watches.set(run.runId, new LiveWatch(run, { ...defaultAlertRules, ...rules }));
    },
    heartbeat: (beat) => tell(watches.get(beat.runId)?.beat(beat) ?? null),
    deadlineMissed: (run) => tell(watches.get(run.runId)?.deadlineMissed(run) ?? null),
    async finished(report) {
      const { runId } = report.data;
      const live = watches.get(runId)?.told ?? new Set();
      watches.delete(runId);
      if (told.has(runId)) return;
      const all = violations(report.data, rules);
      const rest = all.filter(({ code }) => !live.has(code));
      const broken = (handler: AlertHandler) => (handler.sendLive === undefined ? all : rest);
      const called = handlers.filter((handler) => broken(handler).length > 0);
      if (called.length === 0) return;
      told.add(runId);
      await Promise.all(called.map((handler) => sendBy(handler, () => handler.send({ report, violations: broken(handler) }))));
    },
  };
}

async function sendBy(handler: AlertHandler, send: () => void | Promise<void>): Promise<void> {
  try {
    await send();
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    process.emitWarning(`an alert could not be sent by ${handler.name}: ${message}`, "MillraceWarning");
  }
}
