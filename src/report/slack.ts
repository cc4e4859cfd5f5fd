import { findingsOf, verdictText } from "./findings.js";
import { bytesText, cut, durationText, percentText, shortCount, slowerText, visible } from "./format.js";
import type { RunReportData, RunStatus } from "./model.js";

interface Text {
  readonly type: "mrkdwn" | "plain_text";
  readonly text: string;
}

export type SlackBlock =
  | { readonly type: "header"; readonly text: Text }
  | { readonly type: "section"; readonly text?: Text; readonly fields?: readonly Text[] }
  | { readonly type: "context"; readonly elements: readonly Text[] };

/** What an incoming webhook of Slack takes. */
export interface SlackMessage {
  /** For notifications, and where blocks are not shown. */
  readonly text: string;
  readonly attachments: readonly { readonly color: string; readonly blocks: readonly SlackBlock[] }[];
}

const colors: { readonly [status in RunStatus]: string } = { success: "#2e7d32", partial: "#b26a00", failed: "#c62828" };
/** Slack refuses a message with more than these. */
const mostHeader = 150;
const mostSection = 3000;
const mostField = 2000;
const mostFindings = 5;

/** Block Kit in an attachment, for its colour by status. What comes from data is escaped and cut. Pure. */
export function slackMessage(report: RunReportData): SlackMessage {
  const title = `[${report.status.toUpperCase()}] ${visible(report.job)}`;
  const findings = findingsOf(report).slice(0, mostFindings);
  const blocks: SlackBlock[] = [
    { type: "header", text: { type: "plain_text", text: cut(title, mostHeader) } },
    { type: "section", text: markdown(verdictText(report)) },
    { type: "section", fields: fields(report).map(([name, value]) => markdown(`*${name}*\n${value}`, mostField)) },
  ];
  if (findings.length > 0) {
    const lines = findings.map(({ level, text }) => `${level === "note" ? "•" : "⚠"} ${cut(escaped(visible(text)), 500)}`);
    blocks.push({ type: "section", text: markdown(lines.join("\n")) });
  }
  blocks.push({ type: "context", elements: [markdown(`run ${report.runId} · ${report.execution.start}`, mostField)] });
  return {
    text: cut(`${escaped(title)}: ${verdictText(report)}`, mostSection),
    attachments: [{ color: colors[report.status], blocks }],
  };
}

function fields({ execution, performance, quality }: RunReportData): [string, string][] {
  const change = performance.comparison?.durationMs.changePercent ?? null;
  return [
    ["Duration", durationText(execution.durationMs) + (change === null ? "" : ` (${slowerText(change)})`)],
    ["Throughput", `${shortCount(performance.recordsPerSecond)} records/s`],
    ["Success rate", percentText(execution.successRate)],
    ["Quality", quality === null ? "no checks" : percentText(quality.score)],
    ["Peak memory", bytesText(performance.peakMemoryBytes)],
    ["Longest stage", escaped(visible(performance.slowestStage ?? "–"))],
  ];
}

const markdown = (text: string, most = mostSection): Text => ({ type: "mrkdwn", text: cut(text, most) });

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
