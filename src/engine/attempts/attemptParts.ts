import type { Clock } from "../../common/clock.js";
import type { MillraceError } from "../../common/errors.js";
import type { PartitionSpec, TaskOptions, TaskResult, TaskSpec } from "../../task/protocol.js";
import type { RunEventBody } from "../observe/events.js";
import type { RetryBudget, RetryPolicy } from "./retry.js";

/** Where tasks run. */
export interface TaskPool {
  run(task: TaskSpec): Promise<TaskResult>;
  /** Ends the thread that has this task, which then fails with `why`. A task that no thread has taken is left to its `control`. */
  kill(task: TaskSpec, why: MillraceError): void;
  /** Threads that nobody waits for. */
  readonly idle: number;
}

export interface AttemptSettings {
  readonly retry: RetryPolicy;
  /** How long an attempt may take, in milliseconds; null: as long as it likes. */
  readonly taskTimeoutMs: number | null;
  /** Whether stragglers get a second attempt. */
  readonly speculation: boolean;
}

export interface AttemptParts {
  readonly pool: TaskPool;
  readonly clock: Clock;
  readonly settings: AttemptSettings;
  readonly budget: RetryBudget;
  readonly stage: string;
  /** Makes jitter differ from run to run, and the same for the same run. */
  readonly seed: string;
  readonly emit: (event: RunEventBody) => void;
  /** Whether the stage's tasks are to stop at once. */
  readonly cancelled: () => boolean;
  /** Called before new work is begun. @throws MillraceError Cancelled, where none is to be */
  readonly throwIfStopping: () => void;
  /** The task as its `attempt`-th attempt does it. */
  readonly task: (partition: number, attempt: number, part: PartitionSpec, options: AttemptOptions) => TaskSpec;
  /** What a partition is of its input, for people, and what makes it large. */
  readonly where: (part: PartitionSpec) => Promise<string>;
}

export type AttemptOptions = Pick<TaskOptions, "control" | "poisoned" | "probe">;
