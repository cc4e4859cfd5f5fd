import { formatBytes } from "../runtime/bytes.js";
import type { RunReportData, StageReport } from "./model.js";
import { qualityLines } from "./qualityText.js";

const count = (value: number): string => Math.round(value).toLocaleString("en-US");
const seconds = (ms: number): string => (ms < 10_000 ? `${(ms / 1000).toFixed(2)} s` : `${(ms / 1000).toFixed(1)} s`);

/** The report for a terminal: verdict first, then stages, outputs, rejects. */
export function reportText(report: RunReportData): string {
  const { execution, performance } = report;
  const lines = [
    `${report.status.toUpperCase()}  ${report.job}  run ${report.runId}`,
    `  ${count(execution.recordsRead)} records read, ${count(execution.recordsFailed)} rejected, ${seconds(execution.durationMs)}` +
      ` (${count(performance.recordsPerSecond)} records/s, ${performance.megabytesPerSecond.toFixed(0)} MB/s), peak memory ${formatBytes(performance.peakMemoryBytes)}`,
  ];
  if (execution.error !== null) lines.push(`  ${execution.error.code}: ${execution.error.message}`);
  lines.push("", ...table(execution.stages));
  if (report.quality !== null) lines.push("", ...qualityLines(report.quality));
  if (execution.outputs.length > 0) lines.push("", "Outputs");
  for (const output of execution.outputs) {
    const parts = output.partitions > 1 ? `, ${count(output.partitions)} partitions` : "";
    lines.push(`  ${output.path}: ${count(output.rows)} rows, ${formatBytes(output.bytes)}${parts}`);
  }
  const reasons = Object.entries(execution.rejects.byCode).sort((a, b) => b[1] - a[1]);
  if (reasons.length > 0) lines.push("", "Rejects");
  for (const [code, times] of reasons) lines.push(`  ${count(times)} × ${code}`);
  return `${lines.join("\n")}\n`;
}

function table(stages: readonly StageReport[]): string[] {
  const head = ["Stage", "in", "out", "filtered", "rejected", "time", "share"];
  const rows = stages.map((stage) => [
    stage.name,
    count(stage.recordsIn),
    count(stage.recordsOut),
    count(stage.filtered),
    count(stage.failed),
    seconds(stage.durationMs),
    `${(100 * stage.shareOfTotal).toFixed(0)} %`,
  ]);
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => (row[i] as string).length)));
  const line = (row: readonly string[]) =>
    `  ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] as number) : cell.padStart(widths[i] as number))).join("  ")}`;
  return [head, ...rows].map(line);
}
