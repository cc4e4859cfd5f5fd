import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeRowGroup } from "../../../src/io/parquet/parquetGroupBytes.js";
import { leavesOf } from "../../../src/io/parquet/parquetLeaves.js";
import { binary, encodeThrift, i16, i32, i64, list, struct, text } from "../../../src/io/parquet/parquetThrift.js";
import { type Schema, types } from "../../../src/schema/types.js";
import type { WrittenChunk } from "../../../src/task/protocol.js";

const schema: Schema = [
  { name: "id", type: types.int64, nullable: false },
  { name: "näme", type: types.utf8, nullable: true },
  { name: "at", type: types.struct([{ name: "lat", type: types.float64, nullable: true }]), nullable: true },
];
/** As the format numbers them, in the order of the leaves. */
const physicalTypes = [2, 6, 5];
const paths = [["id"], ["näme"], ["at", "lat"]];
const snappy = 1;

const size = fc.oneof(
  fc.nat({ max: 300 }),
  fc.nat(),
  fc.maxSafeNat().map((n) => Math.floor(n / 8)),
);
const bytes = fc.uint8Array({ maxLength: 40 }).map((all) => Buffer.from(all).toString("base64"));
const chunk: fc.Arbitrary<WrittenChunk> = fc.record({
  bytes: size,
  uncompressedBytes: size,
  dictionaryPageBytes: fc.oneof(fc.constant(0), fc.nat()),
  encodings: fc.array(fc.nat({ max: 9 }), { minLength: 1, maxLength: 17 }),
  nulls: size,
  bounds: fc.option(fc.record({ min: bytes, max: bytes })),
});

describe("the bytes of a row group", () => {
  it("are those of the struct that the format describes", () => {
    const leaves = leavesOf(schema) ?? [];
    const chunks = fc.tuple(chunk, chunk, chunk);
    fc.assert(
      fc.property(chunks, size, size, fc.option(fc.nat({ max: 32_767 })), (written, rows, offset, ordinal) => {
        let at = offset;
        const columns = written.map((one, i) => {
          const from = at;
          at += one.bytes;
          const stored = (value: string) => binary(Buffer.from(value, "base64"));
          return struct({
            2: i64(0),
            3: struct({
              1: i32(physicalTypes[i] ?? -1),
              2: list(one.encodings.map(i32)),
              3: list((paths[i] ?? []).map(text)),
              4: i32(snappy),
              5: i64(rows),
              6: i64(one.uncompressedBytes),
              7: i64(one.bytes),
              9: i64(from + one.dictionaryPageBytes),
              11: one.dictionaryPageBytes > 0 ? i64(from) : undefined,
              12: struct({
                3: i64(one.nulls),
                5: one.bounds === null ? undefined : stored(one.bounds.max),
                6: one.bounds === null ? undefined : stored(one.bounds.min),
              }),
            }),
          });
        });
        const wanted = struct({
          1: list(columns),
          2: i64(written.reduce((sum, one) => sum + one.uncompressedBytes, 0)),
          3: i64(rows),
          5: i64(offset),
          6: i64(at - offset),
          7: ordinal === null ? undefined : i16(ordinal),
        });
        fc.pre(at < 2 ** 51);
        const found = encodeRowGroup(leaves, { rows, chunks: written }, offset, "snappy", ordinal);
        expect(Buffer.from(found).equals(Buffer.from(encodeThrift(wanted)))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
