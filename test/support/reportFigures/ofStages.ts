import { statSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { JournalTask } from "../journal.js";
import {
  close,
  eachStage,
  failed,
  folder,
  lasted,
  main,
  perSecond,
  percentilesAre,
  resumed,
  spilled,
  spillSeen,
  total,
  anyStage,
  type Run,
  type StageData,
  type Again,
} from "./runs.js";

export function stageFigures(): Again {
  const of = (figures: { readonly [name: string]: () => void | Promise<void> }) =>
    Object.fromEntries(Object.entries(figures).map(([name, compute]) => [`execution.stages[].${name}`, compute]));
  const flowOf = (stage: StageData, run: Run) => run.data.execution.flow.find(({ id }) => id === stage.id);
  const sumOf = (tasks: readonly JournalTask[], get: (result: JournalTask["result"]) => number) =>
    total(tasks.map(({ result }) => get(result)));
  const stepSum = (tasks: readonly JournalTask[], name: "filtered" | "rowsIn" | "rowsOut" | "rejected", step: number) =>
    sumOf(tasks, ({ steps }) => steps[step]?.[name] ?? 0);
  const widest = (values: readonly number[]) => Math.max(...values) / (total(values) / values.length);
  return of({
    id: () => anyStage((stage, run) => expect(run.data.execution.stages[stage.id]).toBe(stage)),
    name: () => anyStage((stage, run) => expect(stage.name).toBe(flowOf(stage, run)?.name)),
    kind: () => anyStage((stage, run) => expect(stage.kind).toBe(flowOf(stage, run)?.kind)),
    label: () =>
      anyStage((stage, run) => {
        const alike = run.data.execution.stages.filter(({ name }) => name === stage.name).length;
        expect(stage.label).toBe(alike > 1 ? `${stage.name} (${stage.id})` : stage.name);
      }),
    start: () =>
      anyStage((stage, run) => expect(Date.parse(stage.start)).toBe(Date.parse(run.data.execution.start) + stage.startMs)),
    end: () => anyStage((stage) => expect(Date.parse(stage.end)).toBe(Date.parse(stage.start) + stage.durationMs)),
    startMs: () =>
      eachStage((stage, tasks, run) => {
        if (run === main)
          expect(Date.parse(stage.start)).toBeLessThanOrEqual(Math.min(...tasks.map(({ result }) => result.timing.startMs)));
      }),
    durationMs: () =>
      eachStage((stage, tasks) =>
        expect(Date.parse(stage.end)).toBeGreaterThanOrEqual(Math.max(...tasks.map(({ result }) => result.timing.endMs))),
      ),
    shareOfTotal: () => anyStage((stage, { data }) => close(stage.shareOfTotal, stage.durationMs / data.execution.durationMs)),
    recordsRead: () =>
      eachStage((stage, tasks, run) => {
        const first =
          flowOf(stage, run)?.sources.length !== 0 &&
          !(
            flowOf(stage, run)?.reads.length === 0 &&
            run.data.execution.flow.some(({ verdicts }) => verdicts?.some((id) => leadsTo(run, stage.id, id)))
          );
        expect([stage.label, stage.recordsRead]).toEqual([stage.label, first ? sumOf(tasks, ({ scan }) => scan.rows) : 0]);
      }),
    recordsIn: () => {
      eachStage((stage, tasks) => expect(stage.recordsIn).toBe(sumOf(tasks, ({ scan }) => scan.rows)));
      for (const stage of resumed.data.execution.stages.filter(({ kind }) => kind === "duckdb")) {
        const before = resumed.data.execution.flow.find(({ id }) => id === stage.id)?.reads ?? [];
        expect(stage.recordsIn).toBe(
          total(resumed.data.execution.stages.filter(({ id }) => before.includes(id)).map(({ recordsOut }) => recordsOut)),
        );
      }
    },
    recordsOut: () => {
      eachStage((stage, tasks) =>
        expect(stage.recordsOut).toBe(
          sumOf(tasks, ({ steps }) => total(steps.map(({ files, rowsOut }) => (files.length > 0 ? rowsOut : 0)))),
        ),
      );
      expect(spilled.data.execution.stages.at(-1)?.recordsOut).toBe(10);
    },
    filtered: () =>
      eachStage((stage, tasks) =>
        expect(stage.filtered).toBe(sumOf(tasks, ({ steps }) => total(steps.map(({ filtered }) => filtered)))),
      ),
    failed: () => eachStage((stage, tasks) => expect(stage.failed).toBe(sumOf(tasks, ({ rejects }) => rejects.count))),
    bytes: () => {
      eachStage((stage, tasks, run) =>
        expect(stage.bytes).toBe(flowOf(stage, run)?.sources.length === 0 ? 0 : sumOf(tasks, ({ scan }) => scan.bytes)),
      );
      const scan = resumed.data.execution.stages.find(({ recordsRead }) => recordsRead > 0);
      expect(scan?.bytes).toBe(statSync(join(folder, "a.csv")).size);
    },
    steps: () =>
      eachStage((stage, tasks) => {
        const sums = stage.steps.map(({ name }, i) => ({
          name,
          rowsIn: stepSum(tasks, "rowsIn", i),
          rowsOut: stepSum(tasks, "rowsOut", i),
          filtered: stepSum(tasks, "filtered", i),
          rejected: stepSum(tasks, "rejected", i),
        }));
        expect(stage.steps).toEqual(sums);
      }),
    recordsPerSecond: () => anyStage((stage) => close(stage.recordsPerSecond, perSecond(stage.recordsIn, stage.durationMs))),
    megabytesPerSecond: () =>
      anyStage((stage) => close(stage.megabytesPerSecond, perSecond(stage.bytes / 1e6, stage.durationMs))),
    successRate: () =>
      anyStage(({ successRate, recordsIn, failed: no }) =>
        close(successRate, recordsIn === 0 ? 100 : (100 * (recordsIn - no)) / recordsIn),
      ),
    partitions: () => eachStage((stage, tasks) => expect(stage.partitions).toBe(tasks.length)),
    attempts: () => eachStage((stage, tasks) => expect(stage.attempts).toBe(total(tasks.map(({ attempts }) => attempts)))),
    throughput: () =>
      eachStage((stage, tasks) =>
        percentilesAre(
          stage.throughput,
          tasks.map((task) => perSecond(task.result.scan.rows, lasted(task))),
        ),
      ),
    latency: () => eachStage((stage, tasks) => percentilesAre(stage.latency, tasks.map(lasted))),
    time: () =>
      eachStage(({ time }, tasks) => {
        for (const part of ["readMs", "computeMs", "writeMs", "cpuMs"] as const)
          close(
            time[part],
            sumOf(tasks, ({ timing }) => timing[part]),
          );
      }),
    bound: () =>
      anyStage(({ bound, kind, time: { readMs, computeMs, writeMs } }) => {
        const most = computeMs >= Math.max(readMs, writeMs) ? "compute" : readMs >= writeMs ? "read" : "write";
        expect(bound).toBe({ worker: most, duckdb: "query", ingest: "program" }[kind]);
      }),
    busy: () =>
      eachStage((stage, tasks) =>
        close(stage.busy ?? 0, Math.min(1, total(tasks.map(lasted)) / Math.max(1, 2 * stage.durationMs))),
      ),
    waitMs: () =>
      anyStage((stage) => {
        expect(stage.waitMs).toBe(total(stage.tasks.map(({ waitMs }) => waitMs)));
        for (const task of stage.tasks)
          if (task.attempts === 1) expect(task.waitMs).toBeLessThanOrEqual(Math.max(0, task.startMs - stage.startMs) + 5);
      }),
    spillBytes: () => {
      const most = Math.max(...spilled.data.execution.stages.map(({ spillBytes }) => spillBytes ?? 0));
      expect(spillSeen.most).toBeGreaterThan(1e6);
      expect(most).toBeGreaterThan(spillSeen.held / 2);
      expect(most).toBeLessThan(spillSeen.most * 2);
      for (const stage of main.data.execution.stages) if (stage.kind === "worker") expect(stage.spillBytes).toBeNull();
    },
    unfinished: () =>
      anyStage((stage, run) =>
        expect(stage.unfinished).toBe(run === failed && stage.id === failed.data.execution.stages.length - 1),
      ),
    skew: () =>
      eachStage(({ skew }, tasks) => {
        if (tasks.length < 2) return expect(skew).toBeNull();
        close(skew?.records ?? 0, widest(tasks.map(({ result }) => result.scan.rows)));
        return close(skew?.duration ?? 0, widest(tasks.map(lasted)));
      }),
    stragglers: () => {
      let found = 0;
      eachStage((stage, tasks) => {
        const times = tasks.map(lasted).sort((a, b) => a - b);
        const middle = times[Math.floor((times.length - 1) / 2)] ?? 0;
        const slowOnes =
          tasks.length < 4 ? [] : tasks.filter((task) => lasted(task) > 1.5 * middle && lasted(task) - middle >= 100);
        expect(stage.stragglers.map(({ partition }) => partition).sort()).toEqual(
          slowOnes.map(({ partition }) => partition).sort(),
        );
        for (const one of stage.stragglers)
          expect(one).toMatchObject({
            durationMs: stage.tasks[one.partition]?.durationMs,
            records: stage.tasks[one.partition]?.records,
          });
        found += slowOnes.length;
      });
      expect(found).toBeGreaterThan(0);
    },
    estimatedRecords: () =>
      anyStage((stage, run) => {
        const [source] = flowOf(stage, run)?.sources ?? [];
        if (stage.recordsRead === 0 || source === undefined) return expect(stage.estimatedRecords).toBeNull();
        expect(stage.estimatedRecords).toBe(source.estimatedRecords);
        return expect(stage.estimatedRecords ?? stage.recordsRead).toBeGreaterThanOrEqual(stage.recordsRead);
      }),
    tasks: () =>
      eachStage((stage, tasks, run) => {
        const from = Date.parse(run.data.execution.start);
        for (const [i, { partition, attempts, result }] of tasks.entries()) {
          const { timing, scan, rejects } = result;
          const ms = timing.endMs - timing.startMs;
          expect(stage.tasks[i]).toMatchObject({
            partition,
            attempts,
            records: scan.rows,
            bytes: scan.bytes,
            failed: rejects.count,
            startMs: timing.startMs - from,
            durationMs: ms,
            readMs: timing.readMs,
            computeMs: timing.computeMs,
            writeMs: timing.writeMs,
            cpuMs: timing.cpuMs,
            recordsPerSecond: expect.closeTo(perSecond(scan.rows, ms), 6),
          });
        }
      }),
  });
}

/** Whether what a stage leaves reaches another one. */
function leadsTo(run: Run, from: number, to: number): boolean {
  if (from === to) return true;
  return run.data.execution.flow.some(
    (stage) => stage.reads.includes(from) && stage.verdicts?.includes(from) !== true && leadsTo(run, stage.id, to),
  );
}
