import { lookInto } from "./openBeside.js";

/**
 * Rows of one run of buckets, about: what a task holds of them should stay near the processor, but every task opens all files. `plenty`: how many
 * tasks are enough.
 */
const leastRows = 2 ** 17;
const mostRows = 2 ** 19;
const plenty = 24;

/** Neighbouring buckets [from, to). */
export interface BucketRun {
  readonly from: number;
  readonly to: number;
}

/** Files that were cut into the same buckets, and which part of a row's memory a task holds for each of their rows. */
export interface BucketSide {
  readonly paths: readonly string[];
  readonly share: number;
}

/** Cuts the buckets of files into runs of neighbours that are worth a task each, of `mostBytes` where a bucket allows it. It depends on the files alone. */
export function bucketRuns(sides: readonly BucketSide[], mostBytes: number): BucketRun[] {
  const { rows, rowBytes } = rowsOfBuckets(sides);
  const all = rows.reduce((sum, more) => sum + more, 0);
  const wanted = Math.min(mostRows, mostBytes / Math.max(1, rowBytes), Math.max(leastRows, all / plenty));
  const runs: BucketRun[] = [];
  let [from, held] = [0, 0];
  rows.forEach((more, bucket) => {
    if (held + more > wanted && bucket > from) {
      runs.push({ from, to: bucket });
      [from, held] = [bucket, 0];
    }
    held += more;
  });
  runs.push({ from, to: Math.max(1, rows.length) });
  return runs;
}

function rowsOfBuckets(sides: readonly BucketSide[]): { readonly rows: readonly number[]; readonly rowBytes: number } {
  const rows: number[] = [];
  let [bytes, all] = [0, 0];
  for (const { path, share } of sides.flatMap((side) => side.paths.map((one) => ({ path: one, share: side.share })))) {
    lookInto(path, (file) => {
      bytes += file.bytes * share;
      for (const { bounds, rows: more } of file.blocks) {
        all += more * share;
        for (let b = 0; b + 1 < bounds.length; b++)
          rows[b] = (rows[b] ?? 0) + ((bounds[b + 1] as number) - (bounds[b] as number)) * share;
      }
    });
  }
  return { rows, rowBytes: all === 0 ? 0 : bytes / all };
}
