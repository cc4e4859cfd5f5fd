import { findingsOf, verdictText } from "./findings.js";
import { bytesText, cut, durationText, percentText, shortCount, slowerText, timeText, visible } from "./format.js";
import { type Html, html } from "./htmlText.js";
import type { RunReportData, RunStatus } from "./model.js";
import { reportText } from "./text.js";

export interface EmailMessage {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

const colors: { readonly [status in RunStatus]: string } = { success: "#2e6b3e", partial: "#8a5a00", failed: "#a8281f" };
const mostFindings = 8;
const mostSubject = 180;

/** A mail: `[STATUS] job: verdict`. Mail programs know neither style sheets nor drawings, so that its page is a plain table. Pure. */
export function emailMessage(report: RunReportData): EmailMessage {
  // A line feed in a subject would begin a header.
  const subject = cut(visible(`[${report.status.toUpperCase()}] ${report.job}: ${verdictText(report)}`), mostSubject);
  return { subject, text: reportText(report), html: page(report).text };
}

function page(report: RunReportData): Html {
  const findings = findingsOf(report).slice(0, mostFindings);
  const cell = "padding:6px 16px 6px 0;border-bottom:1px solid #e3e4e0;";
  const rows = figures(report).map(
    ([name, value]) => html`<tr><td style="${cell}color:#5b636d">${name}</td><td style="${cell}">${value}</td></tr>`,
  );
  const list =
    findings.length === 0
      ? null
      : html`<ul style="padding-left:18px">${findings.map(({ text }) => html`<li>${cut(text, 400)}</li>`)}</ul>`;
  return html`<!doctype html><html lang="en"><body style="font:15px/1.5 Arial,sans-serif;color:#1d2126;margin:0;padding:20px"><div style="border-left:5px solid ${colors[report.status]};padding-left:14px"><div style="color:${colors[report.status]};font-weight:bold">${report.status.toUpperCase()}</div><div style="font-size:20px;font-weight:bold">${cut(report.job, 120)}</div><p style="margin:6px 0">${verdictText(report)}</p></div>${list}<table style="border-collapse:collapse;margin-top:12px">${rows}</table><p style="color:#5b636d;font-size:13px">Run ${report.runId}. The whole report: millrace report ${report.runId} --html</p></body></html>`;
}

function figures({ execution, performance, quality }: RunReportData): [string, string][] {
  const change = performance.comparison?.durationMs.changePercent ?? null;
  return [
    ["Began", timeText(execution.start)],
    ["Duration", durationText(execution.durationMs) + (change === null ? "" : `, ${slowerText(change)}`)],
    ["Throughput", `${shortCount(performance.recordsPerSecond)} records/s`],
    ["Success rate", percentText(execution.successRate)],
    ["Quality", quality === null ? "no checks" : percentText(quality.score)],
    ["Peak memory", bytesText(performance.peakMemoryBytes)],
    ["Longest stage", performance.slowestStage ?? "–"],
  ];
}
