import { describe, expect, it } from "vitest";
import type { Column } from "../../../src/batch/column.js";
import { rowHashes } from "../../../src/operators/valueHash.js";
import { types } from "../../../src/schema/types.js";

const doubles = (values: readonly number[], valid: readonly number[] | null = null): Column => ({
  layout: "fixed",
  type: types.float64,
  length: values.length,
  values: Float64Array.from(values),
  valid: valid === null ? null : Uint8Array.from(valid),
});

describe("rowHashes", () => {
  it("is equal for equal values wherever they stand, and takes every NaN and every null for one", () => {
    const odd = new Float64Array(new BigUint64Array([0x7ff8000000000001n, 0xfff8000000000002n]).buffer);
    const one = rowHashes([doubles([1.5, Number.NaN, 7, odd[0] ?? 0], [1, 1, 0, 1])], [0, 1, 2, 3]);
    const other = rowHashes([doubles([Number.NaN, 1.5, 9, odd[1] ?? 0], [1, 1, 0, 1])], [1, 0, 2, 3]);
    expect(one).not.toBeNull();
    expect(one).toEqual(other);
    expect(rowHashes([doubles([0])], [0])).not.toEqual(rowHashes([doubles([-0])], [0]));
  });

  it("spreads values of all columns over 32 bits", () => {
    const wide: Column = {
      layout: "wide",
      type: types.decimal(30, 2),
      length: 4000,
      values: BigInt64Array.from({ length: 8000 }, (_, i) => BigInt(i >> 2)),
      valid: null,
    };
    const rows = Array.from({ length: 4000 }, (_, row) => row);
    const all = [...(rowHashes([doubles(rows.map((row) => row / 100)), wide], rows) ?? [])];
    expect(new Set(all).size).toBe(4000);
    const low = all.filter((value) => value < 0).length;
    expect(low).toBeGreaterThan(1800);
    expect(low).toBeLessThan(2200);
  });

  it("leaves texts to who reads them", () => {
    const text: Column = {
      layout: "bytes",
      type: types.utf8,
      length: 0,
      bytes: new Uint8Array(0),
      starts: new Int32Array(0),
      ends: new Int32Array(0),
      valid: null,
    };
    expect(rowHashes([doubles([1]), text], [0])).toBeNull();
  });
});
