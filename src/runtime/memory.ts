const mebibyte = 2 ** 20;

/** With less than this for each worker, threads end when a query begins: what each keeps of its tasks is memory that the query needs. */
const roomyWorker = 512 * mebibyte;
/** Below this DuckDB fails even small sorts instead of spilling. */
const leastDuckDb = 64 * mebibyte;
/** A thread with less heap cannot load its code and a batch. */
const leastHeap = 64 * mebibyte;

/** Blocks, buckets and sorted runs are bounded by constants that need this much. */
const leastKernels = 512 * mebibyte;

/** One budget, split by name. Bytes. */
export interface MemoryShares {
  /** What was given as `memory`. */
  readonly total: number;
  /** What DuckDB may hold before it spills into its own folder. */
  readonly duckdb: number;
  /** The JavaScript heap of one worker; a thread that needs more is ended, and its task fails. */
  readonly workerHeap: number;
  /** What the kernels of one worker may hold together; a task that needs more fails. */
  readonly workerKernels: number;
  /** What block files between stages may keep in memory, past which they are written. */
  readonly held: number;
  /** Whether the threads are ended before a query and started again after it. */
  readonly workersRest: boolean;
}

/**
 * Splits a memory budget. Workers and DuckDB take turns within a run, so both shares are of the whole. The split decides when something spills,
 * never what comes out.
 */
export function splitMemory(total: number, workers: number): MemoryShares {
  const duckdb = Math.max(leastDuckDb, Math.floor(total * 0.6));
  const workerHeap = Math.max(leastHeap, Math.floor((0.5 * total) / workers));
  const workerKernels = Math.max(leastKernels, Math.floor(total / workers));
  const held = Math.floor(total / 8);
  return { total, duckdb, workerHeap, workerKernels, held, workersRest: total < workers * roomyWorker };
}
