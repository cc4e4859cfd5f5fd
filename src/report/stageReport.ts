import { assertNever } from "../common/assert.js";
import { percentilesOf } from "../runtime/percentiles.js";
import type {
  Bound,
  PartitionReport,
  RunMetrics,
  StageMetrics,
  StageReport,
  Straggler,
  TaskMetrics,
  TaskPercentiles,
} from "./model.js";
import { perSecond, sum } from "./rates.js";

/** A partition counts as slow beside others from this many on. */
const leastPartitions = 4;
/** How much longer than the median a straggler takes, as a factor and in milliseconds: short tasks differ for no reason. */
const stragglerFactor = 1.5;
const stragglerExcessMs = 100;
const mostStragglers = 100;

/** A stage's part of the report. Pure. */
export function stageReport(stage: StageMetrics, label: string, run: RunMetrics): StageReport {
  const durationMs = stage.endMs - stage.startMs;
  const totalMs = run.endMs - run.startMs;
  const time = timeOf(stage.tasks);
  const taskMs = sum(stage.tasks.map(lasted));
  return {
    id: stage.id,
    name: stage.name,
    label,
    kind: stage.kind,
    start: new Date(stage.startMs).toISOString(),
    end: new Date(stage.endMs).toISOString(),
    startMs: stage.startMs - run.startMs,
    durationMs,
    shareOfTotal: totalMs > 0 ? durationMs / totalMs : 0,
    recordsRead: stage.recordsRead,
    recordsIn: stage.recordsIn,
    recordsOut: stage.recordsOut,
    filtered: stage.filtered,
    failed: stage.rejected,
    bytes: stage.bytes,
    recordsPerSecond: perSecond(stage.recordsIn, durationMs),
    megabytesPerSecond: perSecond(stage.bytes / 1e6, durationMs),
    successRate: stage.recordsIn === 0 ? 100 : (100 * Math.max(0, stage.recordsIn - stage.rejected)) / stage.recordsIn,
    partitions: stage.tasks.length,
    attempts: sum(stage.tasks.map((task) => task.attempts)),
    ...percentilesOfTasks(stage.tasks),
    steps: stage.steps,
    time,
    waitMs: sum(stage.tasks.map((task) => task.waitMs ?? 0)),
    unfinished: stage.unfinished === true,
    spillBytes: stage.spillBytes ?? null,
    bound: boundOf(stage.kind, time),
    busy: stage.tasks.length === 0 ? null : Math.min(1, taskMs / Math.max(1, durationMs * run.workers)),
    skew: skewOf(stage.tasks),
    stragglers: stragglersOf(stage.tasks),
    estimatedRecords: estimateOf(stage, run),
    tasks: stage.tasks.map((task) => partitionReport(task, run.startMs)),
  };
}

const lasted = (task: TaskMetrics): number => task.endMs - task.startMs;

function percentilesOfTasks(tasks: readonly TaskMetrics[]): TaskPercentiles {
  return {
    throughput: percentilesOf(tasks.map((task) => perSecond(task.rows, lasted(task)))),
    latency: percentilesOf(tasks.map(lasted)),
  };
}

/** Of all partitions of a run. */
export const allPercentiles = (stages: readonly StageMetrics[]): TaskPercentiles =>
  percentilesOfTasks(stages.flatMap(({ tasks }) => tasks));

function timeOf(tasks: readonly TaskMetrics[]): StageReport["time"] {
  const of = (name: "readMs" | "computeMs" | "writeMs" | "cpuMs") => sum(tasks.map((task) => task[name]));
  return { readMs: of("readMs"), computeMs: of("computeMs"), writeMs: of("writeMs"), cpuMs: of("cpuMs") };
}

function boundOf(kind: StageMetrics["kind"], { readMs, computeMs, writeMs }: StageReport["time"]): Bound {
  switch (kind) {
    case "duckdb":
      return "query";
    case "ingest":
      return "program";
    case "worker":
      if (computeMs >= readMs && computeMs >= writeMs) return "compute";
      return readMs >= writeMs ? "read" : "write";
    default:
      return assertNever(kind, "kind of stage");
  }
}

function skewOf(tasks: readonly TaskMetrics[]): StageReport["skew"] {
  if (tasks.length < 2) return null;
  const over = (values: readonly number[]) =>
    values.reduce((a, b) => Math.max(a, b), 0) / Math.max(1e-9, sum(values) / values.length);
  const ratio = (values: readonly number[]) => (sum(values) === 0 ? 1 : over(values));
  const largest = tasks.reduce((a, b) => (b.rows > a.rows ? b : a));
  return { records: ratio(tasks.map((task) => task.rows)), duration: ratio(tasks.map(lasted)), where: largest.where ?? "" };
}

/** The lower median, so that it is a partition's own figure. */
function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
}

function stragglersOf(tasks: readonly TaskMetrics[]): Straggler[] {
  if (tasks.length < leastPartitions) return [];
  const usual = {
    ms: median(tasks.map(lasted)),
    rows: median(tasks.map((task) => task.rows)),
    readMs: median(tasks.map((task) => task.readMs)),
    computeMs: median(tasks.map((task) => task.computeMs)),
    writeMs: median(tasks.map((task) => task.writeMs)),
    setupMs: median(tasks.map(setupOf)),
  };
  return tasks
    .filter((task) => lasted(task) > stragglerFactor * usual.ms && lasted(task) - usual.ms >= stragglerExcessMs)
    .sort((a, b) => lasted(b) - lasted(a) || a.partition - b.partition)
    .slice(0, mostStragglers)
    .map((task) => {
      const timesMedian = lasted(task) / Math.max(1, usual.ms);
      const timesMedianRecords = task.rows / Math.max(1, usual.rows);
      const { partition, rows: records } = task;
      const cause = causeOf(task, usual, timesMedianRecords >= 0.8 * timesMedian);
      return { partition, durationMs: lasted(task), timesMedian, records, timesMedianRecords, where: task.where ?? "", cause };
    });
}

type Times = Pick<TaskMetrics, "readMs" | "computeMs" | "writeMs"> & { readonly setupMs: number };

function causeOf(task: TaskMetrics, usual: Times, large: boolean): Straggler["cause"] {
  if (large) return "size";
  if (task.attempts > 1) return "attempts";
  const excess = [
    ["compute", task.computeMs - usual.computeMs],
    ["read", task.readMs - usual.readMs],
    ["write", task.writeMs - usual.writeMs],
    ["setup", setupOf(task) - usual.setupMs],
  ] as const;
  return excess.reduce((a, b) => (b[1] > a[1] ? b : a))[0];
}

/** What of a task is neither reading, computing nor writing. */
const setupOf = (task: TaskMetrics): number => Math.max(0, lasted(task) - task.readMs - task.computeMs - task.writeMs);

/** What the planner counted on for all sources that the stage reads as its input; null where it did not know one of them. */
function estimateOf(stage: StageMetrics, run: RunMetrics): number | null {
  const sources = run.flow.find((flow) => flow.id === stage.id)?.sources ?? [];
  // A worker stage reads one source in partitions; the rest are right sides of its joins.
  const counted = stage.kind === "worker" ? sources.slice(0, 1) : sources;
  if (stage.recordsRead === 0 || counted.length === 0) return null;
  return counted.reduce<number | null>(
    (total, { estimatedRecords }) => (total === null || estimatedRecords === null ? null : total + estimatedRecords),
    0,
  );
}

function partitionReport(task: TaskMetrics, runStartMs: number): PartitionReport {
  const { partition, rows, bytes, rejected, attempts, startMs, readMs, computeMs, writeMs, cpuMs } = task;
  const durationMs = lasted(task);
  const { where = "", waitMs = 0 } = task;
  const times = { where, waitMs, startMs: startMs - runStartMs, durationMs, readMs, computeMs, writeMs, cpuMs };
  return { partition, records: rows, bytes, failed: rejected, attempts, ...times, recordsPerSecond: perSecond(rows, durationMs) };
}
