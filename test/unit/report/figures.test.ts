import { describe, expect, it } from "vitest";
import { buildReport, pastRun } from "../../../src/report/report.js";
import type { PastRun, RunMetrics } from "../../../src/report/model.js";
import { run, stage, startMs, task, wholeRun } from "./sample.js";

/** Every figure against one worked out by hand from the sample. */
const { execution, performance } = buildReport(wholeRun()).data;

describe("the run's figures", () => {
  it("counts records once, where they are read, and failures over all stages", () => {
    expect(execution.recordsRead).toBe(13_000);
    expect(execution.recordsFailed).toBe(100);
    expect(execution.recordsFiltered).toBe(900);
    expect(execution.recordsWritten).toBe(20);
    expect(execution.successRate).toBeCloseTo((100 * 12_900) / 13_000, 10);
  });

  it("has a rate of 100 when nothing came", () => {
    expect(buildReport(run()).data.execution.successRate).toBe(100);
    expect(buildReport(run({ stages: [stage(0)] })).data.execution.stages[0]?.successRate).toBe(100);
  });

  it("measures rates over the whole run", () => {
    expect(performance.recordsPerSecond).toBeCloseTo(13_000 / 60, 10);
    expect(performance.megabytesPerSecond).toBeCloseTo(5 / 60, 10);
  });

  it("tells stages of one name apart", () => {
    expect(execution.stages.map(({ label }) => label)).toEqual(["scan", "merge (1)", "merge (2)"]);
  });

  it("finds the longest stage, and the bottleneck among those that take a tenth of the run", () => {
    expect(performance.slowestStage).toBe("scan");
    // merge (1) has 40 records a second, but takes a sixtieth of the run.
    expect(performance.bottleneckStage).toBe("merge (2)");
    expect(performance.bottleneckBound).toBe("query");
  });

  it("says success, partial or failed", () => {
    const error = { code: "FILE_IO", category: "External", message: "gone" } as const;
    expect(buildReport(run()).status).toBe("success");
    expect(buildReport(wholeRun()).status).toBe("partial");
    expect(buildReport(wholeRun({ error })).status).toBe("failed");
  });

  it("counts as retries only attempts after a failure", () => {
    const attempt = {
      attempt: 2,
      worker: 0,
      queuedMs: 0,
      startMs: 0,
      endMs: 1,
      outcome: "done",
      code: null,
      message: null,
    } as const;
    const place = { stage: "scan", partition: 1 };
    const attempts = (["border", "retry", "straggler", "retry"] as const).map((reason) => ({ ...attempt, ...place, reason }));
    expect(buildReport(run({ attempts })).data.execution.retries).toBe(2);
  });
});

describe("a stage's figures", () => {
  const scan = execution.stages[0];

  it("shares the run's time", () => {
    expect(scan?.durationMs).toBe(50_000);
    expect(scan?.startMs).toBe(1000);
    expect(scan?.shareOfTotal).toBeCloseTo(50 / 60, 10);
    expect(scan?.recordsPerSecond).toBeCloseTo(260, 10);
    expect(scan?.megabytesPerSecond).toBeCloseTo(0.1, 10);
    expect(scan?.successRate).toBeCloseTo((100 * 12_900) / 13_000, 10);
  });

  it("sums what its tasks spent their time on", () => {
    expect(scan?.time).toEqual({ readMs: 10_000, computeMs: 28_000, writeMs: 5000, cpuMs: 30_000 });
    expect(scan?.bound).toBe("compute");
    // 9 × 4 s + 12 s of two workers' 50 s.
    expect(scan?.busy).toBeCloseTo(48 / 100, 10);
  });

  it("is bound by what took most", () => {
    const bound = (changes: Parameters<typeof task>[1]) =>
      buildReport(run({ stages: [stage(0, { tasks: [task(0, changes)] })] })).data.execution.stages[0]?.bound;
    expect(bound({ readMs: 3000 })).toBe("read");
    expect(bound({ writeMs: 3000 })).toBe("write");
    expect(bound({})).toBe("compute");
  });

  it("measures skew as largest over mean", () => {
    expect(scan?.skew?.records).toBeCloseTo(4000 / 1300, 10);
    expect(scan?.skew?.duration).toBeCloseTo(12_000 / 4800, 10);
    expect(execution.stages[1]?.skew).toBeNull();
  });

  it("names stragglers, and why they were slow", () => {
    expect(scan?.stragglers).toEqual([
      {
        partition: 7,
        durationMs: 12_000,
        timesMedian: 3,
        records: 1000,
        timesMedianRecords: 1,
        where: "in.csv, bytes 7 to 8",
        cause: "compute",
      },
    ]);
  });

  it.each([
    [{ rows: 3000, computeMs: 10_000 }, "size"],
    [{ attempts: 2, computeMs: 10_000 }, "attempts"],
    [{ readMs: 10_000 }, "read"],
    [{ writeMs: 10_000 }, "write"],
    [{}, "setup"],
  ] as const)("blames %j on %s", (changes, cause) => {
    const tasks = [0, 1, 2, 3].map((i) => (i === 2 ? task(i, { endMs: task(i).startMs + 12_000, ...changes }) : task(i)));
    const [found] = buildReport(run({ stages: [stage(0, { tasks })] })).data.execution.stages[0]?.stragglers ?? [];
    expect(found).toMatchObject({ partition: 2, cause });
  });

  it("has none where tasks are short or few", () => {
    const short = [0, 1, 2, 3].map((i) => task(i, { endMs: task(i).startMs + (i === 2 ? 60 : 10) }));
    const few = [0, 1, 2].map((i) => task(i, { endMs: task(i).startMs + (i === 2 ? 60_000 : 10) }));
    for (const tasks of [short, few]) {
      expect(buildReport(run({ stages: [stage(0, { tasks })] })).data.execution.stages[0]?.stragglers).toEqual([]);
    }
  });

  it("has percentiles of its partitions, to three digits", () => {
    expect(scan?.latency).toMatchObject({ count: 10, min: 4000, max: 12_000, mean: 4800 });
    expect(Math.abs((scan?.latency.p50 ?? 0) - 4000)).toBeLessThanOrEqual(4);
    expect(scan?.throughput).toMatchObject({ count: 10, min: 83, max: 1000 });
  });

  it("keeps every partition", () => {
    expect(scan?.tasks[7]).toMatchObject({
      partition: 7,
      startMs: 29_000,
      durationMs: 12_000,
      records: 1000,
      recordsPerSecond: 1000 / 12,
    });
  });

  it("has the planner's estimate beside what was read", () => {
    const source = { format: "csv", paths: ["a.csv"], files: 1, bytes: 1, estimatedRecords: 20_000 };
    const flow = [
      { id: 0, name: "scan", kind: "worker", reason: "", sources: [source], reads: [], outputs: [], checks: false },
    ] as const;
    const { stages } = buildReport(wholeRun({ flow })).data.execution;
    expect(stages.map((one) => one.estimatedRecords)).toEqual([20_000, null, null]);
  });
});

const earlier = (changes: Partial<PastRun>): PastRun => ({ ...pastRun(buildReport(wholeRun()).data), ...changes });
const comparedWith = (past: readonly PastRun[], limit = 20, now: RunMetrics = wholeRun()) =>
  buildReport(now, past, limit).data.performance.comparison;

describe("the comparison with earlier runs", () => {
  it("is against the average of those that finished", () => {
    const past = [
      earlier({ durationMs: 30_000 }),
      earlier({ durationMs: 1, status: "failed" }),
      earlier({ durationMs: 50_000, status: "partial" }),
    ];
    const found = comparedWith(past);
    expect(found?.runs).toBe(2);
    expect(found?.durationMs).toEqual({ now: 60_000, usual: 40_000, changePercent: 50 });
    expect(found?.recent.map((one) => one.durationMs)).toEqual([50_000, 1, 30_000]);
  });

  it("takes as many as it is told, the latest", () => {
    expect(comparedWith([earlier({ durationMs: 20_000 }), earlier({ durationMs: 90_000 })], 1)?.durationMs.usual).toBe(20_000);
  });

  it("says nothing where none finished", () => {
    expect(comparedWith([])).toBeNull();
    expect(comparedWith([earlier({ status: "failed" })])).toBeNull();
  });

  it("has no percentage of nothing", () => {
    expect(comparedWith([earlier({ recordsFailed: 0 })])?.recordsFailed).toEqual({ now: 100, usual: 0, changePercent: null });
  });

  it("compares stages of one label", () => {
    const past = [earlier({ stages: [{ label: "scan", durationMs: 25_000, recordsIn: 1 }] })];
    expect(comparedWith(past)?.stages).toEqual([{ label: "scan", now: 50_000, usual: 25_000, changePercent: 100 }]);
  });
});

describe("the differences of two runs", () => {
  const file = { path: "a", rows: 1, bytes: 2, partitionValues: [], checksum: "00000001" };
  const output = { path: "out", format: "csv", mode: "error", rows: 1, bytes: 2, partitions: 1, files: [file] };
  const input = { path: "in.csv", bytes: 10, modifiedMs: 1 };
  const a = buildReport(
    wholeRun({ outputs: [output], inputs: [input, { ...input, path: "old.csv" }], settings: { workers: 2 } }),
  );

  it("are none between a run and itself", () => {
    const found = a.diff(a);
    expect(found.samePlan).toBe(true);
    expect(found.figures.filter(({ changePercent }) => changePercent !== 0 && changePercent !== null)).toEqual([]);
    expect(found).toMatchObject({
      changed: [],
      inputs: { onlyA: [], onlyB: [], changed: [] },
      outputs: [{ same: true, differing: 0 }],
    });
  });

  it("name what changed", () => {
    const later = wholeRun({
      endMs: startMs + 30_000,
      planFingerprint: "f2",
      outputs: [{ ...output, files: [{ ...file, path: "b", checksum: "00000002" }] }],
      inputs: [
        { ...input, bytes: 11 },
        { ...input, path: "new.csv" },
      ],
      settings: { workers: 4 },
    });
    const found = a.diff(buildReport(later));
    expect(found.samePlan).toBe(false);
    expect(found.figures[0]).toEqual({ name: "duration", unit: "ms", now: 30_000, usual: 60_000, changePercent: -50 });
    expect(found.changed).toEqual([{ name: "settings.workers", a: "2", b: "4" }]);
    expect(found.inputs).toEqual({ onlyA: ["old.csv"], onlyB: ["new.csv"], changed: ["in.csv"] });
    expect(found.outputs).toEqual([{ path: "out", same: false, differing: 1 }]);
    expect(a.diffText(buildReport(later))).toMatch(/duration\s+1 min\s+30\.0 s\s+−50 %/);
  });
});
