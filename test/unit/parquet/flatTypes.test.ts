import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decimalBytes, physical } from "../../../src/io/parquet/parquetSchema.js";
import { bool, i32, i8, struct, type ThriftValue } from "../../../src/io/parquet/parquetThrift.js";
import { decoded, valuesOf } from "./decodeFile.js";
import { type HandColumn, writeByHand } from "./handFile.js";
import { duckRows, hyparquetRows, wasmRows } from "./readers.js";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-flat-types-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const shown = (value: unknown): unknown => (value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value);

/** What parquet-wasm makes of a column. */
const otherDecoder = async (file: string, column: number): Promise<unknown[]> =>
  (await wasmRows(file)).map((row) => shown(row[column] ?? null));

describe("columns that DuckDB writes", () => {
  const columns: Readonly<Record<string, string>> = {
    tiny: "(i % 255 - 127)::tinyint",
    small: "(i * 7 % 60000 - 30000)::smallint",
    utiny: "(i % 256)::utinyint",
    usmall: "(i * 7 % 65536)::usmallint",
    uint: "(i * 999983 % 4294967296)::uinteger",
    ubig: "(i::ubigint * 614889782588491)::ubigint",
    d4: "((i % 9999 - 5000) / 100)::decimal(4, 2)",
    d9: "((i * 7919) % 1000000000 - 500000000)::decimal(9, 0)",
    d15: "((i - 9000) * 12345.67)::decimal(15, 2)",
    d18: "((i - 9000) * 55555555555555)::decimal(18, 0)",
    d19: "((i - 9000)::hugeint * 555555555555555)::decimal(19, 0)",
    d38: "((i - 9000)::hugeint * 5555555555555555555 * 11111111111)::decimal(38, 0)",
    flag: "i % 3 = 0",
    millis: "(timestamp '1969-12-30' + to_microseconds(i * 1000003))::timestamp_ms",
    nanos: "(timestamp '1969-12-30' + to_microseconds(i * 17))::timestamp_ns",
    micros: "timestamp '1969-12-30' + to_microseconds(i * 10000019)",
    zoned: "(timestamp '1969-12-30' + to_microseconds(i * 10000019))::timestamptz",
  };
  const all = Object.keys(columns);
  // What DuckDB writes of small integers in the second version is more than parquet-wasm reads.
  const namesIn = (version: string) => all.filter((name) => version === "V1" || !/^u|tiny|small/.test(name));

  for (const nulls of ["never", "i % 5 = 0", "i < 12000"])
    for (const version of ["V1", "V2"])
      it(`are what parquet-wasm reads, null ${nulls}, ${version}`, async () => {
        const names = namesIn(version);
        const file = join(folder, `duck-${nulls.length}-${version}.parquet`);
        const select = names.map(
          (name) => `${nulls === "never" ? columns[name] : `case when not (${nulls}) then ${columns[name]} end`} as ${name}`,
        );
        await duckRows(
          `copy (select ${select.join(", ")} from range(20000) r(i)) to '${file}' (format parquet, parquet_version ${version}, row_group_size 10000)`,
        );
        const groups = decoded(file);
        expect(groups.length).toBe(2);
        const other = await wasmRows(file);
        for (const i of names.keys()) {
          const found = valuesOf(groups, i);
          expect(found.length).toBe(other.length);
          expect(found.findIndex((value, row) => value !== other[row]?.[i])).toBe(-1);
        }
      });

  for (const rows of [100, 2500, 20_000])
    it(`are what parquet-wasm reads of gzip, ${rows} rows`, async () => {
      const file = join(folder, "gzip.parquet");
      await duckRows(
        `copy (select ${all.map((name) => `${columns[name]} as ${name}`).join(", ")} from range(${rows}) r(i)) to '${file}' (format parquet, compression gzip)`,
      );
      const groups = decoded(file);
      const other = await wasmRows(file);
      for (const [i, name] of all.entries()) expect(valuesOf(groups, i), name).toEqual(other.map((row) => row[i]));
    });

  it("of small integers are what DuckDB itself shows in the second version", async () => {
    const file = join(folder, "small.parquet");
    const small = all.filter((name) => !namesIn("V2").includes(name));
    await duckRows(
      `copy (select ${small.map((name) => `${columns[name]} as ${name}`).join(", ")} from range(9000) r(i)) to '${file}' (format parquet, parquet_version V2)`,
    );
    const rows = await duckRows(`select ${small.map((name) => `${name}::varchar as ${name}`).join(", ")} from '${file}'`);
    const groups = decoded(file);
    for (const [i, name] of small.entries()) expect(valuesOf(groups, i).map(String)).toEqual(rows.map((row) => row[name]));
  });

  it("of decimals are what DuckDB itself shows", async () => {
    const file = join(folder, "decimals.parquet");
    const decimals = all.filter((name) => name.startsWith("d"));
    await duckRows(
      `copy (select ${decimals.map((name) => `${columns[name]} as ${name}`).join(", ")} from range(3000) r(i)) to '${file}' (format parquet)`,
    );
    const rows = await duckRows(
      `select ${decimals.map((name) => `replace(${name}::varchar, '.', '') as ${name}`).join(", ")} from '${file}'`,
    );
    const groups = decoded(file);
    for (const [i, name] of decimals.entries()) expect(valuesOf(groups, i)).toEqual(rows.map((row) => BigInt(String(row[name]))));
  });
});

/** A whole number in two's complement of `size` bytes, the upper one first. */
function bigEndian(value: bigint, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => Number((value >> BigInt(8 * (size - 1 - i))) & 255n));
}

/** The fewest bytes that hold a number in two's complement, and `more`. */
function shortest(value: bigint, more: number): Uint8Array {
  let size = 1;
  while (BigInt.asIntN(size * 8, value) !== value) size++;
  return bigEndian(value, Math.min(16, size + more));
}

const orNulls = <T>(values: fc.Arbitrary<T>) => fc.array(fc.option(values, { freq: 4 }), { minLength: 1, maxLength: 60 });
const decimalCase = fc.integer({ min: 1, max: 38 }).chain((precision) => {
  const most = 10n ** BigInt(precision) - 1n;
  const value = fc.oneof(
    fc.bigInt({ min: -most, max: most }),
    fc.bigInt({ min: most < 300n ? -most : -300n, max: most < 300n ? most : 300n }),
  );
  return fc.record({
    precision: fc.constant(precision),
    scale: fc.integer({ min: 0, max: precision }),
    values: orNulls(value),
    more: fc.integer({ min: 0, max: 16 }),
    how: fc.constantFrom("plain" as const, "dictionary" as const),
  });
});

const decimalLogical = (precision: number, scale: number): ThriftValue =>
  struct({ 5: struct({ 1: i32(scale), 2: i32(precision) }) });

describe("decimals", () => {
  it("as big-endian bytes of any size are what parquet-wasm, DuckDB and hyparquet read", async () => {
    let number = 0;
    await fc.assert(
      fc.asyncProperty(decimalCase, async ({ precision, scale, values, more, how }) => {
        const file = join(folder, `decimal-${number++}.parquet`);
        const least = Math.max(1, ...values.map((value) => (value === null ? 1 : shortest(value, 0).length)));
        const size = Math.min(16, Math.max(least, decimalBytes(precision)) + more);
        const common = { converted: 5, scale, precision, logical: decimalLogical(precision, scale), how };
        const of = (bytes: (value: bigint) => Uint8Array) => values.map((value) => (value === null ? null : bytes(value)));
        const columns: HandColumn[] = [
          {
            ...common,
            name: "fixed",
            physical: physical.fixedLenByteArray,
            typeLength: size,
            values: of((value) => bigEndian(value, size)),
          },
          { ...common, name: "texts", physical: physical.byteArray, values: of((value) => shortest(value, more % 3)) },
        ];
        writeByHand(file, columns);
        const groups = decoded(file);
        for (const i of [0, 1]) expect(valuesOf(groups, i)).toEqual(values);
        for (const i of [0, 1]) expect(await otherDecoder(file, i)).toEqual(values);
        // DuckDB knows fixed sizes that its types have room for.
        const rows = await duckRows(`select replace(fixed::varchar, '.', '') as fixed from '${file}'`);
        expect(rows.map((row) => (row.fixed === null ? null : BigInt(String(row.fixed))))).toEqual(values);
        const others = await hyparquetRows(file);
        for (const [i, value] of values.entries())
          if (value === null) expect(others[i]?.fixed).toBeNull();
          else expect(Number(others[i]?.fixed) * 10 ** scale).toBeCloseTo(Number(value), -Math.max(0, precision - 12));
      }),
      { numRuns: 60 },
    );
  });

  it("that need more bits than their precision has are left to the other decoder", () => {
    const file = join(folder, "large.parquet");
    const base = { name: "d", converted: 5, scale: 0, precision: 10, how: "plain" } as const;
    const value = 2n ** 63n;
    const tooLarge: readonly HandColumn[] = [
      { ...base, physical: physical.fixedLenByteArray, typeLength: 12, values: [bigEndian(value, 12)] },
      { ...base, physical: physical.fixedLenByteArray, typeLength: 9, values: [bigEndian(-value - 1n, 9)] },
      { ...base, physical: physical.byteArray, values: [bigEndian(value, 17)] },
      { ...base, physical: physical.byteArray, values: [new Uint8Array(0)] },
      // Sizes in which the precision does not fit are refused there.
      { ...base, physical: physical.fixedLenByteArray, typeLength: 4, values: [bigEndian(1n, 4)] },
      { ...base, physical: physical.int32, values: [int32(1)] },
    ];
    for (const column of tooLarge) {
      writeByHand(file, [column]);
      expect(decoded(file)).toEqual([[null]]);
    }
    writeByHand(file, [{ ...base, physical: physical.fixedLenByteArray, typeLength: 9, values: [bigEndian(-value, 9)] }]);
    expect(valuesOf(decoded(file), 0)).toEqual([-value]);
  });
});

function int96(micros: bigint): Uint8Array {
  const day = (micros - (((micros % 86_400_000_000n) + 86_400_000_000n) % 86_400_000_000n)) / 86_400_000_000n;
  const bytes = Buffer.alloc(12);
  bytes.writeBigInt64LE((micros - day * 86_400_000_000n) * 1000n + 7n, 0);
  bytes.writeInt32LE(Number(day) + 2_440_588, 8);
  return bytes;
}

function int64(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(value);
  return bytes;
}

function int32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

const timestampUnit = (unit: 1 | 2 | 3): ThriftValue =>
  struct({ 8: struct({ 1: bool(false), 2: struct({ [unit]: struct({}) }) }) });
const integerType = (bits: number, signed: boolean): ThriftValue => struct({ 10: struct({ 1: i8(bits), 2: bool(signed) }) });

describe("other types", () => {
  const micros = fc.bigInt({ min: -8_000_000_000_000_000n, max: 8_000_000_000_000_000n });
  const floor = (value: bigint, by: bigint): bigint => (value - (((value % by) + by) % by)) / by;

  it("are what parquet-wasm reads, plain and by a dictionary", async () => {
    let number = 0;
    const rows = orNulls(
      fc.record({ at: micros, nanos: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), n: fc.integer(), bit: fc.nat(1) }),
    );
    await fc.assert(
      fc.asyncProperty(rows, fc.constantFrom("plain" as const, "dictionary" as const), async (list, how) => {
        const file = join(folder, `other-${number++}.parquet`);
        type Row = NonNullable<(typeof list)[number]>;
        const of = (bytes: (row: Row) => Uint8Array) => list.map((row) => (row === null ? null : bytes(row)));
        const expected = (value: (row: Row) => unknown) => list.map((row) => (row === null ? null : value(row)));
        const signed8 = ({ n }: Row) => (n << 24) >> 24;
        const cases: readonly (readonly [Omit<HandColumn, "name" | "how">, unknown[]])[] = [
          [{ physical: physical.int96, values: of(({ at }) => int96(at)) }, expected(({ at }) => at)],
          [
            { physical: physical.int64, converted: 9, values: of(({ at }) => int64(floor(at, 1000n))) },
            expected(({ at }) => floor(at, 1000n) * 1000n),
          ],
          [
            { physical: physical.int64, logical: timestampUnit(1), values: of(({ at }) => int64(floor(at, 1000n))) },
            expected(({ at }) => floor(at, 1000n) * 1000n),
          ],
          [
            { physical: physical.int64, logical: timestampUnit(3), values: of(({ nanos }) => int64(nanos)) },
            expected(({ nanos }) => floor(nanos, 1000n)),
          ],
          [{ physical: physical.int64, logical: timestampUnit(2), values: of(({ at }) => int64(at)) }, expected(({ at }) => at)],
          [
            { physical: physical.int32, logical: integerType(8, true), values: of((row) => int32(signed8(row))) },
            expected(signed8),
          ],
          [
            { physical: physical.int32, converted: 16, values: of(({ n }) => int32((n << 16) >> 16)) },
            expected(({ n }) => (n << 16) >> 16),
          ],
          [{ physical: physical.int32, converted: 11, values: of(({ n }) => int32(n & 255)) }, expected(({ n }) => n & 255)],
          [{ physical: physical.int32, converted: 12, values: of(({ n }) => int32(n & 65535)) }, expected(({ n }) => n & 65535)],
          [{ physical: physical.int32, converted: 13, values: of(({ n }) => int32(n)) }, expected(({ n }) => n >>> 0)],
          [
            { physical: physical.int64, converted: 14, values: of(({ nanos }) => int64(nanos)) },
            expected(({ nanos }) => BigInt.asUintN(64, nanos)),
          ],
          [
            { physical: physical.fixedLenByteArray, typeLength: 3, values: of(({ n }) => int32(n).subarray(0, 3)) },
            expected(({ n }) => shown(int32(n).subarray(0, 3))),
          ],
          [{ physical: physical.boolean, values: of(({ bit }) => Uint8Array.of(bit)) }, expected(({ bit }) => bit === 1)],
        ];
        const columns = cases.map(([column], i): HandColumn => {
          return { ...column, name: `c${i}`, how: column.physical === physical.boolean ? "plain" : how };
        });
        writeByHand(file, columns);
        const groups = decoded(file);
        for (const [i, [, values]] of cases.entries()) {
          expect(valuesOf(groups, i), `column ${i}`).toEqual(values);
          expect(await otherDecoder(file, i), `column ${i}, the other decoder`).toEqual(values);
        }
      }),
      { numRuns: 40 },
    );
  });

  it("of booleans in runs are what DuckDB and hyparquet read", async () => {
    const file = join(folder, "runs.parquet");
    const values = Array.from({ length: 500 }, (_, i) => (i % 7 === 0 ? null : i % 3 === 0));
    const bytes = values.map((value) => (value === null ? null : Uint8Array.of(value ? 1 : 0)));
    writeByHand(file, [{ name: "b", physical: physical.boolean, how: "runs", values: bytes }]);
    expect(valuesOf(decoded(file), 0)).toEqual(values);
    expect((await duckRows(`select b from '${file}'`)).map((row) => row.b)).toEqual(values);
    expect((await hyparquetRows(file)).map((row) => row.b)).toEqual(values);
  });

  it("with values that the type does not hold are left to the other decoder", () => {
    const file = join(folder, "outside.parquet");
    const outside: readonly Omit<HandColumn, "name" | "how">[] = [
      { physical: physical.int32, converted: 15, values: [int32(128)] },
      { physical: physical.int32, converted: 11, values: [int32(-1)] },
      { physical: physical.int64, converted: 9, values: [int64(2n ** 62n)] },
      { physical: physical.int96, values: [int96(2n ** 63n - 1n)] },
    ];
    for (const column of outside) {
      writeByHand(file, [{ ...column, name: "c", how: "plain" }]);
      expect(decoded(file)).toEqual([[null]]);
    }
  });
});
