import { describe, expect, it } from "vitest";
import { splitMemory } from "../../../src/runtime/memory.js";
import { controlGroupLimits } from "../../../src/runtime/memoryLimits.js";

const reader = (files: Readonly<Record<string, string>>) => (path: string) => files[path] ?? null;

describe("limits of control groups", () => {
  it("finds none where there are no groups, or none that limits", () => {
    expect(controlGroupLimits(reader({}))).toEqual([]);
    expect(controlGroupLimits(reader({ "/sys/fs/cgroup/memory.max": "max\n", "/proc/self/cgroup": "0::/\n" }))).toEqual([]);
  });

  it("takes the own group's limit and those of the groups around it (version 2)", () => {
    const files = {
      "/proc/self/cgroup": "0::/pods/one\n",
      "/sys/fs/cgroup/memory.max": "max\n",
      "/sys/fs/cgroup/pods/memory.max": "4000000000\n",
      "/sys/fs/cgroup/pods/one/memory.max": "5000000000\n",
    };
    expect(Math.min(...controlGroupLimits(reader(files)))).toBe(4e9);
  });

  it("takes the memory controller's limits (version 1), and a root that is the own group", () => {
    const files = {
      "/proc/self/cgroup": "9:cpuset:/\n4:cpu,memory:/jobs/a:b\n0::/\n",
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
      "/sys/fs/cgroup/memory/jobs/a:b/memory.limit_in_bytes": "1073741824\n",
    };
    expect(Math.min(...controlGroupLimits(reader(files)))).toBe(2 ** 30);
  });
});

describe("the split of a budget", () => {
  it("gives no share more than the whole, and workers' heaps together no more than half", () => {
    for (const workers of [1, 2, 8]) {
      const shares = splitMemory(4e9, workers);
      expect(shares.duckdb).toBe(2.4e9);
      expect(shares.workerHeap * workers).toBeLessThanOrEqual(2e9);
    }
  });

  it("keeps the least that queries and threads can work with", () => {
    expect(splitMemory(64 * 2 ** 20, 8)).toMatchObject({ duckdb: 64 * 2 ** 20, workerHeap: 64 * 2 ** 20 });
  });

  it("lets threads rest during queries where each worker has less than 512 MiB", () => {
    expect(splitMemory(512e6, 2).workersRest).toBe(true);
    expect(splitMemory(2 ** 30, 2).workersRest).toBe(false);
  });
});
