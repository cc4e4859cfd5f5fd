import fc from "fast-check";
import { snappyUncompress } from "hyparquet";
import { describe, expect, it } from "vitest";
import { snappyCompress } from "../../../src/kernels/snappy.js";
import { undo, unpacked } from "./plainSnappy.js";

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

  it("is undone by the kernel as byte by byte, also where the bytes were changed", () => {
    const few = fc.array(fc.constantFrom(0, 1, 2, 97), { maxLength: 300 });
    const text = fc.tuple(few, fc.integer({ min: 1, max: 40 }), few).map(([a, times, b]) => {
      return Uint8Array.from([...Array.from({ length: times }, () => a).flat(), ...b]);
    });
    const changes = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { maxLength: 4 });
    let undone = 0;
    fc.assert(
      fc.property(text, changes, fc.nat(8), (whole, list, shorter) => {
        const packed = snappyCompress([whole]);
        let head = 1;
        while ((packed[head - 1] as number) > 127) head++;
        for (const [at, by] of list) {
          const place = head + (at % Math.max(1, packed.length - head));
          if (place < packed.length) packed[place] = (packed[place] as number) ^ by;
        }
        const bytes = packed.subarray(0, Math.max(head, packed.length - (list.length > 2 ? shorter : 0)));
        const expected = new Uint8Array(whole.length);
        const isWhole = undo(bytes, head, expected) === whole.length;
        const found = unpacked(bytes, whole.length);
        expect(found !== null).toBe(isWhole);
        if (found === null) return;
        undone++;
        expect(Buffer.compare(found, expected)).toBe(0);
        if (list.length === 0) expect(Buffer.compare(found, whole)).toBe(0);
      }),
      { numRuns: 2000 },
    );
    expect(undone).toBeGreaterThan(200);
  });

  it("undoes literals and copies of every length and way back", () => {
    const literal = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 7919) >> 3);
    const sizes = [1, 59, 60, 61, 256, 257, 65_536, 65_537];
    for (const size of sizes)
      for (const back of [1, 2, 7, 8, 9, 15, 16, 17, 100, 2000].filter((way) => way <= size))
        for (const length of [1, 4, 11, 16, 17, 64]) {
          const width = size <= 60 ? 0 : size <= 256 ? 1 : size <= 65_536 ? 2 : 3;
          const less = Array.from({ length: width }, (_, i) => ((size - 1) >> (8 * i)) & 255);
          const tag = width === 0 ? (size - 1) << 2 : (59 + width) << 2;
          const total = size + length;
          const head = [(total & 127) | 128, ((total >> 7) & 127) | 128, total >> 14];
          const copy = [((length - 1) << 2) | 2, back & 255, back >> 8];
          const out = unpacked(Uint8Array.from([...head, tag, ...less, ...literal.subarray(0, size), ...copy]), total);
          const expected = Array.from(literal.subarray(0, size));
          for (let i = 0; i < length; i++) expected.push(expected[expected.length - back] as number);
          expect(out === null ? -1 : Buffer.compare(out, Uint8Array.from(expected))).toBe(0);
        }
  });
});
