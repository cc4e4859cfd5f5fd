import { statSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { ExactLines } from "../../../src/io/json/jsonlExact.js";
import { openJsonl, resolveJsonl } from "../../../src/io/json/jsonlSource.js";
import { parseType, type Schema } from "../../../src/schema/types.js";
import { batchRows, tempFolder, writeText } from "../csv/support.js";

const folder = tempFolder();
afterAll(folder.remove);

const kinds = ["int8", "int32", "uint32", "int64", "uint64", "float32", "float64", "decimal(9,2)"];
const plain = ["7", "0", "12345678", "1", "99"];
/** What stands among plain numbers now and then. */
const traps = [
  ...["null", '"5"', '"12.5"', '""', "-0", "-7", "-12345678", "1.5", "0.25", "-0.0", "123.45678", "1e3", "1E-2", "2.5e1", "5.0"],
  ...[
    "123456789",
    "1234567890123",
    "4294967296",
    "9007199254740993",
    "18446744073709551615",
    "-9223372036854775808",
    "0.1234567",
  ],
  // About as long as a vector.
  ...["12345678901234", "-12345678901234", "123456789012345", "1234567890123456", "12345678901234567", "-123456789012345"],
  ...[
    "1234567890123.5",
    "12345678901234.5",
    "123456789012345.5",
    "1.23456789012345",
    "1.234567890123456",
    "-0.1234567890123456",
    "1.5e10",
  ],
  ...["12345678901234.", "123456789012345.", "1234567890123456.", "00", "-01", "-00.5", "0.5.5", "1-2", "123456789012345e1"],
  ...[
    "0.0",
    "-0.00",
    "-128.0",
    "128.0",
    "123456789012345.00",
    "9007199254740993.0",
    "10.10",
    "7.000000000000000000000",
    "0.005",
    "-0.005",
    "1.00499",
  ],
  ...['"1.0"', '" 7"', '"7\\t"', '"+7"', '"+ 7"', '" "', '"-0.015"', '"1.0 "'],
  ...[
    "01",
    "-",
    "1.",
    ".5",
    "+1",
    "1.2.3",
    "1e",
    "--1",
    "NaN",
    "true",
    "[1]",
    "0x10",
    "-a",
    " 8",
    "3 ",
    "12345678.5",
    "1234567.8",
  ],
];

/** By the definition: every line through the exact reader. */
function expected(lines: readonly string[], schema: Schema): unknown[] {
  const exact = new ExactLines(schema);
  return lines.flatMap((line) => {
    const read = exact.read(Buffer.from(line));
    return read.kind === "values" ? [read.values] : [];
  });
}

async function actual(lines: readonly string[], schema: Schema, blockBytes: number): Promise<unknown[]> {
  const path = writeText(folder.path, `${lines.join("\n")}\n`, "numbers.jsonl");
  const { size, mtimeMs } = statSync(path);
  const file = { path, bytes: size, modifiedMs: mtimeMs, partitionValues: [] };
  const spec = { format: "jsonl", paths: [path], onReject: "quarantine", rejectLimits: {}, schema } as const;
  const source = resolveJsonl(spec, { files: [file], partitionSchema: [] });
  const part = { kind: "bytes", file: 0, start: 0, end: size, exactStart: true } as const;
  const reader = openJsonl({ source, schema }, part, { batchRows: 5000, partition: 0, blockBytes, reject: () => undefined });
  const rows: unknown[] = [];
  for (let batch = await reader.next(); batch !== null; batch = await reader.next()) rows.push(...batchRows(batch));
  await reader.close();
  return rows;
}

const line = (a: string, b: string) => `{"id":"T1","a":${a},"b":${b},"t":"x"}`;

/** Enough for a track to be learnt, with `odd` at three places. */
function linesWith(odd: string): string[] {
  const lines = Array.from({ length: 2400 }, (_, i) => line(plain[i % 5] ?? "0", plain[(i * 3) % 5] ?? "0"));
  for (const at of [0, 1100, 2399]) lines[at] = odd;
  return lines;
}

test.each(kinds)(
  "plain numbers of a %s column, and every other kind among them",
  async (kind) => {
    const schema: Schema = ["a", "b"].map((name) => ({ name, type: parseType(kind), nullable: true }));
    for (const trap of traps) {
      const lines = linesWith(line(trap, "7"));
      expect(await actual(lines, schema, 1 << 15), trap).toEqual(expected(lines, schema));
    }
  },
  60_000,
);

test("the last of equal keys counts, whichever of them is a plain number", async () => {
  const schema: Schema = ["a", "b"].map((name) => ({ name, type: parseType("int32"), nullable: true }));
  for (const [first, second] of [
    ["1", "null"],
    ["null", "1"],
    ["1", '"2"'],
    ['"2"', "1"],
    ["1", "2"],
    ["1", "99999999999"],
  ] as const) {
    const odd = `{"id":"T1","a":${first},"b":3,"a":${second},"t":"x"}`;
    for (const lines of [linesWith(odd), linesWith(odd).map(() => odd), linesWith('{"b":1}')]) {
      expect(await actual(lines, schema, 1 << 15), `${first}, ${second}`).toEqual(expected(lines, schema));
    }
  }
});

test("texts of one length in a column of numbers", async () => {
  const schema: Schema = ["a", "b"].map((name) => ({ name, type: parseType("int64"), nullable: true }));
  const lines = linesWith(line("4", "5")).map((_, i) => line(`"${1000 + i}"`, String(i)));
  expect(await actual(lines, schema, 1 << 15)).toEqual(expected(lines, schema));
});
