import type { RunReportData } from "./model.js";

/** One series as Grafana's JSON data sources take it: points of value and time (milliseconds since the epoch). */
export interface GrafanaSeries {
  readonly target: string;
  readonly datapoints: readonly (readonly [value: number, timeMs: number])[];
}

/** One point per figure, at the run's end: `execution.*`, `quality.*`, `performance.*`, and three per stage. Pure. */
export function grafanaSeries(report: RunReportData): GrafanaSeries[] {
  const { execution, performance, quality } = report;
  const time = Date.parse(execution.end);
  const figures: [string, number][] = [
    ["execution.status", { success: 0, partial: 1, failed: 2 }[report.status]],
    ["execution.duration", execution.durationMs],
    ["execution.records_read", execution.recordsRead],
    ["execution.records_written", execution.recordsWritten],
    ["execution.records_filtered", execution.recordsFiltered],
    ["execution.records_failed", execution.recordsFailed],
    ["execution.success_rate", execution.successRate],
    ["execution.retries", execution.retries],
    ["performance.records_per_second", performance.recordsPerSecond],
    ["performance.megabytes_per_second", performance.megabytesPerSecond],
    ["performance.peak_memory_bytes", performance.peakMemoryBytes],
    ["performance.cpu", performance.cpuMs],
  ];
  if (quality !== null) {
    const failed = quality.checks.filter((check) => check.verdict === "failed");
    figures.push(["quality.score", quality.score], ["quality.checks_failed", failed.length]);
    figures.push(["quality.checks_critical", failed.filter((check) => check.critical).length]);
  }
  for (const stage of execution.stages) {
    const name = `stage.${stage.label}`;
    figures.push([`${name}.duration`, stage.durationMs], [`${name}.records_per_second`, stage.recordsPerSecond]);
    figures.push([`${name}.success_rate`, stage.successRate]);
  }
  return figures.map(([target, value]) => ({ target, datapoints: [[value, time]] }));
}
