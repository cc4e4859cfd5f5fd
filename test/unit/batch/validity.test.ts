import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { countValid } from "../../../src/batch/validity.js";

describe("countValid", () => {
  it("counts ones wherever the bytes begin, all of them too", () => {
    const bits = fc.oneof(fc.array(fc.integer({ min: 0, max: 1 }), { maxLength: 3_000 }), fc.constant(Array(5_000).fill(1)));
    fc.assert(
      fc.property(bits, fc.integer({ min: 0, max: 7 }), (ones, from) => {
        const bytes = new Uint8Array(from + ones.length + 3).fill(1);
        bytes.set(ones, from);
        expect(countValid(bytes.subarray(from, from + ones.length))).toBe(ones.filter((one) => one === 1).length);
      }),
    );
  });
});
