import { appendFileSync, mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import { parseHead } from "../../../src/io/csv/csvHead.js";
import { openReader, planPartitions, resolveSource } from "../../../src/io/sources.js";
import { type Schema, typeName, types } from "../../../src/schema/types.js";
import { batchRows, csvDefaults, csvSpec, readAll, resolveOne, tempFolder, writeText } from "./support.js";

const folder = tempFolder();
afterAll(folder.remove);

const kinds = (schema: Schema) => Object.fromEntries(schema.map((field) => [field.name, typeName(field.type)]));

describe("schema", () => {
  test("types are inferred", () => {
    const text =
      "b,i,f,d,t,s,zip,big,none\n" +
      "true,1,1,2024-02-29,2024-01-01T00:00:00,x,01234,9223372036854775808,\n" +
      'FALSE,-7,1e5,2024-03-01,2024-01-01,"1,5",99,1,\n';
    expect(kinds(resolveOne(writeText(folder.path, text)).schema)).toEqual({
      b: "bool",
      i: "int64",
      f: "float64",
      d: "date",
      t: "timestamp",
      s: "utf8",
      zip: "utf8",
      big: "utf8",
      none: "utf8",
    });
  });

  test("a declared schema may name some columns in any order; a missing one names the nearest", async () => {
    const path = writeText(folder.path, "id,name,price\n1,x,2.5\n");
    const schema = [
      { name: "price", type: types.float64, nullable: true },
      { name: "id", type: types.int32, nullable: true },
    ];
    expect((await readAll(resolveOne(path, {}, schema))).rows).toEqual([[2.5, 1]]);
    const wrong = [{ name: "prise", type: types.float64, nullable: true }];
    expect(() => resolveOne(path, {}, wrong)).toThrow(
      expect.objectContaining({ code: "SCHEMA_MISMATCH", message: expect.stringContaining('"price"') }),
    );
  });

  test("empty files, headers without rows, columns named twice", async () => {
    expect(() => resolveOne(writeText(folder.path, ""))).toThrow(expect.objectContaining({ code: "SOURCE_EMPTY" }));
    const schema = [{ name: "a", type: types.int32, nullable: true }];
    expect((await readAll(resolveOne(writeText(folder.path, ""), { header: false }, schema))).rows).toEqual([]);
    expect((await readAll(resolveOne(writeText(folder.path, "a,b\n")))).rows).toEqual([]);
    expect((await readAll(resolveOne(writeText(folder.path, "a,b")))).rows).toEqual([]);
    expect(() => resolveOne(writeText(folder.path, "a,a\n1,2\n"))).toThrow(expect.objectContaining({ code: "DUPLICATE_COLUMN" }));
  });

  test("a dialect that cannot be is refused", () => {
    const path = writeText(folder.path, "a,b\n1,2\n");
    for (const options of [
      { delimiter: ",," },
      { delimiter: '"' },
      { quote: "é" },
      { comment: "," },
      { quote: "0" },
      { escape: "e" },
      { encoding: "utf-7" },
    ]) {
      expect(() => resolveOne(path, options)).toThrow(expect.objectContaining({ code: "INVALID_CSV_OPTION" }));
    }
  });
});

describe("files that change", () => {
  test("a file that grew or shrank is refused", async () => {
    const path = writeText(folder.path, "a,b\n1,2\n");
    const source = resolveOne(path);
    appendFileSync(path, "3,4\n");
    await expect(readAll(source)).rejects.toMatchObject({ code: "SOURCE_CHANGED" });
    truncateSync(path, 6);
    await expect(readAll(source)).rejects.toMatchObject({ code: "SOURCE_CHANGED" });
  });

  test("a gzip file that was cut is refused", async () => {
    const whole = gzipSync(`a,b\n${Array.from({ length: 20_000 }, (_, i) => `${i},${Math.sin(i)}`).join("\n")}\n`);
    const path = writeText(folder.path, whole.subarray(0, whole.length - 100), "cut.csv.gz");
    const schema = [{ name: "a", type: types.int32, nullable: true }];
    const reading = (async () => readAll(resolveOne(path, {}, schema)))();
    await expect(reading).rejects.toMatchObject({ code: "SOURCE_CORRUPT" });
  });
});

test("a folder of partitions is one source with constant columns", async () => {
  for (const year of [2023, 2024]) {
    mkdirSync(join(folder.path, "hive", `year=${year}`), { recursive: true });
    writeFileSync(join(folder.path, "hive", `year=${year}`, "part.csv"), `id,name\n${year}1,x\n${year}2,y\n`);
  }
  const source = await resolveSource(csvSpec(join(folder.path, "hive")));
  expect(kinds(source.schema)).toEqual({ id: "int64", name: "utf8", year: "int64" });
  const parts = await planPartitions(source, 1 << 25);
  const rows: unknown[][] = [];
  for (const part of parts) {
    const schema = [source.schema[2], source.schema[0]].filter((field) => field !== undefined);
    const reader = await openReader({ source, schema }, part, { batchRows: 1, partition: 0, reject: () => {} });
    for (let batch = await reader.next(); batch !== null; batch = await reader.next()) rows.push(...batchRows(batch));
    await reader.close();
  }
  expect(rows).toEqual([
    [2023n, 20231n],
    [2023n, 20232n],
    [2024n, 20241n],
    [2024n, 20242n],
  ]);
});

test("partitions cover a file and do not depend on anything but its size", async () => {
  const path = writeText(folder.path, `a,b\n${"1,2\n".repeat(1000)}`);
  const source = resolveOne(path);
  const parts = await planPartitions(source, 1000);
  expect(parts.length).toBe(4);
  expect(parts.map((part) => (part.kind === "bytes" ? [part.start, part.end, part.exactStart] : null))).toEqual([
    [0, 1001, true],
    [1001, 2002, false],
    [2002, 3003, false],
    [3003, 4004, false],
  ]);
  expect((await readAll(source, { parts })).rows.length).toBe(1000);
});

test("a first record whose quote is never closed is no header, and no hindrance where none is needed", async () => {
  const path = writeText(folder.path, `a,"b\n${"1,2\n".repeat(20)}`);
  expect(() => resolveOne(path)).toThrow(expect.objectContaining({ code: "CSV_NO_HEADER" }));
  expect(() => resolveOne(path, { header: false })).toThrow(expect.objectContaining({ code: "CSV_NO_HEADER" }));
  const schema = ["a", "b"].map((name) => ({ name, type: types.int32, nullable: true }));
  const { rows, rejects } = await readAll(resolveOne(path, { header: false }, schema));
  expect(rows.length).toBe(20);
  expect(rejects).toMatchObject([{ code: "CSV_UNCLOSED_QUOTE", line: 1 }]);
});

test("a head whose first bytes end between CR and LF has lines that end with LF", () => {
  const head = (text: string, whole: boolean) => parseHead(Buffer.from(text), csvDefaults, whole)?.dialect.newline;
  expect(head("a,b\r", false)).toBeUndefined();
  expect(head("a,b\r\n", false)).toBe(10);
  expect(head("a,b\r", true)).toBe(13);
});

test("a header keeps a character that begins inside its quotes and ends behind them", () => {
  const bytes = Buffer.concat([Buffer.from('"'), Buffer.from([0xc3]), Buffer.from('"'), Buffer.from([0xa9, 0x0a])]);
  expect(parseHead(bytes, csvDefaults, true)?.names).toEqual(["é"]);
});

test("more skipped lines than fit the first read", async () => {
  const skipped = 'no, "data\n'.repeat(60_000);
  const path = writeText(folder.path, `${skipped}1,2\n`);
  const schema = ["a", "b"].map((name) => ({ name, type: types.int32, nullable: true }));
  const { rows, rejects } = await readAll(resolveOne(path, { header: false, skipLines: 60_000 }, schema));
  expect([rows, rejects]).toEqual([[[1, 2]], []]);
});
