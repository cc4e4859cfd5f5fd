import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { buildDictionary } from "../../../src/io/parquet/parquetDictionary.js";
import type { PlainValues } from "../../../src/io/parquet/parquetColumn.js";
import { Region, writerKernels } from "../../../src/kernels/parquet.js";

const put = (region: Region, bytes: Uint8Array): void => {
  const at = region.reserve(bytes.length + 16);
  writerKernels().memory.u8().set(bytes, at);
};

/** Distinct values in order of first appearance, and each value's place among them. */
function expectedOf<T>(values: readonly T[]): { readonly entries: T[]; readonly codes: number[] } {
  const places = new Map<T, number>();
  const codes = values.map((value) => {
    if (!places.has(value)) places.set(value, places.size);
    return places.get(value) as number;
  });
  return { entries: [...places.keys()], codes };
}

function builtFrom(values: PlainValues) {
  const dictionary = buildDictionary(values);
  if (dictionary === null) return null;
  const codes = [...new Uint32Array(dictionary.codes.view(0, values.count * 4).slice().buffer)];
  return { codes, entries: dictionary.entries };
}

/** `most` different values, `count` times by chance: enough of each that a dictionary pays. */
const repeated = <T>(value: fc.Arbitrary<T>) =>
  fc
    .record({
      different: fc.oneof(
        fc.array(value, { minLength: 1, maxLength: 40 }),
        fc.array(value, { minLength: 1, maxLength: 6000, size: "max" }),
      ),
      seed: fc.integer(),
    })
    .map(({ different, seed }) => {
      let state = seed | 1;
      const next = () => {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
        return (state >>> 8) % different.length;
      };
      return Array.from({ length: Math.max(32, different.length * 6) }, () => different[next()] as T);
    });

describe("a dictionary", () => {
  it("of texts has each once, in the order in which they come", () => {
    const letters = fc.constantFrom("a", "b", "\u0000", "\u0001", "\u0007", "\u0008", "é", "z");
    const value = fc.oneof(
      fc.string({ unit: letters, maxLength: 9 }),
      fc.string({ unit: letters, minLength: 7, maxLength: 24 }),
      fc.integer({ min: 0, max: 99_999_999 }).map(String),
    );
    const [bytes, ends] = [new Region(), new Region()];
    fc.assert(
      fc.property(repeated(value), (values) => {
        const parts = values.map((text) => Buffer.from(text));
        let end = 0;
        const all = parts.map((part) => {
          end += 4 + part.length;
          return end;
        });
        const heads = parts.flatMap((part) => [Buffer.from(Uint32Array.of(part.length).buffer), part]);
        put(bytes, Buffer.concat(heads));
        put(ends, new Uint8Array(Uint32Array.from(all).buffer));
        const built = builtFrom({ kind: "bytes", region: bytes, used: end, ends, count: values.length });
        const expected = expectedOf(values);
        if (built === null || built.entries.kind !== "bytes") throw new Error("no dictionary of texts");
        expect(built.codes).toEqual(expected.codes);
        const page = Buffer.concat(
          expected.entries.map((text) =>
            Buffer.concat([Buffer.from(Uint32Array.of(Buffer.byteLength(text)).buffer), Buffer.from(text)]),
          ),
        );
        expect(Buffer.compare(Buffer.from(built.entries.region.view(0, built.entries.used)), page)).toBe(0);
      }),
      { numRuns: 120 },
    );
  });

  for (const width of [1, 2] as const) {
    it(`of numbers of ${width * 4} bytes has each once, in the order in which they come`, () => {
      const most = 2n ** BigInt(width * 32) - 1n;
      const value = fc.oneof(
        fc.bigInt({ min: 0n, max: most }),
        fc.bigInt({ min: 0n, max: 3000n }),
        // Only the highest bits differ, as those of round doubles do.
        fc.bigInt({ min: 0n, max: 4095n }).map((bits) => bits << BigInt(width * 32 - 12)),
      );
      const region = new Region();
      fc.assert(
        fc.property(repeated(value), (values) => {
          const words = width === 1 ? Uint32Array.from(values.map(Number)) : BigUint64Array.from(values);
          put(region, new Uint8Array(words.buffer));
          const built = builtFrom({ kind: "words", region, width, count: values.length });
          const expected = expectedOf(values);
          if (built === null || built.entries.kind !== "words") throw new Error("no dictionary of numbers");
          expect(built.codes).toEqual(expected.codes);
          const { region: entries, count } = built.entries;
          const found = entries.view(0, count * width * 4).slice();
          expect([...(width === 1 ? new Uint32Array(found.buffer) : new BigUint64Array(found.buffer))].map(BigInt)).toEqual(
            expected.entries,
          );
        }),
        { numRuns: 120 },
      );
    });
  }
});
