import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TextSink } from "../../../src/batch/text.js";
import { formatDate, formatDecimal, formatDouble, formatFloat, formatTimestamp } from "../../../src/functions/format.js";
import {
  writeDate,
  writeDecimal,
  writeDouble,
  writeFloat,
  writeTimestamp,
  writeWhole,
} from "../../../src/kernels/expressions/byteNumbers.js";
import { threadKernels } from "../../../src/kernels/wasm.js";

/** What is appended for each value, in one sink that has to grow. */
function texts<T>(values: readonly T[], write: (sink: TextSink, value: T) => void): string[] {
  const sink = new TextSink(0);
  return values.map((value) => {
    const start = sink.length;
    write(sink, value);
    return Buffer.from(sink.bytes.subarray(start, sink.length)).toString();
  });
}

const numRuns = 2000;
const many = { minLength: 1, maxLength: 20 };
const safe = fc.oneof(fc.maxSafeInteger(), fc.integer(), fc.integer({ min: -2000, max: 2000 }));
const edges = [
  0,
  1,
  9,
  10,
  99,
  100,
  999_999_999,
  1e9,
  1e9 + 1,
  1e15,
  999_999_999_999_999,
  2 ** 31,
  2 ** 32,
  2 ** 53 - 1,
  2 ** 53,
];
const tops = Array.from({ length: 9_007 }, (_, k) => (k + 1) * 1e12 - 1);

describe("numbers as bytes", () => {
  it("are whole numbers as the language writes them", () => {
    const all = [...edges, ...tops, ...tops.map((value) => value + 1)].flatMap((value) => [value, -value + 0]);
    expect(texts(all, writeWhole)).toEqual(all.map(String));
    fc.assert(
      fc.property(fc.array(safe, many), (values) => {
        expect(texts(values, writeWhole)).toEqual(values.map(String));
      }),
      { numRuns },
    );
  });

  it("are decimals of every scale", () => {
    for (let scale = 1; scale <= 15; scale++) {
      for (const precision of [scale, 18]) {
        const write = (sink: TextSink, value: number) => writeDecimal(sink, value, scale, 10 ** scale, precision === scale);
        const format = (value: number) => formatDecimal(BigInt(value), precision, scale);
        const limit = precision === scale ? 10 ** scale - 1 : 2 ** 53;
        const values = [...edges, ...tops].filter((value) => value <= limit).flatMap((value) => [value, -value + 0]);
        expect(texts(values, write)).toEqual(values.map(format));
        const some = fc.oneof(fc.maxSafeInteger(), fc.integer()).map((value) => (value % (limit + 1)) + 0);
        fc.assert(
          fc.property(fc.array(some, many), (list) => {
            expect(texts(list, write)).toEqual(list.map(format));
          }),
        );
      }
    }
  });

  it("are doubles, of each size and of few and many digits", () => {
    const special = [0, -0, Number.NaN, Infinity, -Infinity, 5e-324, 2.2250738585072014e-308, Number.MAX_VALUE, 0.1 + 0.2, 1e-4];
    const near = [1e-5, 9.999e-5, 1e15, 1e16, 9_999_999.99, 1e7, 9_999_999.995, 0.005, 1.005, 2 ** 53, 1e21, 1e22, 1e23];
    const all = [...special, ...near, ...near.map((value) => -value)];
    expect(texts(all, writeDouble)).toEqual(all.map(formatDouble));
    const bits = fc
      .bigInt({ min: 0n, max: 2n ** 64n - 1n })
      .map((value) => new Float64Array(BigUint64Array.of(value).buffer)[0] as number);
    const short = fc
      .tuple(fc.integer(), fc.integer({ min: -30, max: 30 }))
      .map(([digits, power]) => Number(`${digits}e${power}`));
    const amount = fc.integer({ min: -2_000_000_000, max: 2_000_000_000 }).map((value) => value / 100);
    const any = fc.oneof(bits, short, amount, fc.double());
    fc.assert(
      fc.property(fc.array(any, many), (values) => {
        expect(texts(values, writeDouble)).toEqual(values.map(formatDouble));
      }),
      { numRuns },
    );
  });

  it("are doubles where the memory of the kernel has grown in between", () => {
    const { memory } = threadKernels();
    expect(texts([1 / 3], writeDouble)).toEqual(["0.3333333333333333"]);
    memory.free(memory.alloc(memory.byteLength * 2));
    expect(texts([2 / 3], writeDouble)).toEqual(["0.6666666666666666"]);
  });

  it("are 32-bit floats", () => {
    const bits = fc.integer().map((value) => new Float32Array(Int32Array.of(value).buffer)[0] as number);
    const amount = fc.integer({ min: -2_000_000, max: 2_000_000 }).map((value) => Math.fround(value / 100));
    const all = [0, -0, Number.NaN, Infinity, 9999.99, 10000, 0.005, 16777216, 1e-45].map(Math.fround);
    expect(texts(all, writeFloat)).toEqual(all.map(formatFloat));
    fc.assert(
      fc.property(fc.array(fc.oneof(bits, amount), many), (values) => {
        expect(texts(values, writeFloat)).toEqual(values.map(formatFloat));
      }),
      { numRuns },
    );
  });
});

describe("times as bytes", () => {
  it("are days, also before the year 1 and past 9999", () => {
    const day = fc.oneof(fc.integer({ min: -1000, max: 30_000 }), fc.integer(), fc.integer({ min: -800_000, max: 3_000_000 }));
    const all = [-719_163, -719_162, 2_932_896, 2_932_897, 0, -1, 2048, 4096, 0];
    expect(texts(all, writeDate)).toEqual(all.map(formatDate));
    fc.assert(
      fc.property(fc.array(day, many), (values) => {
        expect(texts(values, writeDate)).toEqual(values.map(formatDate));
      }),
      { numRuns },
    );
  });

  it("are timestamps with as many digits of a second as they have", () => {
    const whole = fc.integer({ min: -(2 ** 31), max: 2 ** 33 }).map((value) => value * 1e6);
    const milli = fc.integer({ min: -(2 ** 31), max: 2 ** 33 }).map((value) => value * 1e3);
    const any = fc.oneof(fc.maxSafeInteger(), whole, milli, fc.integer());
    const format = (value: number) => formatTimestamp(BigInt(value));
    const dayMicros = 86_400_000_000;
    const all = [0, -1, 1, dayMicros - 1, dayMicros, -dayMicros, 100_000, 2 ** 53, -(2 ** 53), 12_345 * dayMicros - 1];
    expect(texts(all, writeTimestamp)).toEqual(all.map(format));
    fc.assert(
      fc.property(fc.array(any, many), (values) => {
        expect(texts(values, writeTimestamp)).toEqual(values.map(format));
      }),
      { numRuns },
    );
  });
});
