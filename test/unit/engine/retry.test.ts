import { describe, expect, it } from "vitest";
import {
  configError,
  dataError,
  externalError,
  internalError,
  MillraceError,
  planError,
  resourceError,
} from "../../../src/common/errors.js";
import { retryPolicy } from "../../../src/engine/attempts/attemptOptions.js";
import { defaultRetry, gaveUp, isTransient, RetryBudget, retryDelay, seededRandom } from "../../../src/engine/attempts/retry.js";

describe("waits between attempts", () => {
  it("double from 1 s, and stay under 60 s, without jitter", () => {
    const waits = [1, 2, 3, 4, 5, 6, 7, 8].map((retry) => retryDelay(defaultRetry, retry, 0.5));
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  });

  it("vary between half and one and a half", () => {
    expect(retryDelay(defaultRetry, 2, 0)).toBe(1000);
    expect(retryDelay(defaultRetry, 2, 0.999999)).toBe(3000);
    expect(retryDelay(defaultRetry, 9, 0.999999)).toBe(60_000);
  });

  it("come from a generator that is even, and the same for the same seed", () => {
    const draws = Array.from({ length: 4000 }, (_, i) => seededRandom(`run/stage/${i}`));
    expect(draws).toEqual(Array.from({ length: 4000 }, (_, i) => seededRandom(`run/stage/${i}`)));
    expect(draws.every((draw) => draw >= 0 && draw < 1)).toBe(true);
    const tenths = Array.from({ length: 10 }, (_, tenth) => draws.filter((draw) => Math.floor(draw * 10) === tenth).length);
    // 400 expected; five standard deviations are 95.
    for (const count of tenths) expect(Math.abs(count - 400)).toBeLessThan(95);
  });
});

describe("what is tried again", () => {
  const because = (code: string) => ({ cause: new Error(`${code}: something, read`) });
  const cases: readonly (readonly [string, unknown, boolean])[] = [
    ["a worker that died", resourceError("WORKER_DIED", "ended"), true],
    ["a task that took too long", resourceError("TASK_TIMEOUT", "too long"), true],
    ["an input error that passes", externalError("FILE_IO", "cannot read", because("EIO")), true],
    ["too many open files", externalError("FILE_IO", "cannot open", because("EMFILE")), true],
    ["an external failure of unknown kind", externalError("IO_FAILED", "connection reset"), true],
    ["a file that is not there", externalError("FILE_IO", "cannot open", because("ENOENT")), false],
    ["a file that may not be read", externalError("FILE_IO", "cannot open: EACCES: permission denied, open"), false],
    ["a broken commit", externalError("COMMIT_BROKEN", "half done"), false],
    ["data", dataError("CAST_FAILED", "not a number"), false],
    ["the plan", planError("UNKNOWN_COLUMN", "no such column"), false],
    ["options", configError("INVALID_OPTION", "no"), false],
    ["a full disk", resourceError("DISK_FULL", "full"), false],
    ["a worker that cannot be started", resourceError("WORKER_START", "cannot load"), false],
    ["a stop", new MillraceError("Cancelled", "RUN_CANCELLED", "stopped"), false],
    ["a bug", internalError("oops"), false],
    ["something else that was thrown", new Error("oops"), false],
  ];
  it.each(cases)("%s", (_, error, again) => expect(isTransient(error)).toBe(again));
});

describe("limits", () => {
  it("a run has so many retries in all", () => {
    const budget = new RetryBudget(2);
    expect([budget.take(), budget.take(), budget.take(), budget.take()]).toEqual([true, true, false, false]);
  });

  it("the last failure keeps its code, place and cause, and says how often it was tried", () => {
    const last = resourceError("WORKER_DIED", "the worker ended", { stage: "scan", partition: 3, cause: new Error("exit 7") });
    const error = gaveUp(last, 4);
    expect(error).toMatchObject({ code: "WORKER_DIED", category: "Resource", place: { stage: "scan", partition: 3 } });
    expect(error.message).toBe("the worker ended (given up after 4 attempts)");
    expect(error.toData().cause).toBe("exit 7");
  });

  it("options are checked", () => {
    expect(retryPolicy(undefined)).toEqual({ retries: 3, baseMs: 1000, factor: 2, maxMs: 60_000, perRun: 100 });
    expect(retryPolicy(false).retries).toBe(0);
    expect(retryPolicy({ retries: 5 })).toMatchObject({ retries: 5, baseMs: 1000 });
    expect(() => retryPolicy({ retries: 1.5 })).toThrow(/retry.retries: expected a whole number of at least 0, found 1.5/);
    expect(() => retryPolicy({ factor: 0.5 })).toThrow(/retry.factor: expected a number of at least 1/);
    expect(() => retryPolicy({ retires: 3 } as object)).toThrow(/unknown option "retires". Did you mean "?retries/);
  });
});
