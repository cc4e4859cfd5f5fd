import { describe, expect, test } from "vitest";
import { ExactSum } from "../../../src/kernels/groups/exactSum.js";

/** A finite double as a fraction over 2^1074, by its digits in base 2. */
function units(value: number): bigint {
  let [whole, shift] = [value, 0n];
  while (!Number.isInteger(whole)) {
    whole *= 2;
    shift++;
  }
  return BigInt(whole) << (1074n - shift);
}

const absolute = (value: bigint): bigint => (value < 0n ? -value : value);

/** The doubles right below and above. */
function neighbours(value: number): number[] {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, Math.abs(value));
  const bits = view.getBigInt64(0);
  const near = [bits - 1n, bits + 1n].map((one) => {
    view.setBigInt64(0, one < 0n ? 1n : one);
    return view.getFloat64(0) * (value < 0 || (value === 0 && one < 0n) ? -1 : 1);
  });
  return near.filter(Number.isFinite);
}

const sumOf = (values: readonly number[]): number => {
  const sum = new ExactSum();
  for (const value of values) sum.add(value);
  return sum.value();
};

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

describe("an exact sum", () => {
  test.each([
    [[1e16, 1, -1e16], 1],
    [[0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], 1],
    [[1e308, 1e308, -1e308, -1e308, 3], 3],
    [[1e308, 1e308], Number.POSITIVE_INFINITY],
    [[-1e308, -1e308, 1e308], -1e308],
    [[5e-324, 5e-324], 1e-323],
    [[2 ** 53, 1, 2 ** -1000], 2 ** 53 + 2],
    [[2 ** 53, 1], 2 ** 53],
    [[-0], 0],
    [[], 0],
    [[1, Number.NaN, Number.POSITIVE_INFINITY], Number.NaN],
    [[1, Number.NEGATIVE_INFINITY], Number.NEGATIVE_INFINITY],
    [[Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY], Number.NaN],
  ])("of %j is %d", (values, expected) => {
    expect(sumOf(values)).toBe(expected);
  });

  test("is the nearest double, for values of very different sizes", () => {
    const next = random(11);
    for (let round = 0; round < 300; round++) {
      const spread = round % 3 === 0 ? 600 : 60;
      const values = Array.from({ length: 1 + (round % 40) }, () => (next() - 0.5) * 2 ** Math.floor((next() - 0.5) * spread));
      const exact = values.reduce((sum, value) => sum + units(value), 0n);
      const found = sumOf(values);
      const error = absolute(units(found) - exact);
      for (const other of neighbours(found)) expect(error <= absolute(units(other) - exact)).toBe(true);
    }
  });

  test("forgets what is taken away, also what left the range of doubles", () => {
    const next = random(5);
    const sum = new ExactSum();
    const values = Array.from({ length: 500 }, (_, i) =>
      i === 90 ? Number.NaN : (next() - 0.5) * 2 ** (i % 7 === 0 ? 1023 : 10),
    );
    for (let i = 0; i < values.length; i++) {
      sum.add(values[i] as number);
      if (i >= 5) sum.remove(values[i - 5] as number);
      expect(sum.value()).toBe(sumOf(values.slice(Math.max(0, i - 4), i + 1)));
    }
  });
});
