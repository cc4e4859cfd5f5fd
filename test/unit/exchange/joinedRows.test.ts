import { describe, expect, it } from "vitest";
import { builderFor } from "../../../src/batch/builder.js";
import type { Column } from "../../../src/batch/column.js";
import { columnReader } from "../../../src/batch/reader.js";
import { stridedColumn, strideOf } from "../../../src/batch/strided.js";
import { JoinedRows } from "../../../src/exchange/joinedRows.js";
import { ReadMemory } from "../../../src/exchange/readMemory.js";
import { type DataType, type Schema, types, type Value } from "../../../src/schema/types.js";

const wide = types.decimal(30, 2);
const schema: Schema = [
  { name: "key", type: types.binary, nullable: false },
  { name: "number", type: types.int16, nullable: true },
  { name: "wide", type: wide, nullable: true },
];

function columnOf(type: DataType, values: readonly Value[]): Column {
  const builder = builderFor(type);
  for (const value of values) builder.append(value);
  return builder.finish();
}

const keysOf = (values: readonly string[], stride: number): Column =>
  stridedColumn(types.binary, Buffer.from(values.join(""), "latin1"), stride, values.length);

const valuesOf = (columns: readonly Column[], length: number): unknown[][] =>
  columns.map((column) => {
    const read = columnReader(column);
    return Array.from({ length }, (_, row) => {
      const value = read(row);
      return value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : value;
    });
  });

describe("joined rows", () => {
  it("are those that were appended, in order, with nulls where some had any", () => {
    const joined = new JoinedRows(new ReadMemory(), 10);
    expect(joined.schema).toBeNull();
    expect(joined.append(schema, [keysOf(["aa", "bb"], 2), columnOf(types.int16, [1, 2]), columnOf(wide, [5n, 6n])], 2)).toBe(
      true,
    );
    const second = [keysOf(["cc", "dd"], 2), columnOf(types.int16, [null, 4]), columnOf(wide, [-7n, null])];
    expect(joined.append(schema.slice(), second, 2)).toBe(true);
    expect(joined.append(schema, [keysOf(["ee"], 2), columnOf(types.int16, [9]), columnOf(wide, [10n])], 1)).toBe(true);
    expect(joined.rows).toBe(5);
    expect(joined.schema).toBe(schema);
    const columns = joined.take();
    expect(strideOf(columns[0] as Column)).toBe(2);
    expect(valuesOf(columns, 5)).toEqual([
      ["aa", "bb", "cc", "dd", "ee"],
      [1, 2, null, 4, 9],
      [5n, 6n, -7n, null, 10n],
    ]);
    expect(joined.rows).toBe(0);
  });

  it("take nothing that does not go behind what is there", () => {
    const joined = new JoinedRows(new ReadMemory(), 3);
    const two = [keysOf(["aa", "bb"], 2), columnOf(types.int16, [1, 2]), columnOf(wide, [5n, 6n])];
    expect(joined.append(schema, two, 2)).toBe(true);
    // Too many rows, longer keys, another form.
    expect(joined.append(schema, two, 2)).toBe(false);
    expect(joined.append(schema, [keysOf(["ccc"], 3), ...two.slice(1)], 1)).toBe(false);
    const other = schema.map((field) => ({ ...field, name: `${field.name}2` }));
    expect(joined.append(other, [keysOf(["cc"], 2), ...two.slice(1)], 1)).toBe(false);
    expect(valuesOf(joined.take(), 2)[0]).toEqual(["aa", "bb"]);
    // Texts of different lengths are never joined.
    expect(joined.append(schema, [columnOf(types.binary, [Buffer.from("a")]), ...two.slice(1)], 1)).toBe(false);
  });
});
