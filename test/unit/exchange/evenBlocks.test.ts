import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { columnReader } from "../../../src/batch/reader.js";
import { BlockFile, BlockFileWriter } from "../../../src/exchange/blockFile.js";
import { BlockRows } from "../../../src/exchange/blockRows.js";
import { HoldingBudget, holdFile, releaseFiles } from "../../../src/exchange/heldFiles.js";
import { createKernels } from "../../../src/kernels/wasm.js";
import { type Schema, types } from "../../../src/schema/types.js";

const schema: Schema = [
  { name: "key", type: types.binary, nullable: false },
  { name: "number", type: types.int32, nullable: false },
];
const bytesOf = (numbers: readonly number[]) => new Uint8Array(Int32Array.from(numbers).buffer);

/** A block in memory: the numbers of each bucket, with keys of three bytes. */
type Buckets = readonly (readonly number[])[];

function write(path: string, blocks: readonly Buckets[], valid: Uint8Array | null = null): BlockFile {
  const writer = new BlockFileWriter(path, {}, new HoldingBudget(HoldingBudget.of(2 ** 24)));
  for (const buckets of blocks) {
    const numbers = buckets.flat();
    const bounds = [0];
    for (const bucket of buckets) bounds.push((bounds.at(-1) ?? 0) + bucket.length);
    const keys = Buffer.from(numbers.map((n) => String(n % 1000).padStart(3, "0")).join(""), "latin1");
    const key = { values: keys, offsets: null, stride: 3, valid: null };
    writer.write(schema, numbers.length, bounds, [key, { values: bytesOf(numbers), offsets: null, valid }]);
  }
  const { held } = writer.finish();
  if (held === undefined) throw new Error("the file is not in memory");
  holdFile(path, held);
  return new BlockFile(path);
}

/** All rows of the buckets [from, to), as far as they are appended by buckets. */
function read(file: BlockFile, from: number, to: number, most: number): number[] | null {
  const { even } = file;
  if (even === null) return null;
  const rows = new BlockRows(createKernels("test"), most);
  const found: number[] = [];
  const take = () => {
    const { rows: length } = rows;
    const [keys, numbers] = rows.take().map(columnReader);
    for (let row = 0; row < length; row++) {
      const number = numbers?.(row) as number;
      expect(Buffer.from(keys?.(row) as Uint8Array).toString("latin1")).toBe(String(number % 1000).padStart(3, "0"));
      found.push(number);
    }
  };
  for (let block = 0; block < even.blocks; ) {
    const next = rows.appendBuckets(file, even, from, to, block);
    if (next === block) {
      if (rows.rows === 0) throw new Error("a block has more rows than a batch");
      take();
    }
    block = next;
  }
  take();
  rows.free();
  return found;
}

let files = 0;

describe("blocks of one width in memory", () => {
  it("give the rows of some buckets of all blocks, in order, however many rows a batch has", () => {
    const number = fc.nat({ max: 1_000_000 });
    const cases = fc.integer({ min: 1, max: 5 }).chain((buckets) =>
      fc.record({
        blocks: fc.array(fc.array(fc.array(number, { maxLength: 6 }), { minLength: buckets, maxLength: buckets }), {
          minLength: 1,
          maxLength: 200,
        }),
        bounds: fc.tuple(fc.nat({ max: buckets }), fc.nat({ max: buckets + 2 })),
        more: fc.nat({ max: 100 }),
      }),
    );
    fc.assert(
      fc.property(cases, ({ blocks, bounds, more }) => {
        const [from, to] = bounds.toSorted((a, b) => a - b) as [number, number];
        // A footer is kept by path, and every path is that of one file alone.
        const path = `/even-${files++}`;
        const file = write(path, blocks);
        const expected = blocks.flatMap((buckets) => buckets.slice(from, to).flat());
        expect(read(file, from, to, 30 + more)).toEqual(expected);
        file.close();
        releaseFiles([path]);
      }),
      { numRuns: 200 },
    );
  });

  it("are not those with nulls, with other buckets, or with another length of keys", () => {
    const nulls = write("/nulls", [[[1, 2]]], Uint8Array.of(1, 0));
    expect(nulls.even).toBeNull();
    const buckets = write("/buckets", [[[1, 2]], [[1], [2]]]);
    expect(buckets.even).toBeNull();
    const writer = new BlockFileWriter("/lengths", {}, new HoldingBudget(HoldingBudget.of(2 ** 24)));
    for (const stride of [3, 4]) {
      const key = { values: new Uint8Array(stride), offsets: null, stride, valid: null };
      writer.write(schema, 1, [0, 1], [key, { values: bytesOf([7]), offsets: null, valid: null }]);
    }
    const { held } = writer.finish();
    if (held === undefined) throw new Error("the file is not in memory");
    holdFile("/lengths", held);
    expect(new BlockFile("/lengths").even).toBeNull();
    releaseFiles(["/nulls", "/buckets", "/lengths"]);
  });
});
