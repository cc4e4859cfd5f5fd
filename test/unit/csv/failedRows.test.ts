import { describe, expect, it } from "vitest";
import type { Column } from "../../../src/batch/column.js";
import { firstOfRows, Gaps, withoutRows } from "../../../src/io/failedRows.js";
import type { CsvKernels } from "../../../src/kernels/csvKernels.js";
import { createKernels } from "../../../src/kernels/wasm.js";
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

  const kernels = createKernels();
  const { memory } = kernels;
  const gapsOf = (...failed: number[]) =>
    new Gaps(memory, kernels.functions<CsvKernels>(), memory.alloc(4 * failed.length), rows(...failed));
  const address = memory.alloc(4096);
  const bytes = (...values: number[]) => {
    const at = memory.alloc(values.length);
    memory.u8().set(values, at);
    return memory.u8().subarray(at, at + values.length);
  };
  const int32s = (...values: number[]) => {
    const at = memory.alloc(values.length * 4) >>> 2;
    memory.i32().set(values, at);
    return memory.i32().subarray(at, at + values.length);
  };
  const int64s = (...values: bigint[]) => {
    const at = memory.alloc(values.length * 8) >>> 3;
    memory.i64().set(values, at);
    return memory.i64().subarray(at, at + values.length);
  };

  it("leave no gaps, also at both ends, one beside the other and in rows of any width", () => {
    for (const [count, failed] of [
      [6, [0, 3, 5]],
      [3, [1]],
      [9, [3, 4, 5]],
      [9, [8]],
      [4, [0, 1, 2, 3]],
    ] as const) {
      const left = Array.from({ length: count }, (_, row) => row).filter((row) => !(failed as readonly number[]).includes(row));
      for (const width of [1, 4, 16]) {
        const byteOf = (row: number) => Array.from({ length: width }, (_, i) => row * width + i);
        memory.u8().set(Array.from({ length: count }, (_, row) => byteOf(row)).flat(), address);
        gapsOf(...failed).close(address, width, count);
        expect([...memory.u8().subarray(address, address + left.length * width)]).toEqual(left.flatMap(byteOf));
      }
    }
  });

  it("are left out of columns, which have nulls only if a row that is left is null", () => {
    const gaps = () => gapsOf(0, 2);
    const fixed: Column = {
      layout: "fixed",
      type: types.int32,
      length: 4,
      values: int32s(1, 2, 3, 4),
      valid: bytes(0, 1, 0, 1),
    };
    expect(withoutRows(fixed, gaps())).toEqual({ ...fixed, length: 2, values: Int32Array.of(2, 4), valid: null });
    const wide: Column = {
      layout: "wide",
      type: types.decimal(38, 0),
      length: 4,
      values: int64s(1n, 0n, 2n, 0n, 3n, 0n, 4n, 0n),
      valid: bytes(1, 0, 1, 1),
    };
    expect(withoutRows(wide, gaps())).toEqual({
      ...wide,
      length: 2,
      values: BigInt64Array.of(2n, 0n, 4n, 0n),
      valid: Uint8Array.of(0, 1),
    });
    const text: Column = {
      layout: "bytes",
      type: types.utf8,
      length: 4,
      bytes: bytes(97, 98, 99, 100),
      starts: int32s(0, 1, 2, 3),
      ends: int32s(1, 2, 3, 4),
      valid: null,
    };
    expect(withoutRows(text, gaps())).toEqual({ ...text, length: 2, starts: Int32Array.of(1, 3), ends: Int32Array.of(2, 4) });
  });
});
