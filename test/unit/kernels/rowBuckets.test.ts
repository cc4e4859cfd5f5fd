import { describe, expect, it } from "vitest";
import { textColumn } from "../../../src/batch/coded.js";
import type { Column } from "../../../src/batch/column.js";
import { WordGroupTable } from "../../../src/kernels/groups/groupTable.js";
import { type BucketedRows, RowBuckets } from "../../../src/kernels/rowBuckets.js";
import { shareReaderKernels } from "../../../src/kernels/taskKernels.js";
import type { ColumnParts } from "../../../src/kernels/valueBuffer.js";
import { types } from "../../../src/schema/types.js";

const encoder = new TextEncoder();
const texts = (values: readonly string[]) =>
  textColumn(
    types.utf8,
    values.map((value) => encoder.encode(value)),
  );
const numbers = (values: Float64Array, valid: Uint8Array | null = null): Column => ({
  layout: "fixed",
  type: types.float64,
  length: values.length,
  values,
  valid,
});
const bytes = (values: Uint8Array): Column => ({
  layout: "fixed",
  type: types.uint8,
  length: values.length,
  values,
  valid: null,
});

/** A number that looks random and is the same each time. */
function scattered(i: number): number {
  const mixed = Math.imul(i ^ (i >>> 15), 0x2c1b3c6d);
  return (mixed ^ (mixed >>> 12)) >>> 0;
}

function textOf({ values, offsets, stride }: ColumnParts, row: number): string {
  const ends = offsets === null ? null : new Uint32Array(offsets.slice().buffer);
  const from = ends === null ? row * (stride ?? 0) : (ends[row] ?? 0);
  const to = ends === null ? from + (stride ?? 0) : (ends[row + 1] ?? 0);
  return Buffer.from(values.subarray(from, to)).toString("latin1");
}

const rows = 3000;
const keysOfOneLength = Array.from({ length: rows }, (_, i) => `k${scattered(i) % 500}`.padEnd(5, "."));
const keysOfAnyLength = Array.from({ length: rows }, (_, i) => "key".repeat((scattered(i) % 7) + 1) + (scattered(i) % 50));

describe("rows by bucket", () => {
  for (const bits of [0, 1, 5, 8])
    for (const [name, keys] of [
      ["one length", keysOfOneLength],
      ["any length", keysOfAnyLength],
    ] as const)
      it(`keeps rows whole and in order: 2^${bits} buckets, keys of ${name}`, () => {
        const numbered = Float64Array.from(keys, (_, i) => i);
        const valid = Uint8Array.from(keys, (_, i) => (i % 3 === 0 ? 0 : 1));
        const codes = Uint8Array.from(keys, (_, i) => i % 251);
        const labels = keys.map((key, i) => `${key}/${i}`);
        const keyType = { type: types.utf8, nullable: false };
        const buckets = new RowBuckets([keyType], [types.float64, types.float64, types.uint8, types.utf8], bits);
        buckets.append([texts(keys)], [numbers(numbered), numbers(numbered, valid), bytes(codes), texts(labels)], null, rows);
        const { bounds, columns } = buckets.take();
        const [packed, number, nullable, code, label] = columns as [
          ColumnParts,
          ColumnParts,
          ColumnParts,
          ColumnParts,
          ColumnParts,
        ];
        const order = [...new Float64Array(number.values.slice().buffer)];

        expect(bounds).toHaveLength(2 ** bits + 1);
        expect([bounds[0], bounds[2 ** bits]]).toEqual([0, rows]);
        expect([...order].sort((a, b) => a - b)).toEqual([...numbered]);
        const bucketOf = new Map<string, number>();
        const packedOf = new Map<string, string>();
        for (let bucket = 0; bucket < 2 ** bits; bucket++)
          for (let at = bounds[bucket] ?? 0; at < (bounds[bucket + 1] ?? 0); at++) {
            const row = order[at] ?? -1;
            const key = keys[row] ?? "";
            if (at > (bounds[bucket] ?? 0)) expect(row).toBeGreaterThan(order[at - 1] ?? -1);
            expect(bucketOf.get(key) ?? bucket).toBe(bucket);
            bucketOf.set(key, bucket);
            const words = textOf(packed, at);
            expect(packedOf.get(key) ?? words).toBe(words);
            packedOf.set(key, words);
            expect(nullable.valid?.[at]).toBe(valid[row]);
            expect(code.values[at]).toBe(codes[row]);
            expect(textOf(label, at)).toBe(labels[row]);
          }
        expect(new Set(packedOf.values()).size).toBe(new Set(keys).size);
        buckets.free();
      });
});

describe("a table of many groups", () => {
  it("numbers them by first appearance, as a map does", () => {
    const table = new WordGroupTable([{ type: types.utf8, nullable: false }]);
    const known = new Map<string, number>();
    for (let batch = 0; batch < 8; batch++) {
      const keys = Array.from({ length: 10_000 }, (_, i) => `g${scattered(batch * 10_000 + i) % 30_000}`);
      const expected = keys.map((key) => {
        const group = known.get(key) ?? known.size;
        known.set(key, group);
        return group;
      });
      expect([...table.assign([texts(keys)], null, keys.length)]).toEqual(expected);
    }
    expect(table.count).toBe(known.size);
    expect(table.count).toBeGreaterThan(2 ** 14);
    table.free();
  });

  it("come from the memory that they lie in themselves, which grows meanwhile", () => {
    const { memory } = shareReaderKernels();
    const keyType = { type: types.float64, nullable: true };
    const buckets = new RowBuckets([keyType], [types.int32, types.float64], 3, 400_000, true);
    const room = memory.alloc(rows * 32);
    // Columns in the memory of the buckets, row i of which is `first` + i.
    const columnsFrom = (first: number): [Column, Column, Column] => {
      const bits = memory.u8().subarray(room, room + rows);
      const small = memory.i32().subarray((room + rows * 8) / 4, (room + rows * 8) / 4 + rows);
      const large = memory.f64().subarray((room + rows * 16) / 8, (room + rows * 16) / 8 + rows);
      for (let i = 0; i < rows; i++) {
        bits[i] = (first + i) % 5 === 0 ? 0 : 1;
        small[i] = first + i;
        large[i] = (first + i) / 2;
      }
      return [numbers(large, bits), { ...numbers(large), type: types.int32, values: small } as Column, numbers(large, bits)];
    };
    const seen: number[] = [];
    const take = ({ rows: count, bounds, columns }: BucketedRows): void => {
      const [, small, large] = columns as [ColumnParts, ColumnParts, ColumnParts];
      const [ints, doubles] = [new Int32Array(small.values.slice().buffer), new Float64Array(large.values.slice().buffer)];
      expect(bounds.at(-1)).toBe(count);
      for (let i = 0; i < count; i++) {
        expect(doubles[i]).toBe((ints[i] as number) / 2);
        expect(large.valid?.[i]).toBe((ints[i] as number) % 5 === 0 ? 0 : 1);
      }
      seen.push(...ints);
    };
    const bytesBefore = memory.byteLength;
    for (let batch = 0; batch < 40; batch++) {
      const [key, ...values] = columnsFrom(batch * rows);
      buckets.append([key], values, null, rows);
    }
    expect(memory.byteLength).toBeGreaterThan(bytesBefore);
    take(buckets.take());
    buckets.clear();
    // A batch that is taken at once, as a whole and some of its rows.
    const [key, ...values] = columnsFrom(40 * rows);
    take(buckets.takeBatch([key], values, null, rows));
    buckets.clear();
    const [again, ...others] = columnsFrom(41 * rows);
    const chosen = Int32Array.from({ length: rows / 2 }, (_, i) => i * 2);
    take(buckets.takeBatch([again], others, chosen, rows));
    const expected = Array.from({ length: 41 * rows }, (_, i) => i);
    for (const row of chosen) expected.push(41 * rows + row);
    expect(seen.sort((a, b) => a - b)).toEqual(expected);
    memory.free(room);
    buckets.free();
  });
});
