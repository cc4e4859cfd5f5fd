import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { builderFor } from "../../../src/batch/builder.js";
import type { Batch } from "../../../src/batch/column.js";
import { sliceBatch } from "../../../src/batch/gather.js";
import { partitionFolder } from "../../../src/io/sink/sinkPartition.js";
import type { WriterOptions } from "../../../src/io/sink/sinkFragment.js";
import { openWriter } from "../../../src/io/sink/sinks.js";
import type { SinkSpec } from "../../../src/plan/nodes.js";
import { type Schema, types, type Value } from "../../../src/schema/types.js";
import type { FileWritten } from "../../../src/task/protocol.js";
import { duckRows } from "../parquet/readers.js";

const root = mkdtempSync(join(tmpdir(), "sinks-"));
afterAll(() => rmSync(root, { recursive: true }));
const folder = () => mkdtempSync(join(root, "f-"));

function batchOf(schema: Schema, rows: readonly (readonly Value[])[]): Batch {
  const columns = schema.map((field, c) => {
    const builder = builderFor(field.type);
    for (const row of rows) builder.append(row[c] as Value);
    return builder.finish();
  });
  return { schema, length: rows.length, columns, selection: null, origin: null };
}

const sinkOf = (format: SinkSpec["format"], options: SinkSpec["options"] = {}, partitionBy: string[] = []): SinkSpec => ({
  format,
  path: "out",
  mode: "error",
  partitionBy,
  options,
});

async function write(
  sink: SinkSpec,
  schema: Schema,
  batches: readonly Batch[],
  options: WriterOptions = {},
): Promise<FileWritten[]> {
  const writer = openWriter(sink, schema, folder(), 3, { fsync: false, ...options });
  for (const batch of batches) await writer.write(batch);
  return writer.finish();
}

const textOf = async (sink: SinkSpec, schema: Schema, rows: readonly (readonly Value[])[]): Promise<string> => {
  const [file] = await write(sink, schema, [batchOf(schema, rows)]);
  return readFileSync(file?.path as string, "utf8");
};

const kinds: Schema = [
  { name: "a,b", type: types.utf8, nullable: true },
  { name: "i", type: types.int64, nullable: true },
  { name: "x", type: types.float64, nullable: true },
  { name: "d", type: types.date, nullable: true },
  { name: "t", type: types.timestamp, nullable: true },
  { name: "m", type: types.decimal(6, 2), nullable: true },
  { name: "f", type: types.bool, nullable: true },
];

describe("csv", () => {
  it("quotes by need and keeps the empty text apart from null", async () => {
    const rows: Value[][] = [
      ['say "hi", you', -(2n ** 63n), 0.1, 0, 1500000n, -5n, true],
      ["", 2n ** 63n - 1n, 1e300, -1, 0n, 123456n, false],
      ["two\nlines", 0n, 3, 19000, -1n, 100n, true],
      [null, null, null, null, null, null, null],
    ];
    expect(await textOf(sinkOf("csv"), kinds, rows)).toBe(
      [
        '"a,b",i,x,d,t,m,f',
        '"say ""hi"", you",-9223372036854775808,0.1,1970-01-01,1970-01-01 00:00:01.5,-0.05,true',
        '"",9223372036854775807,1e+300,1969-12-31,1970-01-01 00:00:00,1234.56,false',
        '"two',
        'lines",0,3.0,2022-01-08,1969-12-31 23:59:59.999999,1.00,true',
        ",,,,,,",
        "",
      ].join("\n"),
    );
  });

  it("takes another delimiter, quote and null, and leaves the header out", async () => {
    const schema: Schema = kinds.slice(0, 2);
    const sink = sinkOf("csv", { delimiter: ";", quote: "'", header: false, nullValue: "NULL" });
    const text = await textOf(sink, schema, [
      ["a;b", 1n],
      ["NULL", null],
      [null, 2n],
      ["it's", 3n],
      ["a,b", 4n],
    ]);
    expect(text).toBe("'a;b';1\n'NULL';NULL\nNULL;2\n'it''s';3\na,b;4\n");
  });

  it("reads back in DuckDB for any text", async () => {
    const schema: Schema = [
      { name: "n", type: types.int32, nullable: false },
      { name: "t", type: types.utf8, nullable: true },
    ];
    const texts = fc.array(
      fc.option(fc.string({ unit: fc.constantFrom("a", ",", '"', "\n", " ", "é", "\t", "NULL", "😀", "'") })),
      {
        minLength: 1,
        maxLength: 30,
      },
    );
    await fc.assert(
      fc.asyncProperty(texts, async (values) => {
        const [file] = await write(sinkOf("csv"), schema, [
          batchOf(
            schema,
            values.map((t, i) => [i, t]),
          ),
        ]);
        const read = await duckRows(
          `SELECT n, t FROM read_csv('${file?.path}', columns={n: 'INTEGER', t: 'VARCHAR'}, header=true, delim=',', quote='"', escape='"',
           allow_quoted_nulls=false, new_line='\\n', parallel=false) ORDER BY n`,
        );
        expect(read.map((row) => row.t)).toEqual(values);
      }),
      { numRuns: 25 },
    );
  });
});

describe("jsonl", () => {
  it("is exact and strict JSON", async () => {
    const schema: Schema = [
      ...kinds,
      { name: "b", type: types.binary, nullable: true },
      { name: "l", type: types.list(types.int64), nullable: true },
      { name: "s", type: types.struct([{ name: "y", type: types.date, nullable: true }]), nullable: true },
    ];
    const rows: Value[][] = [
      ['a"\\\n\u0001é', 9007199254740993n, -0, 0, 1500000n, -5n, true, Uint8Array.of(255), [1n, null], { y: 1 }],
      [null, null, Number.NaN, null, null, null, null, null, null, null],
      ["", 1n, Infinity, 1, 0n, 0n, false, new Uint8Array(0), [], { y: null }],
    ];
    expect(await textOf(sinkOf("jsonl"), schema, rows)).toBe(
      [
        '{"a,b":"a\\"\\\\\\n\\u0001é","i":9007199254740993,"x":-0,"d":"1970-01-01","t":"1970-01-01T00:00:01.5","m":-0.05,"f":true,"b":"/w==","l":[1,null],"s":{"y":"1970-01-02"}}',
        '{"a,b":null,"i":null,"x":"NaN","d":null,"t":null,"m":null,"f":null,"b":null,"l":null,"s":null}',
        '{"a,b":"","i":1,"x":"Infinity","d":"1970-01-02","t":"1970-01-01T00:00:00","m":0.00,"f":false,"b":"","l":[],"s":{"y":null}}',
        "",
      ].join("\n"),
    );
  });
});

describe("partitions", () => {
  const schema: Schema = [
    { name: "id", type: types.int32, nullable: false },
    { name: "k", type: types.utf8, nullable: true },
    { name: "day", type: types.date, nullable: true },
  ];

  it("go to one fragment each, ordered by values, without the partition columns", async () => {
    const rows: Value[][] = [
      [1, "b", 1],
      [2, "a", 1],
      [3, "b", 1],
      [4, null, 1],
      [5, "b", null],
      [6, "", 1],
    ];
    const files = await write(sinkOf("jsonl", {}, ["k", "day"]), schema, [batchOf(schema, rows)]);
    expect(files.map((file) => [file.partitionValues, readFileSync(file.path, "utf8"), file.rows])).toEqual([
      [["", "1970-01-02"], '{"id":6}\n', 1],
      [["a", "1970-01-02"], '{"id":2}\n', 1],
      [["b", "1970-01-02"], '{"id":1}\n{"id":3}\n', 2],
      [["b", null], '{"id":5}\n', 1],
      [[null, "1970-01-02"], '{"id":4}\n', 1],
    ]);
    expect(files.every((file) => /\/000003-\d+\.jsonl\.part$/.test(file.path))).toBe(true);
  });

  it("keep few files open, and the fragments do not depend on the batches", async () => {
    const rows: Value[][] = Array.from({ length: 600 }, (_, i) => [i, `k${(i * i) % 23}`, null]);
    const whole = batchOf(schema, rows);
    const run = async (size: number) => {
      const batches: Batch[] = [];
      for (let from = 0; from < rows.length; from += size) batches.push(sliceBatch(whole, from, from + size));
      const files = await write(sinkOf("parquet", {}, ["k", "day"]), schema, batches, { openFiles: 4 });
      // The stamp is of the file on the disk, not of its bytes.
      return files.map(({ path, stamp, ...rest }) => ({ ...rest, name: path.replace(/.*\//, "") }));
    };
    const expected = await run(600);
    expect(expected.reduce((sum, file) => sum + file.rows, 0)).toBe(600);
    expect(await run(1)).toEqual(expected);
    expect(await run(97)).toEqual(expected);
  });

  it("take rows that waited in the order in which they came, whatever the batches and the memory", async () => {
    const text = (i: number) => (i % 7 === 0 ? null : "x".repeat((i * i) % 90));
    const rows: Value[][] = Array.from({ length: 3000 }, (_, i) => [i, `k${(i * i) % 11}`, text(i), i % 13 === 0 ? null : i % 3]);
    const fields: Schema = [
      { name: "id", type: types.int32, nullable: true },
      { name: "k", type: types.utf8, nullable: true },
      { name: "text", type: types.utf8, nullable: true },
      { name: "n", type: types.int8, nullable: true },
    ];
    const whole = batchOf(fields, rows);
    const everyOther = { ...whole, selection: Int32Array.from({ length: 1500 }, (_, i) => i * 2) };
    for (const [batch, live] of [
      [whole, rows],
      [everyOther, rows.filter((_, i) => i % 2 === 0)],
    ] as const) {
      const run = async (size: number) => {
        const batches: Batch[] = [];
        for (let from = 0; from < live.length; from += size)
          batches.push(sliceBatch(batch, from, Math.min(live.length, from + size)));
        const files = await write(sinkOf("parquet", {}, ["k"]), fields, batches, { waitingBytes: 4000, bufferBytes: 6000 });
        for (const { path, partitionValues } of files) {
          const own = live.filter(([, k]) => k === partitionValues[0]).map(([id, , words, n]) => ({ id, text: words, n }));
          expect(await duckRows(`SELECT * FROM read_parquet('${path}')`)).toEqual(own);
        }
        return files.map(({ path, stamp, ...rest }) => ({ ...rest, name: path.replace(/.*\//, "") }));
      };
      const expected = await run(live.length);
      expect(expected.reduce((sum, file) => sum + file.rows, 0)).toBe(live.length);
      expect(await run(1)).toEqual(expected);
      expect(await run(97)).toEqual(expected);
    }
  });

  it("have folder names that DuckDB reads back, for any text", async () => {
    expect(partitionFolder("k", null)).toBe("k=__HIVE_DEFAULT_PARTITION__");
    expect(partitionFolder("k", "__HIVE_DEFAULT_PARTITION__")).toBe("k=%5F_HIVE_DEFAULT_PARTITION__");
    expect(partitionFolder("a/b", "x=y z/é'\"%")).toBe("a%2Fb=x%3Dy%20z%2F%C3%A9%27%22%25");
    expect(partitionFolder("k", "..")).toBe("k=..");
  });

  it("leave nothing behind when the task fails", async () => {
    const directory = folder();
    const writer = openWriter(sinkOf("csv", {}, ["k"]), schema, directory, 0, { openFiles: 1, waitingBytes: 1 });
    await writer.write(
      batchOf(schema, [
        [1, "a", 1],
        [2, "b", 1],
        [3, "a", 1],
      ]),
    );
    expect(readdirSync(directory).length).toBe(3);
    await writer.abort();
    expect(readdirSync(directory)).toEqual([]);
  });

  it("cannot take every column", () => {
    expect(() => openWriter(sinkOf("csv", {}, ["id", "k", "day"]), schema, folder(), 0)).toThrow(/names every column/);
    expect(() => openWriter(sinkOf("csv", {}, ["dya"]), schema, folder(), 0)).toThrow(/Did you mean "day"/);
  });
});
