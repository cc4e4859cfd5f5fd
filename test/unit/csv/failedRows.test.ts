import { describe, expect, it } from "vitest";
import type { Column } from "../../../src/batch/column.js";
import { Failures } from "../../../src/io/csv/csvFailures.js";
import { Gaps, withoutRows } from "../../../src/io/failedRows.js";
import type { CsvKernels } from "../../../src/kernels/csvKernels.js";
import { createKernels } from "../../../src/kernels/wasm.js";
import { types } from "../../../src/schema/types.js";

/** Failures of rows, told apart by their messages. */
function failuresOf(...rows: number[]): Failures {
  const failures = new Failures();
  rows.forEach((row, i) => {
    failures.add(row, failures.why.keep({ column: null, code: "WRONG", message: `failure ${i}` }));
  });
  failures.settle();
  return failures;
}

const listOf = (failures: Failures) => failures.list().map(({ row, message }) => [row, message]);

describe("rows that failed", () => {
  it("come once each, in order, with their first failure", () => {
    expect(listOf(failuresOf(1, 4, 9))).toEqual([
      [1, "failure 0"],
      [4, "failure 1"],
      [9, "failure 2"],
    ]);
    expect(listOf(failuresOf(4, 9, 1, 4, 12))).toEqual([
      [1, "failure 2"],
      [4, "failure 0"],
      [9, "failure 1"],
      [12, "failure 4"],
    ]);
    expect(listOf(failuresOf(3, 3))).toEqual([[3, "failure 0"]]);
  });

  it("are as many as there are, also after others were forgotten", () => {
    const failures = new Failures();
    const reason = (message: string) => ({ column: "a", code: "WRONG", message });
    const stays = failures.why.keep(reason("stays"));
    for (let row = 0; row < 5000; row++) failures.add(row, row % 2 === 0 ? stays : failures.why.pass(reason(`row ${row}`)));
    failures.settle();
    expect(failures.count).toBe(5000);
    expect(failures.list()[4999]).toEqual({ row: 4999, ...reason("row 4999") });
    failures.begin();
    expect(failures.list()).toEqual([]);
    failures.add(7, failures.why.pass(reason("next")));
    failures.add(8, failures.why.find(reason("stays")));
    expect(failures.list().map(({ message }) => message)).toEqual(["next", "stays"]);
  });

  const kernels = createKernels();
  const { memory } = kernels;
  const gapsOf = (...failed: number[]) =>
    new Gaps(memory, kernels.functions<CsvKernels>(), memory.alloc(4 * failed.length), Uint32Array.from(failed));
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
