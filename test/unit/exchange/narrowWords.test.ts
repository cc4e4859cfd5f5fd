import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { BlockFile } from "../../../src/exchange/blockFile.js";
import { blockExchange } from "../../../src/exchange/codec.js";
import { narrowed, widened } from "../../../src/exchange/narrowWords.js";
import { ReadMemory } from "../../../src/exchange/readMemory.js";
import { type Schema, types, type Value } from "../../../src/schema/types.js";
import { batchOf, rowsOf } from "./batches.js";

const folder = mkdtempSync(join(tmpdir(), "millrace-narrow-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const wordsOf = (values: readonly bigint[]) => new Int32Array(BigInt64Array.from(values).buffer);
const most = 2n ** 63n - 1n;

describe("64-bit integers in fewer bytes", () => {
  const cases: readonly (readonly [readonly bigint[], number | null])[] = [
    [[], 1],
    [[0n, 1n, 255n], 1],
    [[0n, 256n, 65_535n], 2],
    [[65_536n], 4],
    [[-1n, 3n], 4],
    [[2n ** 31n - 1n, -(2n ** 31n)], 4],
    [[5n, 2n ** 31n], null],
    [[-(2n ** 31n) - 1n], null],
    [[2n ** 32n], null],
    [[most, -most - 1n], null],
  ];
  for (const [values, width] of cases) {
    it(`${values.join(", ") || "none"} take ${width ?? 8}`, () => {
      const made = narrowed(wordsOf(values));
      expect(made?.width ?? null).toBe(width);
      if (made === null) return;
      expect(made.values.length).toBe(values.length * made.width);
      const words = new Int32Array(values.length * 2).fill(77);
      widened(made.values, made.width, words);
      expect([...new BigInt64Array(words.buffer)]).toEqual(values);
    });
  }
});

describe("what an exchange file holds of a column", () => {
  const schema: Schema = [
    { name: "key", type: types.binary, nullable: false },
    { name: "text", type: types.utf8, nullable: true },
    { name: "count", type: types.int64, nullable: true },
    { name: "at", type: types.timestamp, nullable: true },
  ];
  const write = (name: string, rows: readonly Value[][]): string => {
    const file = join(folder, name);
    const writer = blockExchange.writer(schema, file);
    writer.write(batchOf(schema, rows));
    writer.finish();
    return file;
  };
  const read = (path: string): Value[][] => {
    const file = new BlockFile(path);
    const found = file.blocks.flatMap((block) => {
      const half = block.rows >>> 1;
      return [
        [0, half],
        [half, block.rows],
      ].flatMap(([from = 0, to = 0]) => {
        const columns = file.read(block, from, to, new ReadMemory());
        return rowsOf({ schema, length: to - from, columns, selection: null, origin: null });
      });
    });
    file.close();
    return found;
  };
  const row = (i: number, text: string | null): Value[] => [Buffer.from(`key ${10_000 + i}`), text, BigInt(i % 200), BigInt(i)];

  it("are its values, whatever its texts' lengths", () => {
    for (const text of [(i: number) => `even ${10_000 + i}`, (i: number) => "x".repeat(i % 5), () => "", () => null]) {
      const rows = Array.from({ length: 3001 }, (_, i) => row(i, text(i)));
      rows[7] = [Buffer.from("key 10007"), text(7), null, null];
      const file = write("texts.blocks", rows);
      expect(read(file).map(plain)).toEqual(rows.map(plain));
      rmSync(file);
    }
  });

  it("is less where all texts are as long as one another and numbers are small", () => {
    const rows = 10_000;
    const even = write(
      "even.blocks",
      Array.from({ length: rows }, (_, i) => row(i, `even ${10_000 + i}`)),
    );
    // The bytes of two texts of 9 and 10, a number below 256 and one of two bytes; more than that is what blocks and pages say of themselves.
    const least = rows * (9 + 10 + 1 + 2);
    expect(statSync(even).size).toBeGreaterThanOrEqual(least);
    expect(statSync(even).size).toBeLessThan(least + 4096);
  });
});

const plain = (row: readonly Value[]): unknown[] =>
  row.map((value) =>
    value instanceof Uint8Array ? Buffer.from(value).toString() : typeof value === "bigint" ? Number(value) : value,
  );
