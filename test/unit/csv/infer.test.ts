import { afterAll, expect, test } from "vitest";
import { TypeGuess } from "../../../src/io/text/textInfer.js";
import { typeName } from "../../../src/schema/types.js";
import { fuzzSeed, randomFrom } from "../../fuzz/random.js";
import { readAll, resolveOne, tempFolder, writeText } from "./support.js";

const folder = tempFolder();
afterAll(folder.remove);

const inferred = (texts: readonly string[], nullValues: readonly string[] = []): string | undefined => {
  const source = resolveOne(writeText(folder.path, `x,y\n${texts.map((text) => `"${text}",1\n`).join("")}`, "infer.csv"), {
    nullValues,
  });
  return source.schema[0] === undefined ? undefined : typeName(source.schema[0].type);
};

const plain = (texts: readonly string[]): string => {
  const guess = new TypeGuess();
  for (const text of texts) if (text !== "") guess.add(text);
  return typeName(guess.type);
};

test("a type that was inferred reads every value it was inferred from", async () => {
  const texts =
    "e5 .e5 1.e5 5. .5 . - + -0 +7 00 0 0.5 00.5 1e5 1E+5 1e 1e+ 9223372036854775807 -9223372036854775808 9223372036854775808 12345678901234567890.5";
  const times =
    "2024-02-30 2024-02-29 0000-01-01 2024-13-01 2024-01-01T24:00 2024-01-01T23:59 2024-01-01T23:60 2024-01-01T23:59:59.123456789Z 2024-01-01T23:59:59. 2024-01-01T23:59Z";
  for (const text of `${texts} ${times} true FALSE t Truex nan inf x`.split(" ")) {
    const type = inferred([text]);
    expect([text, type]).toEqual([text, plain([text])]);
    const { rejects } = await readAll(resolveOne(writeText(folder.path, `x,y\n${text},1\n`, "infer.csv")));
    expect(rejects).toEqual([]);
  }
});

test("the kernel and the definition infer the same", () => {
  const random = randomFrom(fuzzSeed, 7);
  const parts = [
    "0",
    "1",
    "9",
    "12",
    "-",
    "+",
    ".",
    "e",
    "E",
    "T",
    " ",
    ":",
    "Z",
    "2024-02-29",
    "23:59:59",
    "true",
    "false",
    "x",
  ] as const;
  for (let run = 0; run < 20; run++) {
    const word = (): string =>
      Array.from({ length: 1 + random.below(random.pick([2, 5, 9])) }, () => random.pick(parts)).join("");
    const table = Array.from({ length: 1 + random.below(3) }, () => Array.from({ length: 200 }, word));
    const names = Array.from({ length: 200 }, (_, i) => `c${i}`);
    const text = [names, ...table].map((row) => `${row.join(",")}\n`).join("");
    const { schema } = resolveOne(writeText(folder.path, text, "infer.csv"));
    const columns = names.map((_, i) => table.map((row) => row[i] ?? ""));
    expect(schema.map(({ type }, i) => [columns[i], typeName(type)])).toEqual(columns.map((texts) => [texts, plain(texts)]));
  }
});

test("null texts and empty fields say nothing, quoted or not", () => {
  expect(inferred(["NA", "1", "", "-2"], ["NA"])).toBe("int64");
  expect(inferred(["NA", ""], ["NA"])).toBe("utf8");
  expect(inferred(["NA", "1"])).toBe("utf8");
});
