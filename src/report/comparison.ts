import type { Compared, Comparison, PastRun, RunReportData } from "./model.js";
import { sum } from "./rates.js";

const mostRecent = 30;

/** This run beside earlier ones of its job, latest first; null where none of them finished. */
export function compareRuns(now: PastRun, past: readonly PastRun[], limit: number): Comparison | null {
  const all = past.filter((run) => run.status !== "failed");
  const finished = all.slice(0, limit);
  if (finished.length === 0) return null;
  const of = (figure: (run: PastRun) => number) => compared(figure(now), finished.map(figure));
  const labels = now.stages.filter(({ label }) => finished.some((run) => stageMs(run, label) !== null));
  return {
    runs: finished.length,
    durationMs: of((run) => run.durationMs),
    recordsRead: of((run) => run.recordsRead),
    recordsFailed: of((run) => run.recordsFailed),
    recordsPerSecond: of((run) => run.recordsPerSecond),
    peakMemoryBytes: of((run) => run.peakMemoryBytes),
    cpuMs: of((run) => run.cpuMs),
    stages: labels.map(({ label, durationMs }) => ({
      label,
      ...compared(
        durationMs,
        finished.flatMap((run) => stageMs(run, label) ?? []),
      ),
    })),
    recent: past.slice(0, mostRecent).reverse(),
    lastSuccess: finished[0]?.start ?? null,
  };
}

const stageMs = (run: PastRun, label: string): number | null =>
  run.stages.find((stage) => stage.label === label)?.durationMs ?? null;

export function compared(now: number, past: readonly number[]): Compared {
  const usual = past.length === 0 ? 0 : sum(past) / past.length;
  return { now, usual, changePercent: usual === 0 ? null : (100 * (now - usual)) / usual };
}

/** What history keeps of a report. */
export function pastRun(report: RunReportData): PastRun {
  const { execution, performance, quality } = report;
  return {
    schemaVersion: 1,
    runId: report.runId,
    job: report.job,
    status: report.status,
    start: execution.start,
    durationMs: execution.durationMs,
    recordsRead: execution.recordsRead,
    recordsWritten: execution.recordsWritten,
    recordsFailed: execution.recordsFailed,
    successRate: execution.successRate,
    score: quality?.score ?? null,
    recordsPerSecond: performance.recordsPerSecond,
    megabytesPerSecond: performance.megabytesPerSecond,
    peakMemoryBytes: performance.peakMemoryBytes,
    cpuMs: performance.cpuMs,
    workers: performance.workers,
    inputs: { files: execution.inputs.length, bytes: sum(execution.inputs.map((input) => input.bytes)) },
    outputs: execution.outputs.map(({ path, rows, bytes }) => ({ path, rows, bytes })),
    stages: execution.stages.map(({ label, durationMs, recordsIn }) => ({ label, durationMs, recordsIn })),
    planFingerprint: execution.planFingerprint,
    errorCode: execution.error?.code ?? null,
    ...acceptedFigures(report),
  };
}

/** What is off itself must not become what is usual. */
function acceptedFigures({ status, quality }: RunReportData): Pick<PastRun, "figures"> {
  if (status === "failed" || quality === null || quality.verdict === "failed") return {};
  const figures = quality.checks.flatMap(({ name, figure }) => (figure === undefined ? [] : [[name, figure] as const]));
  return figures.length === 0 ? {} : { figures: Object.fromEntries(figures) };
}
