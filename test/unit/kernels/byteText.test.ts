import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TextSink } from "../../../src/batch/text.js";
import { codePoints, like, lower, padTo, reverse, substring, upper } from "../../../src/functions/characters.js";
import { lowerEquals, lowerSlice, sliceIlike, upperEquals, upperSlice } from "../../../src/kernels/expressions/byteCase.js";
import { padSlice, repeatSlice, reverseSlice } from "../../../src/kernels/expressions/byteShape.js";
import {
  placeOfPoint,
  slicePoints,
  substringFrom,
  substringTo,
  trimmedEnd,
  trimmedStart,
} from "../../../src/kernels/expressions/byteText.js";

const points = Array.from({ length: 0x110000 }, (_, point) => point).filter((point) => point < 0xd800 || point > 0xdfff);
const text = fc.string({
  unit: fc.oneof(
    fc.constantFrom(..."aZ é\u00dfıİ\u00a0\u1680\u2003\u3000\u00adǅ李👍\u0301\r\n"),
    fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
  ),
  maxLength: 12,
});

/** What a function on bytes appends for a text that stands in the middle of others; null where it declines. */
function mapped(map: typeof lowerSlice, given: string): string | null {
  const sink = new TextSink(0);
  sink.writeText("before");
  const bytes = Buffer.from(`é${given}é`);
  return map(sink, bytes, 2, bytes.length - 2) ? Buffer.from(sink.bytes.subarray(6, sink.length)).toString() : null;
}

describe("texts as bytes", () => {
  it("have the capitals and small letters of strings, for every code point", () => {
    for (let from = 0; from < points.length; from += 4096) {
      const all = String.fromCodePoint(...points.slice(from, from + 4096));
      expect(mapped(upperSlice, all)).toBe(upper(all));
      expect(mapped(lowerSlice, all)).toBe(lower(all));
    }
  });

  it("are in one case what a literal is, as strings are", () => {
    const letters = fc.string({ unit: fc.constantFrom(..."aAbBkKéÉßẞİi\u212a李"), maxLength: 4 });
    fc.assert(
      fc.property(letters, letters, fc.constantFrom(lower, upper), (given, another, turn) => {
        const bytes = Buffer.from(`é${given}é`);
        const test = turn === lower ? lowerEquals : upperEquals;
        for (const wanted of [another, turn(another), turn(given), turn(given).slice(0, -1), `${turn(given)}a`])
          expect(test(bytes, 2, bytes.length - 2, Buffer.from(wanted))).toBe(turn(given) === wanted);
      }),
      { numRuns: 3000 },
    );
    for (const broken of [
      [97, 0xc3],
      [0xff, 98],
      [97, 98, 0x80],
    ])
      for (const wanted of ["ab", "a", "b"])
        expect(lowerEquals(Uint8Array.from(broken), 0, broken.length, Buffer.from(wanted))).toBe(false);
  });

  it("are turned round as strings are, or left to strings", () => {
    const units = fc.oneof(
      fc.constantFrom(..."aZ\r\néßд̆李かカ\u0483\u02ff\u0300한👍"),
      fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
    );
    let done = 0;
    fc.assert(
      fc.property(fc.oneof(text, fc.string({ unit: units }), fc.string()), (given) => {
        const found = mapped(reverseSlice, given);
        if (found !== null) expect(found).toBe(reverse(given));
        if (found !== null) done++;
      }),
      { numRuns: 3000 },
    );
    expect(done).toBeGreaterThan(1000);
    for (let from = 0; from < points.length; from += 64) {
      for (const point of points.slice(from, from + 64)) {
        const given = `a${String.fromCodePoint(point)}b`;
        const found = mapped(reverseSlice, given);
        if (found !== null && found !== reverse(given)) expect(found).toBe(reverse(given));
      }
    }
  });

  it("match a pattern without regard to case as strings do", () => {
    const letters = fc.string({ unit: fc.constantFrom(..."aAbBéÉßẞİi%"), maxLength: 8 });
    fc.assert(
      fc.property(letters, letters, (given, pattern) => {
        const bytes = Buffer.from(`é${given}é`);
        const parts = lower(pattern)
          .split("%")
          .map((part) => new Uint8Array(Buffer.from(part)));
        expect(sliceIlike(bytes, 2, bytes.length - 2, parts)).toBe(like(lower(given), lower(pattern)) ? 1 : 0);
      }),
      { numRuns: 3000 },
    );
  });

  it("are filled up and repeated as strings are", () => {
    const fill = fc.constantFrom("", "*", "ab");
    fc.assert(
      fc.property(text, fc.integer({ min: -2, max: 20 }), fill, fc.boolean(), (given, size, by, behind) => {
        const pad: typeof reverseSlice = (sink, bytes, start, end) =>
          padSlice(sink, bytes, start, end, size, Buffer.from(by), behind);
        const found = mapped(pad, given);
        if (found === null) expect(by).toBe("");
        else expect(found).toBe(padTo(given, size, by, behind));
        const repeated: typeof reverseSlice = (sink, bytes, start, end) => repeatSlice(sink, bytes, start, end, size);
        expect(mapped(repeated, given)).toBe(given.repeat(Math.max(0, size)));
      }),
      { numRuns: 1000 },
    );
  });

  it("that are no UTF-8 are left to strings, with nothing appended", () => {
    const broken = [
      [0xc3],
      [0x80],
      [0xc0, 0x80],
      [0xe0, 0x80, 0x80],
      [0xed, 0xa0, 0x80],
      [0xf4, 0x90, 0x80, 0x80],
      [0xff],
      [0xe2, 0x41, 0x42],
    ];
    for (const bytes of broken) {
      const sink = new TextSink(0);
      expect(upperSlice(sink, Uint8Array.from([65, ...bytes]), 0, bytes.length + 1)).toBe(false);
      expect(sink.length).toBe(0);
    }
  });

  it("have as many code points as strings have, wherever one beyond ASCII stands", () => {
    for (let size = 0; size <= 40; size++) {
      for (let at = 0; at <= size; at++) {
        const given = "a".repeat(at) + "é".slice(0, size - at) + "b".repeat(Math.max(0, size - at - 1));
        const bytes = Buffer.from(`é${given}é`);
        expect(slicePoints(bytes, 2, bytes.length - 2)).toBe(size);
      }
    }
  });

  it("are cut by code points", () => {
    const place = fc.integer({ min: -15, max: 15 });
    fc.assert(
      fc.property(text, place, fc.option(place), (given, start, length) => {
        const bytes = Buffer.from(`é${given}é`);
        const [from, to] = [2, bytes.length - 2];
        const size = slicePoints(bytes, from, to);
        expect(size).toBe(codePoints(given));
        const ends = [substringFrom, substringTo].map((of) =>
          placeOfPoint(bytes, from, to, size, of(size, start, length ?? Infinity)),
        );
        expect(bytes.subarray(...(ends as [number, number])).toString()).toBe(substring(given, start, length));
      }),
    );
  });

  it("lose the spaces at their ends, or are left to strings", () => {
    fc.assert(
      fc.property(text, (given) => {
        const bytes = Buffer.from(`é${given}é`);
        const [start, end] = [trimmedStart(bytes, 2, bytes.length - 2), trimmedEnd(bytes, 2, bytes.length - 2)];
        if (start >= 0) expect(bytes.subarray(start, bytes.length - 2).toString()).toBe(given.replace(/^\p{Zs}+/u, ""));
        if (end >= 0) expect(bytes.subarray(2, end).toString()).toBe(given.replace(/\p{Zs}+$/u, ""));
      }),
    );
  });

  it("are reversed by what a reader sees as one character", () => {
    const segments = new Intl.Segmenter("en", { granularity: "grapheme" });
    const alone = points.filter((point) => point < 0xac00 && point !== 13);
    for (const point of alone) {
      // Beside what could join with it on either side.
      const around = `é${String.fromCodePoint(point)}李a`;
      const expected = Array.from(segments.segment(around), ({ segment }) => segment)
        .reverse()
        .join("");
      if (reverse(around) !== expected) expect([point, reverse(around)]).toEqual([point, expected]);
    }
    fc.assert(
      fc.property(text, (given) => {
        // Plain ASCII is turned byte by byte, as DuckDB does.
        if (/^[\0-\x7f]*$/.test(given)) return;
        expect(reverse(given)).toBe(
          Array.from(segments.segment(given), ({ segment }) => segment)
            .reverse()
            .join(""),
        );
      }),
    );
  });
});
