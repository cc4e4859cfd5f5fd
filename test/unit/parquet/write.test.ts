import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { builderFor } from "../../../src/batch/builder.js";
import type { Batch } from "../../../src/batch/column.js";
import { sliceBatch } from "../../../src/batch/gather.js";
import { compressions } from "../../../src/io/parquet/parquetPages.js";
import { ParquetFileWriter, type ParquetOptions, parquetDefaults, parquetOptions } from "../../../src/io/parquet/parquetWrite.js";
import { OutputFile } from "../../../src/io/sink/sinkOutput.js";
import { type Schema, types, type Value } from "../../../src/schema/types.js";
import { duckRows, duckTexts, hyparquetRows, wasmRows } from "./readers.js";

const folder = mkdtempSync(join(tmpdir(), "parquet-write-"));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;

function batchOf(schema: Schema, rows: readonly (readonly Value[])[]): Batch {
  const columns = schema.map((field, c) => {
    const builder = builderFor(field.type);
    for (const row of rows) builder.append(row[c] as Value);
    return builder.finish();
  });
  return { schema, length: rows.length, columns, selection: null, origin: null };
}

function write(schema: Schema, batches: readonly Batch[], options: Partial<ParquetOptions> = {}): string {
  const file = join(folder, `${files++}.parquet`);
  const writer = new ParquetFileWriter(new OutputFile(file), schema, { ...parquetDefaults, ...options });
  for (const batch of batches) writer.write(batch);
  writer.finish();
  return file;
}

const big = 10n ** 38n - 1n;
const everyType: Schema = [
  { name: "bool", type: types.bool, nullable: true },
  { name: "int8", type: types.int8, nullable: true },
  { name: "int16", type: types.int16, nullable: true },
  { name: "int32", type: types.int32, nullable: true },
  { name: "int64", type: types.int64, nullable: true },
  { name: "uint8", type: types.uint8, nullable: true },
  { name: "uint16", type: types.uint16, nullable: true },
  { name: "uint32", type: types.uint32, nullable: true },
  { name: "uint64", type: types.uint64, nullable: true },
  { name: "float32", type: types.float32, nullable: true },
  { name: "float64", type: types.float64, nullable: true },
  { name: "small decimal", type: types.decimal(5, 2), nullable: true },
  { name: "decimal", type: types.decimal(18, 3), nullable: true },
  { name: "wide.decimal", type: types.decimal(38, 10), nullable: true },
  { name: "text", type: types.utf8, nullable: true },
  { name: "binary", type: types.binary, nullable: true },
  { name: "date", type: types.date, nullable: true },
  { name: "timestamp", type: types.timestamp, nullable: true },
];
const none: Value[] = everyType.map(() => null);
const low: Value[] = [
  false,
  -128,
  -32768,
  -2147483648,
  -(2n ** 63n),
  0,
  0,
  0,
  0n,
  -1.5,
  -1.7976931348623157e308,
  -99999n,
  -(10n ** 18n - 1n),
  -big,
  "",
  new Uint8Array(0),
  -719162,
  -62135596800000000n,
];
const high: Value[] = [
  true,
  127,
  32767,
  2147483647,
  2n ** 63n - 1n,
  255,
  65535,
  4294967295,
  2n ** 64n - 1n,
  1.5,
  5e-324,
  99999n,
  10n ** 18n - 1n,
  big,
  'ÿ "😀" \u0000 end',
  Uint8Array.of(0, 255, 128),
  2932896,
  253402300799999999n,
];
const rows = [low, none, high, none, low];

const lowTexts = [
  "false",
  "-128",
  "-32768",
  "-2147483648",
  "-9223372036854775808",
  "0",
  "0",
  "0",
  "0",
  "-1.5",
  "-1.7976931348623157e+308",
  "-999.99",
  "-999999999999999.999",
  "-9999999999999999999999999999.9999999999",
  "",
  "",
  "0001-01-01",
  "0001-01-01 00:00:00",
];
const highTexts = [
  "true",
  "127",
  "32767",
  "2147483647",
  "9223372036854775807",
  "255",
  "65535",
  "4294967295",
  "18446744073709551615",
  "1.5",
  "5e-324",
  "999.99",
  "999999999999999.999",
  "9999999999999999999999999999.9999999999",
  'ÿ "😀" \u0000 end',
  "00ff80",
  "9999-12-31",
  "9999-12-31 23:59:59.999999",
];
const expectedTexts = [lowTexts, none, highTexts, none, lowTexts].map((texts) =>
  Object.fromEntries(everyType.map((field, i) => [field.name, texts[i]])),
);

describe("every type at its extremes, with nulls", () => {
  for (const compression of compressions.filter((name) => name !== "zstd" || Number(process.versions.node.split(".")[0]) >= 24)) {
    it(`reads back in DuckDB, ${compression}`, async () => {
      const file = write(everyType, [batchOf(everyType, rows)], { compression });
      expect(await duckTexts(file, everyType)).toEqual(expectedTexts);
    });
    it(`reads back in parquet-wasm, ${compression}`, async () => {
      expect(await wasmRows(write(everyType, [batchOf(everyType, rows)], { compression }))).toEqual(rows);
    });
  }

  it("reads back in hyparquet", async () => {
    const read = await hyparquetRows(write(everyType, [batchOf(everyType, rows)]));
    expect(read.map((row) => row.int64)).toEqual(
      [low[4], null, high[4], null, low[4]].map((v) => v ?? undefined).map((v) => v ?? null),
    );
    expect(read.map((row) => row.uint64)).toEqual([0n, null, 2n ** 64n - 1n, null, 0n]);
    expect(read.map((row) => row.text)).toEqual(["", null, high[14], null, ""]);
    expect(read.map((row) => row.bool)).toEqual([false, null, true, null, false]);
    expect(read.map((row) => row["small decimal"])).toEqual([-999.99, null, 999.99, null, -999.99]);
    expect(read.map((row) => row.uint32)).toEqual([0, null, 4294967295, null, 0]);
    expect(read.map((row) => row.date)).toEqual([
      new Date("0001-01-01"),
      null,
      new Date("9999-12-31"),
      null,
      new Date("0001-01-01"),
    ]);
  });

  it("keeps DuckDB's types", async () => {
    const file = write(everyType, [batchOf(everyType, rows)]);
    const described = await duckRows(`DESCRIBE SELECT * FROM read_parquet('${file}')`);
    expect(described.map((row) => row.column_type)).toEqual([
      "BOOLEAN",
      "TINYINT",
      "SMALLINT",
      "INTEGER",
      "BIGINT",
      "UTINYINT",
      "USMALLINT",
      "UINTEGER",
      "UBIGINT",
      "FLOAT",
      "DOUBLE",
      "DECIMAL(5,2)",
      "DECIMAL(18,3)",
      "DECIMAL(38,10)",
      "VARCHAR",
      "BLOB",
      "DATE",
      "TIMESTAMP",
    ]);
  });

  it("keeps special floats to the bit", async () => {
    const schema: Schema = [{ name: "x", type: types.float64, nullable: false }];
    const values = [Number.NaN, -0, 0, Infinity, -Infinity, 5e-324];
    const read = await wasmRows(
      write(schema, [
        batchOf(
          schema,
          values.map((x) => [x]),
        ),
      ]),
    );
    expect(read.every(([x], i) => Object.is(x, values[i]))).toBe(true);
    const counted = await duckRows(
      `SELECT count(*)::INT AS n FROM read_parquet('${join(folder, `${files - 1}.parquet`)}') WHERE x > 5`,
    );
    expect(counted).toEqual([{ n: 2 }]);
  });
});

describe("statistics", () => {
  const stats = (file: string) =>
    duckRows(
      `SELECT stats_min_value AS min, stats_max_value AS max, stats_null_count::INT AS nulls FROM parquet_metadata('${file}')`,
    );

  it("gives bounds and null counts that DuckDB reads as the true ones", async () => {
    const file = write(everyType, [batchOf(everyType, rows)]);
    const read = await stats(file);
    expect(read.map((row) => row.nulls)).toEqual(everyType.map(() => 2));
    const at = (name: string) => read[everyType.findIndex((field) => field.name === name)];
    expect(at("int64")).toMatchObject({ min: lowTexts[4], max: highTexts[4] });
    expect(at("uint64")).toMatchObject({ min: "0", max: highTexts[8] });
    expect(at("uint32")).toMatchObject({ min: "0", max: highTexts[7] });
    expect(at("int8")).toMatchObject({ min: "-128", max: "127" });
    expect(at("decimal")).toMatchObject({ min: lowTexts[12], max: highTexts[12] });
    expect(at("wide.decimal")).toMatchObject({ min: lowTexts[13], max: highTexts[13] });
    expect(at("timestamp")).toMatchObject({ min: lowTexts[17], max: highTexts[17] });
    expect(at("text")).toMatchObject({ min: "", max: high[14] });
  });

  it("compares texts by bytes and leaves out bounds that would hide a NaN", async () => {
    const schema: Schema = [
      { name: "t", type: types.utf8, nullable: true },
      { name: "x", type: types.float32, nullable: true },
    ];
    const file = write(schema, [
      batchOf(schema, [
        ["\u{1F600}", 1],
        ["\uffee", Number.NaN],
        ["z", 2],
        ["", 3],
      ]),
    ]);
    expect(await stats(file)).toEqual([
      { min: "", max: "\u{1F600}", nulls: 0 },
      { min: null, max: null, nulls: 0 },
    ]);
  });
});

const mixed: Schema = [
  { name: "few", type: types.utf8, nullable: true },
  { name: "many", type: types.utf8, nullable: false },
  { name: "code", type: types.int64, nullable: true },
  { name: "flag", type: types.bool, nullable: true },
  { name: "amount", type: types.float64, nullable: false },
  { name: "one", type: types.int32, nullable: false },
];
const mixedRow = (i: number): Value[] => [
  i % 7 === 0 ? null : `store-${i % 40}`,
  `row ${i} ${"x".repeat(i % 13)}`,
  i % 11 === 0 ? null : BigInt((i * 7919) % 300) * 10n ** 12n,
  i % 5 === 0 ? null : i % 3 === 0,
  i / 8,
  42,
];

describe("row groups, dictionaries and selections", () => {
  const all = Array.from({ length: 20_000 }, (_, i) => mixedRow(i));
  const whole = batchOf(mixed, all);

  it("uses a dictionary for few values only, and all readers agree", async () => {
    const file = write(mixed, [whole], { rowGroupRows: 7000 });
    const meta = await duckRows(
      `SELECT row_group_id::INT AS g, path_in_schema AS c, encodings AS e, row_group_num_rows::INT AS n FROM parquet_metadata('${file}')`,
    );
    const dictionaried = (name: string) =>
      meta.filter((row) => row.c === name).map((row) => String(row.e).includes("RLE_DICTIONARY"));
    expect(dictionaried("few")).toEqual([true, true, true]);
    expect(dictionaried("code")).toEqual([true, true, true]);
    expect(dictionaried("one")).toEqual([true, true, true]);
    expect(dictionaried("many")).toEqual([false, false, false]);
    expect(meta.filter((row) => row.c === "few").map((row) => row.n)).toEqual([7000, 7000, 6000]);
    expect(await wasmRows(file)).toEqual(all);
    const duck = await duckTexts(file, mixed);
    expect(duck.map((row) => row.few)).toEqual(all.map((row) => row[0]));
    expect(duck.map((row) => row.many)).toEqual(all.map((row) => row[1]));
    expect(duck.map((row) => row.code)).toEqual(all.map((row) => (row[2] === null ? null : String(row[2]))));
    const hyparquet = await hyparquetRows(file);
    expect(hyparquet.map((row) => Object.values(row).map((v) => v ?? null))).toEqual(all);
  });

  it("writes the same bytes however rows are cut into batches", () => {
    for (const options of [{ rowGroupRows: 3000 }, { rowGroupBytes: 50_000 }]) {
      const expected = readFileSync(write(mixed, [whole], options));
      fc.assert(
        fc.property(fc.array(fc.integer({ min: 1, max: 9000 }), { maxLength: 12 }), (cuts) => {
          const batches: Batch[] = [];
          let from = 0;
          for (const size of [...cuts, all.length]) {
            batches.push(sliceBatch(whole, from, Math.min(all.length, from + size)));
            from = Math.min(all.length, from + size);
          }
          expect(readFileSync(write(mixed, batches, options)).equals(expected)).toBe(true);
        }),
        { numRuns: 8 },
      );
    }
  });

  it("writes live rows only", async () => {
    const selection = Int32Array.from({ length: 4000 }, (_, i) => i * 5 + (i % 3));
    const file = write(mixed, [
      { ...whole, selection },
      { ...whole, selection: new Int32Array(0) },
    ]);
    expect(await wasmRows(file)).toEqual([...selection].map((row) => all[row]));
  });

  it("writes several pages for a large column", async () => {
    const schema: Schema = [{ name: "t", type: types.utf8, nullable: true }];
    const values = Array.from({ length: 3000 }, (_, i) => [i % 9 === 0 ? null : `${i}`.repeat(300)]);
    const file = write(schema, [batchOf(schema, values)]);
    expect(await wasmRows(file)).toEqual(values);
    expect((await duckTexts(file, schema)).map((row) => row.t)).toEqual(values.map(([t]) => t));
  });

  it("writes a valid file without rows", async () => {
    const file = write(everyType, []);
    expect(await duckTexts(file, everyType)).toEqual([]);
    expect(await wasmRows(file)).toEqual([]);
  });
});

describe("nested columns", () => {
  const schema: Schema = [
    { name: "id", type: types.int64, nullable: false },
    { name: "tags", type: types.list(types.utf8), nullable: true },
    {
      name: "at",
      type: types.struct([
        { name: "x", type: types.float64, nullable: true },
        { name: "y", type: types.int32, nullable: true },
      ]),
      nullable: true,
    },
  ];
  it("reads back in DuckDB and in parquet-wasm, over several row groups", async () => {
    const values: Value[][] = Array.from({ length: 250 }, (_, i) => [
      BigInt(i),
      i % 4 === 0 ? null : Array.from({ length: i % 3 }, (_, k) => `t${k}`),
      i % 5 === 0 ? null : { x: i / 2, y: i % 2 === 0 ? null : i },
    ]);
    const file = join(folder, "nested.parquet");
    const writer = new ParquetFileWriter(new OutputFile(file), schema, { ...parquetDefaults, rowGroupRows: 100 });
    writer.write(batchOf(schema, values));
    writer.finish();
    expect(await wasmRows(file)).toEqual(values);
    const duck = await duckRows(`SELECT id, tags, "at" FROM read_parquet('${file}')`);
    expect(duck).toEqual(values.map(([id, tags, at]) => ({ id: String(id), tags, at })));
  });
});

describe("options", () => {
  it("names what is wrong", () => {
    expect(() => parquetOptions({ compression: "lzo" })).toThrow(/compression is "lzo"; it can be uncompressed/);
    expect(() => parquetOptions({ rowGroupRows: 0 })).toThrow(/rowGroupRows is 0/);
  });
});
