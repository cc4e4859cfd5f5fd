import { join } from "node:path";
import { pastRuns } from "millrace";
import { expect } from "vitest";
import {
  close,
  everyRun,
  failed,
  folder,
  lasted,
  main,
  perSecond,
  percentilesAre,
  resumed,
  spilled,
  total,
  type Run,
  type Again,
} from "./runs.js";

export function performanceFigures(): Again {
  const each = (look: (run: Run) => void) => () => everyRun().forEach(look);
  const counted = ({ data: { execution } }: Run) =>
    execution.stages.filter(({ recordsPerSecond, shareOfTotal }) => recordsPerSecond > 0 && shareOfTotal >= 0.1);
  const least = (run: Run) => [...counted(run)].sort((a, b) => a.recordsPerSecond - b.recordsPerSecond)[0];
  return {
    "performance.recordsPerSecond": each(({ data: { execution, performance } }) =>
      close(performance.recordsPerSecond, perSecond(execution.recordsRead, execution.durationMs)),
    ),
    "performance.megabytesPerSecond": each(({ data: { execution, performance } }) =>
      close(
        performance.megabytesPerSecond,
        perSecond(total(execution.stages.map(({ bytes }) => bytes)) / 1e6, execution.durationMs),
      ),
    ),
    "performance.slowestStage": each(({ data: { execution, performance } }) => {
      const most = Math.max(...execution.stages.map(({ durationMs }) => durationMs));
      expect(execution.stages.find(({ label }) => label === performance.slowestStage)?.durationMs).toBe(most);
    }),
    "performance.bottleneckStage": each((run) => expect(run.data.performance.bottleneckStage).toBe(least(run)?.label ?? null)),
    "performance.bottleneckBound": each((run) => expect(run.data.performance.bottleneckBound).toBe(least(run)?.bound ?? null)),
    "performance.peakMemoryBytes": () => {
      const most = process.resourceUsage().maxRSS * 1024;
      for (const { data } of [main, spilled, failed]) {
        expect(data.performance.peakMemoryBytes).toBeLessThanOrEqual(most);
        expect(data.performance.peakMemoryBytes).toBeGreaterThan(50e6);
      }
    },
    "performance.cpuMs": () => {
      for (const { data, before, after } of [main, spilled, failed]) {
        expect(data.performance.cpuMs).toBeGreaterThan(0);
        expect(data.performance.cpuMs).toBeLessThanOrEqual(after.cpuMs - before.cpuMs + 1);
      }
    },
    "performance.workers": each(({ data, name }) => expect(data.performance.workers).toBe(name === "spilled" ? 1 : 2)),
    "performance.memoryBytes": () =>
      expect(spilled.data.performance.memoryBytes).toBe(spilled.data.execution.settings.memoryBytes),
    "performance.tasks": () => {
      for (const { data, journal } of [main, resumed]) {
        percentilesAre(data.performance.tasks.latency, (journal?.tasks ?? []).map(lasted));
        percentilesAre(
          data.performance.tasks.throughput,
          (journal?.tasks ?? []).map((task) => perSecond(task.result.scan.rows, lasted(task))),
        );
      }
    },
    "performance.comparison": () => {
      const past = pastRuns({ stateDir: join(folder, "state"), job: "nightly" }).slice(1);
      const { comparison } = main.data.performance;
      const usual = total(past.map(({ durationMs }) => durationMs)) / past.length;
      const { durationMs, recordsRead } = main.data.execution;
      expect(comparison).toMatchObject({ runs: 2, recordsRead: { now: recordsRead, usual: recordsRead, changePercent: 0 } });
      expect(comparison?.durationMs.now).toBe(durationMs);
      close(comparison?.durationMs.usual ?? 0, usual);
      close(comparison?.durationMs.changePercent ?? 0, (100 * (durationMs - usual)) / usual);
      for (const name of ["recordsFailed", "recordsPerSecond", "peakMemoryBytes", "cpuMs"] as const)
        close(comparison?.[name].usual ?? 0, total(past.map((one) => one[name])) / 2);
      for (const { label, now: ms, usual: before } of comparison?.stages ?? []) {
        expect(main.data.execution.stages.find((stage) => stage.label === label)?.durationMs).toBe(ms);
        close(before, total(past.map(({ stages }) => stages.find((stage) => stage.label === label)?.durationMs ?? 0)) / 2);
      }
      expect(comparison?.recent.map(({ runId }) => runId)).toEqual(past.map(({ runId }) => runId).reverse());
      expect(spilled.data.performance.comparison).toBeNull();
    },
    "performance.reportMs": each(({ data, before, after }) => {
      expect(data.performance.reportMs).toBeGreaterThan(0);
      expect(data.performance.reportMs).toBeLessThan(after.ms - before.ms);
    }),
  };
}
