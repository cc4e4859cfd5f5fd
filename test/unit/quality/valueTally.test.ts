import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mostFrequent, ValueCounter } from "../../../src/runtime/valueTally.js";

describe("ValueCounter", () => {
  it("counts exactly what it keeps, however the input is cut", () => {
    const values = fc.array(fc.integer({ min: 0, max: 900 }), { maxLength: 3_000 });
    fc.assert(
      fc.property(values, fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 5 }), (numbers, sizes) => {
        const whole = new ValueCounter();
        for (const number of numbers) whole.add(`v${number}`);
        const merged = new ValueCounter();
        for (let at = 0, i = 0; at < numbers.length; i++) {
          const part = new ValueCounter();
          const size = sizes[i % sizes.length] ?? 1;
          for (const number of numbers.slice(at, at + size)) part.add(`v${number}`);
          merged.merge(part.take());
          at += size;
        }
        const expected = mostFrequent(whole.take(), 1_000);
        expect(mostFrequent(merged.take(), 1_000)).toEqual(expected);
        for (const { value, count } of expected.values)
          expect(numbers.filter((number) => `v${number}` === value)).toHaveLength(count);
        expect(expected.complete).toBe(new Set(numbers).size <= 256);
      }),
      { numRuns: 60 },
    );
  });

  it("orders by count, then by value, null last", () => {
    const counter = new ValueCounter();
    for (const value of ["b", null, "a", "c", "c", "a", null, "b"]) counter.add(value);
    expect(mostFrequent(counter.take(), 3)).toEqual({
      values: [
        { value: "a", count: 2 },
        { value: "b", count: 2 },
        { value: "c", count: 2 },
      ],
      complete: false,
    });
  });
});
