import { join } from "node:path";
import { required } from "../../common/assert.js";
import type { ResolvedSource } from "../../plan/bound.js";
import type { PlannedStep, WorkerStage } from "../../planner/stages.js";
import type { ColumnsRead } from "../../io/contracts.js";
import { splitMemory } from "../../runtime/memory.js";
import { writesExchange } from "../../task/fileSteps.js";
import { leadingFilter } from "../../task/leadingFilter.js";
import { filesOf } from "../../task/partFiles.js";
import type { PartitionSpec, RowsBuild, ScanSpec, Step, TaskSpec } from "../../task/protocol.js";
import type { AttemptOptions } from "../attempts/attemptParts.js";
import type { RunContext } from "../context.js";

/** Whether a stage reads what the plan reads, and not what an earlier stage left. */
export const readsSource = ({ input }: WorkerStage): boolean => input.kind === "source";

/** What an earlier stage computed of the rows that a stage reads. */
export function besideOf({ input }: WorkerStage, run: RunContext): Pick<ScanSpec, "beside"> {
  if (input.kind !== "exchange" || input.beside === undefined) return {};
  const { exchange, how } = input.beside;
  return { beside: { paths: run.exchangeFiles(exchange).map(({ path }) => path), how } };
}

/** What a stage reads of its source. Rows that lack a required value are rejected, whatever else they hold. */
export function columnsRead({ input, steps }: WorkerStage, { spec }: ResolvedSource): ColumnsRead {
  const isStrict = "required" in spec && (spec.required ?? []).length > 0;
  return { schema: input.schema, condition: isStrict ? null : leadingFilter(steps.map(({ step }) => step)) };
}

/** Says what each task of a stage has to do. */
export class StageTasks {
  constructor(
    private readonly stage: WorkerStage,
    private readonly run: RunContext,
    /** The flag that stops them. */
    private readonly cancel: SharedArrayBuffer,
    private readonly source: ResolvedSource,
    private readonly builds: ReadonlyMap<PlannedStep, readonly RowsBuild[]>,
    private readonly partitions: number,
  ) {}

  /** @param changed whether the partition is not as it was cut at first */
  task(partition: number, attempt: number, part: PartitionSpec, changed: boolean, options: AttemptOptions): TaskSpec {
    const { run, stage } = this;
    const { workerHeap, workerKernels } = splitMemory(run.settings.memoryBytes, run.settings.workers);
    const name = `p${String(partition).padStart(6, "0")}-a${attempt}`;
    const source = this.sourceFor(part);
    const fromSource = readsSource(stage);
    return {
      protocol: 1,
      runId: run.runId,
      stage: stage.id,
      stageName: stage.name,
      partition,
      attempt: changed ? 2 : 1,
      scan: { source, schema: stage.input.schema, ...besideOf(stage, run) },
      fromSource,
      part: { ...part, file: 0 },
      steps: stage.steps.map((planned) => this.step(planned, name, options)),
      ...this.again(),
      rejectFile: join(run.folder, "rejects", `s${stage.id}-${name}`),
      options: {
        interpreted: run.settings.interpreted,
        batchRows: 65_536,
        kernelBytes: workerKernels,
        heapBytes: workerHeap,
        cancel: this.cancel,
        ...this.held(source),
        ...options,
      },
    };
  }

  private step(planned: PlannedStep, name: string, { probe }: AttemptOptions): Step {
    const { run } = this;
    const { step, exchange, output } = planned;
    if (writesExchange(step)) {
      const extension = step.op === "exchange" && step.format !== "blocks" ? "parquet" : "blocks";
      return { ...step, file: join(run.scratch, `x${required(exchange, "exchange")}`, `${name}.${extension}`) };
    }
    if (step.op === "sink") {
      const index = required(output, "output");
      // What a probe gives does not count.
      const shared = probe === undefined ? (run.earlyFile(index)?.shared ?? null) : null;
      // The fragments of an only task are linked.
      const packed = this.partitions > 1;
      return { ...step, directory: join(run.staging(index), name), packed, ...(shared === null ? {} : { shared }) };
    }
    if (step.op === "join") return { ...step, build: required(this.builds.get(planned)?.[0], "right side") };
    if (step.op === "expect" && planned.verdicts !== undefined) {
      return { ...step, verdicts: required(this.builds.get(planned), "verdicts") };
    }
    return step;
  }

  /** A task is told of its own files only: a message that lists all of them would cost as much as the task where there are thousands. */
  private sourceFor(part: PartitionSpec): ResolvedSource {
    const { source } = this;
    if (readsAllFiles(part) || source.files.length === 0) return source;
    const files = filesOf(part, source.files);
    const { spec } = source;
    return { ...source, files, spec: "paths" in spec ? { ...spec, paths: files.map(({ path }) => path) } : spec };
  }

  private again(): Pick<TaskSpec, "again"> {
    const { again, steps } = this.stage;
    const marked = steps.flatMap((planned, i) => (planned.again === true ? [i] : []));
    return again === true || marked.length > 0 ? { again: { scan: again === true, steps: marked } } : {};
  }

  private held(source: ResolvedSource): ReturnType<RunContext["heldOptions"]> {
    const { run, stage } = this;
    if (readsSource(stage)) return run.heldOptions([]);
    return run.heldOptions([...source.files.map(({ path }) => path), ...(besideOf(stage, run).beside?.paths ?? [])]);
  }
}

const readsAllFiles = ({ kind }: PartitionSpec): boolean => kind === "buckets" || kind === "runs" || kind === "keyed";
