import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  countingTexts,
  hashOfText,
  mergeTallies,
  mostFrequent,
  ValueCounter,
  type ValueTally,
} from "../../../src/runtime/valueTally.js";

function counted(texts: readonly (string | null)[]): ValueTally {
  const counter = new ValueCounter(countingTexts);
  for (const text of texts) counter.add(text, hashOfText(text));
  return counter.take();
}

describe("ValueCounter", () => {
  it("counts exactly what it keeps, however the input is cut", () => {
    const values = fc.array(fc.integer({ min: 0, max: 900 }), { maxLength: 3_000 });
    fc.assert(
      fc.property(values, fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 5 }), (numbers, sizes) => {
        const texts = numbers.map((number) => `v${number}`);
        const parts: ValueTally[] = [];
        for (let at = 0, i = 0; at < numbers.length; i++) {
          const size = sizes[i % sizes.length] ?? 1;
          parts.push(counted(texts.slice(at, at + size)));
          at += size;
        }
        const expected = mostFrequent(counted(texts), 1_000);
        expect(mostFrequent(mergeTallies(parts), 1_000)).toEqual(expected);
        for (const { value, count } of expected.values)
          expect(numbers.filter((number) => `v${number}` === value)).toHaveLength(count);
        expect(expected.complete).toBe(new Set(numbers).size <= 256);
      }),
      { numRuns: 60 },
    );
  });

  it("orders by count, then by value, null last", () => {
    expect(mostFrequent(counted(["b", null, "a", "c", "c", "a", null, "b"]), 3)).toEqual({
      values: [
        { value: "a", count: 2 },
        { value: "b", count: 2 },
        { value: "c", count: 2 },
      ],
      complete: false,
    });
  });

  it("tells values apart that share a hash", () => {
    const counter = new ValueCounter(countingTexts);
    for (const text of ["a", "b", "a", null, "c"]) counter.add(text, 7);
    expect(mostFrequent(counter.take(), 9).values).toEqual([
      { value: "a", count: 2 },
      { value: "b", count: 1 },
      { value: "c", count: 1 },
      { value: null, count: 1 },
    ]);
  });
});
