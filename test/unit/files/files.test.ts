import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findFiles } from "../../../src/io/files.js";
import { globToRegExp } from "../../../src/io/glob.js";
import { typeName } from "../../../src/schema/types.js";
import { tempFolder } from "../csv/support.js";

const folder = tempFolder();
afterAll(folder.remove);

const names = [
  "a.csv",
  "b.csv",
  "B.csv",
  "sub/c.csv",
  "sub/deep/d.csv.gz",
  "sub/notes.md",
  "_tmp/x.csv",
  ".hidden.csv",
  "hive/year=2024/city=S%C3%A3o%20Paulo/p.csv",
  "hive/year=2025/city=__HIVE_DEFAULT_PARTITION__/q.csv",
  "empty/readme.txt.bak",
];

beforeAll(() => {
  for (const name of names) {
    mkdirSync(dirname(join(folder.path, name)), { recursive: true });
    writeFileSync(join(folder.path, name), "x\n1\n");
  }
});

const find = async (...paths: string[]) => {
  const found = await findFiles(
    paths.map((path) => join(folder.path, path)),
    "csv",
    undefined,
  );
  return found.files.map((file) => file.path.slice(folder.path.length + 1));
};

describe("findFiles", () => {
  test("files, lists, globs and folders, by code point and once each", async () => {
    expect(await find("b.csv", "a.csv", "*.csv")).toEqual(["B.csv", "a.csv", "b.csv"]);
    expect(await find("sub")).toEqual(["sub/c.csv", "sub/deep/d.csv.gz"]);
    expect(await find("sub/**/*.csv*")).toEqual(["sub/c.csv", "sub/deep/d.csv.gz"]);
    expect(await find("{a,sub/c}.csv")).toEqual(["a.csv", "sub/c.csv"]);
    expect(await find("[!A-Z].csv")).toEqual(["a.csv", "b.csv"]);
    expect(await find(".hidden.csv")).toEqual([".hidden.csv"]);
  });

  test("key=value folders become typed columns", async () => {
    const found = await findFiles([join(folder.path, "hive")], "csv", undefined);
    expect(found.partitionSchema.map((f) => [f.name, typeName(f.type)])).toEqual([
      ["year", "int64"],
      ["city", "utf8"],
    ]);
    expect(found.files.map((f) => f.partitionValues)).toEqual([
      ["2024", "São Paulo"],
      ["2025", null],
    ]);
  });

  test("errors say what is near", async () => {
    await expect(find("c.csv")).rejects.toMatchObject({ code: "SOURCE_NOT_FOUND", hint: expect.stringContaining("a.csv") });
    await expect(find("*.nope")).rejects.toMatchObject({ code: "SOURCE_NO_MATCH" });
    await expect(find("none/*.csv")).rejects.toMatchObject({ code: "SOURCE_NO_MATCH" });
    await expect(find("empty")).rejects.toMatchObject({ code: "SOURCE_EMPTY_FOLDER" });
  });
});

test("globs", () => {
  const cases: [string, string, boolean][] = [
    ["a/*.csv", "a/b.csv", true],
    ["a/*.csv", "a/b/c.csv", false],
    ["a/**", "a/b/c.csv", true],
    ["a/**/c.csv", "a/c.csv", true],
    ["./a?.csv", "ab.csv", true],
    ["a.{csv,tsv}", "a.tsv", true],
    ["a.csv", "aXcsv", false],
    ["[ab]+.csv", "a+.csv", true],
    ["\\*.csv", "*.csv", true],
    ["a{b", "a{b", true],
  ];
  for (const [glob, path, matches] of cases) expect(globToRegExp(glob).test(path), `${glob} ${path}`).toBe(matches);
});
