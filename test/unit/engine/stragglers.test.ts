import { describe, expect, it } from "vitest";
import { findStragglers } from "../../../src/engine/attempts/stragglers.js";

const task = (partition: number, runningMs: number) => ({ partition, runningMs });
const found = (running: readonly [number, number][], finished: readonly number[], tasks: number): number[] =>
  findStragglers(
    running.map(([partition, ms]) => task(partition, ms)),
    finished,
    tasks,
  ).map(({ partition }) => partition);

describe("stragglers", () => {
  const twelve = Array.from({ length: 12 }, () => 3000);

  it("are slower than 1.5 times the median of the finished", () => {
    expect(
      found(
        [
          [12, 4500],
          [13, 4501],
        ],
        twelve,
        16,
      ),
    ).toEqual([13]);
  });

  it("are looked for once three quarters are done", () => {
    expect(found([[12, 9000]], twelve.slice(1), 16)).toEqual([]);
    expect(found([[12, 9000]], twelve, 16)).toEqual([12]);
  });

  it("take more than two seconds", () => {
    const fast = twelve.map(() => 10);
    expect(
      found(
        [
          [12, 2000],
          [13, 2001],
        ],
        fast,
        16,
      ),
    ).toEqual([13]);
  });

  it("the slowest comes first; the median of an even number is the middle of two", () => {
    expect(
      found(
        [
          [1, 5000],
          [2, 8000],
          [3, 5000],
        ],
        [2000, 4000],
        2,
      ),
    ).toEqual([2, 1, 3]);
    expect(findStragglers([task(1, 5000)], [2000, 4000], 2)[0]?.medianMs).toBe(3000);
    expect(found([[1, 4500]], [2000, 4000], 2)).toEqual([]);
  });

  it("there are none without anything to compare with", () => {
    expect(found([[0, 99_999]], [], 1)).toEqual([]);
  });
});
