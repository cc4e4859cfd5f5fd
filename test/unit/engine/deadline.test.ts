import { describe, expect, it } from "vitest";
import { deadlineOf } from "../../../src/engine/deadline.js";

describe("a deadline", () => {
  const now = Date.UTC(2026, 0, 31);

  it.each([
    ["90s", now + 90_000],
    ["2h", now + 7_200_000],
    [1500, now + 1500],
    ["2026-01-31T06:00:00Z", now + 6 * 3_600_000],
    ["2026-01-31T06:00+02:00", now + 4 * 3_600_000],
    [new Date(now - 5), now - 5],
  ])("%s", (deadline, atMs) => {
    expect(deadlineOf({ deadline }, now)).toEqual({ atMs, action: "report" });
  });

  it("may be left out, and may stop the run", () => {
    expect(deadlineOf({}, now)).toBeNull();
    expect(deadlineOf({ deadline: 1, onDeadline: "stop" }, now)?.action).toBe("stop");
  });

  it.each([["soon"], [-1], [0], [Number.NaN], [new Date(Number.NaN)], ["2026-13-45T06:00:00Z"], ["2026-01-31"]])(
    "%s is none",
    (deadline) => {
      expect(() => deadlineOf({ deadline }, now)).toThrow(/deadline: expected a time .* or a moment/);
    },
  );

  it("knows two things to do", () => {
    expect(() => deadlineOf({ deadline: 1, onDeadline: "panic" as never }, now)).toThrow(
      /onDeadline: expected "report" or "stop"/,
    );
  });
});
