import * as arrow from "apache-arrow";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toRecordBatch, toTable } from "../../../src/batch/arrowExport.js";
import { fromRecordBatch } from "../../../src/batch/arrowImport.js";
import { arrowSchema, schemaFromArrow } from "../../../src/batch/arrowSchema.js";
import { builderFor } from "../../../src/batch/builder.js";
import type { Batch, Column } from "../../../src/batch/column.js";
import { decodeIpc, encodeIpcFile, encodeIpcStream } from "../../../src/batch/ipc.js";
import { columnReader } from "../../../src/batch/reader.js";
import { type DataType, typeName, types, type Value } from "../../../src/schema/types.js";
import { column, everyType, schemaOf } from "./values.js";

const build = (type: DataType, values: readonly Value[]): Column => {
  const builder = builderFor(type);
  for (const value of values) builder.append(value);
  return builder.finish();
};
const batchOf = (type: DataType, values: readonly Value[], selection: Int32Array | null = null): Batch => {
  return { schema: schemaOf([type]), length: values.length, columns: [build(type, values)], selection, origin: null };
};
const read = (from: Column | undefined): Value[] =>
  from === undefined ? [] : Array.from({ length: from.length }, (_, row) => columnReader(from)(row));
const record = (vectors: { [name: string]: arrow.Vector }): arrow.RecordBatch => {
  const batch = new arrow.Table(vectors).batches[0];
  if (batch === undefined) throw new Error("no batch");
  return batch;
};

describe.each(everyType.map((type) => [typeName(type), type] as const))("Arrow and %s", (_, type) => {
  it("round-trips through record batches and IPC", () => {
    fc.assert(
      fc.property(column(type), (values) => {
        const batch = batchOf(type, values);
        expect(read(fromRecordBatch(toRecordBatch(batch)).columns[0])).toEqual(values);
        for (const bytes of [encodeIpcStream(batch.schema, [batch]), encodeIpcFile(batch.schema, [batch])]) {
          const decoded = decodeIpc(bytes);
          expect(decoded.schema).toEqual(batch.schema);
          expect(decoded.batches.flatMap((b) => read(b.columns[0]))).toEqual(values);
        }
      }),
      { numRuns: 30 },
    );
  });

  it("keeps its schema", () => {
    expect(schemaFromArrow(arrowSchema(schemaOf([type])))).toEqual(schemaOf([type]));
  });
});

/** Files of one column `a` of three doubles, as Polars writes them. */
const compressed = {
  lz4: "QVJST1cxAAD/////cAAAAAQAAADy////FAAAAAQAAQAAAAoACwAIAAoABAD4////DAAAAAgACAAAAAQAAQAAAAQAAADs////MAAAACAAAAAYAAAAAQMAABAAEgAEABAAEQAIAAAADAAAAAAA+v///wIABgAGAAQAAQAAAGEAAAD/////kAAAAAQAAADs////QAAAAAAAAAAUAAAABAADAAwAEwAQABIADAAEAOT///8DAAAAAAAAAEwAAAAgAAAAFAAAAAAAAAAMABgABAAMABAAFAD8////BAAEAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA0AAAAAAAAAAAAAAABAAAAAwAAAAAAAAAAAAAAAAAAABgAAAAAAAAABCJNGFRArhUAAAARAAEAIfA/BwCwAABAAAAAAAAACECxhQq/AAAAAJ5YYY8AAAAAAAAAAAAAAAD/////AAAAAAQAAADs////QAAAADgAAAAUAAAABAAAAAwAEgAQAAQACAAMAAEAAACAAAAAAAAAAJgAAAAAAAAAQAAAAAAAAAAAAAAAAAAAAPj///8MAAAACAAIAAAABAABAAAABAAAAOz///8wAAAAIAAAABgAAAABAwAAEAASAAQAEAARAAgAAAAMAAAAAAD6////AgAGAAYABAABAAAAYQCaAAAAQVJST1cx",
  zstd: "QVJST1cxAAD/////cAAAAAQAAADy////FAAAAAQAAQAAAAoACwAIAAoABAD4////DAAAAAgACAAAAAQAAQAAAAQAAADs////MAAAACAAAAAYAAAAAQMAABAAEgAEABAAEQAIAAAADAAAAAAA+v///wIABgAGAAQAAQAAAGEAAAD/////kAAAAAQAAADs////QAAAAAAAAAAUAAAABAADAAwAEwAQABIADAAEAOj///8DAAAAAAAAAEwAAAAgAAAAEAAAAAwAGAAEAAwAEAAUAPr///8BAAYABQAEAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAmAAAAAAAAAAAAAAABAAAAAwAAAAAAAAAAAAAAAAAAABgAAAAAAAAAKLUv/QBYrQAAcAAA8D8AQAAAAAAAAAhAAgBgRgCwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAD/////AAAAAAQAAADs////QAAAADgAAAAUAAAABAAAAAwAEgAQAAQACAAMAAEAAACAAAAAAAAAAJgAAAAAAAAAQAAAAAAAAAAAAAAAAAAAAPj///8MAAAACAAIAAAABAABAAAABAAAAOz///8wAAAAIAAAABgAAAABAwAAEAASAAQAEAARAAgAAAAMAAAAAAD6////AgAGAAYABAABAAAAYQCaAAAAQVJST1cx",
};

describe("Arrow", () => {
  it("gives only live rows, as Arrow itself reads them", () => {
    const table = toTable(schemaOf([types.utf8]), [batchOf(types.utf8, ["a", null, "ö", "d"], Int32Array.of(1, 2))]);
    expect([...(table.getChildAt(0) ?? [])]).toEqual([null, "ö"]);
  });

  it("is read as Arrow means it: numbers, bools, decimals, nested values", () => {
    const batch: Batch = {
      schema: schemaOf([types.bool, types.int64, types.list(types.int32)]),
      length: 2,
      columns: [
        build(types.bool, [true, null]),
        build(types.int64, [7n, -(2n ** 60n)]),
        build(types.list(types.int32), [[1, null], null]),
      ],
      selection: null,
      origin: null,
    };
    const back = toRecordBatch(batch);
    expect([...(back.getChildAt(0) ?? [])]).toEqual([true, null]);
    expect([...(back.getChildAt(1) ?? [])]).toEqual([7n, -(2n ** 60n)]);
    expect([...(back.getChildAt(2)?.get(0) ?? [])]).toEqual([1, null]);
  });

  it("takes nothing from what stands at null rows", () => {
    const valid = Uint8Array.of(1, 0, 1, 1, 0, 1);
    const exported = (atNull: number) => {
      const word = BigInt(atNull);
      const columns: Column[] = [
        { layout: "fixed", type: types.bool, length: 6, values: Uint8Array.of(1, atNull, 0, 0, atNull, 1), valid },
        { layout: "fixed", type: types.int64, length: 6, values: BigInt64Array.of(1n, word, 0n, 0n, word, 1n), valid },
        {
          layout: "wide",
          type: types.decimal(38, 0),
          length: 6,
          values: BigInt64Array.of(1n, 0n, word, word, 0n, 0n, 0n, 0n, word, word, 1n, 0n),
          valid,
        },
      ];
      const schema = schemaOf(columns.map((column) => column.type));
      return toTable(schema, [{ schema, length: 6, columns, selection: null, origin: null }]);
    };
    const table = exported(3);
    expect([...(table.getChildAt(0) ?? [])]).toEqual([true, null, false, false, null, true]);
    expect([...(table.getChildAt(1) ?? [])]).toEqual([1n, null, 0n, 0n, null, 1n]);
    expect(arrow.tableToIPC(table)).toEqual(arrow.tableToIPC(exported(0)));
  });

  it("decodes dictionaries and large offsets", () => {
    const dictionary = arrow.vectorFromArray(["x", "y", null, "x"], new arrow.Dictionary(new arrow.Utf8(), new arrow.Int8()));
    const large = arrow.vectorFromArray(["aa", "b", null, ""], new arrow.LargeUtf8());
    const batch = fromRecordBatch(record({ dictionary, large }));
    expect(batch.schema.map((field) => field.type)).toEqual([types.utf8, types.utf8]);
    expect(batch.columns.map(read)).toEqual([
      ["x", "y", null, "x"],
      ["aa", "b", null, ""],
    ]);
  });

  it("reads every unit of time as microseconds and days", () => {
    const ticks = (type: arrow.DataType, values: bigint[]) =>
      new arrow.Vector([
        new arrow.Data(type, 0, values.length, 0, { [arrow.BufferType.DATA]: BigInt64Array.from(values) } as never),
      ]);
    const batch = fromRecordBatch(
      record({
        s: ticks(new arrow.TimestampSecond(), [1n, -1n]),
        ms: ticks(new arrow.TimestampMillisecond(), [1n, -1n]),
        us: ticks(new arrow.TimestampMicrosecond(), [1n, -1n]),
        ns: ticks(new arrow.TimestampNanosecond(), [1999n, -1n]),
        day: ticks(new arrow.DateMillisecond(), [86_400_000n, -1n]),
      }),
    );
    expect(batch.columns.map(read)).toEqual([
      [1_000_000n, -1_000_000n],
      [1000n, -1000n],
      [1n, -1n],
      [1n, -1n],
      [1, -1],
    ]);
  });

  it("reads slices of record batches", () => {
    const table = toTable(schemaOf([types.bool, types.utf8]), [
      {
        schema: schemaOf([types.bool, types.utf8]),
        length: 4,
        columns: [build(types.bool, [true, false, null, true]), build(types.utf8, ["a", null, "c", "d"])],
        selection: null,
        origin: null,
      },
    ]).slice(1, 4);
    const batches = table.batches.map(fromRecordBatch);
    expect(batches.flatMap((b) => read(b.columns[0]))).toEqual([false, null, true]);
    expect(batches.flatMap((b) => read(b.columns[1]))).toEqual([null, "c", "d"]);
  });

  it("says which bytes and types it cannot read", () => {
    expect(() => decodeIpc(new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]))).toThrow(
      expect.objectContaining({ code: "ARROW_UNREADABLE" }),
    );
    for (const [codec, text] of Object.entries(compressed)) {
      const error = expect.objectContaining({ code: "ARROW_COMPRESSED", place: expect.objectContaining({ file: codec }) });
      expect(() => decodeIpc(Buffer.from(text, "base64"), codec)).toThrow(error);
    }
    const time = new arrow.Schema([new arrow.Field("t", new arrow.TimeSecond(), true)]);
    expect(() => schemaFromArrow(time)).toThrow(expect.objectContaining({ code: "UNSUPPORTED_ARROW_TYPE" }));
  });
});
