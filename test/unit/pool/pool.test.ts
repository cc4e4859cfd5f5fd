import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { WorkerPool } from "../../../src/pool/pool.js";
import type { TaskSpec } from "../../../src/task/protocol.js";

const folder = mkdtempSync(join(tmpdir(), "millrace-pool-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const pools: WorkerPool[] = [];
afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.close();
});

let files = 0;

/** A pool whose threads run this text. */
function poolOf(text: string | null, workers = 2): WorkerPool {
  const file = join(folder, `worker${files++}.cjs`);
  if (text !== null) writeFileSync(file, text);
  const pool = new WorkerPool({ workers, workerHeap: 2 ** 26, entry: pathToFileURL(file) });
  pools.push(pool);
  return pool;
}

/** The pool itself looks at nothing but the place of a task. */
const task = (partition: number) => ({ stageName: "scan", partition }) as TaskSpec;

const codesOf = async (pool: WorkerPool, tasks: number): Promise<unknown[]> => {
  const settled = await Promise.allSettled(Array.from({ length: tasks }, (_, i) => pool.run(task(i))));
  return settled.map((one) => (one.status === "fulfilled" ? one.value : (one.reason as { code: unknown }).code));
};

const answers = "exports.runTask = async (task) => ({ ok: true, result: task.partition });";

describe("the worker pool", () => {
  it("gives every task its answer, also where there are more tasks than threads", async () => {
    expect(await codesOf(poolOf(answers), 9)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it("starts as many threads ahead as it is told, and more when more tasks come", async () => {
    const pool = poolOf(
      'const { threadId } = require("node:worker_threads"); exports.runTask = async () => ({ ok: true, result: threadId });',
      3,
    );
    pool.warm(1);
    expect(new Set([...(await codesOf(pool, 1)), ...(await codesOf(pool, 1))]).size).toBe(1);
    expect(new Set(await codesOf(pool, 30)).size).toBeLessThanOrEqual(3);
  });

  const broken: readonly [string, string | null][] = [
    ["whose file is gone", null],
    ["that misses a file of the package", 'require("./chunk-that-is-gone.cjs");'],
    ["that is cut off in the middle", "exports.runTask = async ("],
  ];
  for (const [what, text] of broken) {
    for (const warm of [0, 2]) {
      it(`tells at once of a worker ${what}${warm > 0 ? ", also where it was started ahead" : ""}`, {
        timeout: 60_000,
      }, async () => {
        const pool = poolOf(text);
        pool.warm(warm);
        // More tasks than threads: those in the queue must not wait for a thread that never comes.
        expect(await codesOf(pool, 5)).toEqual(Array.from({ length: 5 }, () => "WORKER_START"));
        expect(await codesOf(pool, 1)).toEqual(["WORKER_START"]);
      });
    }
  }

  it("finds new threads once the package is whole again", { timeout: 60_000 }, async () => {
    const file = join(folder, "mended.cjs");
    const pool = new WorkerPool({ workers: 2, workerHeap: 2 ** 26, entry: pathToFileURL(file) });
    pools.push(pool);
    expect(await codesOf(pool, 1)).toEqual(["WORKER_START"]);
    writeFileSync(file, answers);
    expect(await codesOf(pool, 3)).toEqual([0, 1, 2]);
  });

  it("tells at once of threads that end while they load", { timeout: 60_000 }, async () => {
    const pool = poolOf("process.exit(3);");
    const codes = await codesOf(pool, 5);
    expect(new Set(codes)).toEqual(new Set(["WORKER_DIED"]));
  });

  it("loses only the task of a thread that ends", { timeout: 60_000 }, async () => {
    const pool = poolOf(`exports.runTask = async (task) => {
      if (task.partition === 2) process.exit(1);
      return { ok: true, result: task.partition };
    };`);
    expect(await codesOf(pool, 6)).toEqual([0, 1, "WORKER_DIED", 3, 4, 5]);
  });
});
