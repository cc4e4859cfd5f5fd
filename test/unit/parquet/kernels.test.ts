import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import type { Batch, BytesColumn, Column } from "../../../src/batch/column.js";
import { ParquetFileWriter, type ParquetOptions, parquetDefaults } from "../../../src/io/parquet/parquetWrite.js";
import { OutputFile } from "../../../src/io/sink/sinkOutput.js";
import { type Schema, types, type Value } from "../../../src/schema/types.js";
import { columnOf } from "../../support/columns.js";
import { duckRows, hyparquetRows, wasmRows } from "./readers.js";

const folder = mkdtempSync(join(tmpdir(), "parquet-kernels-"));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;

function write(schema: Schema, batches: readonly Batch[], options: Partial<ParquetOptions> = {}): string {
  const file = join(folder, `${files++}.parquet`);
  const writer = new ParquetFileWriter(new OutputFile(file, { fsync: false }), schema, { ...parquetDefaults, ...options });
  for (const batch of batches) writer.write(batch);
  writer.finish();
  return file;
}

const text: Schema = [{ name: "t", type: types.utf8, nullable: true }];
const batchOf = (schema: Schema, columns: readonly Column[], length: number, selection: Int32Array | null = null): Batch => ({
  schema,
  length,
  columns,
  selection,
  origin: null,
});

/** Texts that lie far apart in one block of other bytes, in backward order. */
function scattered(texts: readonly string[], gap: number): BytesColumn {
  const parts = texts.map((value) => Buffer.from(value));
  const size = parts.reduce((sum, part) => sum + part.length + gap, 0);
  const bytes = new Uint8Array(size).fill(0x7e);
  const starts = new Int32Array(texts.length);
  const ends = new Int32Array(texts.length);
  let at = size;
  parts.forEach((part, i) => {
    at -= part.length + gap;
    bytes.set(part, at);
    starts[i] = at;
    ends[i] = at + part.length;
  });
  return { layout: "bytes", type: types.utf8, length: texts.length, bytes, starts, ends, valid: null };
}

describe("where texts lie", () => {
  const texts = Array.from({ length: 40_000 }, (_, i) => `${i % 997}/${"x".repeat(i % 37)}`);
  const expected = readFileSync(write(text, [batchOf(text, [columnOf(types.utf8, texts)], texts.length)]));

  for (const gap of [0, 3, 500, 2000]) {
    it(`does not matter: ${gap} other bytes between them`, () => {
      const file = write(text, [batchOf(text, [scattered(texts, gap)], texts.length)]);
      expect(readFileSync(file).equals(expected)).toBe(true);
    });
  }

  it("does not matter with columns over the same bytes", async () => {
    const schema: Schema = ["a", "b", "c"].map((name) => ({ name, type: types.utf8, nullable: false }));
    const one = scattered(texts, 40);
    const between: BytesColumn = { ...one, starts: one.ends, ends: one.ends.map((end) => end + 10) };
    const rows = await wasmRows(write(schema, [batchOf(schema, [one, between, one], texts.length)]));
    expect(rows.map((row) => row[0])).toEqual(texts);
    expect(rows.map((row) => row[2])).toEqual(texts);
    expect(new Set(rows.map((row) => row[1]))).toEqual(new Set(["~".repeat(10)]));
  });
});

describe("any rows of any batches", () => {
  const schema: Schema = [
    { name: "text", type: types.utf8, nullable: true },
    { name: "int8", type: types.int8, nullable: true },
    { name: "uint16", type: types.uint16, nullable: true },
    { name: "int64", type: types.int64, nullable: true },
    { name: "money", type: types.decimal(9, 2), nullable: true },
    { name: "wide", type: types.decimal(30, 2), nullable: true },
    { name: "flag", type: types.bool, nullable: true },
    { name: "ratio", type: types.float32, nullable: true },
  ];
  const arbitraries: readonly fc.Arbitrary<Value>[] = [
    fc.oneof(
      fc.constantFrom("", "a", "same prefix 1", "same prefix 2", "same prefix", "\u0000", "\u0000\u0000", "é😀", "y".repeat(300)),
      fc.string({ unit: "binary", maxLength: 40 }),
    ),
    fc.integer({ min: -128, max: 127 }),
    fc.integer({ min: 0, max: 65535 }),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.bigInt({ min: -999999999n, max: 999999999n }),
    fc.bigInt({ min: -(10n ** 30n) + 1n, max: 10n ** 30n - 1n }),
    fc.boolean(),
    fc.integer({ min: -1000, max: 1000 }).map((n) => n / 8),
  ];
  const row = fc.tuple(...arbitraries.map((one) => fc.option(one, { nil: null, freq: 6 }))) as unknown as fc.Arbitrary<Value[]>;

  it("read back as they are, with true bounds", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { minLength: 1, maxLength: 60 }),
        fc.array(fc.nat({ max: 1 << 20 }), { maxLength: 400 }),
        fc.constantFrom<Partial<ParquetOptions>>(
          {},
          { dictionary: false, compression: "uncompressed" },
          { rowGroupRows: 50 },
          { rowGroupBytes: 900, compression: "gzip" },
        ),
        async (rows, picks, options) => {
          const selection = Int32Array.from(new Set(picks.map((pick) => pick % rows.length))).sort();
          const columns = schema.map((field, i) =>
            columnOf(
              field.type,
              rows.map((values) => values[i] as Value),
            ),
          );
          const chosen = batchOf(schema, columns, rows.length, selection);
          const whole = batchOf(schema, columns, rows.length);
          const file = write(schema, [whole, chosen, whole], options);
          const expected = [...rows, ...Array.from(selection, (at) => rows[at] as Value[]), ...rows];
          expect(await wasmRows(file)).toEqual(expected);
          await expectBounds(file, expected);
        },
      ),
      { numRuns: 40 },
    );
  }, 180_000);

  /** Bounds over the whole file, by another reader of the metadata, against those of the values. */
  async function expectBounds(file: string, rows: readonly (readonly Value[])[]): Promise<void> {
    const bounds = await duckRows(
      `SELECT path_in_schema AS name, min(stats_min_value::HUGEINT)::VARCHAR AS low, max(stats_max_value::HUGEINT)::VARCHAR AS high
       FROM parquet_metadata('${file}') WHERE path_in_schema IN ('int8', 'uint16', 'int64') GROUP BY ALL`,
    );
    for (const { name, low, high } of bounds) {
      const at = schema.findIndex((field) => field.name === name);
      const values = rows.map((values) => values[at]).filter((value) => value !== null && value !== undefined);
      const sorted = values.map((value) => BigInt(value as number | bigint)).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
      expect([low, high]).toEqual([sorted[0]?.toString() ?? null, sorted.at(-1)?.toString() ?? null]);
    }
  }
});

describe("text bounds", () => {
  it("are the smallest and the largest by bytes", async () => {
    const word = fc.oneof(
      fc.string({ unit: fc.constantFrom("a", "b", "ÿ", "\u0001"), maxLength: 20 }),
      fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 3 }).map((tail) => `0123456789abcdef${tail}`),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(word, { minLength: 1, maxLength: 30 }), fc.boolean(), async (words, dictionary) => {
        const file = write(text, [batchOf(text, [columnOf(types.utf8, words)], words.length)], { dictionary });
        const [bounds] = await duckRows(
          `SELECT stats_min_value AS low, stats_max_value AS high FROM parquet_metadata('${file}')`,
        );
        const sorted = words.map((value) => Buffer.from(value)).sort(Buffer.compare);
        expect(bounds).toEqual({ low: sorted[0]?.toString(), high: sorted.at(-1)?.toString() });
      }),
      { numRuns: 40 },
    );
  }, 180_000);
});

describe("dictionaries", () => {
  const rowsOf = (count: number, distinct: number) =>
    Array.from({ length: count }, (_, i) => `value ${((i * 7919) % distinct).toString().padStart(6, "0")}`);
  const isDictionaried = async (file: string) => {
    const meta = await duckRows(`SELECT encodings AS e FROM parquet_metadata('${file}')`);
    return meta.map((row) => String(row.e).includes("RLE_DICTIONARY"));
  };

  it("pay where values repeat, and read back for every width of their codes", async () => {
    for (const [distinct, pays] of [
      [1, true],
      [2, true],
      [3, true],
      [255, true],
      [4097, true],
      [7001, true],
      [40_009, false],
    ] as const) {
      const values = rowsOf(60_000, distinct);
      const file = write(text, [batchOf(text, [columnOf(types.utf8, values)], values.length)]);
      expect(await isDictionaried(file)).toEqual([pays]);
      expect((await hyparquetRows(file)).map((row) => row.t)).toEqual(values);
    }
  });

  it("mix runs and packed codes", async () => {
    const schema: Schema = [{ name: "n", type: types.int32, nullable: false }];
    const runs = fc.array(fc.tuple(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 1, max: 40 })), {
      minLength: 20,
      maxLength: 200,
    });
    await fc.assert(
      fc.asyncProperty(runs, async (pairs) => {
        const values = pairs.flatMap(([value, times]) => Array.from({ length: times }, () => value));
        const file = write(schema, [batchOf(schema, [columnOf(types.int32, values)], values.length)]);
        expect((await wasmRows(file)).map(([n]) => n)).toEqual(values);
        expect((await hyparquetRows(file)).map((row) => row.n)).toEqual(values);
      }),
      { numRuns: 30 },
    );
  });
});
