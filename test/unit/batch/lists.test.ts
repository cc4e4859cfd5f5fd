import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { builderFor } from "../../../src/batch/builder.js";
import type { Batch, Column } from "../../../src/batch/column.js";
import { copyBatch, gatherColumn, sliceBatch, sliceColumn } from "../../../src/batch/gather.js";
import { decodeIpc, encodeIpcStream } from "../../../src/batch/ipc.js";
import { itemsOf, listColumn, listItems } from "../../../src/batch/lists.js";
import { columnReader } from "../../../src/batch/reader.js";
import { RowBuffer } from "../../../src/batch/rowBuffer.js";
import { structColumn } from "../../../src/batch/structs.js";
import { keptBatchViews } from "../../../src/kernels/kernelViews.js";
import { type DataType, parseType, types, type Value } from "../../../src/schema/types.js";

const type = parseType("list(struct(id: int32, names: list(utf8)))");
const item = fc.record({
  id: fc.option(fc.integer({ min: -9, max: 9 })),
  names: fc.option(fc.array(fc.option(fc.string({ unit: "grapheme" })), { maxLength: 3 })),
});
const lists = fc.array(fc.option(fc.array(fc.option(item), { maxLength: 4 })), { maxLength: 20 }) as fc.Arbitrary<Value[]>;

/** A column by items and fields, whose items stand from the last row to the first, with one that no row has between each two. */
function byItems(of: DataType, values: readonly Value[]): Column {
  const valid = values.includes(null) ? Uint8Array.from(values, (value) => (value === null ? 0 : 1)) : null;
  if (of.kind === "struct") {
    const fields = of.fields.map((field) =>
      byItems(
        field.type,
        values.map((value) => (value as { [name: string]: Value } | null)?.[field.name] ?? null),
      ),
    );
    return structColumn(of, fields, valid, values.length);
  }
  if (of.kind !== "list") {
    const builder = builderFor(of);
    for (const value of values) builder.append(value);
    return builder.finish();
  }
  const items: Value[] = [];
  const [starts, ends] = [new Int32Array(values.length), new Int32Array(values.length)];
  for (let row = values.length - 1; row >= 0; row--) {
    starts[row] = items.length;
    items.push(...((values[row] ?? []) as Value[]));
    ends[row] = items.length;
    items.push(null);
  }
  return listColumn(of, { starts, ends, items: byItems(of.item, items) }, valid, values.length);
}

const read = (column: Column | undefined): Value[] =>
  column === undefined ? [] : Array.from({ length: column.length }, (_, row) => columnReader(column)(row));
const schema = [{ name: "l", type, nullable: true }];
const batchOf = (column: Column): Batch => ({ schema, length: column.length, columns: [column], selection: null, origin: null });

describe("a list column by its items", () => {
  it("makes the array of a row when that is read, and gives a column of other arrays nothing of its own", () => {
    const column = byItems(type, [[{ id: 1, names: ["a"] }], null, []]);
    if (column.layout !== "object") throw new Error("a list column holds no arrays");
    expect(column.at?.(0)).toEqual([{ id: 1, names: ["a"] }]);
    expect(column.at?.(0)).not.toBe(column.at?.(0));
    expect(column.values).toEqual([[{ id: 1, names: ["a"] }], null, []]);
    const other = { ...column, values: [null, [], null], valid: Uint8Array.of(0, 1, 0) };
    expect(read(other)).toEqual([null, [], null]);
  });

  it("has the lists that it was made of, wherever its rows go", () => {
    fc.assert(
      fc.property(lists, fc.array(fc.nat()), fc.nat(20), fc.nat(20), (values, picks, from, to) => {
        const column = byItems(type, values);
        expect(listItems(column)).not.toBeNull();
        expect(read(column)).toEqual(values);
        const rows = Int32Array.from(values.length === 0 ? [] : picks, (pick) => pick % values.length);
        expect(read(gatherColumn(column, rows))).toEqual(Array.from(rows, (row) => values[row]));
        expect(read(sliceBatch(batchOf(column), from, to).columns[0])).toEqual(values.slice(from, Math.max(from, to)));
        expect(read(copyBatch(batchOf(column)).columns[0])).toEqual(values);
        expect(read(keptBatchViews(batchOf(column))().columns[0])).toEqual(values);
        const buffer = new RowBuffer(schema);
        for (let row = 0; row < values.length; row += 3) buffer.add(batchOf(column), row, Math.min(row + 3, values.length));
        expect(read(buffer.take().columns[0])).toEqual(values);
      }),
    );
  });

  it("has in a slice the items of its rows alone, at every level", () => {
    const of = parseType("list(list(int32))");
    const values = [[[1], [2, 3]], null, [], [[4, 5], null, [6]], [[7]]];
    const rows = (from: number, to: number) => sliceBatch(batchOf(byItems(of, values)), from, to).columns[0] as Column;
    const counts = (column: Column): number[] => {
      const own = listItems(column);
      return own === null ? [] : [own.items.length, ...counts(own.items)];
    };
    // One item that no row has lies behind each list, and where one is null.
    expect(counts(rows(3, 4))).toEqual([3, 5]);
    expect(counts(rows(3, 5))).toEqual([5, 8]);
    expect(counts(rows(1, 3))).toEqual([0, 0]);
    expect(read(rows(3, 5))).toEqual(values.slice(3));
    // Where a list is null or empty its bounds may be any.
    const [starts, ends] = [Int32Array.of(-9, 7, 1, 0), Int32Array.of(9, 7, 3, 0)];
    const items = byItems(types.int32, [1, 2, 3, 4]);
    const odd = listColumn(parseType("list(int32)"), { starts, ends, items }, Uint8Array.of(0, 1, 1, 1), 4);
    const slice = sliceColumn(odd, 0, 4);
    expect(counts(slice)).toEqual([2]);
    expect(read(slice)).toEqual([null, [], [2, 3], []]);
  });

  it("goes through Arrow as it is, with nothing that no row has", () => {
    fc.assert(
      fc.property(lists, (values) => {
        const stream = encodeIpcStream(schema, [batchOf(byItems(type, values))]);
        const parts = decodeIpc(stream, "memory").batches;
        expect(parts.flatMap(({ columns }) => read(columns[0]))).toEqual(values);
        const plain = builderFor(type);
        for (const value of values) plain.append(value);
        expect(Buffer.compare(stream, encodeIpcStream(schema, [batchOf(plain.finish())]))).toBe(0);
      }),
    );
  });

  it("is made of plain arrays, too", () => {
    const builder = builderFor(parseType("list(int32)"));
    for (const value of [[1, null], null, [], [2]]) builder.append(value);
    const { starts, ends, items } = itemsOf(builder.finish());
    expect([Array.from(starts), Array.from(ends), read(items)]).toEqual([
      [0, 2, 2, 2],
      [2, 2, 2, 3],
      [1, null, 2],
    ]);
  });
});
