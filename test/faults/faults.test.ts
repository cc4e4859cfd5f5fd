import { expect, it } from "vitest";
import { runSweep } from "./child.ts";

/**
 * Each trial ends with its target as it was or as it should be, a typed error that names operation, file and code, and no file left open; the
 * next run gives the right bytes and leaves nothing behind. `npm run faults` goes through every operation; here, as many as 25 seconds allow.
 */
it("a file operation that fails, whichever it is, does no harm", { timeout: 180_000 }, async () => {
  const { status, output } = await runSweep(["--seconds", "25"]);
  expect(output).toMatch(/^\d+ trials in 6 pipelines, 0 failures$/m);
  expect(Number(/^(\d+) trials/m.exec(output)?.[1])).toBeGreaterThan(30);
  expect(status).toBe(0);
});

it("nor does one in the process that goes on with a run", { timeout: 180_000 }, async () => {
  const cases = [
    ["append", "fsync"],
    ["group by", "unlink"],
  ] as const;
  for (const [pipeline, operation] of cases) {
    const { output } = await runSweep(["--cut", "write:20", "--pipeline", pipeline, "--operation", operation, "--seconds", "12"]);
    expect(output).toMatch(/^\d+ trials in 1 pipelines, 0 failures$/m);
    expect(Number(/^(\d+) trials/m.exec(output)?.[1])).toBeGreaterThan(2);
  }
});
