import type { QualityReport } from "../quality/results.js";
import { Distribution } from "../runtime/histogram.js";
import {
  reportSchemaVersion,
  type RunMetrics,
  type RunReportData,
  type RunStatus,
  type StageMetrics,
  type StageReport,
} from "./model.js";
import { reportText } from "./text.js";

/** A run's report: the data by `toJSON` (and so by `JSON.stringify`), and its renderings. */
export class RunReport {
  constructor(readonly data: RunReportData) {}

  get status(): RunStatus {
    return this.data.status;
  }

  /** What the plan's checks found; null where it has none. */
  get quality(): QualityReport | null {
    return this.data.quality;
  }

  toJSON(): RunReportData {
    return this.data;
  }

  /** For a terminal. */
  toText(): string {
    return reportText(this.data);
  }
}

/** Computes the report from what the run recorded. Pure. */
export function buildReport(run: RunMetrics): RunReport {
  const durationMs = run.endMs - run.startMs;
  const stages = run.stages.map((stage) => stageReport(stage, durationMs));
  const recordsRead = sum(run.stages.map((stage) => stage.recordsRead));
  const recordsFailed = sum(run.stages.map((stage) => stage.rejected));
  const bytes = sum(run.stages.map((stage) => stage.bytes));
  const processed = Math.max(0, recordsRead - recordsFailed);
  const timed = stages.filter((stage) => stage.recordsPerSecond > 0);
  return new RunReport({
    schemaVersion: reportSchemaVersion,
    job: run.job,
    runId: run.runId,
    status: run.error !== null ? "failed" : recordsFailed > 0 ? "partial" : "success",
    execution: {
      start: new Date(run.startMs).toISOString(),
      end: new Date(run.endMs).toISOString(),
      durationMs,
      parameters: run.parameters,
      recordsRead,
      recordsFailed,
      successRate: recordsRead === 0 ? 100 : (100 * processed) / (processed + recordsFailed),
      stages,
      inputs: run.inputs,
      outputs: run.outputs,
      rejects: run.rejects,
      planFingerprint: run.planFingerprint,
      plan: run.plan,
      versions: { node: process.version },
      error: run.error,
    },
    quality: run.quality,
    performance: {
      recordsPerSecond: perSecond(recordsRead, durationMs),
      megabytesPerSecond: perSecond(bytes / 1e6, durationMs),
      slowestStage: best(stages, (stage) => stage.durationMs)?.name ?? null,
      bottleneckStage: best(timed, (stage) => -stage.recordsPerSecond)?.name ?? null,
      peakMemoryBytes: run.peakMemoryBytes,
      cpuMs: run.cpuMs,
      workers: run.workers,
      memoryBytes: run.memoryBytes,
    },
  });
}

function stageReport(stage: StageMetrics, totalMs: number): StageReport {
  const durationMs = stage.endMs - stage.startMs;
  const throughput = new Distribution();
  const latency = new Distribution();
  for (const task of stage.tasks) {
    const ms = task.endMs - task.startMs;
    latency.record(ms);
    throughput.record(perSecond(task.rows, ms));
  }
  return {
    name: stage.name,
    kind: stage.kind,
    start: new Date(stage.startMs).toISOString(),
    end: new Date(stage.endMs).toISOString(),
    durationMs,
    shareOfTotal: totalMs > 0 ? durationMs / totalMs : 0,
    recordsIn: stage.recordsIn,
    recordsOut: stage.recordsOut,
    filtered: stage.filtered,
    failed: stage.rejected,
    bytes: stage.bytes,
    recordsPerSecond: perSecond(stage.recordsIn, durationMs),
    megabytesPerSecond: perSecond(stage.bytes / 1e6, durationMs),
    partitions: stage.tasks.length,
    attempts: sum(stage.tasks.map((task) => task.attempts)),
    throughput: throughput.percentiles(),
    latency: latency.percentiles(),
    steps: stage.steps,
  };
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** Per second over at least one millisecond, so that a stage that took no measurable time has a finite rate. */
const perSecond = (amount: number, ms: number): number => amount / (Math.max(1, ms) / 1000);

function best<T>(items: readonly T[], score: (item: T) => number): T | undefined {
  return items.reduce<T | undefined>((a, b) => (a === undefined || score(b) > score(a) ? b : a), undefined);
}
