import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { copyBytes, TextView } from "../../../src/batch/text.js";
import { textColumn } from "../../support/columns.js";

describe("a copy of bytes", () => {
  it("is what was there, whatever its length, and touches nothing beside it", () => {
    const source = Uint8Array.from({ length: 200 }, (_, i) => i + 1);
    for (let size = 0; size <= 120; size++) {
      for (const [start, at] of [
        [0, 0],
        [3, 10],
        [11, 5],
      ] as const) {
        const target = Buffer.alloc(200);
        copyBytes(source, start, start + size, target, at);
        expect(target).toEqual(
          Buffer.concat([Buffer.alloc(at), source.subarray(start, start + size), Buffer.alloc(200 - at - size)]),
        );
      }
    }
  });
});

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

  it("are theirs whatever was asked for before, however long they are, and where few of many bytes are asked for", () => {
    const texts = Array.from({ length: 3000 }, (_, i) => {
      if (i % 500 === 7) return `${"é".repeat(i * 9)}z`;
      return i % 500 === 8 ? "y".repeat(i * 40) : `text ${i}${i % 3 === 0 ? "ü" : ""}`;
    });
    const orders = [
      texts.map((_, i) => i),
      texts.map((_, i) => texts.length - 1 - i),
      texts.map((_, i) => (i * 1009) % texts.length),
    ];
    for (const apart of [0, 2000]) {
      const column = textColumn(texts, apart);
      for (const order of orders) {
        const view = new TextView(column);
        for (const row of order) if (view.at(row) !== texts[row]) expect.fail(`row ${row}`);
      }
    }
  });
});
