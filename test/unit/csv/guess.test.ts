import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import { inspectCsv } from "../../../src/io/csv/csvInspect.js";
import { readAll, resolveOne, tempFolder, writeText } from "./support.js";

const folder = tempFolder();
afterAll(folder.remove);

const inspect = (content: string | Uint8Array, options = {}, name?: string) =>
  inspectCsv(writeText(folder.path, content, name), options);

const rows = (count: number, row: (i: number) => string, eol = "\n"): string =>
  Array.from({ length: count }, (_, i) => row(i) + eol).join("");

describe("dialect", () => {
  test.each([
    [",", 'id,name,note\n1,Ann,"a, b"\n2,Bob,c\n3,Cid,"d ""x"""\n'],
    [";", `id;price;day\n${rows(20, (i) => `${i};${i},5;2024-01-0${(i % 9) + 1}`)}`],
    ["\t", `id\tname\n${rows(5, (i) => `${i}\tone, two`)}`],
    ["|", `a|b|c\n${rows(5, (i) => `x,${i}|y,z|${i}`)}`],
  ])("delimiter %j", (delimiter, text) => {
    const { options, sure } = inspect(text);
    expect(options).toMatchObject({
      delimiter,
      quote: '"',
      escape: '"',
      header: true,
      encoding: "utf-8",
      comment: null,
      nullValues: [""],
    });
    expect(sure.delimiter).toBeGreaterThan(0.5);
  });

  test("single quotes and backslashes, where they are quotes and escapes", () => {
    expect(inspect(`a,b\n${rows(5, (i) => `'x, ${i}','y'`)}`).options).toMatchObject({ delimiter: ",", quote: "'" });
    expect(inspect(`a,b\n${rows(5, () => "it's,don't")}`).options).toMatchObject({ quote: '"' });
    expect(inspect(`a,b\n${rows(5, (i) => `"say \\"${i}\\", ok",${i}`)}`).options).toMatchObject({ quote: '"', escape: "\\" });
  });

  test("a header, or none", () => {
    expect(inspect(rows(5, (i) => `${i},x${i},2.5`)).options.header).toBe(false);
    expect(inspect("name,city\nAnn,Rome\nBob,Oslo\n").options.header).toBe(true);
    expect(inspect("name,name\n1,2\n3,4\n", { columns: "byPosition" }).options.header).toBe(false);
    const without = inspect(rows(3, (i) => `${i},x`));
    expect(without.columns.map(({ name }) => name)).toEqual(["column0", "column1"]);
  });

  test("what is given is not guessed", () => {
    const { options, sure } = inspect("a;b,c\n1;2,3\n4;5,6\n", { delimiter: ",", header: false });
    expect(options).toMatchObject({ delimiter: ",", header: false });
    expect(sure.delimiter).toBeUndefined();
  });

  test("words for null, comments, line ends", () => {
    const found = inspect("# made today\r\nid,v,w\r\n1,2.5,NA\r\n2,NULL,x\r\n3,4,y\r\n");
    expect(found.options).toMatchObject({ comment: "#", nullValues: ["", "NULL"] });
    expect(found.lineEnd).toBe("CRLF");
    expect(found.columns.map(({ type }) => type)).toEqual(["int64", "float64", "utf8"]);
  });

  test("encodings", () => {
    const text = "näme;größe\nÄnn;5\nÜlf;6\n";
    expect(inspect(Buffer.from(text, "utf8")).options.encoding).toBe("utf-8");
    expect(inspect(Buffer.from(text, "latin1")).options).toMatchObject({ encoding: "windows-1252", delimiter: ";" });
    expect(inspect(Buffer.from(text, "utf16le")).options).toMatchObject({ encoding: "utf-16le", delimiter: ";" });
    expect(inspect(Buffer.from(`\ufeff${text}`, "utf16le").swap16()).options.encoding).toBe("utf-16be");
    expect(inspect(gzipSync(Buffer.from(text, "latin1")), {}, "packed.csv.gz").columns.map(({ name }) => name)).toEqual([
      "näme",
      "größe",
    ]);
  });
});

test("dates that are not written as ISO has them", () => {
  const { columns } = inspect(
    "day,us,when,iso,ok\n13/01/2024,01/13/2024,5 Jan 2024 10:30,2024-01-05,01/02/2024\n14/02/2024,02/14/2024,6 Feb 2024 11:45,2024-01-06,03/04/2024\n",
  );
  expect(columns).toEqual([
    { name: "day", type: "utf8", dateFormat: "%d/%m/%Y", ambiguousDate: false },
    { name: "us", type: "utf8", dateFormat: "%m/%d/%Y", ambiguousDate: false },
    { name: "when", type: "utf8", dateFormat: "%d %b %Y %H:%M", ambiguousDate: false },
    { name: "iso", type: "date", dateFormat: null, ambiguousDate: false },
    { name: "ok", type: "utf8", dateFormat: "%d/%m/%Y", ambiguousDate: true },
  ]);
});

test("a source whose dialect is to be guessed reads as the guess says", async () => {
  const path = writeText(folder.path, "id;v\n1;2,5\n2;NA\n");
  const guess = ["delimiter", "header", "nullValues", "columns"] as const;
  const source = resolveOne(path, { guess });
  expect(source.spec).toMatchObject({ csv: { delimiter: ";", header: true, columns: "byName", guess: [] } });
  expect((await readAll(source)).rows).toEqual([
    [1n, "2,5"],
    [2n, null],
  ]);
});
