import { describe, expect, it } from "vitest";
import { firstOfRows, LiveRows } from "../../../src/io/failedRows.js";

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

  it("are left out of the selection, also at both ends and from batches of any size in turn", () => {
    const live = new LiveRows();
    for (const [count, failed] of [
      [6, [0, 3, 5]],
      [3, [1]],
      [4, [0, 1, 2, 3]],
      [9, [8]],
      [2, []],
    ] as const) {
      const expected = Array.from({ length: count }, (_, row) => row).filter(
        (row) => !(failed as readonly number[]).includes(row),
      );
      expect([...live.without(count, rows(...failed))]).toEqual(expected);
    }
  });
});
