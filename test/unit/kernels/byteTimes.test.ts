import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TextSink } from "../../../src/batch/text.js";
import { timeWriter } from "../../../src/functions/time-format.js";
import { timeByFormat } from "../../../src/kernels/expressions/byteTimes.js";

const specifiers = [..."aAwudbBmyYHIpMSfgnjUWVG", "-d", "-m", "-y", "-H", "-I", "-M", "-S", "-j"].map((one) => `%${one}`);
const format = fc.array(fc.constantFrom(...specifiers, "%%", "-", "/é ", "T")).map((parts) => parts.join(""));
const time = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer({ min: 0, max: 2 ** 31 }).map((second) => second * 1e6),
);

describe("times by a format, as bytes", () => {
  it("are those of strings", () => {
    fc.assert(
      fc.property(format, fc.array(time, { minLength: 1, maxLength: 30 }), (written, times) => {
        const [write, expected] = [timeByFormat(written), timeWriter(written)];
        const sink = new TextSink(0);
        for (const micros of [...times, ...times]) {
          const start = sink.length;
          write(sink, micros);
          expect(Buffer.from(sink.bytes.subarray(start, sink.length)).toString()).toBe(expected(BigInt(micros)));
        }
      }),
      { numRuns: 3000 },
    );
  });
});
