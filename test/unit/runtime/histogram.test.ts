import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Distribution } from "../../../src/runtime/histogram.js";

const of = (values: readonly number[]): Distribution => {
  const distribution = new Distribution();
  for (const value of values) distribution.record(value);
  return distribution;
};

describe("distributions", () => {
  it("merge without loss: as if all values had been recorded in one", () => {
    const values = fc.array(fc.integer({ min: 0, max: 10_000_000 }), { maxLength: 60 });
    fc.assert(
      fc.property(fc.array(values, { maxLength: 6 }), (parts) => {
        const merged = new Distribution();
        for (const part of parts) merged.merge(of(part));
        expect(merged.percentiles()).toEqual(of(parts.flat()).percentiles());
      }),
      { numRuns: 50 },
    );
  });

  it("keep three significant digits", () => {
    const values = Array.from({ length: 1000 }, (_, i) => (i + 1) * 1000);
    const found = of(values).percentiles();
    expect(found.count).toBe(1000);
    for (const [name, exact] of [
      ["p50", 500_000],
      ["p95", 950_000],
      ["p99", 990_000],
      ["max", 1_000_000],
    ] as const) {
      expect(Math.abs(found[name] - exact) / exact).toBeLessThan(0.001);
    }
  });
});
