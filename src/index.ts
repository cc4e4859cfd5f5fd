/** The public door of Millrace. Everything else is internal. */
export type { ErrorCategory, ErrorData, ErrorPlace } from "./common/errors.js";
export { MillraceError } from "./common/errors.js";
export { Engine } from "./engine/engine.js";
export type { RunEvent } from "./engine/events.js";
export type { EngineOptions } from "./engine/options.js";
export type { RunHandle, RunOptions, RunOutput, RunResult } from "./engine/run.js";
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
export type { AnyColumn, Column } from "./plan/columns.js";
export { Dataset } from "./plan/dataset.js";
export { and, asc, coalesce, col, concat, desc, greatest, least, lit, not, or, when } from "./plan/expressions.js";
export { planFingerprint, planFromJson, planToJson } from "./plan/json.js";
export type { Plan } from "./plan/nodes.js";
export { read } from "./plan/read.js";
export { planText } from "./plan/text.js";
export { module, udf } from "./plan/udf.js";
export type { RunReportData } from "./report/model.js";
export type { RunReport } from "./report/report.js";
export type { DataType, Field, Schema } from "./schema/types.js";
