import { describe, expect, it } from "vitest";
import { compareText } from "../../../src/functions/compare.js";
import { lower, upper } from "../../../src/functions/characters.js";
import { translatePattern } from "../../../src/functions/pattern.js";
import { connect } from "./oracle.js";

describe("letters", () => {
  it("map as DuckDB maps them, code point by code point", async () => {
    const connection = await connect();
    const result = await connection.runAndReadAll(
      "SELECT chr(i::INTEGER), upper(chr(i::INTEGER)), lower(chr(i::INTEGER)) FROM range(1, 66000) t(i) WHERE i < 55296 OR i > 57343",
    );
    const different = (result.getRows() as string[][]).filter(([c = "", up, low]) => upper(c) !== up || lower(c) !== low);
    // Pairs of the newest Unicode versions, which only one side knows: DuckDB leaves such letters as they are.
    for (const [c = "", up, low] of different) expect([c, up, low].filter((letter) => letter !== c)).toEqual([]);
    expect(different.length).toBeLessThan(30);
  });

  it("compare by code point", () => {
    const texts = ["", "a", "a\u0000", "ab", "é", "\uD7FF", "\uE000", "\uFF5A", "\u{10000}", "👍", "👍a"];
    const sorted = [...texts].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect([...texts].reverse().sort(compareText)).toEqual(sorted);
  });
});

describe("patterns", () => {
  it.each([
    ["(?=a)", "lookaround"],
    ["(?<!a)b", "lookaround"],
    ["(a)\\1", "back reference"],
    ["(?m)a", "group"],
    ["a**", "repetition"],
    ["[a", "without its ]"],
    ["a\\", "backslash"],
    ["(a", "Invalid regular expression"],
    ["a{1001}", "1000"],
    ["\\p{Nope}", "Invalid"],
    ["\\Qa\\E", "escape"],
  ])("%s is refused", (pattern, said) => expect(translatePattern(pattern)).toContain(said));

  it("keeps what JavaScript would read differently", () => {
    expect(translatePattern("a.\\s]{", "i")).toEqual({ source: "a[^\\n][\\t\\n\\f\\r ]\\]\\{", flags: "ui" });
  });
});
