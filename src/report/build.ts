import { compareRuns, pastRun } from "./comparison.js";
import {
  type PastRun,
  reportSchemaVersion,
  type RunMetrics,
  type RunReportData,
  type RunStatus,
  type StageMetrics,
  type StageReport,
} from "./model.js";
import { perSecond, sum } from "./rates.js";
import { allPercentiles, stageReport } from "./stageReport.js";

/** A stage that takes less of the run's time than this holds nothing up, however few records a second it has. */
const leastShare = 0.1;

/**
 * Computes the report from what the run recorded. Pure, but for `reportMs`.
 * @param past earlier runs of the job, latest first
 * @param compareWith how many of them, that finished, give the usual figures
 */
export function reportData(run: RunMetrics, past: readonly PastRun[], compareWith: number): RunReportData {
  const began = performance.now();
  const durationMs = run.endMs - run.startMs;
  const stages = labels(run).map((label, i) => stageReport(run.stages[i] as RunMetrics["stages"][number], label, run));
  const recordsRead = sum(run.stages.map((stage) => stage.recordsRead));
  const recordsFailed = sum(run.stages.map((stage) => stage.rejected));
  const status: RunStatus = run.error !== null ? "failed" : recordsFailed > 0 ? "partial" : "success";
  const report: RunReportData = {
    schemaVersion: reportSchemaVersion,
    job: run.job,
    runId: run.runId,
    status,
    execution: {
      start: new Date(run.startMs).toISOString(),
      end: new Date(run.endMs).toISOString(),
      durationMs,
      deadline: deadlineOf(run),
      parameters: run.parameters,
      recordsRead,
      recordsWritten: sum(run.outputs.map((output) => output.rows)),
      recordsFiltered: sum(run.stages.map((stage) => filteredOf(stage, run.flow))),
      recordsFailed,
      successRate: successRate(recordsRead, recordsFailed),
      retries: (run.attempts ?? []).filter((attempt) => attempt.reason === "retry").length,
      attempts: run.attempts ?? [],
      phases: run.phases.map(({ name, startMs, endMs }) => ({
        name,
        startMs: startMs - run.startMs,
        durationMs: endMs - startMs,
      })),
      stages,
      flow: run.flow,
      inputs: run.inputs,
      outputs: run.outputs,
      rejects: run.rejects,
      planFingerprint: run.planFingerprint,
      plan: run.plan,
      settings: run.settings,
      versions: run.versions,
      resume: run.resume ?? null,
      error: run.error,
    },
    quality: run.quality,
    performance: performanceOf(run, stages, recordsRead),
  };
  const comparison = past.length === 0 ? null : compareRuns(pastRun(report), past, compareWith);
  return { ...report, performance: { ...report.performance, comparison, reportMs: performance.now() - began } };
}

function deadlineOf({ deadlineMs = null, endMs }: RunMetrics): RunReportData["execution"]["deadline"] {
  return deadlineMs === null ? null : { at: new Date(deadlineMs).toISOString(), lateMs: Math.max(0, endMs - deadlineMs) };
}

function successRate(read: number, failed: number): number {
  const processed = Math.max(0, read - failed);
  return processed + failed === 0 ? 100 : (100 * processed) / (processed + failed);
}

function performanceOf(run: RunMetrics, stages: readonly StageReport[], recordsRead: number): RunReportData["performance"] {
  const durationMs = run.endMs - run.startMs;
  const counted = stages.filter((stage) => stage.recordsPerSecond > 0 && stage.shareOfTotal >= leastShare);
  const bottleneck = best(counted, (stage) => -stage.recordsPerSecond);
  return {
    recordsPerSecond: perSecond(recordsRead, durationMs),
    megabytesPerSecond: perSecond(sum(run.stages.map((stage) => stage.bytes)) / 1e6, durationMs),
    slowestStage: best(stages, (stage) => stage.durationMs)?.label ?? null,
    bottleneckStage: bottleneck?.label ?? null,
    bottleneckBound: bottleneck?.bound ?? null,
    peakMemoryBytes: run.peakMemoryBytes,
    cpuMs: run.cpuMs,
    workers: run.workers,
    memoryBytes: run.memoryBytes,
    tasks: allPercentiles(run.stages),
    comparison: null,
    reportMs: 0,
  };
}

/** Rows that a stage left out, but for those that only checks would have met. */
function filteredOf({ id, filtered, steps }: StageMetrics, flow: RunMetrics["flow"]): number {
  const checkSteps = flow.find((one) => one.id === id)?.checkSteps ?? [];
  return filtered - sum(checkSteps.map((step) => steps[step]?.filtered ?? 0));
}

/** A name that several stages share is told apart by the stage's number. */
function labels({ stages }: RunMetrics): string[] {
  const names = stages.map((stage) => stage.name);
  return stages.map(({ id, name }) => (names.indexOf(name) === names.lastIndexOf(name) ? name : `${name} (${id})`));
}

function best<T>(items: readonly T[], score: (item: T) => number): T | undefined {
  return items.reduce<T | undefined>((a, b) => (a === undefined || score(b) > score(a) ? b : a), undefined);
}
