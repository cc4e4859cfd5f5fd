import fc from "fast-check";
import { snappyUncompress } from "hyparquet";
import { describe, expect, it } from "vitest";
import { snappyCompress } from "../../../src/kernels/snappy.js";

const roundTrip = (parts: readonly Uint8Array[]): void => {
  const whole = Buffer.concat(parts);
  const compressed = snappyCompress(parts);
  // The preamble is the length as a varint; the reader below takes what follows from it on.
  const restored = new Uint8Array(whole.length);
  snappyUncompress(compressed, restored);
  expect(Buffer.compare(restored, whole)).toBe(0);
};

describe("snappy", () => {
  it("restores any bytes, given in any parts", () => {
    const pattern = fc.uint8Array({ minLength: 1, maxLength: 40 });
    const repeated = fc.tuple(pattern, fc.integer({ min: 1, max: 5000 })).map(([bytes, times]) => {
      const out = new Uint8Array(bytes.length * times);
      for (let i = 0; i < times; i++) out.set(bytes, i * bytes.length);
      return out;
    });
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.uint8Array({ maxLength: 2000 }), repeated), { minLength: 1, maxLength: 6 }), (parts) => {
        fc.pre(parts.some((part) => part.length > 0));
        roundTrip(parts);
      }),
      { numRuns: 60 },
    );
  });

  it("restores inputs beyond one block and beyond the kept room", () => {
    const random = new Uint8Array(3_000_000);
    let state = 1;
    for (let i = 0; i < random.length; i++) {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      random[i] = i % 5000 < 2500 ? state >>> 24 : 7;
    }
    roundTrip([random]);
    expect(snappyCompress([random]).length).toBeLessThan(random.length * 0.6);
  });
});
