import type { QualityReport } from "../quality/results.js";
import { reportData } from "./build.js";
import { diffRuns, diffText, type RunDiff } from "./diff.js";
import { type EmailMessage, emailMessage } from "./email.js";
import { type Finding, findingsOf } from "./findings.js";
import { type GrafanaSeries, grafanaSeries } from "./grafana.js";
import { reportPage } from "./htmlPage.js";
import type { PastRun, RunMetrics, RunReportData, RunStatus } from "./model.js";
import { prometheusText } from "./prometheus.js";
import { type SlackMessage, slackMessage } from "./slack.js";
import { reportText } from "./text.js";

export { pastRun } from "./comparison.js";

/** A run's report: the data by `toJSON` (and so by `JSON.stringify`), and its renderings. */
export class RunReport {
  // Node shows an error that nobody caught with all its properties, and the errors of failed runs hold their report, which is long.
  readonly #data: RunReportData;

  constructor(data: RunReportData) {
    this.#data = data;
  }

  get data(): RunReportData {
    return this.#data;
  }

  get status(): RunStatus {
    return this.data.status;
  }

  /** What the plan's checks found; null where it has none. */
  get quality(): QualityReport | null {
    return this.data.quality;
  }

  /** What a person should know first, the worst first. */
  get findings(): readonly Finding[] {
    return findingsOf(this.data);
  }

  /** One line for the console. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return `RunReport { ${this.data.status} ${this.data.job} ${this.data.runId} }`;
  }

  toJSON(): RunReportData {
    return this.data;
  }

  /** For a terminal. */
  toText(): string {
    return reportText(this.data);
  }

  /** One page that needs nothing else and runs no script. */
  toHtml(): string {
    return reportPage(this.data);
  }

  /** A message for an incoming webhook: Block Kit, with a colour by status. */
  toSlack(): SlackMessage {
    return slackMessage(this.data);
  }

  /** Subject `[STATUS] …`, text and HTML. */
  toEmail(): EmailMessage {
    return emailMessage(this.data);
  }

  /** Series of one point each, for Grafana's JSON data source; times in milliseconds. */
  toGrafana(): GrafanaSeries[] {
    return grafanaSeries(this.data);
  }

  /** What differs in a later run. */
  diff(later: RunReport): RunDiff {
    return diffRuns(this.data, later.data);
  }

  /** The same for a terminal. */
  diffText(later: RunReport): string {
    return diffText(this.diff(later));
  }

  /** Prometheus' text format, for a push gateway or the text file collector. */
  toPrometheus(): string {
    return prometheusText(this.data);
  }
}

/**
 * Computes the report from what the run recorded.
 * @param past earlier runs of the job, latest first
 * @param compareWith how many of them, that finished, give the usual figures
 */
export function buildReport(run: RunMetrics, past: readonly PastRun[] = [], compareWith = past.length): RunReport {
  return new RunReport(reportData(run, past, compareWith));
}
