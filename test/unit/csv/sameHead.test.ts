import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { type CsvHead, parseHead, readCsvHead } from "../../../src/io/csv/csvHead.js";
import type { CsvOptions } from "../../../src/plan/csvSpec.js";
import { csvDefaults } from "./support.js";

const root = mkdtempSync(join(tmpdir(), "same-head-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let made = 0;

function headOf(bytes: Uint8Array, options: CsvOptions): CsvHead {
  const path = join(root, `${made++}.csv`);
  writeFileSync(path, bytes);
  return readCsvHead({ path, bytes: bytes.length, modifiedMs: 0, partitionValues: [] }, options);
}

// Files that are read one after the other mostly begin alike: each has the head that it has alone.
const long = `1,${"x".repeat(9000)}\n`;
const texts: readonly (string | Buffer)[] = [
  "a,b\n1,2\n",
  "a,b\n3,4\n",
  `a,b\n${long}`,
  "a,b\n",
  "a,b",
  "a,b\r1,2\r",
  "a,b\r\n1,2\r\n",
  "\ufeffa,b\n1,2\n",
  "b,a\n1,2\n",
  "a,b\n1,2\n",
  Buffer.concat([Buffer.from("a,b\n"), Buffer.from("1,2;3,4;".repeat(60), "utf16le")]),
  Buffer.concat([Buffer.from("a,b\n"), Buffer.from([0xff, 0xfe])]),
  'a,"b\nc"\n1,2\n',
  'a,"b\nd"\n1,2\n',
  `${long.trimEnd()},c\n1,2,3\n`,
  `a,b${"\r1,2".repeat(3000)}\n`,
];

for (const [name, given] of [
  ["with a header", { header: true }],
  ["after a line", { header: true, skipLines: 1 }],
  ["without", { header: false }],
] as const) {
  it(`of files that begin alike: ${name}`, () => {
    const options = { ...csvDefaults, ...given };
    for (const text of [...texts, ...texts.toReversed()]) {
      const bytes = new Uint8Array(Buffer.from(text as string));
      const outcome = (read: () => CsvHead | null): unknown => {
        try {
          return read();
        } catch (error) {
          return String(error).replace(/^.*\.csv/, "");
        }
      };
      const alone = parseHead(bytes, options, true);
      expect(outcome(() => headOf(bytes, options))).toEqual(alone ?? expect.any(String));
    }
  });
}
