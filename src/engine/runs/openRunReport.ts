import { MillraceError } from "../../common/errors.js";
import type { RejectMetrics, RunMetrics, StageMetrics, TaskMetrics } from "../../report/model.js";
import type { RunReport } from "../../report/report.js";
import type { RunMemory, TaskRecord } from "../journal/journal.js";
import { rejectSums } from "../rejects/rejectSums.js";
import { type OpenRun, type OpenRunOf, readOpenRun, tasksOf } from "./openRun.js";

/**
 * The report of a run that was cut off, from its journal: the figures of what was done, as status `failed` with error `RUN_CUT_OFF`. Where everything was
 * computed they are those of the whole run; else stages have numbers for names, and there are neither plan nor checks. null for a run that is
 * at work, has ended, or is not there.
 */
export async function openRunReport(of: OpenRunOf): Promise<RunReport | null> {
  const found = readOpenRun(of);
  if (found === null || (found.run.state !== "unfinished" && found.run.state !== "superseded")) return null;
  const [{ buildReport }, { productVersions }] = await Promise.all([
    import("../../report/report.js"),
    import("../../report/versions.js"),
  ]);
  const { run, memory } = found;
  const error = cutOff(run, memory).toData();
  const { stack: _, ...shown } = error;
  return buildReport({ ...metricsOf(run, memory), versions: productVersions(), error: shown });
}

function cutOff(run: OpenRun, memory: RunMemory): MillraceError {
  const left = run.targets.filter((target) => !memory.published.has(target));
  const published =
    memory.published.size === 0 ? "nothing was published" : `${memory.published.size} of its outputs were published`;
  const why = run.stoppedBy === null ? "" : ` (${run.stoppedBy})`;
  const rest = memory.publishing === null ? "the rest of the work" : `publishing ${left.join(", ") || "nothing but its report"}`;
  const hint =
    run.state === "superseded"
      ? "A later run has taken a target of it over."
      : run.planFile === null
        ? `Go on with it: engine.run(plan, { resume: ${JSON.stringify(run.runId)} }).`
        : `Go on with it: millrace resume ${run.runId}.`;
  return new MillraceError("External", "RUN_CUT_OFF", `the run was cut off${why}; ${published}; missing: ${rest}`, { hint });
}

type CutOff = Omit<RunMetrics, "versions" | "error">;

function metricsOf(run: OpenRun, memory: RunMemory): CutOff {
  const { header, publishing, published } = memory;
  const settings = { ...header.shaping };
  if (publishing !== null) {
    const { metrics, flow } = publishing.report;
    return { ...metrics, flow, settings, outputs: metrics.outputs.filter(({ path }) => published.has(path)) };
  }
  const tasks = tasksOf(memory);
  const stages = stagesOf(tasks, memory);
  const beat = run.lastBeat === null ? 0 : Date.parse(run.lastBeat.time);
  return {
    job: header.job,
    runId: run.runId,
    parameters: header.parameters,
    planFingerprint: header.planFingerprint,
    plan: "",
    startMs: header.startMs,
    endMs: Math.max(header.startMs, Number.isNaN(beat) ? 0 : beat, ...stages.map((stage) => stage.endMs)),
    stages,
    outputs: [],
    rejects: rejectsOf(tasks),
    inputs: header.inputs,
    peakMemoryBytes: 0,
    cpuMs: sum(tasks.map(({ result }) => result.timing.cpuMs)),
    workers: atOnce(tasks),
    memoryBytes: 0,
    quality: null,
    attempts: [],
    phases: [],
    flow: [],
    settings,
  };
}

function stagesOf(tasks: readonly TaskRecord[], memory: RunMemory): StageMetrics[] {
  const byStage = new Map<number, TaskRecord[]>();
  for (const task of tasks) {
    const id = Number.parseInt(task.identity.slot, 10);
    byStage.set(id, [...(byStage.get(id) ?? []), task]);
  }
  const worked = [...byStage].map(([id, records]) => workerStage(id, records));
  const ended = Math.max(memory.header.startMs, ...worked.map(({ endMs }) => endMs));
  const queries = [...memory.stages.values()].map(({ identity, rows }): StageMetrics => {
    const id = Number.parseInt(identity.slot, 10);
    const none = { recordsRead: 0, recordsIn: rows, filtered: 0, rejected: 0, bytes: 0, tasks: [], steps: [] };
    return { id, name: `stage ${id}`, kind: "duckdb", startMs: ended, endMs: ended, recordsOut: rows, ...none };
  });
  const all = [...worked, ...queries].sort((a, b) => a.id - b.id);
  // Of the last one more may have been to do; those before it were read to their end.
  return all.map((stage, i) => (i === all.length - 1 ? { ...stage, unfinished: true } : stage));
}

function workerStage(id: number, records: readonly TaskRecord[]): StageMetrics {
  const results = records.map(({ result }) => result);
  // What reads files of the user's reads a source of the plan.
  const fromSource = records.some(({ identity }) => Object.keys(identity.inputs).length > 0);
  const rows = sum(results.map(({ scan }) => scan.rows));
  return {
    id,
    name: `stage ${id}`,
    kind: "worker",
    startMs: Math.min(...results.map(({ timing }) => timing.startMs)),
    endMs: Math.max(...results.map(({ timing }) => timing.endMs)),
    recordsRead: fromSource ? rows : 0,
    recordsIn: rows,
    recordsOut: sum(results.map(({ steps }) => sum(steps.map((step) => (step.files.length > 0 ? step.rowsOut : 0))))),
    filtered: sum(results.map(({ steps }) => sum(steps.map((step) => step.filtered)))),
    rejected: sum(results.map(({ rejects }) => rejects.count)),
    bytes: fromSource ? sum(results.map(({ scan }) => scan.bytes)) : 0,
    tasks: records.map(taskMetrics).sort((a, b) => a.partition - b.partition),
    steps: [],
  };
}

function taskMetrics({ identity, result, attempts }: TaskRecord): TaskMetrics {
  const { rows, bytes } = result.scan;
  const partition = Number.parseInt(identity.slot.split("/")[1] ?? "0", 10);
  return { partition, rows, bytes, rejected: result.rejects.count, attempts, ...result.timing };
}

function rejectsOf(tasks: readonly TaskRecord[]): RejectMetrics {
  const all = tasks.map(({ result }) => result.rejects);
  // Lines count from a partition's first one until the whole file is known.
  const samples = all.flatMap((rejects) => rejects.samples.map((one) => ({ ...one, line: null }))).slice(0, 10);
  return { ...rejectSums(all), samples, files: [] };
}

/** The most tasks that were at work at a time. */
function atOnce(tasks: readonly TaskRecord[]): number {
  const borders = tasks
    .flatMap(({ result: { timing } }) => [
      [timing.startMs, 1],
      [timing.endMs, -1],
    ])
    .sort(([a = 0, x = 0], [b = 0, y = 0]) => a - b || x - y);
  let [now, most] = [0, 0];
  for (const [, change = 0] of borders) {
    now += change;
    most = Math.max(most, now);
  }
  return most;
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
