import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import { types } from "../../../src/schema/types.js";
import { readAll, resolveOne, tempFolder, writeText } from "./support.js";

const folder = tempFolder();
afterAll(folder.remove);

const utf8 = (name: string) => ({ name, type: types.utf8, nullable: true });
const field = (name: string, type: Parameters<typeof Object>[0] & { kind: string }) => ({
  name,
  type: type as never,
  nullable: true,
});

async function read(
  text: string | Uint8Array,
  options: Parameters<typeof resolveOne>[1] = {},
  schema?: Parameters<typeof resolveOne>[2],
) {
  const path = writeText(folder.path, text);
  return { path, ...(await readAll(resolveOne(path, options, schema), { blockBytes: 64 })) };
}

const abc = [utf8("a"), utf8("b"), utf8("c")];

describe("records", () => {
  test("plain, CRLF, no line end at the end", async () => {
    expect((await read("a,b,c\n1,2,3\n4,5,6", {}, abc)).rows).toEqual([
      ["1", "2", "3"],
      ["4", "5", "6"],
    ]);
    expect((await read("a,b,c\r\n1,2,3\r\n4,5,6\r\n", {}, abc)).rows).toEqual([
      ["1", "2", "3"],
      ["4", "5", "6"],
    ]);
  });

  test("byte order mark, blank lines, skipped lines", async () => {
    expect((await read("\ufeffa,b,c\n\n1,2,3\r\n\r\n4,5,6\n\n", {}, abc)).rows).toEqual([
      ["1", "2", "3"],
      ["4", "5", "6"],
    ]);
    expect((await read("x\ny\na,b,c\n1,2,3\n", { skipLines: 2 }, abc)).rows).toEqual([["1", "2", "3"]]);
  });

  test("a blank line of a file of one column is a null", async () => {
    expect((await read("a\nx\n\ny\n", {}, [utf8("a")])).rows).toEqual([["x"], [null], ["y"]]);
  });

  test("lines that end with CR alone", async () => {
    expect((await read('a,b,c\r1,"2\r2",3\r4,5,6', {}, abc)).rows).toEqual([
      ["1", "2\r2", "3"],
      ["4", "5", "6"],
    ]);
  });

  test("quotes: doubled, separators and line ends inside, empty", async () => {
    const { rows } = await read('a,b,c\n"x,1","line\nbreak","he said ""no"""\n"",,"""\n"""\n', {}, abc);
    expect(rows).toEqual([
      ["x,1", "line\nbreak", 'he said "no"'],
      ["", null, '"\n"'],
    ]);
  });

  test("lenient quotes keep what stands there, strict rejects it", async () => {
    const text = 'a,b,c\nx"y,"q"tail,3\n"1"" ",2,3\n';
    expect((await read(text, {}, abc)).rows).toEqual([
      ['x"y', "qtail", "3"],
      ['1" ', "2", "3"],
    ]);
    const strict = await read(text, { quotes: "strict" }, abc);
    expect(strict.rows).toEqual([['1" ', "2", "3"]]);
    expect(strict.rejects).toMatchObject([{ code: "CSV_STRAY_QUOTE", line: 2, byte: 6, raw: 'x"y,"q"tail,3' }]);
  });

  test("an escape that is not the quote, comments, no quotes", async () => {
    const text = 'a,b,c\n# no, "record\n"x\\"y","a\\\\","\\n"\n';
    expect((await read(text, { escape: "\\", comment: "#" }, abc)).rows).toEqual([['x"y', "a\\", "\\n"]]);
    expect((await read('a,b,c\n"1,2",3\n', { quote: null }, abc)).rows).toEqual([['"1', '2"', "3"]]);
  });

  test("an unclosed quote costs one line", async () => {
    const { rows, rejects } = await read('a,b,c\n1,2,3\n4,"5,6\n7,8,9\n1,2,3', {}, abc);
    expect(rows).toEqual([
      ["1", "2", "3"],
      ["7", "8", "9"],
      ["1", "2", "3"],
    ]);
    expect(rejects).toMatchObject([{ code: "CSV_UNCLOSED_QUOTE", line: 3, byte: 12, length: 6, raw: '4,"5,6' }]);
  });

  test("an unclosed quote costs one line even where a record may not grow to the end of the file", async () => {
    const filler = "7,8,9\n".repeat(500);
    const path = writeText(folder.path, `a,b,c\n4,"5,6\n${filler}`);
    const { rows, rejects } = await readAll(resolveOne(path, {}, abc), { blockBytes: 64, maxRecordBytes: 512 });
    expect(rows.length).toBe(500);
    expect(rejects).toMatchObject([{ code: "CSV_UNCLOSED_QUOTE", line: 2 }]);
  });

  test("ragged records are rejected with their bytes", async () => {
    const { rows, rejects, path } = await read("a,b,c\n1,2\n4,5,6\r\n1,2,3,4\r\n", {}, abc);
    expect(rows).toEqual([["4", "5", "6"]]);
    expect(rejects).toMatchObject([
      { code: "CSV_TOO_FEW_FIELDS", line: 2, raw: "1,2" },
      { code: "CSV_TOO_MANY_FIELDS", line: 4, raw: "1,2,3,4" },
    ]);
    const bytes = readFileSync(path);
    for (const { byte, length, raw } of rejects)
      expect(bytes.subarray(byte ?? 0, (byte ?? 0) + (length ?? 0)).toString("latin1")).toBe(raw);
  });

  test("NUL is data, bad UTF-8 in a needed column is rejected", async () => {
    const text = Buffer.concat([Buffer.from("a,b,c\nx\0y,2,3\n1,"), Buffer.from([0xff, 0xc3]), Buffer.from(",3\n\u00e9,2,3\n")]);
    const { rows, rejects } = await read(text, {}, abc);
    expect(rows).toEqual([
      ["x\0y", "2", "3"],
      ["\u00e9", "2", "3"],
    ]);
    expect(rejects).toMatchObject([{ code: "INVALID_UTF8", column: "b", line: 3 }]);
    const path = writeText(folder.path, text);
    const source = resolveOne(path, {}, abc);
    expect((await readAll(source, { schema: [utf8("c")] })).rows).toEqual([["3"], ["3"], ["3"]]);
  });

  test("null texts", async () => {
    const schema = [utf8("a"), field("b", types.int32), utf8("c")];
    const { rows } = await read('a,b,c\nNA,NA,\n"NA","NA",""\nx,"",-\n', { nullValues: ["NA", "-"] }, schema);
    expect(rows).toEqual([
      [null, null, null],
      ["NA", null, ""],
      ["x", null, null],
    ]);
  });

  test("without columns, records are still counted and checked", async () => {
    const path = writeText(folder.path, "a,b\n1,2\n3\n4,5\n");
    const { rows, rejects } = await readAll(resolveOne(path), { schema: [] });
    expect(rows).toEqual([[], []]);
    expect(rejects).toMatchObject([{ code: "CSV_TOO_FEW_FIELDS", line: 3 }]);
  });

  test("gzip", async () => {
    const path = writeText(folder.path, gzipSync(`a,b,c\n${"1,2,3\n".repeat(5000)}`), "z.csv.gz");
    const { rows, results } = await readAll(resolveOne(path, {}, abc), { batchRows: 100 });
    expect(rows.length).toBe(5000);
    expect(results).toMatchObject([{ rows: 5000, rejected: 0, start: 0, end: 6 + 30000, lines: 5001 }]);
  });

  test("a compressed header without a line end has no record behind it", async () => {
    const path = writeText(folder.path, gzipSync("a"), "head.csv.gz");
    expect((await readAll(resolveOne(path, {}, [utf8("a")]))).rows).toEqual([]);
  });

  test("a record larger than the block, and one larger than allowed", async () => {
    const long = "x".repeat(5000);
    expect((await read(`a,b,c\n${long},2,3\n`, {}, abc)).rows).toEqual([[long, "2", "3"]]);
    const before = "1,2,3\n";
    for (const end of ["\n", "\r\n"]) {
      const bytes = Buffer.from(`a,b,c\n${before}${long},2,3${end}4,"5\n",6\n"${long}\n7,8,9\n${long}`);
      const path = writeText(folder.path, bytes);
      for (const blockBytes of [2, 63, 64, 1000, 1024, 1 << 20]) {
        const { rows, rejects, results } = await readAll(resolveOne(path, {}, abc), { blockBytes, maxRecordBytes: 1024 });
        expect(rows).toEqual([
          ["1", "2", "3"],
          ["4", "5\n", "6"],
          ["7", "8", "9"],
        ]);
        const quoted = 12 + 5004 + end.length + 9;
        expect(rejects).toMatchObject([
          { code: "RECORD_TOO_LARGE", line: 3, byte: 12, length: 5004 },
          { code: "RECORD_TOO_LARGE", line: 6, byte: quoted, length: 5001 },
          { code: "RECORD_TOO_LARGE", line: 8, byte: quoted + 5008, length: 5000 },
        ]);
        expect(results).toMatchObject([{ rows: 6, rejected: 3, end: bytes.length, lines: 7 }]);
      }
    }
  });
});

describe("files put together", () => {
  test("the header once more and a byte order mark in the middle are rejected under strict rules", async () => {
    const text = 'a,b,c\r\n1,2,3\r\n\ufeffa,b,c\r\n4,5,6\r\na,b,c\r\n"x\r\na,b,c\r\n",8,9\r\na,b,cc\r\n\ufeff7,8,9';
    const { rows, rejects } = await read(text, { quotes: "strict" }, abc);
    expect(rows).toEqual([
      ["1", "2", "3"],
      ["4", "5", "6"],
      ["x\r\na,b,c\r\n", "8", "9"],
      ["a", "b", "cc"],
    ]);
    expect(rejects).toMatchObject([
      { code: "CSV_STRAY_BOM", line: 3 },
      { code: "CSV_REPEATED_HEADER", line: 5, raw: "a,b,c" },
      { code: "CSV_STRAY_BOM", line: 10 },
    ]);
    expect((await read(text, {}, abc)).rows.length).toBe(7);
    // Between the two of a pair of quotes.
    const parted = await read('a,b,c\n1,2,"3"\n"4"\n5,6,7\n', { quotes: "strict" }, abc);
    expect(parted.rejects.map(({ line, code }) => `${line} ${code}`)).toEqual([
      "2 CSV_DOUBTFUL",
      "3 CSV_TOO_FEW_FIELDS",
      "4 CSV_DOUBTFUL",
    ]);
  });

  test("the lines of a narrower file behind it are never taken for records, whatever divides them", async () => {
    const wide = Array.from({ length: 300 }, (_, i) => `${i},b,c,d,e,f`);
    const narrow = Array.from({ length: 90 }, (_, i) => `n${i},m`);
    const schema = ["a", "b", "c", "d", "e", "f"].map((name) => field(name, types.utf8));
    for (const quotes of ["strict", "lenient"] as const) {
      const text = ["a,b,c,d,e,f", ...wide, ...narrow].join("\n");
      const { rows, rejects } = await readAll(resolveOne(writeText(folder.path, text), { quotes }, schema));
      expect(rows).toEqual(wide.map((line) => line.split(",")));
      expect(rejects.map(({ line, raw }) => [line, raw])).toEqual(narrow.map((raw, i) => [302 + i, raw]));
    }
  });

  test("a NUL or a byte order mark inside a record rejects it under strict rules, in a comment it does not", async () => {
    const text = 'a,b,c\n1,2,3\n4,\0\0,6\n7,"x\n\0",9\n#\0\n1,2\ufeff,3\n1,2,3\n';
    const { rows, rejects } = await read(text, { quotes: "strict", comment: "#" }, abc);
    expect(rows).toEqual([
      ["1", "2", "3"],
      ["1", "2", "3"],
    ]);
    expect(rejects).toMatchObject([
      { code: "CSV_STRAY_NUL", line: 3 },
      { code: "CSV_STRAY_NUL", line: 4 },
      { code: "CSV_STRAY_BOM", line: 7 },
    ]);
    expect((await read(text, { comment: "#" }, abc)).rows.length).toBe(5);
  });

  test("what a line end too many leaves of a record is rejected under strict rules", async () => {
    const text = 'a,b,c\n1,2,3\n4,5,6\n7\n8,9,10\n11,12,"13"\nx\n"14",15,16\n \n17,18,19\ny\n\n20,21,22\n';
    const strict = await read(text, { quotes: "strict" }, abc);
    expect(strict.rows.map(([first]) => first)).toEqual(["1", "11", "14"]);
    expect(strict.rejects.map(({ line, code }) => `${line} ${code}`)).toEqual([
      "3 CSV_DOUBTFUL",
      "4 CSV_TOO_FEW_FIELDS",
      "5 CSV_DOUBTFUL",
      "7 CSV_TOO_FEW_FIELDS",
      "9 CSV_TOO_FEW_FIELDS",
      "10 CSV_DOUBTFUL",
      "11 CSV_TOO_FEW_FIELDS",
      "13 CSV_DOUBTFUL",
    ]);
    expect((await read(text, {}, abc)).rows.length).toBe(7);
  });

  test("UTF-16 without a byte order mark, and a header with NUL, are errors", async () => {
    const wide = Buffer.from("a,b,c\n1,2,3\n", "utf16le");
    await expect(read(wide, {}, abc)).rejects.toMatchObject({
      code: "CSV_BAD_HEADER",
      hint: expect.stringContaining("utf-16le"),
    });
    await expect(read(wide, { encoding: "utf-16le" }, abc)).resolves.toMatchObject({ rows: [["1", "2", "3"]] });
    await expect(read("a,b\0,c\n1,2,3\n", {}, undefined)).rejects.toMatchObject({ code: "CSV_BAD_HEADER" });
  });
});

describe("values", () => {
  test("every type", async () => {
    const schema = [
      field("i8", types.int8),
      field("u64", types.uint64),
      field("f", types.float64),
      field("b", types.bool),
      field("d", types.date),
      field("t", types.timestamp),
      field("dec", types.decimal(10, 2) as never),
      field("wide", types.decimal(38, 3) as never),
      field("bin", types.binary),
    ];
    const text =
      "i8,u64,f,b,d,t,dec,wide,bin\n" +
      "-128,18446744073709551615,1.5,true,1970-01-02,1970-01-01 00:00:01.5,12.3,-1.5,x\n" +
      "127,0,-0,FALSE,2000-02-29,2000-01-01T00:00:00,-0.05,99999999999999999999999999999999999.999,\n";
    const { rows, rejects } = await read(text, {}, schema);
    expect(rejects).toEqual([]);
    const day = Date.UTC(2000, 1, 29) / 86_400_000;
    expect(rows[0]?.slice(0, 8)).toEqual([-128, 18446744073709551615n, 1.5, 1, 1, 1_500_000n, 1230n, -1500n]);
    expect(rows[1]?.slice(0, 8)).toEqual([127, 0n, -0, 0, day, 946684800000000n, -5n, 10n ** 38n - 1n]);
  });

  test("what does not fit is rejected with its column; columns that are not needed do not matter", async () => {
    const schema = [field("a", types.int8), field("b", types.date), utf8("c")];
    const text = "a,b,c\n128,2024-01-01,x\n1,2023-02-29,y\n7,2023-02-28,z\n";
    const { rows, rejects, path } = await read(text, {}, schema);
    expect(rows).toEqual([[7, 19416, "z"]]);
    expect(rejects).toMatchObject([
      { code: "CAST_FAILED", column: "a", line: 2, raw: "128,2024-01-01,x" },
      { code: "CAST_FAILED", column: "b", line: 3, raw: "1,2023-02-29,y" },
    ]);
    expect((await readAll(resolveOne(path, {}, schema), { schema: [utf8("c")] })).rows).toEqual([["x"], ["y"], ["z"]]);
  });
});
