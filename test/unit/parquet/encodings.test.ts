import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { Compression, Encoding, Table, WriterPropertiesBuilder, WriterVersion, writeParquet } from "parquet-wasm";
import { afterAll, describe, expect, it } from "vitest";
import { builderFor } from "../../../src/batch/builder.js";
import { encodeIpcStream } from "../../../src/batch/ipc.js";
import { plainOf } from "../../../src/io/parquet/parquetEncodings.js";
import { physical } from "../../../src/io/parquet/parquetSchema.js";
import { type DataType, type Schema, types, type Value } from "../../../src/schema/types.js";
import { decoded, valuesOf } from "./decodeFile.js";
import { duckRows } from "./readers.js";

const folder = mkdtempSync(join(tmpdir(), "parquet-encodings-"));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;

interface Kind {
  readonly type: DataType;
  readonly encoding: Encoding;
  readonly value: fc.Arbitrary<Value>;
}

const int64 = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -40n, max: 40n }),
  fc.constantFrom(-(2n ** 63n), 2n ** 63n - 1n),
);
const int32 = fc.oneof(fc.integer(), fc.integer({ min: 0, max: 9 }), fc.constantFrom(-(2 ** 31), 2 ** 31 - 1));
const text = fc.oneof(
  fc.constantFrom("", "a", "same beginning", "same beginning, other end", "é😀", "é", "y".repeat(300)),
  fc.string({ unit: "binary", maxLength: 30 }),
);
const wide = fc.bigInt({ min: -(10n ** 30n) + 1n, max: 10n ** 30n - 1n });
const { DELTA_BINARY_PACKED, DELTA_BYTE_ARRAY, DELTA_LENGTH_BYTE_ARRAY, BYTE_STREAM_SPLIT } = Encoding;
const kinds: readonly Kind[] = [
  { type: types.int32, encoding: DELTA_BINARY_PACKED, value: int32 },
  { type: types.int64, encoding: DELTA_BINARY_PACKED, value: int64 },
  { type: types.int8, encoding: DELTA_BINARY_PACKED, value: fc.integer({ min: -128, max: 127 }) },
  { type: types.uint64, encoding: DELTA_BINARY_PACKED, value: int64.map((n) => BigInt.asUintN(64, n)) },
  { type: types.timestamp, encoding: DELTA_BINARY_PACKED, value: fc.bigInt({ min: -(10n ** 15n), max: 10n ** 16n }) },
  { type: types.decimal(9, 2), encoding: DELTA_BINARY_PACKED, value: fc.bigInt({ min: -999999999n, max: 999999999n }) },
  { type: types.utf8, encoding: DELTA_LENGTH_BYTE_ARRAY, value: text },
  { type: types.utf8, encoding: DELTA_BYTE_ARRAY, value: text },
  { type: types.binary, encoding: DELTA_BYTE_ARRAY, value: fc.uint8Array({ maxLength: 9 }) },
  { type: types.decimal(30, 2), encoding: DELTA_BYTE_ARRAY, value: wide },
  { type: types.decimal(30, 2), encoding: BYTE_STREAM_SPLIT, value: wide },
  { type: types.float64, encoding: BYTE_STREAM_SPLIT, value: fc.double() },
  { type: types.float32, encoding: BYTE_STREAM_SPLIT, value: fc.float() },
  { type: types.int32, encoding: BYTE_STREAM_SPLIT, value: int32 },
  { type: types.int64, encoding: BYTE_STREAM_SPLIT, value: int64 },
];
const schema: Schema = kinds.map(({ type }, i) => ({ name: `c${i}`, type, nullable: true }));

function writeWasm(rows: readonly (readonly Value[])[], version: WriterVersion, compression: Compression): string {
  const columns = kinds.map(({ type }, c) => {
    const builder = builderFor(type);
    for (const row of rows) builder.append(row[c] as Value);
    return builder.finish();
  });
  let properties = new WriterPropertiesBuilder()
    .setWriterVersion(version)
    .setCompression(compression)
    .setDictionaryEnabled(false)
    .setDataPageSizeLimit(3000)
    .setWriteBatchSize(50);
  for (const [i, { encoding }] of kinds.entries()) properties = properties.setColumnEncoding(`c${i}`, encoding);
  const batch = { schema, length: rows.length, columns, selection: null, origin: null };
  const file = join(folder, `${files++}.parquet`);
  writeFileSync(file, writeParquet(Table.fromIPCStream(encodeIpcStream(schema, [batch])), properties.build()));
  return file;
}

const shown = (value: Value): unknown => (value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value);

describe("values by their differences, or in streams of bytes", () => {
  const row = fc.tuple(...kinds.map(({ value }) => fc.option(value, { nil: null, freq: 5 }))) as unknown as fc.Arbitrary<Value[]>;
  const table = fc.oneof(
    fc.array(row, { minLength: 1, maxLength: 300 }),
    // More than a block of them, with one value in all rows here and there.
    fc.tuple(fc.array(row, { minLength: 1, maxLength: 20 }), fc.integer({ min: 20, max: 60 })).map(([rows, times]) => {
      return Array.from({ length: times }, () => rows).flat();
    }),
  );

  it("are what was given to parquet-wasm", () => {
    fc.assert(
      fc.property(
        table,
        fc.constantFrom(WriterVersion.V1, WriterVersion.V2),
        fc.constantFrom(Compression.SNAPPY, Compression.UNCOMPRESSED),
        (rows, version, compression) => {
          const groups = decoded(writeWasm(rows, version, compression));
          for (const i of kinds.keys()) expect(valuesOf(groups, i), `c${i}`).toEqual(rows.map((one) => shown(one[i] as Value)));
        },
      ),
      { numRuns: 60 },
    );
  });

  it("are written in the encodings that are meant", async () => {
    const rows = fc.sample(row, { numRuns: 40, seed: 1 });
    const file = writeWasm(rows, WriterVersion.V2, Compression.SNAPPY);
    const meta = await duckRows(`SELECT encodings FROM parquet_metadata('${file}')`);
    for (const [i, { encoding }] of kinds.entries()) expect(String(meta[i]?.encodings)).toContain(Encoding[encoding]);
  });
});

describe("damaged pages", () => {
  const stored = [
    { physical: physical.int32, size: 0, encoding: 5 },
    { physical: physical.int64, size: 0, encoding: 5 },
    { physical: physical.byteArray, size: 0, encoding: 6 },
    { physical: physical.byteArray, size: 0, encoding: 7 },
    { physical: physical.fixedLenByteArray, size: 3, encoding: 7 },
    { physical: physical.fixedLenByteArray, size: 3, encoding: 9 },
  ] as const;

  it("of any bytes are refused, or hold what they must", () => {
    const byte = fc.oneof(fc.constant(0), fc.nat({ max: 3 }), fc.nat({ max: 255 }));
    // A head that makes sense, of blocks of 128 values in 4 groups, and whatever comes then.
    const bytes = fc
      .tuple(fc.boolean(), fc.integer({ min: 0, max: 90 }), fc.array(byte, { maxLength: 300 }))
      .map(([head, count, rest]) => ({ count, bytes: Uint8Array.from(head ? [128, 1, 4, count, ...rest] : rest) }));
    let taken = 0;
    fc.assert(
      fc.property(bytes, fc.constantFrom(...stored), (given, { encoding, ...form }) => {
        const plain = plainOf(encoding, given.bytes, given.count, form);
        if (plain === null) return;
        taken++;
        const size = form.physical === physical.int32 ? 4 : form.physical === physical.int64 ? 8 : form.size;
        if (size > 0) expect(plain.length).toBe(given.count * size);
        else expect(plain.length).toBeGreaterThanOrEqual(given.count * 4);
      }),
      { numRuns: 3000 },
    );
    expect(taken).toBeGreaterThan(50);
  });
});
