import { defaultCompareWith, defaultKeepDays, History } from "../../history/history.js";
import type { PhysicalPlan } from "../../planner/stages.js";
import { stageFlows } from "../../report/flow.js";
import type { PastRun, RunMetrics, StageFlow } from "../../report/model.js";
import { buildReport, pastRun, type RunReport } from "../../report/report.js";
import { productVersions } from "../../report/versions.js";
import { splitMemory } from "../../runtime/memory.js";
import type { EngineSettings } from "../options.js";
import { pruneRuns } from "../runs/prune.js";
import type { CountedMetrics } from "./countedMetrics.js";

export interface Planned {
  readonly physical: PhysicalPlan;
  readonly checksFrom: number;
}

export const flowOf = (planned: Planned | null): readonly StageFlow[] =>
  planned === null ? [] : stageFlows(planned.physical, planned.checksFrom);

export interface Finished {
  readonly metrics: CountedMetrics;
  readonly settings: EngineSettings;
  /** null where the run failed before its plan was ready. */
  readonly planned: Planned | { readonly flow: readonly StageFlow[] } | null;
  /** Whether the run is compared with earlier ones, and remembered. */
  readonly remember: boolean;
}

/** The report of a run, beside what is usual for its job. History that cannot be read or written is told, and never fails the run. */
export function reportOf({ metrics, settings, planned, remember }: Finished): RunReport {
  const complete: RunMetrics = {
    ...metrics,
    flow: planned !== null && "flow" in planned ? planned.flow : flowOf(planned),
    versions: productVersions(),
    settings: shownSettings(settings),
  };
  if (!remember || settings.history === false) {
    if (settings.history === false) pruneUnremembered(settings.stateDir, metrics.endMs);
    return buildReport(complete, [], 0);
  }
  const history = new History(settings.stateDir);
  const { keepDays = defaultKeepDays, compareWith = defaultCompareWith } = settings.history;
  const past = attempt("read", [] as readonly PastRun[], () => history.before(metrics, 3 * compareWith));
  const report = buildReport(complete, past, compareWith);
  attempt("written", undefined, () => {
    if (!history.add(pastRun(report.data))) return;
    history.forget(keepDays, new Date(metrics.endMs));
    pruneRuns({ stateDir: settings.stateDir, keepDays, nowMs: metrics.endMs });
  });
  return report;
}

function attempt<T>(what: string, otherwise: T, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    process.emitWarning(`the history of runs could not be ${what}: ${(cause as Error).message}`, "MillraceWarning");
    return otherwise;
  }
}

/** Folders of runs go when they are old also where no history is kept. Once a day is enough for a process. */
function pruneUnremembered(stateDir: string, nowMs: number): void {
  const day = Math.floor(nowMs / 86_400_000);
  if (prunedOn.get(stateDir) === day) return;
  prunedOn.set(stateDir, day);
  attempt("pruned", undefined, () => {
    pruneRuns({ stateDir, keepDays: defaultKeepDays, nowMs });
  });
}

const prunedOn = new Map<string, number>();

function shownSettings(settings: EngineSettings): RunMetrics["settings"] {
  const { workers, memoryBytes, partitionBytes, broadcastBytes, interpreted, optimizer, stateDir } = settings;
  const kernels = interpreted ? "interpreted" : "compiled";
  const { duckdb, workerHeap, workerKernels, held } = splitMemory(memoryBytes, workers);
  const shares = { queryBytes: duckdb, workerHeapBytes: workerHeap, workerKernelBytes: workerKernels, heldBytes: held };
  return { workers, memoryBytes, ...shares, partitionBytes, broadcastBytes, kernels, optimizer, stateDir };
}
