import { describe, expect, it } from "vitest";
import type { BytesColumn } from "../../../src/batch/column.js";
import { types } from "../../../src/schema/types.js";
import { buildColumns } from "../../../src/operators/joinCodes.js";

describe("texts of a join's right side", () => {
  it("that stand at few places of a small block are told apart by place and length", () => {
    const bytes = new TextEncoder().encode("northsouth");
    // An empty text, a text, its beginning and another one; two of them begin at the same place, and one stands at two.
    const words = [
      [0, 0],
      [0, 5],
      [0, 3],
      [5, 10],
      [7, 8],
      [10, 10],
    ] as const;
    const rows = 6000;
    const at = Array.from({ length: rows }, (_, i) => words[(i * 7) % words.length] ?? [0, 0]);
    const valid = Uint8Array.from({ length: rows }, (_, i) => (i % 13 === 0 ? 0 : 1));
    const starts = Int32Array.from(at, ([start]) => start);
    const ends = Int32Array.from(at, ([, end]) => end);
    const column: BytesColumn = { layout: "bytes", type: types.utf8, length: rows, bytes, starts, ends, valid };
    const coded = buildColumns(new Map([[0, column]])).get(0)?.coded;
    if (coded === null || coded === undefined) throw new Error("few texts have codes");
    const { texts, codes } = coded;
    // "", north, nor, south, u, null, and the null of rows without a match.
    expect(texts.length).toBe(7);
    for (let row = 0; row < rows; row++) {
      const code = codes[row] ?? -1;
      const isThere = texts.valid === null || texts.valid[code] === 1;
      const text = isThere ? Buffer.from(texts.bytes.subarray(texts.starts[code], texts.ends[code])).toString() : null;
      expect(text).toBe(valid[row] === 0 ? null : "northsouth".slice(at[row]?.[0], at[row]?.[1]));
    }
  });
});
