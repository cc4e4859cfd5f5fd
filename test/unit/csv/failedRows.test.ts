import { describe, expect, it } from "vitest";
import type { Column } from "../../../src/batch/column.js";
import { closeGaps, firstOfRows, withoutRows } from "../../../src/io/failedRows.js";
import { types } from "../../../src/schema/types.js";

const rows = (...numbers: number[]) => numbers.map((row, i) => ({ row, what: `failure ${i}` }));

describe("rows that failed", () => {
  it("come once each, in order, with their first failure", () => {
    expect(firstOfRows(rows(1, 4, 9))).toEqual(rows(1, 4, 9));
    expect(firstOfRows(rows(4, 9, 1, 4, 12))).toEqual([
      { row: 1, what: "failure 2" },
      { row: 4, what: "failure 0" },
      { row: 9, what: "failure 1" },
      { row: 12, what: "failure 4" },
    ]);
    expect(firstOfRows(rows(3, 3)).map(({ what }) => what)).toEqual(["failure 0"]);
  });

  it("leave no gaps, also at both ends, one beside the other and with several numbers a row", () => {
    for (const [count, failed] of [
      [6, [0, 3, 5]],
      [3, [1]],
      [9, [3, 4, 5]],
      [9, [8]],
      [2, []],
    ] as const) {
      const expected = Array.from({ length: count }, (_, row) => row).filter(
        (row) => !(failed as readonly number[]).includes(row),
      );
      const values = Int32Array.from({ length: count }, (_, row) => row);
      closeGaps(values, 1, rows(...failed));
      expect([...values.subarray(0, expected.length)]).toEqual(expected);
      const pairs = Int32Array.from({ length: count * 2 }, (_, i) => i);
      closeGaps(pairs, 2, rows(...failed));
      expect([...pairs.subarray(0, expected.length * 2)]).toEqual(expected.flatMap((row) => [2 * row, 2 * row + 1]));
    }
  });

  it("are left out of columns of every layout, which have nulls only if a row that is left is null", () => {
    const failed = rows(0, 2);
    const valid = () => Uint8Array.of(0, 1, 0, 1);
    const fixed: Column = { layout: "fixed", type: types.int32, length: 4, values: Int32Array.of(1, 2, 3, 4), valid: valid() };
    expect(withoutRows(fixed, failed)).toEqual({ ...fixed, length: 2, values: Int32Array.of(2, 4), valid: null });
    const wide: Column = {
      layout: "wide",
      type: types.decimal(38, 0),
      length: 4,
      values: BigInt64Array.of(1n, 0n, 2n, 0n, 3n, 0n, 4n, 0n),
      valid: Uint8Array.of(1, 0, 1, 1),
    };
    expect(withoutRows(wide, failed)).toEqual({
      ...wide,
      length: 2,
      values: BigInt64Array.of(2n, 0n, 4n, 0n),
      valid: Uint8Array.of(0, 1),
    });
    const bytes: Column = {
      layout: "bytes",
      type: types.utf8,
      length: 4,
      bytes: Buffer.from("abcd"),
      starts: Int32Array.of(0, 1, 2, 3),
      ends: Int32Array.of(1, 2, 3, 4),
      valid: null,
    };
    expect(withoutRows(bytes, failed)).toEqual({ ...bytes, length: 2, starts: Int32Array.of(1, 3), ends: Int32Array.of(2, 4) });
    const object: Column = {
      layout: "object",
      type: types.list(types.int32),
      length: 4,
      values: [[1], [2], [3], [4]],
      valid: null,
    };
    expect(withoutRows(object, failed)).toEqual({ ...object, length: 2, values: [[2], [4]] });
  });
});
