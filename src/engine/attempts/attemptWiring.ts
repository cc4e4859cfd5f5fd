import { assertNever } from "../../common/assert.js";
import { systemClock } from "../../common/clock.js";
import type { ResolvedSource } from "../../plan/bound.js";
import type { PartitionSpec, Step, TaskSpec } from "../../task/protocol.js";
import type { AttemptOptions } from "./attemptParts.js";
import { StageAttempts } from "./attempts.js";
import type { RunContext } from "../context.js";

/** Attempts that are kept for the report. */
const mostAttempts = 1000;

/** The attempts of one stage of a run. `cancel`: the flag that stops its tasks. */
export function attemptsOf(
  run: RunContext,
  stage: string,
  cancel: SharedArrayBuffer,
  task: (partition: number, attempt: number, part: PartitionSpec, options: AttemptOptions) => TaskSpec,
  where: (part: PartitionSpec) => Promise<string>,
): StageAttempts {
  const { retry, taskTimeoutMs, speculation } = run.settings;
  const flag = new Int32Array(cancel);
  return new StageAttempts({
    pool: run.pool,
    clock: systemClock,
    settings: { retry, taskTimeoutMs, speculation },
    budget: run.retries,
    stage,
    seed: run.runId,
    emit: (event) => {
      if (event.kind === "attempt" && run.attempts.length < mostAttempts) {
        const { kind: _, ...attempt } = event;
        run.attempts.push(attempt);
      }
      run.emit(event);
    },
    cancelled: () => Atomics.load(flag, 0) !== 0,
    throwIfStopping: () => run.throwIfStopping(),
    task,
    where,
  });
}

/**
 * What a partition is of its input, with the key that makes it large where it is one of grouped rows and a fifth of them or more have the same. It reads
 * some of the rows.
 */
export async function placeWithKey(part: PartitionSpec, source: ResolvedSource | null, steps: readonly Step[]): Promise<string> {
  const place = placeOf(part, source);
  const [keys] = steps.flatMap((step) => (step.op === "finalAggregate" ? [step.keys] : []));
  if (part.kind !== "buckets" || source === null || keys === undefined) return place;
  try {
    const { heavyKey } = await import("../../exchange/heavyKey.js");
    const paths = source.files.map((file) => file.path);
    const heavy = heavyKey(paths, part, keys);
    return heavy === null ? place : `${place}: ${heavy.text} has ${(100 * heavy.share).toFixed(0)} % of the rows`;
  } catch {
    // Who reads the rows for their own sake says what is wrong with them.
    return place;
  }
}

/** What a partition is of its input, for people. */
export function placeOf(part: PartitionSpec, source: ResolvedSource | null): string {
  const file = source?.files[part.file]?.path ?? "";
  switch (part.kind) {
    case "bytes":
      return `${file}, bytes ${part.start} to ${part.end}`;
    case "wholeFile":
      return file;
    case "rowGroups":
      return `${file}, row groups ${part.groups.join(", ")}`;
    case "batches":
      return `${file}, record batches ${part.first} to ${part.first + part.count}`;
    case "buckets":
    case "keyed":
      return `keys of hash buckets ${part.from} to ${part.to}`;
    case "placed":
      return `rows of blocks ${part.before + part.from} to ${part.before + part.to}`;
    case "runs":
      return `keys from ${part.from ?? "the first"} to ${part.to ?? "the last"}`;
    default:
      return assertNever(part, "partition");
  }
}
