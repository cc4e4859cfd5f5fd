/** A task at work. */
export interface RunningTask {
  readonly partition: number;
  /** Since its thread took it. */
  readonly runningMs: number;
}

/** A task that holds up its stage. */
export interface StragglerFound extends RunningTask {
  /** Of the tasks that are done. */
  readonly medianMs: number;
}

const slowerThanMedian = 1.5;
const doneShare = 0.75;
const leastMs = 2000;

/**
 * Running tasks that a second attempt may overtake: slower than 1.5 times the median of the finished and than two seconds, once three quarters
 * of the stage are done. The slowest first.
 * @param finishedMs how long each finished task took
 * @param tasks number of tasks of the stage
 */
export function findStragglers(running: readonly RunningTask[], finishedMs: readonly number[], tasks: number): StragglerFound[] {
  if (finishedMs.length === 0 || finishedMs.length < doneShare * tasks) return [];
  const medianMs = medianOf(finishedMs);
  return running
    .filter(({ runningMs }) => runningMs > leastMs && runningMs > slowerThanMedian * medianMs)
    .sort((a, b) => b.runningMs - a.runningMs || a.partition - b.partition)
    .map((task) => ({ ...task, medianMs }));
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? 0)) / 2;
}
