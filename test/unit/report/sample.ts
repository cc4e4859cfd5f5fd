import type { RunMetrics, StageMetrics, TaskMetrics } from "../../../src/report/model.js";

/** 2026-01-31 00:00:00 UTC. */
export const startMs = Date.UTC(2026, 0, 31);

/** A task of one second of reading, two of computing and half a second of writing, unless told otherwise. */
export function task(partition: number, changes: Partial<TaskMetrics> = {}): TaskMetrics {
  const begin = startMs + 1000 + 4000 * partition;
  return {
    partition,
    rows: 1000,
    bytes: 50_000,
    rejected: 0,
    attempts: 1,
    startMs: begin,
    endMs: begin + 4000,
    readMs: 1000,
    computeMs: 2000,
    writeMs: 500,
    cpuMs: 3000,
    ...changes,
  };
}

export function stage(id: number, changes: Partial<StageMetrics> = {}): StageMetrics {
  const counts = { recordsRead: 0, recordsIn: 0, recordsOut: 0, filtered: 0, rejected: 0, bytes: 0 };
  const times = { startMs: startMs + 1000, endMs: startMs + 5000 };
  return { id, name: `stage${id}`, kind: "worker", ...times, ...counts, tasks: [], steps: [], ...changes };
}

/** A run without stages, of ten seconds. */
export function run(changes: Partial<RunMetrics> = {}): RunMetrics {
  return {
    job: "nightly",
    runId: "20260131T000000-00000000",
    parameters: {},
    planFingerprint: "f1",
    plan: "",
    startMs,
    endMs: startMs + 10_000,
    stages: [],
    outputs: [],
    rejects: { count: 0, byCode: {}, byFile: {}, byColumn: {}, samples: [], files: [] },
    inputs: [],
    peakMemoryBytes: 100e6,
    cpuMs: 12_000,
    workers: 2,
    memoryBytes: 1e9,
    quality: null,
    error: null,
    phases: [],
    flow: [],
    settings: {},
    versions: {},
    ...changes,
  };
}

/** A run of four stages: a scan of ten partitions, one of them slow, a merge and a query. */
export function wholeRun(changes: Partial<RunMetrics> = {}): RunMetrics {
  const tasks = Array.from({ length: 10 }, (_, i) =>
    i === 7
      ? task(i, { endMs: task(i).startMs + 12_000, computeMs: 10_000, where: "in.csv, bytes 7 to 8" })
      : task(i, { rows: i === 3 ? 4000 : 1000 }),
  );
  return run({
    endMs: startMs + 60_000,
    stages: [
      stage(0, {
        name: "scan",
        endMs: startMs + 51_000,
        recordsRead: 13_000,
        recordsIn: 13_000,
        recordsOut: 40,
        filtered: 900,
        rejected: 100,
        bytes: 5e6,
        tasks,
      }),
      stage(1, {
        name: "merge",
        startMs: startMs + 51_000,
        endMs: startMs + 52_000,
        recordsIn: 40,
        recordsOut: 20,
        tasks: [task(0)],
      }),
      stage(2, {
        name: "merge",
        startMs: startMs + 52_000,
        endMs: startMs + 59_000,
        recordsIn: 20,
        recordsOut: 20,
        kind: "duckdb",
      }),
    ],
    outputs: [{ path: "out/daily", format: "parquet", mode: "overwrite", rows: 20, bytes: 2048, partitions: 1, files: [] }],
    ...changes,
  });
}
