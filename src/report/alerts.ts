import { type AlertRules, type Finding, violations } from "./alertRules.js";
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
}

export interface AlertOptions {
  readonly rules?: AlertRules;
  readonly handlers: readonly AlertHandler[];
}

/** Calls every handler at most once per run, when the run breaks a rule. A handler that fails is a warning: the others are called, and the run stands. */
export function alerts({ rules = {}, handlers }: AlertOptions): RunObserver {
  const told = new Set<string>();
  return {
    name: "alerts",
    async finished(report) {
      const { runId } = report.data;
      const broken = violations(report.data, rules);
      if (broken.length === 0 || told.has(runId)) return;
      told.add(runId);
      await Promise.all(handlers.map((handler) => sendBy(handler, { report, violations: broken })));
    },
  };
}

async function sendBy(handler: AlertHandler, alert: Alert): Promise<void> {
  try {
    await handler.send(alert);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    process.emitWarning(`an alert could not be sent by ${handler.name}: ${message}`, "MillraceWarning");
  }
}
