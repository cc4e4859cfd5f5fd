import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { builderFor } from "../../../src/batch/builder.js";
import type { Column } from "../../../src/batch/column.js";
import { compactBatch, copyBatch, gatherColumn, selectColumns, sliceBatch } from "../../../src/batch/gather.js";
import { columnReader } from "../../../src/batch/reader.js";
import { type DataType, typeName, types, type Value } from "../../../src/schema/types.js";
import { column, everyType } from "./values.js";

const build = (type: DataType, values: readonly Value[], capacity = 1): Column => {
  const builder = builderFor(type, capacity);
  for (const value of values) builder.append(value);
  return builder.finish();
};
const read = (from: Column): Value[] => Array.from({ length: from.length }, (_, row) => columnReader(from)(row));

describe.each(everyType.map((type) => [typeName(type), type] as const))("columns of %s", (_, type) => {
  it("give back what was appended", () => {
    fc.assert(
      fc.property(column(type), (values) => {
        expect(read(build(type, values))).toEqual(values);
      }),
      { numRuns: 60 },
    );
  });

  it("gather rows in any order, more than once", () => {
    const cases = column(type).chain((values) =>
      fc.tuple(fc.constant(values), values.length === 0 ? fc.constant([]) : fc.array(fc.nat(values.length - 1))),
    );
    fc.assert(
      fc.property(cases, ([values, rows]) => {
        const gathered = gatherColumn(build(type, values), Int32Array.from(rows));
        expect(read(gathered)).toEqual(rows.map((row) => values[row]));
      }),
      { numRuns: 40 },
    );
  });
});

describe("batches", () => {
  const schema = [
    { name: "n", type: types.int32, nullable: true },
    { name: "s", type: types.utf8, nullable: true },
  ];
  const origin = { place: (row: number) => ({ file: "f", line: row, byte: null, length: null }), raw: () => null };
  const batch = {
    schema,
    length: 5,
    columns: [build(types.int32, [0, 1, null, 3, 4]), build(types.utf8, ["a", "bb", "ccc", null, "eé"])],
    selection: null,
    origin,
  };
  const rowsOf = (b: typeof batch | ReturnType<typeof compactBatch>): Value[][] => {
    const rows = b.selection === null ? [...Array(b.length).keys()] : [...b.selection];
    return rows.map((row) => b.columns.map((c) => columnReader(c)(row)));
  };

  it("compact to the selected rows and keep their places", () => {
    const compact = compactBatch({ ...batch, selection: Int32Array.of(1, 4) });
    expect(compact.length).toBe(2);
    expect(compact.selection).toBeNull();
    expect(rowsOf(compact)).toEqual([
      [1, "bb"],
      [4, "eé"],
    ]);
    expect(compact.origin?.place(1).line).toBe(4);
  });

  it("copy into memory of their own", () => {
    const copy = copyBatch(batch);
    (batch.columns[0] as { values: Int32Array }).values[0] = 9;
    expect(rowsOf(copy)[0]).toEqual([0, "a"]);
    (batch.columns[0] as { values: Int32Array }).values[0] = 0;
  });

  it("slice live rows, with and without a selection", () => {
    expect(rowsOf(sliceBatch(batch, 1, 3))).toEqual([
      [1, "bb"],
      [null, "ccc"],
    ]);
    expect(sliceBatch(batch, 1, 3).origin?.place(0).line).toBe(1);
    expect(rowsOf(sliceBatch({ ...batch, selection: Int32Array.of(0, 2, 4) }, 1, 9))).toEqual([
      [null, "ccc"],
      [4, "eé"],
    ]);
  });

  it("select columns by index", () => {
    expect(rowsOf(selectColumns(batch, [1, 0, 1]))[1]).toEqual(["bb", 1, "bb"]);
    expect(() => selectColumns(batch, [2])).toThrow(/no column 2/);
  });

  it("replace a lone surrogate, as UTF-8 has no bytes for it", () => {
    expect(read(build(types.utf8, ["a\ud800b"]))).toEqual(["a\ufffdb"]);
  });
});
