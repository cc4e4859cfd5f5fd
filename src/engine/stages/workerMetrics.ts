import type { WorkerStage } from "../../planner/stages.js";
import type { AttemptMetrics, StageMetrics, TaskMetrics } from "../../report/model.js";
import { writesExchange } from "../../task/fileSteps.js";
import type { Step, TaskResult } from "../../task/protocol.js";

/** A partition's result that counts. */
export interface AttemptedTask {
  readonly partition: number;
  readonly result: TaskResult;
  readonly attempts: number;
  /** What it is of its input. */
  readonly where: string;
  /** Attempts in this process; none where an earlier one did the task. */
  readonly history: readonly AttemptMetrics[];
}

/** What a stage tells of which nothing is known but that the run ended in it. */
export const unfinishedStage = (
  { id, name, kind }: Pick<StageMetrics, "id" | "name" | "kind">,
  startMs: number,
): StageMetrics => ({
  id,
  name,
  kind,
  startMs,
  endMs: Date.now(),
  recordsRead: 0,
  recordsIn: 0,
  recordsOut: 0,
  filtered: 0,
  rejected: 0,
  bytes: 0,
  tasks: [],
  steps: [],
  unfinished: true,
});

/** What a worker stage tells the report. */
export function workerStageMetrics(stage: WorkerStage, startMs: number, tasks: readonly AttemptedTask[]): StageMetrics {
  const results = tasks.map(({ result }) => result);
  const fromSource = stage.input.kind === "source";
  const steps = stage.steps.map(({ step }, i) => {
    const of = (name: "rowsIn" | "rowsOut" | "filtered" | "rejected") => sum(results.map((one) => one.steps[i]?.[name] ?? 0));
    return { name: step.name, rowsIn: of("rowsIn"), rowsOut: of("rowsOut"), filtered: of("filtered"), rejected: of("rejected") };
  });
  const rows = sum(results.map((one) => one.scan.rows));
  return {
    id: stage.id,
    name: stage.name,
    kind: "worker",
    startMs,
    endMs: Date.now(),
    recordsRead: fromSource && stage.again !== true ? rows : 0,
    recordsIn: rows,
    recordsOut: sum(stage.steps.map(({ step }, i) => (endsInFiles(step) ? (steps[i]?.rowsOut ?? 0) : 0))),
    filtered: sum(steps.map((step) => step.filtered)),
    rejected: sum(results.map((one) => one.rejects.count)),
    bytes: fromSource ? sum(results.map((one) => one.scan.bytes)) : 0,
    tasks: tasks.map(taskMetrics),
    steps,
  };
}

const endsInFiles = (step: Step): boolean => step.op === "sink" || writesExchange(step);

/** Whether partitions in order have given all rows that the limits ask for, where every branch of the stage ends in one. */
export function hasEnough(stage: WorkerStage, tasks: readonly AttemptedTask[]): boolean {
  const steps = stage.steps.map(({ step }) => step);
  if (steps.some((step) => step.op === "expect")) return false;
  const limitAbove = (index: number): number =>
    index < 0 || steps[index]?.op === "limit" ? index : limitAbove(steps[index]?.input ?? -1);
  const writers = steps.filter(endsInFiles);
  const limits = new Set(writers.map((step) => limitAbove(step.input)));
  return [...limits].every((index) => {
    const step = steps[index];
    return step?.op === "limit" && sum(tasks.map(({ result }) => result.steps[index]?.rowsOut ?? 0)) >= step.count;
  });
}

function taskMetrics({ partition, result, attempts, where, history }: AttemptedTask): TaskMetrics {
  const { startMs, endMs, readMs, computeMs, writeMs, cpuMs } = result.timing;
  const { rows, bytes } = result.scan;
  const times = { startMs, endMs, readMs, computeMs, writeMs, cpuMs };
  const [first] = history;
  return {
    partition,
    rows,
    bytes,
    rejected: result.rejects.count,
    attempts,
    where,
    ...(first === undefined ? {} : { waitMs: Math.max(0, first.startMs - first.queuedMs) }),
    ...times,
  };
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
