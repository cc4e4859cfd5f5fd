import type * as InspectorModule from "node:inspector";
import { getHeapStatistics } from "node:v8";

/** Its thread must end: what a function keeps there would be in the way of every task after this one. */
export class HeapUsedUp extends Error {}

const mebibytes = (bytes: number): number => Math.round(bytes / 2 ** 20);

/**
 * The share of the JavaScript heap that one thread has, compared between batches. V8's own limit lies above it (see `heapResources`), because V8
 * aborts the whole process where a single allocation goes far beyond that one, as when a large array or map grows.
 */
export class HeapLimit {
  /** Used bytes at which the garbage is to be collected, so as to know what is really held. */
  private lookAt: number;

  constructor(private readonly limit: number) {
    this.lookAt = limit;
  }

  /** @throws HeapUsedUp */
  check(): Promise<void> | null {
    return getHeapStatistics().used_heap_size <= this.lookAt ? null : this.collect();
  }

  private async collect(): Promise<void> {
    await collectGarbage();
    const held = getHeapStatistics().used_heap_size;
    if (held > this.limit) {
      const message = `the JavaScript heap holds ${mebibytes(held)} MiB after a collection, of ${mebibytes(this.limit)} MiB that it may`;
      throw new HeapUsedUp(message);
    }
    // A heap that is nearly full of what is in use is not collected at every batch.
    this.lookAt = Math.max(this.limit, held + this.limit / 2);
  }
}

/** Through the inspector, which needs no flag of the process. */
function collectGarbage(): Promise<void> {
  const { Session } = process.getBuiltinModule("node:inspector") as typeof InspectorModule;
  const session = new Session();
  session.connect();
  return new Promise<void>((resolve, reject) => {
    session.post("HeapProfiler.collectGarbage", (error) => (error === null ? resolve() : reject(error)));
  }).finally(() => session.disconnect());
}
