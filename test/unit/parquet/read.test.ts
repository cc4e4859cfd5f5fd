import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { columnReader } from "../../../src/batch/reader.js";
import { openArrow, planArrow, resolveArrow } from "../../../src/io/arrow/arrowRead.js";
import { openParquet } from "../../../src/io/parquet/parquetRead.js";
import { planParquet, resolveParquet } from "../../../src/io/parquet/parquetResolve.js";
import type { ResolvedSource, SourceFile } from "../../../src/plan/bound.js";
import type { FileSource, SourceSpec } from "../../../src/plan/nodes.js";
import { type Schema, types, typeName, type Value } from "../../../src/schema/types.js";
import { openWriter } from "../../../src/io/sink/sinks.js";
import { duckRows } from "./readers.js";

const folder = mkdtempSync(join(tmpdir(), "parquet-read-"));
afterAll(() => rmSync(folder, { recursive: true }));

const duckFile = async (name: string, select: string, options = ""): Promise<string> => {
  const file = join(folder, name);
  await duckRows(`COPY (${select}) TO '${file}' (FORMAT parquet ${options})`);
  return file;
};
const sourceFile = (path: string): SourceFile => ({ path, bytes: statSync(path).size, modifiedMs: 0, partitionValues: [] });
type Format = "parquet" | "arrow";
const specOf = (format: Format, paths: string[], schema?: Schema): SourceSpec & FileSource => ({
  format,
  paths,
  onReject: "fail",
  rejectLimits: {},
  ...(schema === undefined ? {} : { schema }),
});
const byFormat = {
  parquet: { resolve: resolveParquet, plan: planParquet, open: openParquet },
  arrow: { resolve: resolveArrow, plan: planArrow, open: openArrow },
};

async function readAll(format: Format, paths: string[], columns?: string[], batchRows = 8192, targetBytes = 1 << 20) {
  const { resolve, plan, open } = byFormat[format];
  const files = paths.map(sourceFile);
  const spec = specOf(format, paths);
  const { schema, rows } = await resolve(spec, files);
  const source: ResolvedSource = { spec, files, schema, partitionColumns: [], rows };
  const wanted =
    columns === undefined ? schema : columns.map((name) => schema.find((field) => field.name === name) as Schema[number]);
  const parts = await plan(source, targetBytes);
  const values: Value[][] = [];
  const sizes: number[] = [];
  for (const part of parts) {
    const reader = await open({ source, schema: wanted }, part, { batchRows, reject: () => {}, partition: 0 });
    for (let batch = await reader.next(); batch !== null; batch = await reader.next()) {
      const readers = batch.columns.map(columnReader);
      sizes.push(batch.length);
      for (let row = 0; row < batch.length; row++) values.push(readers.map((read) => read(row)));
    }
    await reader.close();
  }
  return { schema, rows, parts, values, sizes };
}

const failure = async (run: () => Promise<unknown>) => {
  try {
    await run();
  } catch (thrown) {
    return thrown as { code: string; message: string; place: { column?: string; rowGroup?: number } };
  }
  throw new Error("nothing was thrown");
};

describe("what DuckDB writes", () => {
  const types_: readonly (readonly [string, string, Value])[] = [
    ["true", "bool", true],
    ["(-5)::TINYINT", "int8", -5],
    ["200::UTINYINT", "uint8", 200],
    ["65535::USMALLINT", "uint16", 65535],
    ["4294967295::UINTEGER", "uint32", 4294967295],
    ["18446744073709551615::UBIGINT", "uint64", 18446744073709551615n],
    ["9007199254740993::BIGINT", "int64", 9007199254740993n],
    ["1::HUGEINT", "float64", 1],
    ["1.25::FLOAT", "float32", 1.25],
    ["123.45::DECIMAL(7,2)", "decimal(7,2)", 12345n],
    ["-99999999999999999999.5::DECIMAL(30,1)", "decimal(30,1)", -999999999999999999995n],
    ["'é'::VARCHAR", "utf8", "é"],
    ["'\\x00\\xFF'::BLOB", "binary", Uint8Array.of(0, 255)],
    ["DATE '1969-12-31'", "date", -1],
    ["TIME '10:00:00.5'", "int64", 36000500000n],
    ["TIMESTAMP '1970-01-01 00:00:01.5'", "timestamp", 1500000n],
    ["TIMESTAMP_S '1970-01-01 00:00:01'", "timestamp", 1000000n],
    ["TIMESTAMP_MS '1970-01-01 00:00:01.5'", "timestamp", 1500000n],
    ["TIMESTAMP_NS '1970-01-01 00:00:01.000001'", "timestamp", 1000001n],
    ["TIMESTAMPTZ '1970-01-01 00:00:01+00'", "timestamp", 1000000n],
    ["'00112233-4455-6677-8899-aabbccddeeff'::UUID", "utf8", "00112233-4455-6677-8899-aabbccddeeff"],
    ["'a'::ENUM('a','b')", "utf8", "a"],
    ["'{\"a\": 1}'::JSON", "utf8", '{"a": 1}'],
    ["[1, NULL, 3]::INTEGER[]", "list(int32)", [1, null, 3]],
    ["{'x': 1.5::DOUBLE, 'y': 'b'}", "struct(x: float64, y: utf8)", { x: 1.5, y: "b" }],
    ["MAP {'k': 7}", "list(struct(key: utf8, value: int32))", [{ key: "k", value: 7 }]],
  ];
  it("has a type here, with nulls", async () => {
    const columns = types_.map(([sql], i) => `CASE WHEN i = 1 THEN NULL ELSE ${sql} END AS c${i}`);
    const file = await duckFile("types.parquet", `SELECT ${columns.join(", ")} FROM range(3) t(i)`);
    const { schema, values, rows } = await readAll("parquet", [file]);
    expect(schema.map((field) => typeName(field.type))).toEqual(types_.map(([, name]) => name));
    expect(rows).toBe(3);
    const full = types_.map(([, , value]) => value);
    expect(values).toEqual([full, types_.map(() => null), full]);
  });

  it("names a column whose type has no place", async () => {
    const file = await duckFile("interval.parquet", "SELECT 1 AS a, INTERVAL 1 DAY AS span");
    const error = await failure(() => readAll("parquet", [file]));
    expect(error).toMatchObject({ code: "UNSUPPORTED_PARQUET_TYPE", place: { column: "span" } });
    const declared = specOf("parquet", [file], [{ name: "a", type: types.int32, nullable: true }]);
    expect((await resolveParquet(declared, [sourceFile(file)])).schema.map((field) => field.name)).toEqual(["a"]);
  });

  it("is read in partitions of row groups, only the columns asked for, for each compression", async () => {
    for (const compression of ["snappy", "zstd", "gzip", "uncompressed", "lz4_raw", "brotli"]) {
      const select = `SELECT i, i % 7 AS "m.x", [i] AS l, 'text ' || (i % 10) AS t FROM range(25000) r(i)`;
      const file = await duckFile(`groups-${compression}.parquet`, select, `, ROW_GROUP_SIZE 4096, COMPRESSION ${compression}`);
      const { parts, values, sizes } = await readAll("parquet", [file], ["t", "m.x", "l"], 1000, 1);
      expect(parts.length).toBe(Math.ceil(25000 / 4096));
      expect(parts.map((part) => (part.kind === "rowGroups" ? part.firstRow : -1))).toEqual([
        0, 4096, 8192, 12288, 16384, 20480, 24576,
      ]);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(1000);
      expect(values).toEqual(Array.from({ length: 25000 }, (_, i) => [`text ${i % 10}`, BigInt(i % 7), [BigInt(i)]]));
    }
  });

  it("counts rows when no column is asked for", async () => {
    const file = await duckFile("count.parquet", "SELECT i FROM range(10000) r(i)");
    const { values } = await readAll("parquet", [file], []);
    expect(values.length).toBe(10000);
  });
});

describe("bad Parquet files", () => {
  it("that are something else, empty, cut or damaged say so", async () => {
    const text = join(folder, "text.parquet");
    writeFileSync(text, "a,b\n1,2\n".repeat(10));
    expect(await failure(() => readAll("parquet", [text]))).toMatchObject({ code: "PARQUET_NOT_PARQUET" });
    const empty = join(folder, "empty.parquet");
    writeFileSync(empty, "");
    expect(await failure(() => readAll("parquet", [empty]))).toMatchObject({ code: "PARQUET_NOT_PARQUET" });
    const cut = await duckFile("cut.parquet", "SELECT i FROM range(10000) r(i)");
    truncateSync(cut, 5000);
    expect(await failure(() => readAll("parquet", [cut]))).toMatchObject({ code: "PARQUET_TRUNCATED" });
    const footer = await duckFile("footer.parquet", "SELECT i FROM range(10000) r(i)");
    const bytes = readFileSync(footer);
    bytes.fill(0xff, bytes.length - 60, bytes.length - 8);
    writeFileSync(footer, bytes);
    expect(await failure(() => readAll("parquet", [footer]))).toMatchObject({ code: "PARQUET_CORRUPT" });
  });

  it("names row group and column of a damaged page", async () => {
    const select = "SELECT i AS a, 'text number ' || i AS b FROM range(20000) r(i)";
    const file = await duckFile("page.parquet", select, ", ROW_GROUP_SIZE 10000");
    const meta =
      await duckRows(`SELECT data_page_offset::INT AS at, total_compressed_size::INT AS size FROM parquet_metadata('${file}')
      WHERE row_group_id = 1 AND path_in_schema = 'b'`);
    const bytes = readFileSync(file);
    const at = meta[0]?.at as number;
    bytes.fill(0xff, at, at + 40);
    writeFileSync(file, bytes);
    const error = await failure(() => readAll("parquet", [file]));
    expect(error).toMatchObject({ code: "PARQUET_CORRUPT", place: { column: "b", rowGroup: 1 } });
  });

  it("of different schemas name file and column", async () => {
    const one = await duckFile("one.parquet", "SELECT 1 AS a, 'x' AS b");
    const two = await duckFile("two.parquet", "SELECT 1 AS a, 2 AS b");
    const error = await failure(() => readAll("parquet", [one, two]));
    expect(error).toMatchObject({ code: "SCHEMA_MISMATCH", place: { column: "b", file: two } });
    expect(error.message).toContain("is int32, but utf8 in");
    const missing = specOf("parquet", [one], [{ name: "bb", type: types.utf8, nullable: true }]);
    expect((await failure(() => resolveParquet(missing, [sourceFile(one)]))).message).toContain('Did you mean "b"');
  });

  it("that changed since the plan was made are refused", async () => {
    const file = await duckFile("changed.parquet", "SELECT 1 AS a");
    const source = { spec: specOf("parquet", [file]), files: [sourceFile(file)], schema: [], partitionColumns: [], rows: 1 };
    await duckFile("changed.parquet", "SELECT i AS a FROM range(99) r(i)");
    const part = { kind: "rowGroups", file: 0, groups: [0], firstRow: 0 } as const;
    const options = { batchRows: 10, reject: () => {}, partition: 0 };
    expect(await failure(() => openParquet({ source, schema: [] }, part, options))).toMatchObject({ code: "SOURCE_CHANGED" });
  });
});

describe("Arrow files", () => {
  const schema: Schema = [
    { name: "i", type: types.int64, nullable: false },
    { name: "t", type: types.utf8, nullable: true },
    { name: "l", type: types.list(types.int32), nullable: true },
  ];
  it("are read in partitions of record batches", async () => {
    const { builderFor } = await import("../../../src/batch/builder.js");
    const rows: Value[][] = Array.from({ length: 150_000 }, (_, i) => [
      BigInt(i),
      i % 3 === 0 ? null : `t${i}`,
      i % 5 === 0 ? null : [i],
    ]);
    const columns = schema.map((field, c) => {
      const builder = builderFor(field.type);
      for (const row of rows) builder.append(row[c] as Value);
      return builder.finish();
    });
    const sink = { format: "arrow", path: "", mode: "error", partitionBy: [], options: {} } as const;
    const writer = openWriter(sink, schema, folder, 7);
    await writer.write({ schema, length: rows.length, columns, selection: null, origin: null });
    const [file] = await writer.finish();
    const read = await readAll("arrow", [file?.path as string], ["t", "i"], 10_000, 1);
    expect(read.rows).toBe(150_000);
    expect(read.parts.length).toBe(3);
    expect(read.schema.map((field) => typeName(field.type))).toEqual(["int64", "utf8", "list(int32)"]);
    expect(read.values).toEqual(rows.map(([i, t]) => [t, i]));
    const { tableFromIPC } = await import("apache-arrow");
    const table = tableFromIPC(readFileSync(file?.path as string));
    expect(table.numRows).toBe(150_000);
    expect(table.get(149_999)?.toJSON()).toMatchObject({ i: 149_999n, t: "t149999" });
  });

  it("that are cut say so", async () => {
    const file = join(folder, "000007-0.arrow.part");
    const cut = join(folder, "cut.arrow");
    writeFileSync(cut, readFileSync(file).subarray(0, 3000));
    expect(await failure(() => readAll("arrow", [cut]))).toMatchObject({ code: "ARROW_UNREADABLE" });
    const text = join(folder, "text.arrow");
    writeFileSync(text, "hello world, this is no arrow");
    expect(await failure(() => readAll("arrow", [text]))).toMatchObject({ code: "ARROW_UNREADABLE" });
  });
});
