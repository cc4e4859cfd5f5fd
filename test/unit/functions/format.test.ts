import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatDate, formatNearTimestamp, formatTimestamp } from "../../../src/functions/format.js";

const most = 2 ** 52 - 1;
const near = 2 ** 40;
const micros = fc.oneof(
  fc.integer({ min: -most, max: most }),
  fc.integer({ min: -near, max: near }),
  fc.integer({ min: -20_000, max: 20_000 }).map((days) => days * 86_400_000_000),
);

describe("texts of times", () => {
  it("of the near and of the far are the same, and those of the platform from year 1 to 9999", () => {
    fc.assert(
      fc.property(micros, (value) => {
        const text = formatNearTimestamp(value);
        expect(text).toBe(formatTimestamp(BigInt(value)));
        const date = new Date(Math.floor(value / 1000));
        if (date.getUTCFullYear() < 1 || date.getUTCFullYear() > 9999) return;
        const [seconds, fraction = ""] = text.split(".");
        expect(seconds).toBe(date.toISOString().replace("T", " ").slice(0, 19));
        expect(fraction.endsWith("0")).toBe(false);
        expect(Number(fraction.padEnd(6, "0"))).toBe(((value % 1e6) + 1e6) % 1e6);
      }),
      { numRuns: 2000 },
    );
  });

  it("of days are kept by their last bits only for as long as they are the same day", () => {
    for (const days of [0, 2048, -2048, 0, 19_000, 19_000 - 2048, 19_000]) {
      expect(formatDate(days)).toBe(new Date(days * 86_400_000).toISOString().slice(0, 10));
    }
  });
});
