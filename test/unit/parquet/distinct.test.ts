import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { builderFor } from "../../../src/batch/builder.js";
import { nodeFileSystem } from "../../../src/io/fileSystem.js";
import { FooterStatistics } from "../../../src/io/parquet/parquetFileStatistics.js";
import { readFooter } from "../../../src/io/parquet/parquetFooter.js";
import { fileColumns } from "../../../src/io/parquet/parquetReadSchema.js";
import { resolveParquet } from "../../../src/io/parquet/parquetResolve.js";
import { ParquetFileWriter, parquetDefaults } from "../../../src/io/parquet/parquetWrite.js";
import { OutputFile } from "../../../src/io/sink/sinkOutput.js";
import type { ResolvedSource } from "../../../src/plan/bound.js";
import { distinctOfColumn, noteAmong, rangeOfColumn } from "../../../src/plan/statistics.js";
import { type Schema, types, type Value } from "../../../src/schema/types.js";
import { writeByHand } from "./handFile.js";
import { duckRows } from "./readers.js";

const folder = mkdtempSync(join(tmpdir(), "parquet-distinct-"));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;

async function sourceOf(paths: readonly string[]): Promise<ResolvedSource> {
  const spec = { format: "parquet", paths, onReject: "fail", rejectLimits: {} } as const;
  const found = paths.map((path) => ({ path, bytes: statSync(path).size, modifiedMs: 0, partitionValues: [] }));
  return { spec, files: found, partitionColumns: [], ...(await resolveParquet(spec, found)) };
}

async function duckFile(select: string, options = ""): Promise<string> {
  const file = join(folder, `${files++}.parquet`);
  await duckRows(`COPY (${select}) TO '${file}' (FORMAT parquet, ROW_GROUP_SIZE 10240 ${options})`);
  return file;
}

const leastOf = async (paths: readonly string[], column = "k"): Promise<number> =>
  distinctOfColumn(await sourceOf(paths), column)?.least ?? -1;

const chance = "hash(i)::UBIGINT";

describe("different values of what DuckDB writes", () => {
  it("are those that it counted", async () => {
    const source = await sourceOf([
      await duckFile(`SELECT 'text ' || i % 70 AS k, (i % 50)::INTEGER AS n FROM range(50000) t(i)`),
    ]);
    expect(distinctOfColumn(source, "k")).toEqual({ least: 70, counted: true });
    expect(distinctOfColumn(source, "n")).toEqual({ least: 50, counted: true });
  });

  it.each([
    ["numbers", "i"],
    ["texts", "'T' || lpad(i::VARCHAR, 9, '0')"],
    ["times", "TIMESTAMP '2026-01-01' + to_seconds(i)"],
    ["floats", "i / 7"],
  ])("are as many as rows where %s grow", async (_, sql) => {
    const least = await leastOf([await duckFile(`SELECT ${sql} AS k FROM range(50000) t(i)`)]);
    expect(least).toBeGreaterThan(49_000);
    expect(least).toBeLessThanOrEqual(50_000);
  });

  it.each([
    ["numbers", `${chance}`],
    ["texts", `md5(i::VARCHAR)`],
  ])("are those of a row group where all row groups have %s from everywhere", async (_, sql) => {
    const least = await leastOf([await duckFile(`SELECT ${sql} AS k FROM range(51200) t(i)`)]);
    expect(least).toBeGreaterThan(10_000);
    expect(least).toBeLessThan(11_000);
  });

  it("are no more than numbers between the bounds", async () => {
    expect(await leastOf([await duckFile(`SELECT (${chance} % 8000)::BIGINT AS k FROM range(51200) t(i)`)])).toBe(8000);
    expect(await leastOf([await duckFile(`SELECT i % 3 = 0 AS k FROM range(51200) t(i)`)])).toBe(2);
  });

  it("add up over files that lie beside each other, and do not over the same ones", async () => {
    const [a, b] = [
      await duckFile("SELECT i AS k FROM range(9000) t(i)"),
      await duckFile("SELECT i + 9000 AS k FROM range(9000) t(i)"),
    ];
    expect(await leastOf([a, b])).toBe(18_000);
    expect(await leastOf([a, a])).toBe(9000);
  });

  it("are none among nulls, and unknown in lists and structs", async () => {
    const source = await sourceOf([await duckFile("SELECT NULL::INTEGER AS k, [i] AS l, {'x': i} AS s FROM range(100) t(i)")]);
    expect(distinctOfColumn(source, "k")?.least).toBe(0);
    expect([distinctOfColumn(source, "l"), distinctOfColumn(source, "s"), distinctOfColumn(source, "z")]).toEqual([
      null,
      null,
      null,
    ]);
  });

  it("are what folders say", async () => {
    const source = await sourceOf([await duckFile("SELECT i AS k FROM range(9000) t(i)")]);
    const [file] = source.files;
    if (file === undefined) throw new Error("no file");
    const many = ["a", "b", "a", null].map((value) => ({ ...file, partitionValues: [value] }));
    expect(distinctOfColumn({ ...source, files: many, partitionColumns: ["k"] }, "k")).toEqual({ least: 3, counted: true });
    expect(rangeOfColumn({ ...source, partitionColumns: ["k"] }, "k")).toBeNull();
  });
});

it("different values of our own files are about those of the dictionary, or rows", async () => {
  const schema: Schema = [
    { name: "k", type: types.utf8, nullable: true },
    { name: "n", type: types.int64, nullable: false },
    { name: "id", type: types.utf8, nullable: false },
  ];
  const rows = Array.from({ length: 30_000 }, (_, i): Value[] => [
    i % 5 === 0 ? null : `product ${i % 999}`,
    BigInt((i % 500) * 1_000_003),
    `id ${100_000 + i}`,
  ]);
  const columns = schema.map((field, c) => {
    const builder = builderFor(field.type);
    for (const row of rows) builder.append(row[c] as Value);
    return builder.finish();
  });
  const file = join(folder, `${files++}.parquet`);
  const writer = new ParquetFileWriter(new OutputFile(file), schema, { ...parquetDefaults, rowGroupRows: 10_000 });
  writer.write({ schema, length: rows.length, columns, selection: null, origin: null });
  writer.finish();
  const source = await sourceOf([file]);
  const least = (name: string) => distinctOfColumn(source, name)?.least ?? -1;
  // Compressed pages hold more than their bytes say.
  expect(least("k")).toBeGreaterThan(150);
  expect(least("k")).toBeLessThan(1100);
  expect(least("n")).toBeGreaterThan(150);
  expect(least("n")).toBeLessThan(550);
  expect(least("id")).toBeGreaterThan(29_000);
});

it("different values without statistics are those of the dictionary page, or rows", async () => {
  const file = join(folder, `${files++}.parquet`);
  const values = Array.from({ length: 600 }, (_, i) => Buffer.from(Int32Array.of(i % 60).buffer));
  writeByHand(file, [
    { name: "coded", physical: 1, values, how: "dictionary" },
    { name: "plain", physical: 1, values, how: "plain" },
  ]);
  expect(await leastOf([file], "coded")).toBeGreaterThan(50);
  expect(await leastOf([file], "coded")).toBeLessThan(70);
  expect(await leastOf([file], "plain")).toBe(600);
});

it("some of the files are asked alone", async () => {
  const source = await sourceOf([
    await duckFile("SELECT i % 70 AS k FROM range(9000) t(i)"),
    await duckFile("SELECT 500 + i % 80 AS k FROM range(9000) t(i)"),
  ]);
  expect([distinctOfColumn(source, "k")?.least, rangeOfColumn(source, "k")]).toEqual([150, { min: 0, max: 579 }]);
  const first = { ...source, files: source.files.slice(0, 1) };
  expect([distinctOfColumn(first, "k"), rangeOfColumn(first, "k")]).toEqual([null, null]);
  noteAmong(source.files, first.files);
  expect([distinctOfColumn(first, "k")?.least, rangeOfColumn(first, "k")]).toEqual([70, { min: 0, max: 69 }]);
});

it("metadata that is not held is read again", async () => {
  const path = await duckFile("SELECT i AS k FROM range(9000) t(i)");
  const footer = readFooter(nodeFileSystem, path);
  const statistics = new FooterStatistics(0);
  const file = { path, bytes: statSync(path).size, modifiedMs: 0, partitionValues: [] };
  statistics.add(file, footer, fileColumns(footer, path));
  expect(statistics.distinct("k")).toEqual({ least: 9000, counted: false });
  rmSync(path);
  expect(statistics.distinct("k")).toEqual({ least: 9000, counted: false });
  expect(() => statistics.range("k")).toThrow();
});

it("tasks are not sent what files say of their columns", async () => {
  const source = await sourceOf([await duckFile("SELECT i AS k FROM range(9000) t(i)")]);
  expect(Object.keys(structuredClone(source)).sort()).toEqual(["files", "partitionColumns", "rows", "schema", "spec"]);
  expect(rangeOfColumn(source, "k")).toEqual({ min: 0, max: 8999 });
});
