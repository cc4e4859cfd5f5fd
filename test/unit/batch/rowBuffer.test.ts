import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { builderFor } from "../../../src/batch/builder.js";
import type { Batch, Column } from "../../../src/batch/column.js";
import { encodeIpcStream } from "../../../src/batch/ipc.js";
import { columnReader } from "../../../src/batch/reader.js";
import { RowBuffer } from "../../../src/batch/rowBuffer.js";
import { type DataType, typeName, type Value } from "../../../src/schema/types.js";
import { column, everyType, schemaOf } from "./values.js";

const build = (type: DataType, values: readonly Value[]): Column => {
  const builder = builderFor(type);
  for (const value of values) builder.append(value);
  return builder.finish();
};

describe.each(everyType.map((type) => [typeName(type), type] as const))("rows of %s", (_, type) => {
  const schema = schemaOf([type]);
  const batchOf = (values: readonly Value[], selection: Int32Array | null): Batch => {
    return { schema, length: values.length, columns: [build(type, values)], selection, origin: null };
  };

  it("come out as they went in, whatever batches they came in", () => {
    const batches = fc.array(fc.tuple(column(type), fc.boolean(), fc.nat(8)), { maxLength: 6 });
    fc.assert(
      fc.property(batches, (given) => {
        const buffer = new RowBuffer(schema);
        const expected: Value[] = [];
        for (const [values, selected, cut] of given) {
          const selection = selected ? Int32Array.from(values.keys()).filter((row) => row % 3 !== 1) : null;
          const live = selection === null ? values : Array.from(selection, (row) => values[row] as Value);
          const from = Math.min(cut, live.length);
          buffer.add(batchOf(values, selection), 0, from);
          buffer.add(batchOf(values, selection), from, live.length);
          expected.push(...live);
        }
        expect(buffer.length).toBe(expected.length);
        const taken = buffer.take();
        const [own] = taken.columns;
        expect(Array.from({ length: taken.length }, (_, row) => (own === undefined ? null : columnReader(own)(row)))).toEqual(
          expected,
        );
        const bytes = [taken, batchOf(expected, null)].map((batch) => Buffer.from(encodeIpcStream(schema, [batch])));
        expect(bytes[0]?.equals(bytes[1] as Buffer)).toBe(true);
        expect(buffer.length).toBe(0);
        expect(buffer.take().length).toBe(0);
      }),
      { numRuns: 40 },
    );
  });
});

it("takes many rows one by one, and rows that are many at once", () => {
  const [type] = everyType.filter((one) => one.kind === "int32");
  if (type === undefined) throw new Error("no type");
  const schema = schemaOf([type]);
  const buffer = new RowBuffer(schema);
  const expected: number[] = [];
  for (const size of [...Array(300).fill(1), 5000, 3, 3, 9000, 1, 4096, 4095]) {
    const values = Array.from({ length: size }, (_, i) => expected.length + i);
    buffer.add({ schema, length: size, columns: [build(type, values)], selection: null, origin: null }, 0, size);
    for (const value of values) expected.push(value);
  }
  const [own] = buffer.take().columns;
  expect(own?.layout === "fixed" ? Array.from(own.values, Number) : null).toEqual(expected);
});
