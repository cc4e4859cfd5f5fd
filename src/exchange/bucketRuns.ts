import { BlockFile } from "./blockFile.js";

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

/** Cuts the buckets of files into runs of neighbours that are worth a task each, of `mostBytes` where a bucket allows it. It depends on the files alone. */
export function bucketRuns(paths: readonly string[], mostBytes: number): BucketRun[] {
  const { rows, rowBytes } = rowsOfBuckets(paths);
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

function rowsOfBuckets(paths: readonly string[]): { readonly rows: readonly number[]; readonly rowBytes: number } {
  const rows: number[] = [];
  let [bytes, all] = [0, 0];
  for (const path of paths) {
    const file = new BlockFile(path);
    file.close();
    bytes += file.bytes;
    for (const { bounds, rows: more } of file.blocks) {
      all += more;
      for (let b = 0; b + 1 < bounds.length; b++) rows[b] = (rows[b] ?? 0) + (bounds[b + 1] as number) - (bounds[b] as number);
    }
  }
  return { rows, rowBytes: all === 0 ? 0 : bytes / all };
}
