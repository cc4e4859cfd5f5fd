import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TextView } from "../../../src/batch/text.js";
import { textColumn } from "../../support/columns.js";

describe("texts of a column", () => {
  it("are those of its bytes, whether they repeat, are far apart, or are not ASCII", () => {
    const few = fc.constantFrom(
      "",
      "a",
      "b",
      "aba",
      "abb",
      "bba",
      "é",
      "ééé",
      "S100",
      "S110",
      "x".repeat(32),
      "x".repeat(33),
      "\u{1f600}",
    );
    const any = fc.string({ unit: "binary", maxLength: 40 }).map((text) => text.replace(/[\ud800-\udfff]/g, ""));
    // Many that never come again end the keeping; those behind them must be right, too.
    const many = fc.integer({ min: 0, max: 600 }).map((count) => Array.from({ length: count }, (_, i) => `u${i * 7919}`));
    const texts = fc
      .tuple(fc.array(few, { maxLength: 600, size: "max" }), many, fc.array(fc.oneof(few, any), { maxLength: 300, size: "max" }))
      .map((parts) => parts.flat());
    fc.assert(
      fc.property(texts, fc.constantFrom(0, 1, 90), (given, apart) => {
        const view = new TextView(textColumn(given, apart));
        for (const [i, text] of given.entries()) if (view.at(i) !== text) expect([i, view.at(i)]).toEqual([i, text]);
      }),
    );
  });
});
