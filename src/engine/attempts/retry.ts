import { MillraceError } from "../../common/errors.js";

/** When a task that failed is tried again. Times are milliseconds. */
export interface RetryPolicy {
  /** Further attempts of a task after its first. */
  readonly retries: number;
  /** Wait before the first retry. */
  readonly baseMs: number;
  /** By which each further wait is longer. */
  readonly factor: number;
  /** The longest wait. */
  readonly maxMs: number;
  /** Retries of all tasks of a run together. */
  readonly perRun: number;
}

export const defaultRetry: RetryPolicy = { retries: 3, baseMs: 1000, factor: 2, maxMs: 60_000, perRun: 100 };

/**
 * Wait before the `retry`-th retry (from 1): exponential, times a jitter between 0.5 and 1.5, so that tasks which failed together do not come
 * back together.
 * @param random uniform in [0, 1)
 */
export function retryDelay(policy: RetryPolicy, retry: number, random: number): number {
  const full = Math.min(policy.maxMs, policy.baseMs * policy.factor ** (retry - 1));
  return Math.round(Math.min(policy.maxMs, full * (0.5 + random)));
}

/** Uniform in [0, 1) and the same for the same text: FNV-1a, then the finalizer of MurmurHash3. */
export function seededRandom(seed: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < seed.length; i++) hash = Math.imul(hash ^ seed.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

/** Files that are not what was written: reading them again makes them no better. */
const damaged: readonly string[] = ["COMMIT_BROKEN", "SCRATCH_DAMAGED", "FRAGMENT_DAMAGED"];

/** What the system says of errors that stay when one tries again. */
const permanent = /\b(?:ENOENT|EACCES|EPERM|EISDIR|ENOTDIR|EROFS|ENAMETOOLONG|ELOOP|EINVAL|EBADF|ENXIO|EEXIST|ENOTSUP)\b/;

/**
 * Whether another attempt may do better: a worker that died or did not end in time, and failures of the file system or another system that
 * pass. Never data, plans or options, and never a full disk or a lack of memory that the task itself reported.
 */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof MillraceError)) return false;
  // Open files are given back as other tasks end.
  if (endedItsWorker(error) || error.code === "TOO_MANY_FILES") return true;
  if (error.category !== "External" || damaged.includes(error.code)) return false;
  return !permanent.test(`${error.message} ${String(error.toData().cause ?? "")}`);
}

/** Whether an attempt took its thread with it. */
export const endedItsWorker = (error: unknown): boolean =>
  error instanceof MillraceError && (error.code === "WORKER_DIED" || error.code === "TASK_TIMEOUT");

/** How many retries a run has left. */
export class RetryBudget {
  private used = 0;

  constructor(private readonly most: number) {}

  take(): boolean {
    if (this.used >= this.most) return false;
    this.used++;
    return true;
  }

  /** Retries that turned out to be the fault of the input count no more. */
  giveBack(retries: number): void {
    this.used -= retries;
  }
}

/** The last failure of a task, with how often it was tried. Code, category and place stay those of the cause. */
export function gaveUp(last: MillraceError, attempts: number, why: string | null = null): MillraceError {
  const { message, ...data } = last.toData();
  const tried = attempts === 1 ? "after 1 attempt" : `after ${attempts} attempts`;
  return MillraceError.fromData({ ...data, message: `${message} (given up ${tried}${why === null ? "" : `; ${why}`})` });
}
