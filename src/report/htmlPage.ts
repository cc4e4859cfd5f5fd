import { findingsOf, verdictText } from "./findings.js";
import { bytesText, countText, cut, durationText, percentText, shortCount, slowerText, timeText } from "./format.js";
import { lineage } from "./htmlLineage.js";
import { attemptSection, partitionSections, resumeSection } from "./htmlPartitions.js";
import { filesSection, historySection, qualitySection, rejectSection, stageTable, timeLegend } from "./htmlSections.js";
import { code, table } from "./htmlTable.js";
import { pageStyle } from "./htmlStyle.js";
import { Html, html } from "./htmlText.js";
import { timeline } from "./htmlTimeline.js";
import type { RunReportData } from "./model.js";

/**
 * The report as one page: no script, nothing from elsewhere, and a policy that forbids both. Everything that comes from data is escaped, and long
 * lists are cut, so that its size has a bound. Pure.
 */
export function reportPage(report: RunReportData): string {
  const title = `${report.status.toUpperCase()} ${cut(report.job, 80)} ${report.runId}`;
  // The policy stops what a mistake in escaping might let through.
  const policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${new Html(policy)}"><meta name="viewport" content="width=device-width,initial-scale=1"><meta name="referrer" content="no-referrer"><title>${title}</title><style>${new Html(pageStyle)}</style></head>
<body><main>${head(report)}${tiles(report)}${timeSection(report)}${partitions(report)}${attemptSection(report)}${resumeSection(report)}${qualitySection(report)}${rejectSection(report)}${historySection(report)}${lineageSection(report)}${settingsSection(report)}${foot(report)}</main></body></html>
`;
  return page.text;
}

const mostFindings = 12;

function head(report: RunReportData): Html {
  const { execution, status } = report;
  const findings = findingsOf(report).filter((finding) => finding.code !== "run-failed");
  const shown = findings
    .slice(0, mostFindings)
    .map(({ level, text }) => html`<li><span class="chip ${level}">${level}</span>${cut(text, 400)}</li>`);
  const rest = findings.length > mostFindings ? html`<li class="soft">and ${findings.length - mostFindings} more</li>` : null;
  return html`<header><section class="verdict ${status}"><h1><span class="chip ${status}">${status}</span>${cut(report.job, 120)}</h1>
<p>${verdictText(report)}</p>
<div class="soft small">${timeText(execution.start)} to ${timeText(execution.end)}, run <code>${report.runId}</code></div>${errorBox(report)}
${findings.length === 0 ? null : html`<ul class="findings">${shown}${rest}</ul>`}</section></header>`;
}

function errorBox({ execution: { error } }: RunReportData): Html | null {
  if (error === null) return null;
  const { file, line, byte, column, stage, partition } = error;
  const place = [
    file === undefined ? null : `${file}${line === undefined ? "" : `:${line}`}`,
    byte === undefined ? null : `byte ${countText(byte)}`,
    column === undefined ? null : `column ${column}`,
    stage === undefined ? null : `stage ${stage}`,
    partition === undefined ? null : `partition ${partition}`,
  ].filter((part) => part !== null);
  return html`<div class="error"><code>${error.code}</code> ${cut(error.message, 1000)}${place.length === 0 ? null : html`<br><span class="small">at ${cut(place.join(", "), 500)}</span>`}${error.hint === undefined ? null : html`<br><span class="small">${cut(error.hint, 500)}</span>`}</div>`;
}

function tiles({ execution, performance, quality }: RunReportData): Html {
  const change = performance.comparison?.durationMs.changePercent ?? null;
  const figures: [string, string, string][] = [
    ["Duration", durationText(execution.durationMs), change === null ? "no earlier run to compare with" : slowerText(change)],
    [
      "Records read",
      shortCount(execution.recordsRead),
      `${countText(execution.recordsRead)} from ${countText(execution.inputs.length)} ${execution.inputs.length === 1 ? "file" : "files"}`,
    ],
    [
      "Rows written",
      shortCount(execution.recordsWritten),
      `${bytesText(sizeOf(execution.outputs))} in ${countText(execution.outputs.length)} ${execution.outputs.length === 1 ? "output" : "outputs"}`,
    ],
    ["Rejected", countText(execution.recordsFailed), `success rate ${percentText(execution.successRate)}`],
    [
      "Throughput",
      `${shortCount(performance.recordsPerSecond)}/s`,
      `${performance.megabytesPerSecond.toFixed(performance.megabytesPerSecond < 10 ? 1 : 0)} MB/s, ${performance.workers} ${performance.workers === 1 ? "worker" : "workers"}`,
    ],
    ["Peak memory", bytesText(performance.peakMemoryBytes), `of ${bytesText(performance.memoryBytes)} allowed`],
    [
      "CPU time",
      durationText(performance.cpuMs),
      `${(performance.cpuMs / Math.max(1, execution.durationMs)).toFixed(1)} cores on average`,
    ],
    quality === null
      ? ["Quality", "–", "the plan has no checks"]
      : [
          "Quality",
          percentText(quality.score),
          `${quality.checks.filter((check) => check.verdict === "passed").length} of ${quality.checks.length} checks hold`,
        ],
  ];
  return html`<dl class="tiles">${figures.map(([name, value, more]) => html`<div class="tile"><dt>${name}</dt><dd>${value}<small>${more}</small></dd></div>`)}</dl>`;
}

const sizeOf = (outputs: RunReportData["execution"]["outputs"]): number => outputs.reduce((sum, output) => sum + output.bytes, 0);

function timeSection(report: RunReportData): Html {
  const { stages } = report.execution;
  if (stages.length === 0) return html`<section><h2>Stages</h2><p class="soft">No stage had ended.</p></section>`;
  return html`<section id="stages"><h2>Stages</h2>${longest(report)}${timeLegend}<div class="wide" tabindex="0">${timeline(report)}</div>${stageTable(report)}</section>`;
}

function longest({ execution, performance }: RunReportData): Html {
  const { slowestStage, bottleneckStage, bottleneckBound } = performance;
  const stage = execution.stages.find(({ label }) => label === slowestStage);
  const share =
    stage === undefined ? "" : `${slowestStage} took longest, ${percentText(100 * stage.shareOfTotal, 0)} of the run.`;
  const neck =
    bottleneckStage === null
      ? ""
      : ` The bottleneck is ${bottleneckStage}, bound by ${bottleneckBound === "query" ? "a DuckDB query" : bottleneckBound}.`;
  return html`<p class="soft">${share}${neck}</p>`;
}

function partitions(report: RunReportData): Html | null {
  const sections = partitionSections(report);
  return sections.length === 0 ? null : html`<section id="partitions"><h2>Partitions</h2>${sections}</section>`;
}

function lineageSection(report: RunReportData): Html {
  const drawing = lineage(report);
  return html`<section id="lineage"><h2>From inputs to outputs</h2>${drawing === null ? null : html`<div class="wide" tabindex="0">${drawing}</div>`}${filesSection(report)}</section>`;
}

const mostPlan = 60_000;

function settingsSection({ execution }: RunReportData): Html {
  const rows = (values: { readonly [name: string]: unknown }) =>
    Object.entries(values).map(([name, value]) => [
      cut(name, 80),
      code(typeof value === "string" ? value : JSON.stringify(value)),
    ]);
  const group = (title: string, values: { readonly [name: string]: unknown }) =>
    Object.keys(values).length === 0 ? null : html`<div>${table([{ title }, { title: "" }], rows(values))}</div>`;
  const estimates = execution.stages.filter((stage) => stage.estimatedRecords !== null);
  const estimated = table(
    [{ title: "Stage" }, { title: "Estimated at most", figure: true }, { title: "Read", figure: true }],
    estimates.map((stage) => [stage.label, countText(stage.estimatedRecords ?? 0), countText(stage.recordsRead)]),
  );
  const plan =
    execution.plan === ""
      ? null
      : html`<details><summary>The plan, where each stage runs, and why</summary><pre>${new Html(lines(cut(execution.plan, mostPlan)))}</pre></details>`;
  return html`<section id="settings"><h2>Settings</h2><div class="two">${group("Parameter", execution.parameters)}${group("Setting", execution.settings)}${group("Version", execution.versions)}<div>${estimates.length === 0 ? null : estimated}</div></div><p class="soft small">Plan ${code(execution.planFingerprint)}</p>${plan}</section>`;
}

/** Line feeds of our own text stay; each line is escaped. */
const lines = (text: string): string =>
  text
    .split("\n")
    .map((line) => html`${line}`.text)
    .join("\n");

function foot({ schemaVersion, performance }: RunReportData): Html {
  return html`<footer>Millrace run report, schema ${schemaVersion}. Computed in ${durationText(performance.reportMs)}. Times are UTC.</footer>`;
}
