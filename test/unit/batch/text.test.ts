import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BytesColumn } from "../../../src/batch/column.js";
import { TextView } from "../../../src/batch/text.js";

/** A column whose texts stand in a block, so many bytes apart. */
function columnOf(texts: readonly string[], apart: number): BytesColumn {
  const starts = new Int32Array(texts.length);
  const ends = new Int32Array(texts.length);
  const parts: Buffer[] = [];
  let at = 0;
  for (const [i, text] of texts.entries()) {
    const bytes = Buffer.from(text);
    starts[i] = at;
    at += bytes.length;
    ends[i] = at;
    parts.push(bytes, Buffer.alloc(apart, 0x2c));
    at += apart;
  }
  return {
    layout: "bytes",
    type: { kind: "utf8" },
    length: texts.length,
    bytes: Buffer.concat(parts),
    starts,
    ends,
    valid: null,
  };
}

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
        const view = new TextView(columnOf(given, apart));
        for (const [i, text] of given.entries()) if (view.at(i) !== text) expect([i, view.at(i)]).toEqual([i, text]);
      }),
    );
  });
});
