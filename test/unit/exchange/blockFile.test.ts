import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Batch } from "../../../src/batch/column.js";
import { sliceColumn } from "../../../src/batch/gather.js";
import { MillraceError } from "../../../src/common/errors.js";
import { BlockFile, BlockFileWriter } from "../../../src/exchange/blockFile.js";
import { columnParts } from "../../../src/exchange/blockParts.js";
import { planBuckets } from "../../../src/exchange/bucketReader.js";
import { blockExchange } from "../../../src/exchange/codec.js";
import { readBlocks } from "../../../src/exchange/openPart.js";
import { openRange } from "../../../src/exchange/rangeReader.js";
import { ReadMemory } from "../../../src/exchange/readMemory.js";
import { planRuns, SortedKeys } from "../../../src/exchange/runRanges.js";
import { RunReader } from "../../../src/exchange/runReader.js";
import type { BatchReader } from "../../../src/io/contracts.js";
import { type Schema, types, type Value } from "../../../src/schema/types.js";
import { batchOf, rowsOf } from "./batches.js";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-blocks-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const schema: Schema = [
  { name: "text", type: types.utf8, nullable: true },
  { name: "small", type: types.int8, nullable: true },
  { name: "big", type: types.int64, nullable: true },
  { name: "wide", type: types.decimal(30, 2), nullable: true },
  { name: "real", type: types.float64, nullable: true },
];

const sample: Value[][] = Array.from({ length: 50 }, (_, i) => [
  i % 7 === 0 ? null : "ä".repeat(i % 5),
  i - 25,
  i % 5 === 0 ? null : BigInt(i) ** 11n,
  -(10n ** 20n) * BigInt(i),
  i === 3 ? Number.NaN : i / 3,
]);

function numbersOf(reader: BatchReader): number[] {
  const found: number[] = [];
  for (let batch = reader.next() as Batch | null; batch !== null; batch = reader.next() as Batch | null)
    found.push(...rowsOf(batch).map((row) => Number(row[4])));
  reader.close();
  return found;
}

describe("block files", () => {
  it("give back rows of every layout, whole and in parts", () => {
    const file = join(folder, "rows.blocks");
    const writer = blockExchange.writer(schema, file);
    writer.write(batchOf(schema, sample));
    writer.write({ ...batchOf(schema, sample), selection: Int32Array.of(1, 7, 49) });
    expect(writer.finish()).toMatchObject([{ path: file, rows: 53, bytes: readFileSync(file).length }]);
    const expected = [...sample, ...[1, 7, 49].map((i) => sample[i] as Value[])];
    expect([...readBlocks([file])].flatMap(rowsOf)).toEqual(expected);
    const open = new BlockFile(file);
    const [block] = open.blocks;
    if (block === undefined) throw new Error("no block");
    const columns = open.read(block, 10, 20, new ReadMemory());
    expect(rowsOf({ schema, length: 10, columns, selection: null, origin: null })).toEqual(sample.slice(10, 20));
    open.close();
  });

  it("give back slices of columns, whose texts do not begin with the first byte", () => {
    const file = join(folder, "slices.blocks");
    const writer = new BlockFileWriter(file);
    const { columns } = batchOf(schema, sample);
    for (const [from, to] of [
      [0, 20],
      [20, 20],
      [13, 50],
    ] as const) {
      const parts = columns.map((column) => columnParts(sliceColumn(column, from, to)));
      writer.write(schema, to - from, [0, to - from], parts);
    }
    writer.finish();
    expect([...readBlocks([file])].flatMap(rowsOf)).toEqual([...sample.slice(0, 20), ...sample.slice(13)]);
  });

  it("give back codes of one and two bytes as the texts that they stand for", () => {
    const file = join(folder, "codes.blocks");
    const writer = new BlockFileWriter(file);
    const both: Schema = ["a", "b"].map((name) => ({ name, type: types.utf8, nullable: true }));
    const [known] = batchOf([{ name: "a", type: types.utf8, nullable: true }], [["north"], [null], [""], ["süd"]]).columns;
    const [other] = batchOf([{ name: "b", type: types.utf8, nullable: true }], [["x"], ["y"], ["z"], [null]]).columns;
    if (known?.layout !== "bytes" || other?.layout !== "bytes") throw new Error("texts are bytes");
    const small = Uint8Array.of(3, 0, 1, 1, 2);
    const large = new Uint8Array(Uint16Array.of(0, 1, 2, 3, 0).buffer);
    const parts = (values: Uint8Array, texts: typeof known) => ({ values, offsets: null, valid: null, texts });
    // Codes that two columns share are written once, and so are texts of several blocks.
    writer.write(both, 5, [0, 2, 5], [parts(small, known), parts(small, other)]);
    writer.write(both, 5, [0, 0, 5], [parts(large, known), parts(large, other)]);
    writer.finish();
    const open = new BlockFile(file);
    const found = open.blocks.map((block) => {
      const columns = open.read(block, 1, 5, new ReadMemory());
      return rowsOf({ schema: both, length: 4, columns, selection: null, origin: null });
    });
    open.close();
    expect(found).toEqual([
      [
        ["north", "x"],
        [null, "y"],
        [null, "y"],
        ["", "z"],
      ],
      [
        [null, "y"],
        ["", "z"],
        ["süd", null],
        ["north", "x"],
      ],
    ]);
  });

  it("say what is wrong with a file that was cut or changed", () => {
    const file = join(folder, "broken.blocks");
    const writer = blockExchange.writer(schema, file);
    writer.write(batchOf(schema, sample));
    writer.finish();
    const bytes = readFileSync(file);
    for (const broken of [bytes.subarray(0, 10), bytes.subarray(0, bytes.length - 3), Buffer.concat([Buffer.from("x"), bytes])]) {
      writeFileSync(file, broken);
      expect(() => new BlockFile(file)).toThrow(MillraceError);
    }
    expect(() => new BlockFile(join(folder, "missing.blocks"))).toThrow(/cannot be opened/);
  });

  it("merge as sorted runs, whatever their lengths", () => {
    const keyed: Schema = [{ name: "__order", type: types.binary, nullable: false }, ...schema];
    const all = Array.from({ length: 40_000 }, (_, i) => i);
    const files = [0, 1, 2, 3, 4].map((run) => {
      const file = join(folder, `run-${run}.blocks`);
      const writer = blockExchange.writer(keyed, file);
      const mine = all.filter((i) => (i > 39_000 && i % 2 === 1 ? 3 : i % 3) === run);
      const key = (i: number) => Buffer.from(`prefix that is long ${String(i).padStart(6, "0")}`);
      for (let from = 0; from < mine.length; from += 3000) {
        const part = mine.slice(from, from + 3000).map((i): Value[] => [key(i), `t${i}`, i % 100, BigInt(i), BigInt(i), i]);
        writer.write(batchOf(keyed, part));
      }
      writer.finish();
      return file;
    });
    const reader = new RunReader(files, schema, { from: null, to: null });
    const found: Value[] = [];
    for (let batch = reader.next(); batch !== null; batch = reader.next())
      found.push(...rowsOf(batch).map((row) => row[4] ?? null));
    expect(found.map(Number)).toEqual(all);
    expect(reader.result().rows).toBe(found.length);
    const key = (i: number) => Buffer.from(`prefix that is long ${String(i).padStart(6, "0")}`).toString("hex");
    const borders = [null, key(0), key(1), key(17_001), key(39_998), key(50_000), null];
    const parts = borders.slice(1).flatMap((to, i) => numbersOf(new RunReader(files, schema, { from: borders[i] ?? null, to })));
    expect(parts).toEqual(all);
    const sorted = borders.slice(1).flatMap((to, i) => numbersOf(openRange(files, schema, { from: borders[i] ?? null, to })));
    expect(sorted).toEqual(all);
    const whole = openRange(files, schema, { from: null, to: null }).next() as Batch;
    expect(rowsOf(whole).slice(17, 19)).toEqual([17, 18].map((i): Value[] => [`t${i}`, i, BigInt(i), BigInt(i), i]));
    expect(planRuns(files)).toEqual([{ kind: "runs", file: 0, from: null, to: null }]);
    reader.close();
  });

  it("find where a range of keys begins and ends, also when others searched before", () => {
    const keyed: Schema = [{ name: "__order", type: types.binary, nullable: false }];
    const file = join(folder, "search.blocks");
    const writer = blockExchange.writer(keyed, file);
    // Keys of all lengths, whose bytes are beyond ASCII too: 0, 3, 6, …
    const key = (i: number) =>
      Buffer.concat([Buffer.from([200, i >> 16, i >> 8, i]), Buffer.alloc(i % 7 === 0 ? 300 : i % 5, 255)]);
    const rows = 9000;
    for (let from = 0; from < rows; from += 4000) {
      const part = Array.from({ length: Math.min(4000, rows - from) }, (_, i): Value[] => [key((from + i) * 3)]);
      writer.write(batchOf(keyed, part));
    }
    writer.finish();
    for (let round = 0; round < 2; round++) {
      const opened = new BlockFile(file);
      const keys = new SortedKeys(opened);
      for (let i = 0; i < rows * 3; i += 37) expect(keys.lowerBound(key(i).toString("hex"))).toBe(Math.ceil(i / 3));
      expect(keys.lowerBound("")).toBe(0);
      expect(keys.lowerBound("ff")).toBe(rows);
      opened.close();
    }
  });

  it("give any rows, however many pages they lie in", () => {
    const one: Schema = [{ name: "n", type: types.int32, nullable: false }];
    const file = join(folder, "pages.blocks");
    const writer = new BlockFileWriter(file);
    const rows = 100_000;
    const values = Int32Array.from({ length: rows }, (_, i) => i * 7);
    writer.write(one, rows, [0, rows], [columnParts({ layout: "fixed", type: types.int32, length: rows, values, valid: null })]);
    writer.finish();
    const opened = new BlockFile(file);
    const [block] = opened.blocks;
    if (block === undefined) throw new Error("no block");
    const memory = new ReadMemory();
    for (const from of [0, 1, 2045, 2046, 2047, 50_000]) {
      for (const length of [0, 1, 2, 2046, 2048, 2049, 30_720, 32_768, 32_769, 49_999, rows - from]) {
        const [column] = opened.read(block, from, Math.min(rows, from + length), memory);
        if (column?.layout !== "fixed") throw new Error("not a column of numbers");
        expect(
          Buffer.compare(Buffer.from(column.values.slice().buffer), Buffer.from(values.slice(from, from + length).buffer)),
        ).toBe(0);
      }
    }
    opened.close();
  });

  it("cut their buckets into runs by their rows alone", () => {
    const keyed: Schema = [{ name: "__rows", type: types.int64, nullable: false }];
    const counts = [10, 100_000, 50_000, 0, 200_000, 5, 5, 5];
    const bounds = [0];
    for (const more of counts) bounds.push((bounds.at(-1) ?? 0) + more);
    const rows = bounds.at(-1) ?? 0;
    const file = join(folder, "buckets.blocks");
    const writer = new BlockFileWriter(file);
    writer.write(keyed, rows, bounds, [
      columnParts({ layout: "fixed", type: types.int64, length: rows, values: new BigInt64Array(rows), valid: null }),
    ]);
    writer.finish();
    const runs = planBuckets([file]).map(({ from, to }) => [from, to]);
    expect(runs).toEqual([
      [0, 2],
      [2, 4],
      [4, 5],
      [5, 8],
    ]);
    expect(planBuckets([])).toEqual([{ kind: "buckets", file: 0, from: 0, to: 1 }]);
  });
});
