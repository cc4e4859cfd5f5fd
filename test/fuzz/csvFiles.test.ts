import { gzipSync } from "node:zlib";
import { afterAll, expect, test } from "vitest";
import type { Schema } from "../../src/schema/types.js";
import { readAll, resolveOne, tempFolder, writeText } from "../unit/csv/support.js";
import { randomCase } from "./csvCases.js";
import { fuzzSeed, randomFrom } from "./random.js";

const folder = tempFolder();
afterAll(folder.remove);

test("a compressed file reads as the plain one", { timeout: 360_000 }, async () => {
  for (let run = 0; run < Number(process.env.MILLRACE_PROPERTY_RUNS ?? 400); run++) {
    const one = randomCase(randomFrom(fuzzSeed + 1, run));
    const bytes = Buffer.from(one.file.repeat(3), "latin1");
    const options = { ...one.options, header: false };
    const schema: Schema = one.types.map((type, i) => ({ name: `c${i}`, type, nullable: true }));
    const settings = { blockBytes: one.blockBytes, batchRows: one.batchRows };
    const read = (content: Uint8Array, name: string) =>
      readAll(resolveOne(writeText(folder.path, content, name), options, schema), settings);
    const plain = await read(bytes, "one.csv");
    const packed = await read(gzipSync(bytes), "one.csv.gz");
    const label = JSON.stringify(one);
    expect([label, packed.rows]).toEqual([label, plain.rows]);
    const places = (rejects: typeof plain.rejects) =>
      rejects.map(({ code, line, byte, length, raw }) => [code, line, byte, length, raw]);
    expect([label, places(packed.rejects)]).toEqual([label, places(plain.rejects)]);
    expect(packed.results.map(({ rows, rejected, lines }) => [rows, rejected, lines])).toEqual(
      plain.results.map(({ rows, rejected, lines }) => [rows, rejected, lines]),
    );
  }
});

test("what is inferred does not hinder reading: a column of one kind of value has no rejects", { timeout: 360_000 }, async () => {
  for (let run = 0; run < 150; run++) {
    const random = randomFrom(fuzzSeed + 2, run);
    const one = randomCase(random);
    const path = writeText(folder.path, Buffer.from(one.file, "latin1"), "inferred.csv");
    const options = { ...one.options, header: false, skipLines: 0 };
    let source: ReturnType<typeof resolveOne>;
    try {
      source = resolveOne(path, options);
    } catch (error) {
      expect(["SOURCE_EMPTY", "CSV_NO_HEADER"]).toContain((error as { code?: string }).code);
      continue;
    }
    const { rejects } = await readAll(source);
    expect([JSON.stringify(one), rejects.filter(({ code }) => code === "CAST_FAILED")]).toEqual([JSON.stringify(one), []]);
  }
});
