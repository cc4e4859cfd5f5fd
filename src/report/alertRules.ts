import { checkText } from "../quality/results.js";
import { countText, durationText, percentText, timeText } from "./format.js";
import type { RunReportData } from "./model.js";

/** Something about a run that a person should know. */
export interface Finding {
  /** Stable, for filters. */
  readonly code: string;
  readonly level: "critical" | "warning" | "note";
  readonly text: string;
}

/** When a run raises an alert; `null` switches a rule off. */
export interface AlertRules {
  /** Every failed run. Default true. */
  readonly failed?: boolean | null;
  /** The least success rate in percent. Default 95. */
  readonly successRate?: number | null;
  /** The least quality score in percent; says nothing of a plan without checks. Default 90. */
  readonly qualityScore?: number | null;
  /** Critical checks, which hold for less than nine rows in ten. Default true. */
  readonly criticalChecks?: boolean | null;
  /** The most that a run may take, as a factor of what earlier runs took on average; without history it says nothing. Default 2. */
  readonly timesUsual?: number | null;
  /** The most that a run may take, in milliseconds. Default one hour. */
  readonly durationMs?: number | null;
  /** A run that is not done when its option `deadline` says; told at that moment. Default true. */
  readonly deadline?: boolean | null;
  /** A run that succeeded and wrote nothing, although it has outputs. Default true. */
  readonly emptyOutput?: boolean | null;
  /** The most tasks that may be done again. Default 3. */
  readonly retries?: number | null;
  /** A failed run when none of its job has finished for this long, in milliseconds; without history it says nothing. Default 24 hours. */
  readonly withoutSuccessMs?: number | null;
  /** While it runs: the most between two signs of life, in milliseconds; a process that was stopped or blocked gives none. Default five minutes. */
  readonly heartbeatMs?: number | null;
  /** While it runs: the most during which a stage reads nothing, in milliseconds. Default 15 minutes. */
  readonly zeroThroughputMs?: number | null;
}

export const defaultAlertRules = {
  failed: true,
  successRate: 95,
  qualityScore: 90,
  criticalChecks: true,
  timesUsual: 2,
  durationMs: 3_600_000,
  deadline: true,
  emptyOutput: true,
  retries: 3,
  withoutSuccessMs: 86_400_000,
  heartbeatMs: 300_000,
  zeroThroughputMs: 900_000,
} as const satisfies AlertRules;

type Rule = (report: RunReportData, rules: AlertRules) => readonly (Finding | null)[];

/** Every rule, the gravest first. */
const everyRule: readonly Rule[] = [
  failed,
  withoutSuccess,
  deadline,
  successRate,
  quality,
  emptyOutput,
  usual,
  duration,
  retries,
];

/** What of a report breaks the rules. Pure. */
export function violations(report: RunReportData, rules: AlertRules = {}): Finding[] {
  const all = { ...defaultAlertRules, ...rules };
  return everyRule.flatMap((rule) => rule(report, all)).filter((finding) => finding !== null);
}

const critical = (code: string, text: string): Finding => ({ code, level: "critical", text });
const warning = (code: string, text: string): Finding => ({ code, level: "warning", text });

function failed({ execution: { error } }: RunReportData, rules: AlertRules): (Finding | null)[] {
  return [error !== null && rules.failed === true ? critical("run-failed", `${error.code}: ${error.message}`) : null];
}

function withoutSuccess({ status, execution, performance }: RunReportData, { withoutSuccessMs }: AlertRules): (Finding | null)[] {
  const last = performance.comparison?.lastSuccess ?? null;
  if (status !== "failed" || last === null || withoutSuccessMs === null || withoutSuccessMs === undefined) return [];
  const since = Date.parse(execution.end) - Date.parse(last);
  return since > withoutSuccessMs ? [critical("no-success", `No run has finished since ${timeText(last)}.`)] : [];
}

function successRate({ execution }: RunReportData, { successRate: least }: AlertRules): (Finding | null)[] {
  const { successRate: rate, recordsFailed, recordsRead } = execution;
  if (least === null || least === undefined || rate >= least) return [];
  const share = `${countText(recordsFailed)} of ${countText(recordsRead)} records were rejected`;
  return [critical("success-rate", `${share}: a success rate of ${percentText(rate)}, under ${percentText(least)}.`)];
}

function quality({ quality: found }: RunReportData, rules: AlertRules): (Finding | null)[] {
  const { qualityScore: least, criticalChecks } = rules;
  if (found === null) return [];
  const score = least !== null && least !== undefined && found.score < least;
  const checks = found.checks.filter((check) => check.critical && check.verdict === "failed");
  return [
    score ? critical("quality-score", `The quality score is ${percentText(found.score)}, under ${percentText(least)}.`) : null,
    ...(criticalChecks === true ? checks.map((check) => critical("critical-check", `${checkText(check)}.`)) : []),
  ];
}

function emptyOutput({ status, execution }: RunReportData, { emptyOutput: wanted }: AlertRules): (Finding | null)[] {
  if (wanted !== true || status === "failed" || execution.outputs.length === 0 || execution.recordsWritten > 0) return [];
  return [warning("empty-output", `The run wrote no rows; it read ${countText(execution.recordsRead)}.`)];
}

function usual({ performance, status }: RunReportData, { timesUsual }: AlertRules): (Finding | null)[] {
  const { comparison } = performance;
  // A run that failed early or late says nothing of the time that the job takes.
  if (comparison === null || status === "failed" || timesUsual === null || timesUsual === undefined) return [];
  const { now, usual: before } = comparison.durationMs;
  if (before <= 0 || now <= timesUsual * before) return [];
  const runs = comparison.runs === 1 ? "the run before it" : `${comparison.runs} runs before it`;
  return [
    warning(
      "slower-than-usual",
      `It took ${durationText(now)}, ${(now / before).toFixed(1)} times the ${durationText(before)} of ${runs}.`,
    ),
  ];
}

function duration({ execution }: RunReportData, { durationMs: most }: AlertRules): (Finding | null)[] {
  if (most === null || most === undefined || execution.durationMs <= most) return [];
  return [warning("long-run", `It took ${durationText(execution.durationMs)}, more than ${durationText(most)}.`)];
}

function deadline({ execution }: RunReportData, { deadline: wanted }: AlertRules): (Finding | null)[] {
  // Reports of before there were deadlines have none.
  const missed = execution.deadline ?? null;
  if (wanted !== true || missed === null || missed.lateMs <= 0) return [];
  const due = `It had to be done by ${timeText(missed.at)}`;
  return [critical("deadline-missed", `${due} and ended ${durationText(missed.lateMs)} later.`)];
}

function retries({ execution }: RunReportData, { retries: most }: AlertRules): (Finding | null)[] {
  if (most === null || most === undefined || execution.retries <= most) return [];
  return [warning("many-retries", `${countText(execution.retries)} tasks were done again.`)];
}
