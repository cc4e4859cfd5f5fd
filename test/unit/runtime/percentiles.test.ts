import fc from "fast-check";
import { expect, test } from "vitest";
import { percentilesOf } from "../../../src/runtime/percentiles.js";

test("percentiles of a thousand values", () => {
  const values = Array.from({ length: 1000 }, (_, i) => 1000 - i);
  const wanted = { count: 1000, min: 1, mean: 501, p50: 500, p95: 950, p99: 990, max: 1000 };
  expect(percentilesOf(values)).toEqual(wanted);
});

test("none, one and two values", () => {
  expect(percentilesOf([])).toEqual({ count: 0, min: 0, mean: 0, p50: 0, p95: 0, p99: 0, max: 0 });
  expect(percentilesOf([6.6])).toEqual({ count: 1, min: 7, mean: 7, p50: 7, p95: 7, p99: 7, max: 7 });
  expect(percentilesOf([9, -3])).toEqual({ count: 2, min: 0, mean: 5, p50: 0, p95: 9, p99: 9, max: 9 });
});

test("a percentile is the smallest value that its share of the values does not pass", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(1e9), { minLength: 1, maxLength: 200 }), (values) => {
      const found = percentilesOf(values);
      for (const [percent, value] of [
        [50, found.p50],
        [95, found.p95],
        [99, found.p99],
      ] as const) {
        const reaching = (limit: number) => values.filter((one) => one <= limit).length * 100;
        expect(values).toContain(value);
        expect(reaching(value)).toBeGreaterThanOrEqual(percent * values.length);
        expect(reaching(value - 1)).toBeLessThan(percent * values.length);
      }
    }),
  );
});
