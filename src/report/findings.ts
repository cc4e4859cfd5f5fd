import { assertNever } from "../common/assert.js";
import { checkText } from "../quality/results.js";
import { type Finding, violations } from "./alertRules.js";
import { bytesText, countText, durationText, percentText } from "./format.js";
import type { ResumeMetrics, RunReportData, StageReport, Straggler } from "./model.js";
import { sum } from "./rates.js";

export type { Finding } from "./alertRules.js";

/** Partitions are uneven from this ratio of the largest to the mean on. */
const unevenFactor = 2;
/** Of the memory that the run may use. */
const nearlyFull = 0.9;
/** CPU time over the time of computing. */
const starvedShare = 0.75;
const leastComputeMs = 1000;
/** A stage shorter than this is not worth a remark. */
const leastStageMs = 200;

const note = (code: string, text: string): Finding => ({ code, level: "note", text });
const warning = (code: string, text: string): Finding => ({ code, level: "warning", text });

/** What breaks the default rules of alerts, then what else is worth a look. Pure. */
export function findingsOf(report: RunReportData): Finding[] {
  const broken = violations(report);
  const codes = new Set(broken.map((finding) => finding.code));
  return [
    ...broken,
    ...checks(report),
    ...(codes.has("success-rate") ? [] : rejects(report)),
    ...attempts(report),
    ...(report.execution.resume === null ? [] : [note("resumed", resumeText(report.execution.resume))]),
    ...memory(report),
    ...starved(report),
    ...stages(report),
  ];
}

function checks({ quality }: RunReportData): Finding[] {
  const failed = (quality?.checks ?? []).filter((check) => check.verdict === "failed" && !check.critical);
  return failed.map((check) => warning("failed-check", `${checkText(check)}.`));
}

function rejects({ execution }: RunReportData): Finding[] {
  const { recordsFailed, recordsRead } = execution;
  if (recordsFailed === 0) return [];
  const share = recordsRead === 0 ? "" : ` (${percentText((100 * recordsFailed) / recordsRead)} of those read)`;
  return [
    warning("rejects", `${countText(recordsFailed)} ${recordsFailed === 1 ? "record was" : "records were"} rejected${share}.`),
  ];
}

function memory({ performance: { peakMemoryBytes, memoryBytes } }: RunReportData): Finding[] {
  if (memoryBytes <= 0 || peakMemoryBytes < nearlyFull * memoryBytes) return [];
  const share = percentText((100 * peakMemoryBytes) / memoryBytes, 0);
  return [
    note("memory", `Memory peaked at ${bytesText(peakMemoryBytes)}, ${share} of the ${bytesText(memoryBytes)} that it may use.`),
  ];
}

/** Computing takes a processor all the time: where it got far less CPU time, others had the processors. */
function starved({ execution, performance: { cpuMs } }: RunReportData): Finding[] {
  const computeMs = sum(execution.stages.map(({ time }) => time.computeMs));
  // What earlier processes computed is no CPU time of this one.
  if (execution.resume !== null || computeMs < leastComputeMs || cpuMs > starvedShare * computeMs) return [];
  const text = `The workers computed for ${durationText(computeMs)} and got ${durationText(cpuMs)} of CPU time: the machine was busy with something else, or slowed down.`;
  return [note("starved", text)];
}

function stages({ execution }: RunReportData): Finding[] {
  return execution.stages.flatMap((stage) => [...slow(stage), ...uneven(stage)]);
}

function slow(stage: StageReport): Finding[] {
  const [worst] = stage.stragglers;
  if (worst === undefined) return [];
  const more = stage.stragglers.length > 1 ? `, and ${stage.stragglers.length - 1} more` : "";
  const times = `${worst.timesMedian.toFixed(1)} times the median`;
  return [
    note(
      "straggler",
      `${stage.label}: partition ${worst.partition} took ${durationText(worst.durationMs)}, ${times} (${causeText(worst)}${placeText(worst.where)})${more}.`,
    ),
  ];
}

function uneven(stage: StageReport): Finding[] {
  const { skew } = stage;
  if (skew === null || skew.records < unevenFactor || stage.durationMs < leastStageMs || stage.partitions < 4) return [];
  return [
    note(
      "skew",
      `${stage.label}: the largest partition holds ${skew.records.toFixed(1)} times the mean number of records${placeText(skew.where)}.`,
    ),
  ];
}

const placeText = (where: string): string => (where === "" ? "" : `: ${where}`);

/** What had to be done again, and why at last. */
function attempts({ execution }: RunReportData): Finding[] {
  const failed = execution.attempts.filter(({ outcome }) => outcome === "failed");
  const last = failed.at(-1);
  if (last === undefined) return [];
  const many = failed.length === 1 ? "One attempt of a task failed" : `${countText(failed.length)} attempts of tasks failed`;
  return [warning("attempts", `${many}, last in ${last.stage}, partition ${last.partition}: ${last.code}: ${last.message}.`)];
}

/** What a run took over from earlier processes, in words. */
export function resumeText({ earlierProcesses, reusedTasks, reusedStages, redone }: ResumeMetrics): string {
  const before = earlierProcesses === 1 ? "One process before" : `${countText(earlierProcesses)} processes before`;
  const queries = reusedStages === 0 ? "" : ` and ${countText(reusedStages)} ${reusedStages === 1 ? "query" : "queries"}`;
  const tasks = `${countText(reusedTasks)} ${reusedTasks === 1 ? "task" : "tasks"}`;
  return `${before} had begun the run: the results of ${tasks}${queries} were taken over, ${countText(redone.length)} done again.`;
}

/** Why a partition was slow, in words. */
export function causeText({ cause, timesMedianRecords }: Straggler): string {
  switch (cause) {
    case "size":
      return `${timesMedianRecords.toFixed(1)} times the records`;
    case "attempts":
      return "it was done again";
    case "read":
    case "write":
    case "compute":
      return `slow to ${cause}`;
    case "setup":
      return "slow to begin: its thread, or the right side of a join";
    default:
      return assertNever(cause, "cause");
  }
}

/** What held a stage up, in words. */
export function boundText(stage: StageReport): string {
  const { bound, time } = stage;
  if (bound === "query") return "one query of DuckDB";
  if (bound === "program") return "waits for the program's rows";
  const all = time.readMs + time.computeMs + time.writeMs;
  const part = { read: time.readMs, compute: time.computeMs, write: time.writeMs }[bound];
  const verb = { read: "reading", compute: "computing", write: "writing" }[bound];
  return all === 0 ? verb : `${verb}, ${percentText((100 * part) / all, 0)} of its workers' time`;
}

/** The verdict in one sentence. */
export function verdictText(report: RunReportData): string {
  const { execution, status } = report;
  const time = durationText(execution.durationMs);
  if (execution.error?.code === "RUN_CUT_OFF") return `Cut off after ${time}, as far as its journal tells.`;
  if (status === "failed") return `Failed after ${time}; nothing was published.`;
  const read = `${countText(execution.recordsRead)} records read`;
  const written = execution.outputs.length === 0 ? "" : `, ${countText(execution.recordsWritten)} rows written`;
  const rejected = execution.recordsFailed === 0 ? "none rejected" : `${countText(execution.recordsFailed)} rejected`;
  return `${status === "success" ? "Succeeded" : "Finished with rejects"} in ${time}: ${read}${written}, ${rejected}.`;
}
