import { boundText, type Finding, findingsOf } from "./findings.js";
import { bytesText, changeText, countText, durationText, percentText, slowerText, visible } from "./format.js";
import type { RunReportData, StageReport } from "./model.js";
import { qualityLines } from "./qualityText.js";

/** Columns of figures are lined up; what stands in them may come from data, and steers no terminal. */
export function tableLines(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const clean = [head, ...rows.map((row) => row.map(visible))];
  const widths = head.map((_, i) => Math.max(...clean.map((row) => Array.from(row[i] ?? "").length)));
  const pad = (cell: string, width: number, left: boolean) => {
    const space = " ".repeat(Math.max(0, width - Array.from(cell).length));
    return left ? cell + space : space + cell;
  };
  return clean.map((row) => `  ${row.map((cell, i) => pad(cell, widths[i] ?? 0, i === 0)).join("  ")}`.trimEnd());
}

/** The report for a terminal: verdict first, then what to know, stages, comparison, checks, outputs, rejects. */
export function reportText(report: RunReportData): string {
  const { execution } = report;
  const lines = [`${report.status.toUpperCase()}  ${visible(report.job)}  run ${report.runId}`, `  ${headline(report)}`];
  const remarks = findingsOf(report).filter((finding) => !saidElsewhere.includes(finding.code));
  for (const finding of remarks) lines.push(`  ${mark(finding)} ${visible(finding.text)}`);
  lines.push("", ...stageLines(execution.stages));
  lines.push(...bottleneckLines(report), ...comparisonLines(report));
  if (report.quality !== null) lines.push("", ...qualityLines(report.quality).map(visible));
  if (execution.outputs.length > 0) lines.push("", "Outputs");
  for (const output of execution.outputs) {
    const parts = output.partitions > 1 ? `, ${countText(output.partitions)} files` : "";
    lines.push(`  ${visible(output.path)}: ${countText(output.rows)} rows, ${bytesText(output.bytes)}${parts}`);
  }
  lines.push(...rejectLines(report));
  return `${lines.join("\n")}\n`;
}

/** The checks have lines of their own, and rejects are in the headline. */
const saidElsewhere = ["failed-check", "critical-check", "rejects"];

const mark = ({ level }: Finding): string => ({ critical: "!!", warning: "! ", note: "· " })[level];

function headline({ execution, performance }: RunReportData): string {
  const rate = `${countText(performance.recordsPerSecond)} records/s, ${performance.megabytesPerSecond.toFixed(0)} MB/s`;
  const { comparison } = performance;
  const change = comparison?.durationMs.changePercent ?? null;
  const usual = change === null ? "" : `, ${slowerText(change)}`;
  return (
    `${countText(execution.recordsRead)} records read, ${countText(execution.recordsFailed)} rejected, ` +
    `${durationText(execution.durationMs)}${usual} (${rate}), peak memory ${bytesText(performance.peakMemoryBytes)}`
  );
}

function stageLines(stages: readonly StageReport[]): string[] {
  if (stages.length === 0) return ["  no stage has ended"];
  const rows = stages.map((stage) => [
    stage.label,
    countText(stage.recordsIn),
    countText(stage.recordsOut),
    countText(stage.filtered),
    countText(stage.failed),
    durationText(stage.durationMs),
    percentText(100 * stage.shareOfTotal, 0),
    stage.partitions === 0 ? "" : countText(stage.partitions),
    countText(stage.recordsPerSecond),
  ]);
  return tableLines(["Stage", "in", "out", "filtered", "rejected", "time", "share", "tasks", "records/s"], rows);
}

function bottleneckLines({ execution, performance }: RunReportData): string[] {
  const stage = execution.stages.find(({ label }) => label === performance.slowestStage);
  return stage === undefined ? [] : [`  longest: ${visible(stage.label)}, ${boundText(stage)}`];
}

function comparisonLines({ performance: { comparison } }: RunReportData): string[] {
  if (comparison === null) return [];
  const { durationMs, recordsRead, recordsFailed, peakMemoryBytes } = comparison;
  const row = (name: string, show: (value: number) => string, { now, usual, changePercent }: typeof durationMs) => [
    name,
    show(now),
    show(usual),
    changeText(changePercent),
  ];
  return [
    "",
    ...tableLines(
      [`Compared with ${comparison.runs} ${comparison.runs === 1 ? "run" : "runs"}`, "now", "usual", "change"],
      [
        row("duration", durationText, durationMs),
        row("records read", countText, recordsRead),
        row("records rejected", countText, recordsFailed),
        row("peak memory", bytesText, peakMemoryBytes),
      ],
    ),
  ];
}

const mostSamples = 3;

function rejectLines({ execution: { rejects } }: RunReportData): string[] {
  const reasons = Object.entries(rejects.byCode).sort((a, b) => b[1] - a[1]);
  if (reasons.length === 0) return [];
  const samples = rejects.samples.slice(0, mostSamples).map(({ file, line, column, code, message }) => {
    const place = `${file}${line === null ? "" : `:${line}`}${column === null ? "" : `, column ${JSON.stringify(column)}`}`;
    return `         ${visible(code)} ${visible(place)}: ${visible(message)}`;
  });
  return ["", "Rejects", ...reasons.map(([code, times]) => `  ${countText(times)} × ${visible(code)}`), ...samples];
}
