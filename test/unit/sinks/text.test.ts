import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TextOut } from "../../../src/io/sink/sinkText.js";

const written = (value: number): string | null => {
  const out = new TextOut();
  const done = out.amount(value, "");
  const text = Buffer.from(out.bytes.subarray(0, out.length)).toString();
  if (!done) expect(text).toBe("");
  return done ? text : null;
};

describe("amounts", () => {
  it("are written as JavaScript writes them, or left to the general way", () => {
    fc.assert(
      fc.property(fc.integer({ min: -1_100_000_000, max: 1_100_000_000 }), fc.constantFrom(1, 10, 100, 1000, 3), (n, by) => {
        const text = written(n / by);
        if (text !== null) expect(text).toBe(String(n / by));
        else expect(Math.abs(n / by) >= 10_000_000 || by === 1000 || by === 3 || Object.is(n / by, -0)).toBe(true);
      }),
    );
    fc.assert(
      fc.property(fc.double(), (value) => {
        const text = written(value);
        if (text !== null) expect(text).toBe(String(value));
      }),
    );
  });

  it("take the ends of their range", () => {
    expect([0, 0.01, -0.5, 9_999_999.99, 0.29, 1.1].map(written)).toEqual(["0", "0.01", "-0.5", "9999999.99", "0.29", "1.1"]);
    expect([-0, 10_000_000, Number.NaN, Infinity, 5e-324, 0.005].map(written)).toEqual([null, null, null, null, null, null]);
    const out = new TextOut();
    out.amount(7, ".0");
    expect(Buffer.from(out.bytes.subarray(0, out.length)).toString()).toBe("7.0");
  });
});
