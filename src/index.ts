/** The public door of Millrace. Everything else is internal. */
export type { ErrorCategory, ErrorData, ErrorPlace } from "./common/errors.js";
export { MillraceError } from "./common/errors.js";
export { type OpenRun, openRun } from "./engine/runs/openRun.js";
export { openRunReport } from "./engine/runs/openRunReport.js";
export { Engine } from "./engine/engine.js";
export type { RunEvent } from "./engine/observe/events.js";
export type { EngineOptions } from "./engine/options.js";
export type { RetryPolicy } from "./engine/attempts/retry.js";
export type { ReplayOptions, ReplayResult } from "./engine/replay/replay.js";
export type { RunHandle, RunOptions, RunOutput, RunResult } from "./engine/runs/run.js";
export { type PrunedRun, type PruneOptions, pruneRuns } from "./engine/runs/prune.js";
export { listRuns, type RunState, type RunSummary } from "./engine/runs/runs.js";
export { openRejects, type RawRejects, type Reject, type RejectsOf, type RunRejects } from "./engine/rejects/runRejects.js";
export { type OutputDifference, type OutputVerification, type VerifyOptions, verifyOutputs } from "./engine/runs/verify.js";
export type { HistoryOptions } from "./history/history.js";
export { openReport, pastRuns, type ReportOf, type RunsOf } from "./history/reports.js";
export { type CsvColumnGuess, type CsvInspection, inspectCsv } from "./io/csv/csvInspect.js";
export { type DataFiles, dataFiles } from "./io/dataFiles.js";
export {
  argMax,
  argMin,
  avg,
  boolAnd,
  boolOr,
  count,
  countDistinct,
  first,
  last,
  list,
  max,
  median,
  min,
  quantile,
  stddev,
  stddevPop,
  stringJoin,
  sum,
  variance,
  variancePop,
} from "./plan/aggregates.js";
export { plan } from "./plan/all.js";
export { check } from "./plan/check.js";
export type { Check, CheckOptions } from "./plan/checkOptions.js";
export type { AnyColumn, Column } from "./plan/columns.js";
export { Dataset } from "./plan/dataset.js";
export { and, asc, coalesce, col, concat, desc, greatest, least, lit, not, or, when } from "./plan/expressions.js";
export { planFingerprint, planFromJson, planToJson } from "./plan/json.js";
export type { Plan } from "./plan/nodes.js";
export { type ReadCsvOptions, read } from "./plan/read.js";
export { planText } from "./plan/text.js";
export { module, udf } from "./plan/udf.js";
export { denseRank, lag, lead, rank, rowNumber } from "./plan/window.js";
export {
  consoleAlerts,
  type MailTransport,
  mailAlerts,
  slackAlerts,
  type WebOptions,
  webhookAlerts,
} from "./report/alertHandlers.js";
export type { AlertRules, Finding } from "./report/alertRules.js";
export { type Alert, type AlertHandler, type AlertOptions, alerts } from "./report/alerts.js";
export type { FigureDiff, RunDiff } from "./report/diff.js";
export type { AttemptMetrics, PastRun, RunReportData, TaskAttempt } from "./report/model.js";
export type { LiveAlert } from "./report/liveAlerts.js";
export type { ObservedBeat, ObservedProgress, ObservedRun, ObservedStart, RunObserver } from "./report/observer.js";
export type { RunReport } from "./report/report.js";
export { type OpenTelemetryApi, openTelemetry } from "./report/telemetry.js";
export type { DataType, Field, Schema } from "./schema/types.js";
