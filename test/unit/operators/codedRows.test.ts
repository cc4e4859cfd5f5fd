import { describe, expect, it } from "vitest";
import { builderFor } from "../../../src/batch/builder.js";
import { codedColumn, codesOf } from "../../../src/batch/coded.js";
import type { Batch, BytesColumn, Column } from "../../../src/batch/column.js";
import { gatherColumn } from "../../../src/batch/gather.js";
import { columnReader } from "../../../src/batch/reader.js";
import type { Bound } from "../../../src/expr/nodes.js";
import { rowsKernel, type RowsStep } from "../../../src/operators/codedRows.js";
import { buildColumns } from "../../../src/operators/joinCodes.js";
import { columnGathers } from "../../../src/operators/joinGather.js";
import { type Schema, types, type Value } from "../../../src/schema/types.js";

function textsOf(values: readonly (string | null)[]): BytesColumn {
  const builder = builderFor(types.utf8, values.length);
  for (const value of values) builder.append(value);
  const column = builder.finish();
  if (column.layout !== "bytes") throw new Error("texts are bytes");
  return column;
}

const valuesOf = (column: Column, rows: Int32Array): Value[] => {
  const read = columnReader(column);
  return Array.from(rows, (row) => read(row));
};

const schema: Schema = [
  { name: "region", type: types.utf8, nullable: true },
  { name: "n", type: types.int32, nullable: false },
];
const region: Bound = { kind: "column", index: 0, name: "region", type: types.utf8, nullable: true };
const n: Bound = { kind: "column", index: 1, name: "n", type: types.int32, nullable: false };
const zero: Bound = { kind: "literal", value: 0, type: types.int32, nullable: false };
const known: Bound = {
  kind: "call",
  fn: "coalesce",
  args: [region, { kind: "literal", value: "Unknown", type: types.utf8, nullable: false }],
  options: {},
  type: types.utf8,
  nullable: false,
};
const step: RowsStep = {
  op: "rows",
  input: -1,
  name: "filter + project",
  ops: [
    {
      kind: "filter",
      predicate: { kind: "call", fn: "gt", args: [n, zero], options: {}, type: types.bool, nullable: false },
    },
    {
      kind: "project",
      columns: [
        { name: "known", expr: known },
        { name: "n", expr: n },
        { name: "region", expr: region },
      ],
    },
  ],
  schema: [{ name: "known", type: types.utf8, nullable: false }, ...schema.slice(1), ...schema.slice(0, 1)],
};

describe("texts by their codes", () => {
  const texts = textsOf(["North", "", "Süd", null]);
  const codes = Uint8Array.from({ length: 400 }, (_, i) => (i * 7) % 4);
  const numbers = Int32Array.from({ length: 400 }, (_, i) => (i % 5) - 1);
  const batch: Batch = {
    schema,
    length: 400,
    columns: [
      codedColumn({ codes, texts }, 400),
      { layout: "fixed", type: types.int32, length: 400, values: numbers, valid: null },
    ],
    selection: null,
    origin: null,
  };

  it("are columns like any other", () => {
    const names = ["North", "", "Süd", null];
    const all = Int32Array.from(codes, (_, i) => i);
    const expected = Array.from(codes, (code) => names[code] ?? null);
    expect(valuesOf(batch.columns[0] as Column, all)).toEqual(expected);
    const part = gatherColumn(batch.columns[0] as Column, Int32Array.of(3, 1, 399));
    expect(codesOf(part)).toBeNull();
    expect(valuesOf(part, Int32Array.of(0, 1, 2))).toEqual([3, 1, 399].map((row) => expected[row]));
  });

  for (const interpreted of [false, true]) {
    it(`give what rows give when computed once each, interpreted ${interpreted}`, async () => {
      const kernel = await rowsKernel(step, schema, interpreted);
      const fail = (): never => {
        throw new Error("nothing fails here");
      };
      const plain: Batch = {
        ...batch,
        columns: [gatherColumn(batch.columns[0] as Column, Int32Array.from(codes.keys())), ...batch.columns.slice(1)],
      };
      const names = ["North", "", "Süd", "Unknown"];
      for (const given of [batch, plain]) {
        const { batch: out, filtered } = kernel.run(given, fail);
        const rows = out.selection ?? new Int32Array(0);
        expect(filtered).toBe(160);
        expect(Array.from(rows)).toEqual(Array.from(codes.keys()).filter((i) => i % 5 > 1));
        expect(valuesOf(out.columns[0] as Column, rows)).toEqual(Array.from(rows, (row) => names[codes[row] as number]));
        expect(valuesOf(out.columns[1] as Column, rows)).toEqual(Array.from(rows, (row) => (row % 5) - 1));
        expect(codesOf(out.columns[0] as Column) === null).toBe(given === plain);
      }
    });
  }

  it("share one code a row on a join's right side, and null where there is no match", () => {
    const rows = 5000;
    const some = Array.from({ length: rows }, (_, i) => (i % 11 === 0 ? null : `segment ${i % 3}`));
    const others = Array.from({ length: rows }, (_, i) => `region ${(i * i) % 7}`);
    const many = Array.from({ length: rows }, (_, i) => `name ${i}`);
    const columns = new Map<number, Column>([some, others, many].map((values, i) => [i, textsOf(values)]));
    const built = buildColumns(columns);
    expect([...built.values()].map(({ coded }) => coded !== null)).toEqual([true, true, false]);
    expect(built.get(0)?.coded?.codes).toBe(built.get(1)?.coded?.codes);
    const gathers = columnGathers(built);
    const wanted = Int32Array.from({ length: 300 }, (_, i) => (i % 13 === 0 ? -1 : (i * 31) % rows));
    for (const misses of [true, false]) {
      const found = misses ? wanted : wanted.map((row) => Math.max(0, row));
      const all = Int32Array.from(found.keys());
      const placing = { rows: found, to: null, length: found.length, misses };
      for (const [i, values] of [some, others, many].entries()) {
        const column = gathers.get(i)?.take(placing);
        if (column === undefined) throw new Error("no column");
        expect(valuesOf(column, all)).toEqual(Array.from(found, (row) => (row < 0 ? null : (values[row] ?? null))));
      }
    }
  });
});
