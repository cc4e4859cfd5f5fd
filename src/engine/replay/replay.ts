import { rmSync } from "node:fs";
import { resolve } from "node:path";
import { configError, MillraceError } from "../../common/errors.js";
import { didYouMean } from "../../common/nearest.js";
import { folderOfRun } from "../../history/runFolders.js";
import { isFileTarget, recover } from "../../io/commit/commit.js";
import { killPoint } from "../../io/killPoint.js";
import { readManifest } from "../../io/commit/manifest.js";
import { nodeFileSystem } from "../../io/fileSystem.js";
import { planFingerprint } from "../../plan/json.js";
import type { LogicalNode, Plan, SinkSpec, WriteMode } from "../../plan/nodes.js";
import type { WorkerPool } from "../../pool/pool.js";
import { executePlan } from "../execute.js";
import type { ReplayHooks } from "../execution.js";
import type { EngineSettings } from "../options.js";
import { preparePlan } from "../prepare.js";
import { readRejectIndex, readRejectPlan, rejectFolder, type RejectIndex } from "../rejects/rejectIndex.js";
import { type Candidate, recordKey, ReplayInput } from "./replayInput.js";
import { cannotReplay, planShape, requireOwnOutputs, requireRecompute, sinksOf, whyNotAppend } from "./replayPlan.js";
import {
  confirmReplay,
  prepareReplay,
  replayedRecords,
  type ReplayRecord,
  replaysFolder,
  replaysOf,
  withdrawReplay,
} from "./replayRecord.js";
import type { RunOutput } from "../runs/run.js";
import { RunLock } from "../runs/runLock.js";
import { openRejects, type Reject, runFolderOf, RunRejects } from "../rejects/runRejects.js";
import type { RunReport } from "../../report/report.js";

export interface ReplayOptions {
  /** Replays only rejects with these values; by `code`, `file`, `column` or `stage`. */
  readonly where?: { readonly [field: string]: string };
  readonly signal?: AbortSignal;
}

/** What a replay did. Counts are rejects of the run. */
export interface ReplayResult {
  readonly runId: string;
  /** The id under which it wrote; null when nothing was written. */
  readonly replayId: string | null;
  /** `append`: the good records were added to the run's outputs; `recompute`: those were computed anew; `none`: nothing was to be done. */
  readonly strategy: "append" | "recompute" | "none";
  /** Rejects that were tried. */
  readonly replayed: number;
  /** Of those, how many are settled now. */
  readonly resolved: number;
  /** Rejects of the run that are not settled. */
  readonly remaining: number;
  readonly outputs: readonly RunOutput[];
  readonly report: RunReport | null;
}

interface Request {
  readonly runId: string;
  /** null: the plan that the run had. */
  readonly plan: Plan | null;
  readonly settings: EngineSettings;
  readonly pool: WorkerPool;
  readonly options: ReplayOptions;
}

const whereFields = ["code", "file", "column", "stage"] as const;

/**
 * Runs the rejected records of a run through the whole of a plan, and settles those that are good now.
 * @throws MillraceError Config/RUN_NOT_FOUND, REPLAY_NOT_POSSIBLE, REPLAY_TARGET_CHANGED, REPLAY_BUSY, REPLAY_INTERRUPTED
 */
export async function replayRun(request: Request): Promise<ReplayResult> {
  const where = request.options.where ?? {};
  for (const field of Object.keys(where)) {
    if ((whereFields as readonly string[]).includes(field)) continue;
    throw configError("UNKNOWN_OPTION", `replay: there is no field ${JSON.stringify(field)}. ${didYouMean(field, whereFields)}`);
  }
  const folder = runFolderOf(request.settings.stateDir, request.runId);
  const index = readRejectIndex(folder);
  if (index === null) return nothing(request.runId, 0);
  const lock = takeLock(folder, request.runId);
  try {
    return await new Replay({ ...request, plan: request.plan ?? readRejectPlan(folder) }, folder, index).run();
  } finally {
    lock.release();
  }
}

/** Of several processes that replay at once exactly one does: what both settled would be added twice. */
function takeLock(runFolder: string, runId: string): RunLock {
  try {
    return RunLock.take(replaysFolder(runFolder), runId);
  } catch (cause) {
    if (!(cause instanceof MillraceError) || cause.code !== "RUN_BUSY") throw cause;
    throw configError("REPLAY_BUSY", `the rejects of run ${runId} are being replayed: ${cause.message}`, {
      hint: "Wait for it to end.",
    });
  }
}

const nothing = (runId: string, remaining: number): ReplayResult => ({
  runId,
  replayId: null,
  strategy: "none",
  replayed: 0,
  resolved: 0,
  remaining,
  outputs: [],
  report: null,
});

class Replay {
  private readonly sinks: readonly SinkSpec[];
  private readonly fingerprint: string;
  private where: { readonly [field: string]: string };

  constructor(
    private readonly request: Request & { readonly plan: Plan },
    private readonly folder: string,
    private readonly index: RejectIndex,
  ) {
    this.sinks = sinksOf(request.plan);
    this.fingerprint = planFingerprint(request.plan);
    this.where = request.options.where ?? {};
  }

  async run(): Promise<ReplayResult> {
    const { folder, index, request } = this;
    const interrupted = await this.settleInterrupted();
    const replayId = interrupted ?? `${request.runId}-r${replaysOf(folder, "done").length + 1}`;
    const settled = replayedRecords(folder);
    const candidates = await this.candidates(settled.numbers);
    if (candidates.length === 0) return nothing(request.runId, index.count - settled.resolved);
    if ([...request.plan.data.values()].some((rows) => !Array.isArray(rows)))
      throw cannotReplay("the plan reads rows that can be read only once", "Give them as an array, or run the plan again.");
    requireOwnOutputs(index, this.sinks, this.writtenBy(), interrupted);
    const shape = planShape((await preparePlan(request.plan, request.settings)).bound);
    const why = whyNotAppend(
      shape,
      index,
      this.sinks,
      candidates.map(({ reject }) => reject),
    );
    if (why === null) {
      const whole = candidates.filter(({ reject }) => reject.raw !== null);
      return whole.length === 0 ? nothing(request.runId, index.count - settled.resolved) : this.append(replayId, whole);
    }
    if (Object.keys(this.where).length > 0)
      throw cannotReplay(`${why}, so that all of its outputs must be computed anew`, "Replay all rejects, without where.");
    requireRecompute(why, index, this.sinks);
    return this.recompute(replayId, candidates);
  }

  /** A replay that was cut off has published everything, nothing, or some of its outputs: the last must be done again under the same id. */
  private async settleInterrupted(): Promise<string | null> {
    const { folder, request } = this;
    for (const record of replaysOf(folder, "prepared")) {
      for (const { path } of record.targets) await recover(path);
      const committed = record.targets.filter((target) => isCommitted(target, record.replayId)).length;
      if (committed === record.targets.length) confirmReplay(folder, record.replayId);
      else if (committed === 0) withdrawReplay(folder, record.replayId);
      else if (record.planFingerprint === this.fingerprint) {
        this.where = record.where;
        return record.replayId;
      } else {
        throw configError("REPLAY_INTERRUPTED", `a replay of run ${request.runId} was cut off between its outputs`, {
          hint: "Replay once with the plan that it had, which carries it to its end.",
        });
      }
    }
    return null;
  }

  private async candidates(settled: ReadonlySet<number>): Promise<Candidate[]> {
    const { request } = this;
    const found: Candidate[] = [];
    let number = -1;
    for await (const reject of openRejects({ stateDir: request.settings.stateDir, runId: request.runId })) {
      number++;
      if (settled.has(number) || !whereFields.every((field) => (this.where[field] ?? reject[field]) === reject[field])) continue;
      found.push({ number, reject });
    }
    return found;
  }

  /** Whose outputs stand at the targets: the run's, or those of the last replay that computed them anew. */
  private writtenBy(): { runId: string; folder: string } {
    const { stateDir } = this.request.settings;
    const last = replaysOf(this.folder, "done").findLast((record) => record.strategy === "recompute");
    const runId = last?.replayId ?? this.request.runId;
    return { runId, folder: folderOfRun(stateDir, runId) };
  }

  private async append(replayId: string, candidates: readonly Candidate[]): Promise<ReplayResult> {
    const replayFolder = folderOfRun(this.request.settings.stateDir, replayId);
    const input = new ReplayInput(this.folder, this.index, replayFolder);
    try {
      input.add(candidates);
      return await this.execute(replayId, "append", candidates, {
        mode: () => "append",
        source: (source, number) => input.sourceFor(source, number),
        keyOf: (reject) => input.keyOf(reject),
      });
    } finally {
      input.remove();
      // They are rejects of the run still; a second list of them would be replayed twice.
      rmSync(rejectFolder(replayFolder), { recursive: true, force: true });
    }
  }

  private recompute(replayId: string, candidates: readonly Candidate[]): Promise<ReplayResult> {
    return this.execute(replayId, "recompute", candidates, {
      mode: (mode) => (mode === "error" ? "overwrite" : mode),
      source: (source) => {
        const { spec } = source;
        if (spec.onReject !== "fail") return source;
        return { ...source, spec: { ...spec, onReject: "quarantine" } };
      },
      keyOf: recordKey,
    });
  }

  private async execute(
    replayId: string,
    strategy: ReplayRecord["strategy"],
    candidates: readonly Candidate[],
    how: {
      readonly mode: (mode: WriteMode) => WriteMode;
      readonly source: ReplayHooks["source"];
      readonly keyOf: (reject: Reject) => string | null;
    },
  ): Promise<ReplayResult> {
    const { request, folder, index } = this;
    const { plan, settings, pool, options } = request;
    let resolved: number[] = [];
    const beforePublish = async (): Promise<boolean> => {
      resolved = await this.settledBy(replayId, candidates, how.keyOf);
      if (resolved.length === 0) return false;
      const targets = this.sinks.map((sink) => ({ path: resolve(sink.path), kind: targetKind(sink) }));
      const { fingerprint: fingerprintOfPlan, where } = this;
      const record = { replayId, planFingerprint: fingerprintOfPlan, strategy, where, targets, resolved };
      prepareReplay(folder, { version: 1, ...record });
      killPoint("replay-prepared");
      return true;
    };
    const done = await executePlan({
      runId: replayId,
      plan: { ...plan, outputs: plan.outputs.map((node) => withMode(node, how.mode)) },
      settings,
      pool,
      options: { job: `replay of ${index.job}`, ...(options.signal === undefined ? {} : { signal: options.signal }) },
      emit: () => undefined,
      waiting: () => undefined,
      onRows: null,
      replay: { source: how.source, beforePublish },
    });
    if (resolved.length > 0) confirmReplay(folder, replayId);
    killPoint("replay-confirmed");
    const remaining = index.count - replayedRecords(folder).resolved;
    const counts = { replayed: candidates.length, resolved: resolved.length, remaining };
    const written = resolved.length > 0 ? replayId : null;
    return { runId: request.runId, replayId: written, strategy, ...counts, outputs: done.outputs, report: done.report };
  }

  /** Numbers of the rejects whose record the replay did not reject again. */
  private async settledBy(
    replayId: string,
    candidates: readonly Candidate[],
    keyOf: (reject: Reject) => string | null,
  ): Promise<number[]> {
    const replayFolder = folderOfRun(this.request.settings.stateDir, replayId);
    const again = new Set<string | null>();
    for await (const reject of new RunRejects(replayId, replayFolder, this.index)) again.add(keyOf(reject));
    // A reject that leads to no record may be of any of them.
    if (again.has(null)) return [];
    return candidates.flatMap(({ number, reject }) => (again.has(recordKey(reject)) ? [] : [number]));
  }
}

const targetKind = (sink: SinkSpec): "file" | "folder" => (isFileTarget(sink) ? "file" : "folder");

/** Every commit leaves the id of its run in the manifest, also when it wrote no file. */
function isCommitted(target: ReplayRecord["targets"][number], replayId: string): boolean {
  const manifest = readManifest(nodeFileSystem, target);
  return manifest !== null && (manifest.runId === replayId || manifest.files.some((file) => file.runId === replayId));
}

const withMode = (node: LogicalNode, mode: (mode: WriteMode) => WriteMode): LogicalNode =>
  node.kind === "sink" ? { ...node, sink: { ...node.sink, mode: mode(node.sink.mode) } } : node;
