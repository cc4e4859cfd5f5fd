import { afterAll, describe, expect, test } from "vitest";
import { resolveCsv } from "../../../src/io/csv/csvSource.js";
import type { CsvOptions } from "../../../src/plan/csvSpec.js";
import { parseSchema } from "../../../src/plan/schemaSpec.js";
import type { Schema } from "../../../src/schema/types.js";
import { csvSpec, readPart, tempFolder, writeText } from "./support.js";

const folder = tempFolder();
afterAll(folder.remove);

function sourceOf(texts: readonly string[], options: Partial<CsvOptions>, schema?: Schema) {
  const files = texts.map((text) => {
    const path = writeText(folder.path, text);
    return { path, bytes: Buffer.byteLength(text), modifiedMs: 0, partitionValues: [] };
  });
  return resolveCsv(csvSpec("", options, schema), { files, partitionSchema: [] });
}

/** Columns as `name type`, and the rows of every file in turn. */
async function read(texts: readonly string[], options: Partial<CsvOptions>, schema?: Schema) {
  const source = sourceOf(texts, options, schema);
  const rows: unknown[][] = [];
  for (const file of texts.keys()) rows.push(...(await readPart(source, { kind: "wholeFile", file })).rows);
  return { columns: source.schema.map(({ name, type }) => `${name} ${type.kind}`), rows };
}

const swapped = ["a,b\n1,x\n", "b,a\ny,2\n"];
const more = ["a,b\n1,x\n", "b,c,a\ny,2.5,3\n", "c\n7\n"];

describe("files of one source with other columns", () => {
  test("the order of the columns is each file's own", async () => {
    for (const schemaDrift of ["fail", "evolve", "discard"] as const) {
      expect(await read(swapped, { schemaDrift })).toEqual({
        columns: ["a int64", "b utf8"],
        rows: [
          [1n, "x"],
          [2n, "y"],
        ],
      });
    }
  });

  test("types come from the first file with rows, whatever its order", async () => {
    expect(await read(["a,b\n", "b,a\ny,2\n"], {})).toEqual({ columns: ["a int64", "b utf8"], rows: [[2n, "y"]] });
  });

  test("fail names the file, the column and the nearest names", () => {
    expect(() => sourceOf(more, {})).toThrow(/column "c" that the first file has not/);
    expect(() => sourceOf(["id,name\n1,x\n", "id\n1\n"], {})).toThrow(/no column "name"/);
    expect(() => sourceOf(["id,name\n1,x\n"], {}, parseSchema({ nam: "utf8" }, "test"))).toThrow(/Did you mean.*name/);
  });

  test("evolve has every column, and null where a file lacks one", async () => {
    expect(await read(more, { schemaDrift: "evolve" })).toEqual({
      columns: ["a int64", "b utf8", "c float64"],
      rows: [
        [1n, "x", null],
        [3n, "y", 2.5],
        [null, null, 7],
      ],
    });
  });

  test("discard keeps the first file's columns", async () => {
    expect(await read(more, { schemaDrift: "discard" })).toEqual({
      columns: ["a int64", "b utf8"],
      rows: [
        [1n, "x"],
        [3n, "y"],
        [null, null],
      ],
    });
  });

  test("a declared schema stays what it is", async () => {
    const schema = parseSchema({ b: "utf8", c: "float64" }, "test");
    expect(() => sourceOf(more, {}, schema)).toThrow(expect.objectContaining({ code: "SCHEMA_MISMATCH" }));
    for (const schemaDrift of ["evolve", "discard"] as const) {
      expect((await read(more, { schemaDrift }, schema)).rows).toEqual([
        ["x", null],
        ["y", 2.5],
        [null, 7],
      ]);
    }
  });

  test("by position, files with fewer and more columns", async () => {
    const files = ["a,b\n1,2\n", "x,y,z\n3,4,5\n", "p\n6\n"];
    expect(() => sourceOf(files, { columns: "byPosition" })).toThrow(expect.objectContaining({ code: "SCHEMA_MISMATCH" }));
    expect(await read(files, { columns: "byPosition", schemaDrift: "discard" })).toEqual({
      columns: ["a int64", "b int64"],
      rows: [
        [1n, 2n],
        [3n, 4n],
        [6n, null],
      ],
    });
    expect(await read(files, { columns: "byPosition", schemaDrift: "evolve" })).toEqual({
      columns: ["x int64", "y int64", "z int64"],
      rows: [
        [1n, 2n, null],
        [3n, 4n, 5n],
        [6n, null, null],
      ],
    });
  });
});

describe("headers", () => {
  test("a name that stands twice is an error where it is read", async () => {
    expect(() => sourceOf(["a,b,a\n1,2,3\n"], {})).toThrow(expect.objectContaining({ code: "DUPLICATE_COLUMN" }));
    expect(() => sourceOf(["a,b,a\n1,2,3\n"], { columns: "byPosition" })).toThrow(
      expect.objectContaining({ code: "DUPLICATE_COLUMN" }),
    );
    expect((await read(["a,b,a\n1,2,3\n"], {}, parseSchema({ b: "int32" }, "test"))).rows).toEqual([[2]]);
    const byPosition = parseSchema({ x: "int32", y: "int32", z: "int32" }, "test");
    expect((await read(["a,b,a\n1,2,3\n"], { columns: "byPosition" }, byPosition)).rows).toEqual([[1, 2, 3]]);
  });

  test("a column without a name has its place as name", async () => {
    expect((await read(["a,,\n1,2,3\n"], {})).columns).toEqual(["a int64", "column1 int64", "column2 int64"]);
    expect(() => sourceOf(["column1,\n1,2\n"], {})).toThrow(expect.objectContaining({ code: "DUPLICATE_COLUMN" }));
  });

  test("a damaged header is an error", () => {
    expect(() => sourceOf(['a,"b\n1,2\n'], {})).toThrow(expect.objectContaining({ code: "CSV_NO_HEADER" }));
    expect(() => sourceOf(['a,"b\n1,"2"\n'], {})).toThrow(expect.objectContaining({ code: "CSV_NO_HEADER" }));
    for (const text of ['a,b"c\n1,2\n', 'a,"b"c\n1,2\n', "a,b\r1,2\n3,4\n"]) {
      expect(() => sourceOf([text], { quotes: "strict" })).toThrow(expect.objectContaining({ code: "CSV_BAD_HEADER" }));
    }
    const path = writeText(folder.path, Buffer.from("a,\xff\n1,2\n", "latin1"));
    const file = { path, bytes: 8, modifiedMs: 0, partitionValues: [] };
    const resolve = () => resolveCsv(csvSpec(path, {}), { files: [file], partitionSchema: [] });
    expect(resolve).toThrow(expect.objectContaining({ code: "CSV_BAD_HEADER" }));
  });
});
