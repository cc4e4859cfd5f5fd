import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { builderFor } from "../../../src/batch/builder.js";
import type { Batch, Column } from "../../../src/batch/column.js";
import { copyBatch, gatherColumn, sliceBatch } from "../../../src/batch/gather.js";
import { encodeIpcStream } from "../../../src/batch/ipc.js";
import { columnReader } from "../../../src/batch/reader.js";
import { RowBuffer } from "../../../src/batch/rowBuffer.js";
import { fieldColumns, structColumn } from "../../../src/batch/structs.js";
import { keptBatchViews } from "../../../src/kernels/kernelViews.js";
import { type DataType, parseType, type Value } from "../../../src/schema/types.js";

type Struct = { readonly [name: string]: Value } | null;

const type = parseType("struct(id: int32, name: utf8, in: struct(big: int64, wide: decimal(30,2), ok: bool))");
const inner = fc.record({
  big: fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
  wide: fc.option(fc.bigInt(-99n, 10n ** 29n)),
  ok: fc.option(fc.boolean()),
});
const structs = fc.array(
  fc.option(
    fc.record({
      id: fc.option(fc.integer({ min: -9, max: 9 })),
      name: fc.option(fc.string({ unit: "grapheme" })),
      in: fc.option(inner),
    }),
  ),
  { maxLength: 20 },
) as fc.Arbitrary<Struct[]>;

/** A column by fields, each built by itself. */
function byFields(of: DataType, values: readonly Struct[]): Column {
  if (of.kind !== "struct") throw new Error("no struct");
  const fields = of.fields.map((field): Column => {
    const own = values.map((value) => value?.[field.name] ?? null);
    if (field.type.kind === "struct") return byFields(field.type, own as Struct[]);
    const builder = builderFor(field.type);
    for (const value of own) builder.append(value);
    return builder.finish();
  });
  const valid = values.includes(null) ? Uint8Array.from(values, (value) => (value === null ? 0 : 1)) : null;
  return structColumn(of, fields, valid, values.length);
}

function plain(values: readonly Struct[]): Column {
  const builder = builderFor(type);
  for (const value of values) builder.append(value as Value);
  return builder.finish();
}

const read = (column: Column | undefined): Value[] =>
  column === undefined ? [] : Array.from({ length: column.length }, (_, row) => columnReader(column)(row));
const batchOf = (column: Column): Batch => {
  return {
    schema: [{ name: "s", type, nullable: true }],
    length: column.length,
    columns: [column],
    selection: null,
    origin: null,
  };
};

describe("a struct column by its fields", () => {
  it("has the objects that it was made of, wherever its rows go", () => {
    fc.assert(
      fc.property(structs, fc.array(fc.nat()), fc.nat(20), fc.nat(20), (values, picks, from, to) => {
        const column = byFields(type, values);
        expect(read(column)).toEqual(values);
        const rows = Int32Array.from(values.length === 0 ? [] : picks, (pick) => pick % values.length);
        const gathered = gatherColumn(column, rows);
        expect(read(gathered)).toEqual(Array.from(rows, (row) => values[row]));
        const sliced = sliceBatch(batchOf(column), from, to).columns[0];
        expect(read(sliced)).toEqual(values.slice(from, Math.max(from, to)));
        const copied = copyBatch(batchOf(column)).columns[0];
        expect(read(copied)).toEqual(values);
        const kept = keptBatchViews(batchOf(column))().columns[0];
        expect(read(kept)).toEqual(values);
        const buffer = new RowBuffer(batchOf(column).schema);
        for (let row = 0; row < values.length; row += 3) buffer.add(batchOf(column), row, Math.min(row + 3, values.length));
        if (values.length > 0) buffer.add(batchOf(plain(values)), 0, 1);
        const joined = buffer.take().columns[0];
        expect(read(joined)).toEqual([...values, ...values.slice(0, 1)]);
        for (const one of [gathered, sliced, copied, kept]) expect(fieldColumns(one as Column)).toHaveLength(3);
      }),
    );
  });

  it("is the same Arrow data as its objects", () => {
    fc.assert(
      fc.property(structs, fc.option(fc.nat(7)), (values, step) => {
        const selection = step === null ? null : Int32Array.from(values.keys()).filter((row) => (row & step) === 0);
        const [a, b] = [byFields(type, values), plain(values)].map((column) => ({ ...batchOf(column), selection }));
        const bytes = [a, b].map((batch) => encodeIpcStream((batch as Batch).schema, [batch as Batch]));
        expect(Buffer.from(bytes[0] as Uint8Array).equals(bytes[1] as Uint8Array)).toBe(true);
      }),
    );
  });
});
