import { afterAll, expect, test } from "vitest";
import type { Schema } from "../../src/schema/types.js";
import { readAll, resolveOne, tempFolder, writeText } from "../unit/csv/support.js";
import { randomCase } from "./csvCases.js";
import { fuzzSeed, randomFrom } from "./random.js";

const folder = tempFolder();
afterAll(folder.remove);

const encoders: readonly (readonly [name: string, encode: (text: string) => Buffer, unit: number])[] = [
  ["latin1", (text) => Buffer.from(text, "latin1"), 1],
  ["utf-16le", (text) => Buffer.from(text, "utf16le"), 2],
  ["utf-16be", (text) => Buffer.from(text, "utf16le").swap16(), 2],
];

test("a file in another encoding reads as the same text in UTF-8, and its places are its own", { timeout: 360_000 }, async () => {
  for (let run = 0; run < Number(process.env.MILLRACE_PROPERTY_RUNS ?? 300); run++) {
    const random = randomFrom(fuzzSeed + 3, run);
    const one = randomCase(random);
    // Characters up to U+00FF, so that each is one unit in all of the encodings; marks would be characters here.
    const text = one.file.replace(/^(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)+/, "");
    const [encoding, encode, unit] = random.pick(encoders);
    const schema: Schema = one.types.map((type, i) => ({ name: `c${i}`, type, nullable: true }));
    const options = { ...one.options, header: false };
    const settings = { blockBytes: one.blockBytes, batchRows: one.batchRows };
    const utf8 = Buffer.from(text, "utf8");
    const bytes = encode(text);
    const plain = await readAll(resolveOne(writeText(folder.path, utf8, "utf8.csv"), options, schema), settings);
    const other = await readAll(
      resolveOne(writeText(folder.path, bytes, "other.csv"), { ...options, encoding }, schema),
      settings,
    );
    const label = `${encoding} ${JSON.stringify(one)}`;
    expect([label, other.rows]).toEqual([label, plain.rows]);
    const before = (byte: number): number => utf8.subarray(0, byte).toString("utf8").length * unit;
    const wanted = plain.rejects.map(({ code, line, byte, length }) => {
      const start = before(byte ?? 0);
      return [code, line, start, before((byte ?? 0) + (length ?? 0)) - start];
    });
    expect([label, other.rejects.map(({ code, line, byte, length }) => [code, line, byte, length])]).toEqual([label, wanted]);
    for (const { byte, length, raw } of other.rejects) {
      expect(raw).toBe(bytes.subarray(byte ?? 0, (byte ?? 0) + (length ?? 0)).toString("latin1"));
    }
    expect(other.results.at(-1)?.end).toBe(bytes.length);
  }
});
