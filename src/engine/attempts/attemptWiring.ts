import { assertNever } from "../../common/assert.js";
import { systemClock } from "../../common/clock.js";
import type { HeavyKey } from "../../exchange/heavyKey.js";
import type { ResolvedSource } from "../../plan/bound.js";
import type { Schema } from "../../schema/types.js";
import type { PartitionSpec, Step, TaskSpec } from "../../task/protocol.js";
import type { RunContext } from "../context.js";
import type { AttemptOptions } from "./attemptParts.js";
import { StageAttempts } from "./attempts.js";

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
 * What a partition is of its input, with the key that makes it large where its rows were put together by keys and a fifth of them or more have the same. It
 * reads some of the rows.
 */
export async function placeWithKey(part: PartitionSpec, source: ResolvedSource | null, steps: readonly Step[]): Promise<string> {
  const place = placeOf(part, source);
  if (source === null || (part.kind !== "buckets" && part.kind !== "keyed")) return place;
  try {
    const heavy = await heavyOf(part, source, steps);
    return heavy === null ? place : `${place}: ${heavy.text} has ${(100 * heavy.share).toFixed(0)} % of the rows`;
  } catch {
    // Who reads the rows for their own sake says what is wrong with them.
    return place;
  }
}

type PartByKey = Extract<PartitionSpec, { kind: "buckets" | "keyed" }>;

async function heavyOf(part: PartByKey, { files, schema }: ResolvedSource, steps: readonly Step[]): Promise<HeavyKey | null> {
  const { heavyKey, heavyRowKey } = await import("../../exchange/heavyKey.js");
  const paths = files.map((file) => file.path);
  if (part.kind === "keyed") return heavyRowKey(paths, part, keyColumns(steps, schema));
  const [keys] = steps.flatMap((step) => (step.op === "finalAggregate" ? [step.keys] : []));
  return keys === undefined ? null : heavyKey(paths, part, keys);
}

/** By what the rows of a stage were put into buckets. */
function keyColumns(steps: readonly Step[], schema: Schema): Schema {
  const [indexes] = steps.flatMap((step) => {
    if (step.op === "window") return [step.partition];
    if (step.op === "keepOne") return [step.columns];
    return step.op === "bucketJoin" ? [step.on.map(({ left }) => left)] : [];
  });
  return (indexes ?? []).flatMap((index) => schema[index] ?? []);
}

/** What a partition is of its input, for people. */
export function placeOf(part: PartitionSpec, source: ResolvedSource | null): string {
  const file = source?.files[part.file]?.path ?? "";
  switch (part.kind) {
    case "bytes":
      return `${file}, bytes ${part.start} to ${part.end}`;
    case "wholeFile":
      return file;
    case "files":
      return `${file} and ${part.count - 1} more files, to ${source?.files[part.file + part.count - 1]?.path ?? ""}`;
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
