import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { Compression, Table, WriterPropertiesBuilder, WriterVersion, writeParquet } from "parquet-wasm";
import { afterAll, describe, expect, it } from "vitest";
import { builderFor } from "../../../src/batch/builder.js";
import { encodeIpcStream } from "../../../src/batch/ipc.js";
import { type DataType, type Schema, types, type Value } from "../../../src/schema/types.js";
import { decoded, valuesOf } from "./decodeFile.js";
import { writeByHand } from "./handFile.js";
import { duckRows } from "./readers.js";

const folder = mkdtempSync(join(tmpdir(), "parquet-dictionaries-"));
afterAll(() => rmSync(folder, { recursive: true }));

interface Kind {
  readonly type: DataType;
  readonly nullable: boolean;
  readonly value: fc.Arbitrary<Value>;
}

const any = (type: DataType, value: fc.Arbitrary<Value>): Kind[] => [
  { type, nullable: true, value },
  { type, nullable: false, value },
];
const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const kinds: readonly Kind[] = [
  ...any(types.bool, fc.boolean()),
  ...any(types.int8, fc.integer({ min: -128, max: 127 })),
  ...any(types.uint16, fc.integer({ min: 0, max: 65_535 })),
  ...any(types.int32, fc.integer()),
  ...any(types.int64, long),
  ...any(types.uint64, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
  ...any(types.float32, fc.float()),
  ...any(types.float64, fc.double()),
  ...any(types.date, fc.integer({ min: -100_000, max: 100_000 })),
  ...any(types.timestamp, fc.bigInt({ min: -(10n ** 15n), max: 10n ** 16n })),
  ...any(types.decimal(9, 2), fc.bigInt({ min: -999_999_999n, max: 999_999_999n })),
  ...any(types.decimal(18, 4), fc.bigInt({ min: -(10n ** 18n) + 1n, max: 10n ** 18n - 1n })),
  ...any(types.decimal(30, 2), fc.bigInt({ min: -(10n ** 30n) + 1n, max: 10n ** 30n - 1n })),
  ...any(types.utf8, fc.string({ unit: "binary", maxLength: 20 })),
  ...any(types.binary, fc.uint8Array({ maxLength: 9 })),
];
const schema: Schema = kinds.map(({ type, nullable }, i) => ({ name: `c${i}`, type, nullable }));

interface Written {
  readonly rows: readonly (readonly Value[])[];
  readonly version: WriterVersion;
  readonly compression: Compression;
  readonly pageBytes: number;
  readonly dictionaryBytes: number;
}

let files = 0;
function write({ rows, version, compression, pageBytes, dictionaryBytes }: Written): string {
  const columns = kinds.map(({ type }, c) => {
    const builder = builderFor(type);
    for (const row of rows) builder.append(row[c] as Value);
    return builder.finish();
  });
  const properties = new WriterPropertiesBuilder()
    .setWriterVersion(version)
    .setCompression(compression)
    .setDictionaryEnabled(true)
    .setDictionaryPageSizeLimit(dictionaryBytes)
    .setDataPageSizeLimit(pageBytes)
    .setWriteBatchSize(30);
  const batch = { schema, length: rows.length, columns, selection: null, origin: null };
  const file = join(folder, `${files++}.parquet`);
  writeFileSync(file, writeParquet(Table.fromIPCStream(encodeIpcStream(schema, [batch])), properties.build()));
  return file;
}

const shown = (value: Value): unknown => (value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value);

/** Rows whose values are drawn from a few of each kind, so that they are looked up and repeat, with nulls here and there. */
const rows = fc
  .tuple(
    fc.array(fc.tuple(...kinds.map(({ value }) => value)), { minLength: 1, maxLength: 40 }),
    fc.integer({ min: 1, max: 400 }),
  )
  .chain(([few, count]) =>
    fc.tuple(fc.constant(few), fc.array(fc.tuple(fc.nat(), fc.nat(9)), { minLength: count, maxLength: count }), fc.nat(9)),
  )
  .map(([few, chosen, gaps]) =>
    chosen.map(([which, gap], row) =>
      kinds.map(({ nullable }, c): Value => {
        const place = (which + (row >> 5) * c) % few.length;
        return nullable && (gap * (c + 1)) % 10 < gaps ? null : (few[place]?.[c] as Value);
      }),
    ),
  );

const written: fc.Arbitrary<Written> = fc.record({
  rows,
  version: fc.constantFrom(WriterVersion.V1, WriterVersion.V2),
  compression: fc.constantFrom(Compression.SNAPPY, Compression.UNCOMPRESSED, Compression.GZIP),
  pageBytes: fc.constantFrom(60, 500, 100_000),
  // Small ones are given up in the middle of a column: what follows is plain.
  dictionaryBytes: fc.constantFrom(50, 300, 100_000),
});

describe("columns with dictionaries", () => {
  it("are what was given to parquet-wasm", () => {
    fc.assert(
      fc.property(written, (given) => {
        const groups = decoded(write(given));
        for (const i of kinds.keys())
          expect(valuesOf(groups, i), `c${i}`).toEqual(given.rows.map((one) => shown(one[i] as Value)));
      }),
      { numRuns: 100 },
    );
  });

  it("with any bytes changed are refused, or have as many rows", () => {
    let taken = 0;
    fc.assert(
      fc.property(written, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 30 }), (given, changes) => {
        const file = write(given);
        const bytes = readFileSync(file);
        // The footer stays what it is.
        const pages = bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8) - 4;
        for (const [at, value] of changes) bytes[4 + (at % pages)] = value;
        writeFileSync(file, bytes);
        let groups: ReturnType<typeof decoded> = [];
        try {
          groups = decoded(file);
        } catch {
          // A head of a page that makes no sense.
        }
        for (const column of groups.flat()) {
          if (column === null) continue;
          taken++;
          expect(column.length).toBe(given.rows.length);
          expect(column.valid?.length ?? column.length).toBe(column.length);
        }
      }),
      { numRuns: 200 },
    );
    expect(taken).toBeGreaterThan(100);
  });

  it("of millions of rows in a page are read as well", async () => {
    const file = join(folder, "large.parquet");
    const rowCount = 4_000_000;
    await duckRows(
      `copy (select case when i % 3 > 0 then i % 1000 end as few, i % 7 = 0 as flag from range(${rowCount}) r(i))
       to '${file}' (format parquet, row_group_size ${rowCount})`,
    );
    const groups = decoded(file);
    expect(groups.length).toBe(1);
    const [few, flag] = [valuesOf(groups, 0), valuesOf(groups, 1)];
    const right = (i: number) => few[i] === (i % 3 > 0 ? BigInt(i % 1000) : null) && flag[i] === (i % 7 === 0);
    expect(few.length).toBe(rowCount);
    let wrong = 0;
    for (let i = 0; i < rowCount; i++) if (!right(i)) wrong++;
    expect(wrong).toBe(0);
  });
});

describe("texts", () => {
  const byte = fc.constantFrom(0, 0x41, 0x7f, 0x80, 0xa9, 0xc3, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80, 0xff);
  const part = fc.oneof(
    fc.constantFrom("é", "€", "😀", "a").map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 3 }),
    byte.map((one) => Uint8Array.of(one)),
  );
  const text = fc.oneof(
    fc.array(part, { maxLength: 4 }).map((parts) => Uint8Array.from(Buffer.concat(parts))),
    fc
      .tuple(fc.string({ unit: "binary" }), fc.integer({ min: 0, max: 300 }))
      .map(([one, times]) => Uint8Array.from(Buffer.from(one.repeat(times)))),
  );

  it("that are no UTF-8 each by itself are left to the other decoder", () => {
    const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    const isText = (bytes: Uint8Array): boolean => {
      try {
        strict.decode(bytes);
        return true;
      } catch {
        return false;
      }
    };
    const found = { yes: 0, no: 0 };
    fc.assert(
      fc.property(
        fc.array(fc.option(text), { minLength: 1, maxLength: 4 }),
        fc.constantFrom("plain", "dictionary"),
        (values, how) => {
          const file = join(folder, "texts.parquet");
          writeByHand(file, [
            { name: "t", physical: 6, converted: 0, values, how },
            { name: "b", physical: 6, values, how },
          ]);
          const groups = decoded(file);
          const right = values.every((value) => value === null || isText(value));
          found[right ? "yes" : "no"]++;
          if (!right) expect(groups[0]?.[0]).toBeNull();
          else
            expect(valuesOf(groups, 0)).toEqual(values.map((value) => (value === null ? null : Buffer.from(value).toString())));
          expect(valuesOf(groups, 1)).toEqual(
            values.map((value) => (value === null ? null : Buffer.from(value).toString("hex"))),
          );
        },
      ),
      { numRuns: 500 },
    );
    expect(Math.min(found.yes, found.no)).toBeGreaterThan(20);
  });
});
