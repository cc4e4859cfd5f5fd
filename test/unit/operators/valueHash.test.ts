import { describe, expect, it } from "vitest";
import type { Column } from "../../../src/batch/column.js";
import { rowHash } from "../../../src/operators/valueHash.js";
import { types } from "../../../src/schema/types.js";

const doubles = (values: readonly number[], valid: readonly number[] | null = null): Column => ({
  layout: "fixed",
  type: types.float64,
  length: values.length,
  values: Float64Array.from(values),
  valid: valid === null ? null : Uint8Array.from(valid),
});

describe("rowHash", () => {
  it("is equal for equal values wherever they stand, and takes every NaN and every null for one", () => {
    const odd = new Float64Array(new BigUint64Array([0x7ff8000000000001n, 0xfff8000000000002n]).buffer);
    const one = rowHash([doubles([1.5, Number.NaN, 7, odd[0] ?? 0], [1, 1, 0, 1])]);
    const other = rowHash([doubles([Number.NaN, 1.5, 9, odd[1] ?? 0], [1, 1, 0, 1])]);
    expect(one?.(0)).toBe(other?.(1));
    expect(one?.(1)).toBe(other?.(0));
    expect(one?.(2)).toBe(other?.(2));
    expect(one?.(3)).toBe(other?.(3));
    expect(rowHash([doubles([0])])?.(0)).not.toBe(rowHash([doubles([-0])])?.(0));
  });

  it("spreads values of all columns over 32 bits", () => {
    const wide: Column = {
      layout: "wide",
      type: types.decimal(30, 2),
      length: 4000,
      values: BigInt64Array.from({ length: 8000 }, (_, i) => BigInt(i >> 2)),
      valid: null,
    };
    const hash = rowHash([doubles(Array.from({ length: 4000 }, (_, i) => i / 100)), wide]);
    const all = Array.from({ length: 4000 }, (_, row) => hash?.(row) ?? 0);
    expect(new Set(all).size).toBe(4000);
    const low = all.filter((value) => value < 2 ** 31).length;
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
    expect(rowHash([doubles([1]), text])).toBeNull();
  });
});
