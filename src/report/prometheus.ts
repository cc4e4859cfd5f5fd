import { violations } from "./alertRules.js";
import type { RunReportData } from "./model.js";

/** Upper bounds of the buckets of durations, in seconds. */
const buckets = [1, 5, 15, 60, 300, 900, 3600, 14_400] as const;

type Labels = { readonly [name: string]: string };

/** The run's figures in Prometheus' text format 0.0.4. Few labels: nothing per record or partition. Pure. */
export function prometheusText(report: RunReportData): string {
  const { execution, performance, quality, job, status } = report;
  const seconds = execution.durationMs / 1000;
  const named = { job_name: job };
  const ended = Date.parse(execution.end) / 1000;
  const lines = [
    ...histogram("batch_job_duration_seconds", "How long runs took.", { ...named, job_type: "batch", status }, seconds),
    ...histogram("batch_job_execution_seconds", "How long runs worked.", named, seconds),
    ...metric(
      "batch_job_records_processed_total",
      "counter",
      "Records read and not rejected.",
      { ...named, status },
      processed(report),
    ),
    ...metric("batch_job_records_failed_total", "counter", "Records rejected.", { ...named, status }, execution.recordsFailed),
    ...metric(
      "batch_job_completions_total",
      "counter",
      "Runs that ended.",
      { ...named, status, error_type: errorType(report) },
      1,
    ),
    ...metric("batch_job_progress_rate", "gauge", "Records a second.", named, performance.recordsPerSecond),
    ...metric("batch_job_peak_memory_bytes", "gauge", "Peak memory of the process.", named, performance.peakMemoryBytes),
  ];
  for (const [i, type] of slaViolations(report).entries()) {
    const [help, kind, value] = metric(
      "batch_job_sla_violations_total",
      "counter",
      "Promises that the run broke.",
      { ...named, violation_type: type },
      1,
    );
    lines.push(...(i === 0 ? [help, kind, value] : [value]).filter((line) => line !== undefined));
  }
  if (quality !== null)
    lines.push(...metric("batch_job_quality_score", "gauge", "Score of the checks, percent.", named, quality.score));
  // A failed run must leave the last success alone.
  if (status !== "failed")
    lines.push(
      ...metric("batch_job_last_success_timestamp", "gauge", "When a run last finished, seconds since 1970.", named, ended),
    );
  return `${lines.join("\n")}\n`;
}

export const processed = ({ execution }: RunReportData): number => Math.max(0, execution.recordsRead - execution.recordsFailed);

/** Which promises a run broke, by the default rules of alerts. */
export const slaViolations = (report: RunReportData): string[] =>
  violations(report).flatMap(({ code }) => violationTypes.get(code) ?? []);

const violationTypes: ReadonlyMap<string, string> = new Map([
  ["deadline-missed", "deadline_missed"],
  ["long-run", "duration_exceeded"],
  ["slower-than-usual", "duration_exceeded"],
  ["success-rate", "failure_rate_exceeded"],
  ["empty-output", "insufficient_records"],
]);

/** Whose fault a failure was; `none` for a run that finished. */
export const errorType = ({ execution }: RunReportData): string => execution.error?.category ?? "none";

function metric(name: string, type: string, help: string, labels: Labels, value: number): string[] {
  return [...head(name, type, help), `${name}${labelText(labels)} ${value}`];
}

function histogram(name: string, help: string, labels: Labels, value: number): string[] {
  const bucket = (le: string, holds: boolean) => `${name}_bucket${labelText({ ...labels, le })} ${holds ? 1 : 0}`;
  return [
    ...head(name, "histogram", help),
    ...buckets.map((le) => bucket(String(le), value <= le)),
    bucket("+Inf", true),
    `${name}_sum${labelText(labels)} ${value}`,
    `${name}_count${labelText(labels)} 1`,
  ];
}

const head = (name: string, type: string, help: string): string[] => [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];

function labelText(labels: Labels): string {
  const texts = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return `{${texts.join(",")}}`;
}

const escaped = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
