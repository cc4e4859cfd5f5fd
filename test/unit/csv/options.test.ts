import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, describe, expect, test } from "vitest";
import { planJsonl, openJsonl, resolveJsonl } from "../../../src/io/json/jsonlSource.js";
import { resolveCsv } from "../../../src/io/csv/csvSource.js";
import type { SourceSpec } from "../../../src/plan/nodes.js";
import { type DataType, types } from "../../../src/schema/types.js";
import { read } from "../../../src/plan/read.js";
import { batchRows, csvSpec, type Read, readAll, resolveOne, tempFolder, writeText } from "./support.js";

const folder = tempFolder();
afterAll(() => folder.remove());

const field = (name: string, type: DataType = types.utf8) => ({ name, type, nullable: true });
const day = (text: string): number => Date.parse(`${text}T00:00:00Z`) / 86_400_000;

async function readWith(text: string, options: Parameters<typeof resolveOne>[1], schema?: Parameters<typeof resolveOne>[2]) {
  const source = resolveOne(writeText(folder.path, text), options, schema);
  return { source, ...(await readAll(source, { blockBytes: 64, batchRows: 3 })) };
}

describe("dateFormat and timestampFormat", () => {
  const text = 'd,t,n\n31/12/2023,"01.02.2024 03:04",1\n 1/2/2024,,2\n"29/02/2023",1.1.2020 00:00,3\n2024-01-01,,4\n,NA,5\n';
  const options = { dateFormat: "%d/%m/%Y", timestampFormat: { t: "%d.%m.%Y %H:%M" }, nullValues: ["NA"] };

  test("values are read by the format, and ISO's way is none", async () => {
    const schema = [field("d", types.date), field("t", types.timestamp), field("n", types.int32)];
    const { rows, rejects } = await readWith(text, options, schema);
    expect(rows).toEqual([
      [day("2023-12-31"), BigInt(Date.UTC(2024, 1, 1, 3, 4)) * 1000n, 1],
      [day("2024-02-01"), null, 2],
      [null, null, 5],
    ]);
    expect(rejects).toMatchObject([
      { code: "CAST_FAILED", column: "d", line: 4, raw: '"29/02/2023",1.1.2020 00:00,3' },
      { code: "CAST_FAILED", column: "d", line: 5 },
    ]);
  });

  test("DuckDB reads the same", async () => {
    const file = writeText(folder.path, "d\n31/12/2023\n1/2/2024\n01/01/1970\n");
    const { rows } = await readAll(resolveOne(file, { dateFormat: "%d/%m/%Y" }));
    const instance = await DuckDBInstance.create(":memory:");
    const connection = await instance.connect();
    const result = await connection.runAndReadAll(
      `select d - date '1970-01-01' from read_csv('${file}', dateformat = '%d/%m/%Y')`,
    );
    expect(rows).toEqual(result.getRows().map(([days]) => [Number(days)]));
    connection.closeSync();
    instance.closeSync();
  });

  test("a column whose sample follows the format has its type; another one is text", async () => {
    const { source } = await readWith("a,b,c,d\n31/12/2023,2024-01-01,7,x\n", { dateFormat: "%d/%m/%Y" });
    expect(source.schema.map(({ type }) => type.kind)).toEqual(["date", "utf8", "int64", "utf8"]);
    const named = await readWith("a,b\n20240131,20240131\n", { dateFormat: { b: "%Y%m%d" } });
    expect(named.source.schema.map(({ type }) => type.kind)).toEqual(["int64", "date"]);
    expect(named.rows).toEqual([[20240131n, day("2024-01-31")]]);
  });

  test("a wrong format is an error of the plan", () => {
    expect(() => read.csv("x.csv", { dateFormat: "%Q" })).toThrow(/%Q/);
    expect(() => read.csv("x.csv", { timestampFormat: { a: 1 } as never })).toThrow(/timestampFormat/);
  });
});

describe("required", () => {
  const text = 'id,name,n\n1,a,1\n,b,2\n3,,x\n"",d,4\n5,e,NA\n';
  const schema = [field("id", types.int32), field("name"), field("n", types.int32)];
  const spec = (source: ReturnType<typeof resolveOne>, required: string[]) =>
    ({ ...source, spec: { ...source.spec, required } }) as typeof source;

  test("null rejects the record, also in a column that is not read", async () => {
    const source = spec(resolveOne(writeText(folder.path, text), { nullValues: ["NA"] }, schema), ["id", "n"]);
    const { rows, rejects } = await readAll(source, { blockBytes: 64, batchRows: 2 });
    expect(rows).toEqual([[1, "a", 1]]);
    expect(rejects.map(({ code, column, line }) => [code, column, line])).toEqual([
      ["REQUIRED_MISSING", "id", 3],
      ["CAST_FAILED", "n", 4],
      ["REQUIRED_MISSING", "id", 5],
      ["REQUIRED_MISSING", "n", 6],
    ]);
    const narrow = await readAll(source, { schema: [field("name")] });
    expect(narrow.rows).toEqual([["a"]]);
    expect(narrow.rejects.length).toBe(4);
  });

  test("JSON lines", async () => {
    const path = writeText(
      folder.path,
      '{"id":1,"name":"a"}\n{"name":"b"}\n{"id":null}\n{"id":"x","name":"c"}\n{"id":5,"x":1}\n',
      "r.jsonl",
    );
    const base = read.jsonl(path, { schema: { id: "int64", name: "utf8" }, onReject: "quarantine", required: "id" }).node;
    if (base.kind !== "scan") throw new Error("a scan");
    const file = { path, bytes: 1e9, modifiedMs: 0, partitionValues: [] };
    const { size } = await import("node:fs").then(({ statSync }) => statSync(path));
    const source = resolveJsonl(base.source, { files: [{ ...file, bytes: size }], partitionSchema: [] });
    for (const wanted of [source.schema, [field("name")]]) {
      const out: Read = { rows: [], rejects: [], results: [] };
      for (const part of planJsonl(source, 1 << 20)) {
        const reader = openJsonl({ source, schema: wanted }, part, {
          batchRows: 2,
          partition: 0,
          reject: (reject, raw) => out.rejects.push({ ...reject, raw: Buffer.from(raw ?? []).toString() }),
        });
        for (let batch = await reader.next(); batch !== null; batch = await reader.next()) out.rows.push(...batchRows(batch));
        await reader.close();
      }
      expect(out.rows.length).toBe(2);
      expect(out.rejects.map(({ code, column, line }) => [code, column, line])).toEqual([
        ["REQUIRED_MISSING", "id", 2],
        ["REQUIRED_MISSING", "id", 3],
        ["CAST_FAILED", "id", 4],
      ]);
    }
  });

  test("a name that is no column is an error of the plan", () => {
    const path = writeText(folder.path, text);
    const file = { path, bytes: text.length, modifiedMs: 0, partitionValues: [] };
    const resolve = () =>
      resolveCsv({ ...csvSpec(path, {}, schema), required: ["idd"] } as SourceSpec, { files: [file], partitionSchema: [] });
    expect(resolve).toThrow(/"idd".*id/);
  });
});

describe("trailingDelimiter", () => {
  const two = [field("a"), field("b", types.int32)];

  test("what stands behind the last delimiter must be nothing", async () => {
    const options = { delimiter: "|", trailingDelimiter: true } as const;
    for (const header of ["a|b|\n", "a|b\n"]) {
      const { rows, rejects } = await readWith(`${header}x|1|\r\n"y|"|2|\nz|3\nw|4|5\nv||""\n`, options, two);
      expect(rows).toEqual([
        ["x", 1],
        ["y|", 2],
      ]);
      expect(rejects.map(({ code, line }) => [code, line])).toEqual([
        ["CSV_TOO_FEW_FIELDS", 4],
        ["CSV_TOO_MANY_FIELDS", 5],
        ["CSV_TOO_MANY_FIELDS", 6],
      ]);
    }
    const bare = await readWith("x|1|\ny|2|", { ...options, header: false, columns: "byPosition" });
    expect(bare.source.schema.map(({ name, type }) => `${name} ${type.kind}`)).toEqual(["column0 utf8", "column1 int64"]);
    expect(bare.rows).toEqual([
      ["x", 1n],
      ["y", 2n],
    ]);
  });

  test("without it an empty field too many is rejected, and nothing is shifted", async () => {
    const { rows, rejects } = await readWith("a,b\nx,1,\ny,2\n,1,2\n", {}, two);
    expect(rows).toEqual([["y", 2]]);
    expect(rejects.map(({ code, line }) => [code, line])).toEqual([
      ["CSV_TOO_MANY_FIELDS", 2],
      ["CSV_TOO_MANY_FIELDS", 4],
    ]);
  });
});

test("behind the last delimiter of a record not even a word that means null may stand", async () => {
  const path = writeText(folder.path, "a,b,\n1,NA,\n2,x,NA\n3,y,\n", "trailing-null.csv");
  const schema = [
    { name: "a", type: types.int64, nullable: true },
    { name: "b", type: types.utf8, nullable: true },
  ];
  const { rows, rejects } = await readAll(resolveOne(path, { trailingDelimiter: true, nullValues: ["NA"] }, schema));
  expect(rows).toEqual([
    [1n, null],
    [3n, "y"],
  ]);
  expect(rejects.map(({ code, raw }) => [code, raw])).toEqual([["CSV_TOO_MANY_FIELDS", "2,x,NA"]]);
});
