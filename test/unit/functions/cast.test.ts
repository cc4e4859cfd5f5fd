import type { DuckDBConnection } from "@duckdb/node-api";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import {
  castCanFail,
  castExists,
  castSql,
  castValue,
  commonType,
  formatValue,
  implicitCast,
  parseText,
} from "../../../src/functions/cast.js";
import { RowFailure } from "../../../src/functions/definition.js";
import { type DataType, typeName, types, type Value } from "../../../src/schema/types.js";
import { connect, evaluateSql, makeTable, sameValue } from "./oracle.js";
import { flatTypes, interesting } from "./values.js";

let connection: DuckDBConnection;
beforeAll(async () => {
  connection = await connect();
});

const texts = [
  "0",
  "-0",
  "+5",
  " 42 ",
  "\t7\n",
  "1.5",
  "1e3",
  "1_000",
  "0x1f",
  "- 5",
  "",
  " ",
  "abc",
  "127",
  "128",
  "-129",
  "256",
  "2147483648",
  "9223372036854775807",
  "9223372036854775808",
  "18446744073709551616",
  "00012",
  "inf",
  "-Infinity",
  "NaN",
  "nan ",
  ".5",
  "5.",
  ".",
  "1e",
  "1e400",
  "-1e-400",
  "1.005",
  "-1.005",
  "1.004999",
  "999.995",
  "999.994",
  "1.25e1",
  "5e-3",
  "12345678901234567890.1234567890123",
  "true",
  "T",
  "F",
  "FALSE",
  "f ",
  "yes",
  "tru",
  "2024-02-29",
  " 2024-2-9",
  "2023-02-29",
  "2024-13-01",
  "20240229",
  "2024/02/29",
  "24-02-29",
  "2024-02-29 10:11",
  "2024-02-29T10:11:12",
  "2024-02-29 10:11:12.5",
  "2024-02-29 10:11:12.1234567",
  "2024-02-29 10:11:12Z",
  "2024-02-29T23:11:12 ",
  "2024-02-29 24:00:00",
  "2024-02-29 10",
  "2024-02-29 10:11:60",
  "2024-02-29 10:61",
  "0001-01-01",
  "12024-02-29",
  "2024-02-29x",
  "0000-01-01",
  "2024-02-29 10:11:12.",
] as const;
/** DuckDB leaves the offset out; here the moment is moved to UTC. Expected by hand. */
const offsets: readonly (readonly [string, string])[] = [
  ["2024-02-29 10:11:12+02", "2024-02-29 08:11:12"],
  ["2024-02-29T10:11:12.25-02:30", "2024-02-29 12:41:12.25"],
  ["2024-03-01 00:30:00+0100", "2024-02-29 23:30:00"],
  ["2024-02-29 10:11 -01:00 ", "2024-02-29 11:11:00"],
];

/** Floats about the ends of integers and decimals, which is where rounding decides. */
const ends = [
  127,
  128,
  255,
  32767,
  32768,
  65535,
  2147483647,
  2147483648,
  4294967295,
  2 ** 53,
  2 ** 63,
  2 ** 64,
  999.99,
  9999999.99,
];
const nearEnds = ends
  .flatMap((end) => [end - 0.6, end - 0.5, end - 0.4, end, end + 0.4, end + 0.5, end + 0.6])
  .flatMap((x) => [x, -x]);

function valuesOf(type: DataType): readonly Value[] {
  if (type.kind === "utf8") return [null, ...texts];
  if (type.kind === "float64") return [...interesting(type), ...nearEnds];
  // The digits of larger ones, times a power of ten, do not fit a 32-bit float: as decimals they differ from DuckDB's by a rounding.
  if (type.kind === "float32") return [...interesting(type), ...nearEnds.map(Math.fround).filter((x) => Math.abs(x) < 256)];
  return interesting(type);
}

function attempt(compute: () => Value): { value: Value; failed: boolean } {
  try {
    return { value: compute(), failed: false };
  } catch (error) {
    if (!(error instanceof RowFailure)) throw error;
    expect(error.code).toBe("CAST_FAILED");
    return { value: null, failed: true };
  }
}

describe("casts agree with DuckDB", () => {
  for (const from of [...flatTypes, types.binary]) {
    it(`from ${typeName(from)}`, async () => {
      const values = valuesOf(from);
      await makeTable(
        connection,
        "casts",
        [from],
        values.map((value) => [value]),
      );
      const differences: unknown[] = [];
      for (const to of flatTypes.filter((type) => castExists(from, type))) {
        for (const safe of [false, true]) {
          const oracle = await evaluateSql(connection, "casts", castSql("c0", from, to, safe));
          for (const [i, value] of values.entries()) {
            const ours = attempt(() => castValue(value, from, to));
            const theirs = oracle[i] as { value: Value; failed: boolean };
            const failed = safe ? false : ours.failed;
            if (failed !== theirs.failed || !sameValue(ours.value, theirs.value)) {
              differences.push({ to: typeName(to), safe, value, ours, theirs });
            }
            if (ours.failed && !castCanFail(from, to)) differences.push({ to: typeName(to), value, failedUnannounced: true });
          }
        }
      }
      expect(differences.slice(0, 8)).toEqual([]);
    });
  }

  it.each([
    [127.5, null],
    [127.4, 127],
    [126.5, 126],
    [-128.4, -128],
    [-128.5, -128],
    [-128.6, null],
  ])("the float %d is the int8 %o, in both", async (value, expected) => {
    const failed = expected === null;
    expect(attempt(() => castValue(value, types.float64, types.int8))).toEqual({ value: expected, failed });
    await makeTable(connection, "casts", [types.float64], [[value]]);
    expect(await evaluateSql(connection, "casts", castSql("c0", types.float64, types.int8, false))).toEqual([
      { value: expected, failed },
    ]);
  });

  it.each(offsets)("%s is %s in UTC, in both", async (text, utc) => {
    const expected = parseText(utc, types.timestamp);
    expect(parseText(text, types.timestamp)).toBe(expected);
    await makeTable(connection, "casts", [types.utf8], [[text]]);
    const [row] = await evaluateSql(connection, "casts", castSql("c0", types.utf8, types.timestamp, false));
    expect(row).toEqual({ value: expected, failed: false });
  });

  it("formats doubles as DuckDB does", async () => {
    const doubles = fc.sample(fc.double(), { numRuns: 3000, seed: 7 });
    const rows = doubles.map((x) => [x]);
    await makeTable(connection, "casts", [types.float64], rows);
    const oracle = await evaluateSql(connection, "casts", "CAST(c0 AS VARCHAR)");
    const ours = doubles.map((x) => formatValue(x, types.float64));
    expect(ours).toEqual(oracle.map((row) => row.value));
  });

  it("formats 32-bit floats as DuckDB does, but for a digit it adds to few of them", async () => {
    const floats = fc.sample(fc.float(), { numRuns: 3000, seed: 7 });
    const rows = floats.map((x) => [x]);
    await makeTable(connection, "casts", [types.float32], rows);
    const oracle = await evaluateSql(connection, "casts", "CAST(c0 AS VARCHAR)");
    const texts = floats.map((x) => formatValue(x, types.float32));
    const different = texts.filter((text, i) => text !== oracle[i]?.value);
    expect(different.length).toBeLessThan(10);
    for (const [i, text] of texts.entries()) {
      expect(sameValue(parseText(text, types.float32), floats[i] as number)).toBe(true);
      expect(text.length).toBeLessThanOrEqual(String(oracle[i]?.value).length);
    }
  });

  it("makes a decimal the double nearest to its digits", () => {
    const limit = 10n ** 38n - 1n;
    const near = [2n ** 53n, 10n ** 15n, 10n ** 18n, 0n].flatMap((value) => [value - 1n, value, value + 1n]);
    const unscaled = fc.oneof(
      fc.bigInt({ min: -limit, max: limit }),
      fc.bigInt({ min: -(2n ** 53n), max: 2n ** 53n }),
      fc.constantFrom(...near, ...near.map((value) => -value)),
    );
    fc.assert(
      fc.property(unscaled, fc.integer({ min: 0, max: 38 }), (value, scale) => {
        expect(castValue(value, types.decimal(38, scale), types.float64)).toBe(Number(`${value}e-${scale}`) + 0);
      }),
      { numRuns: 2000 },
    );
  });

  it("reads back what it formats", () => {
    const readable: readonly [DataType, fc.Arbitrary<Value>][] = [
      [types.int64, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
      [types.float64, fc.double()],
      [types.decimal(38, 10), fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n })],
      [types.date, fc.integer({ min: -719000, max: 2900000 })],
      [types.timestamp, fc.bigInt({ min: -62135596800000000n, max: 253402300799999999n })],
    ];
    for (const [type, arbitrary] of readable) {
      fc.assert(fc.property(arbitrary, (value) => sameValue(parseText(formatValue(value, type), type), value)));
    }
  });
});

describe("common types", () => {
  it.each([
    [types.int32, types.int64, types.int64],
    [types.uint8, types.int8, types.int16],
    [types.uint32, types.int32, types.int64],
    [types.uint64, types.int8, types.decimal(20, 0)],
    [types.int32, types.float32, types.float64],
    [types.float32, types.float32, types.float32],
    [types.decimal(5, 2), types.int32, types.decimal(12, 2)],
    [types.decimal(5, 2), types.decimal(10, 4), types.decimal(10, 4)],
    [types.decimal(38, 0), types.decimal(38, 10), types.decimal(38, 10)],
    [types.date, types.timestamp, types.timestamp],
    [types.null, types.utf8, types.utf8],
    [types.list(types.int8), types.list(types.int64), types.list(types.int64)],
  ])("%o with %o is %o", (a, b, expected) => {
    expect(commonType(a, b)).toEqual(expected);
    expect(commonType(b, a)).toEqual(expected);
  });

  it("has none for text with anything else", () => {
    for (const type of flatTypes) if (type.kind !== "utf8") expect(commonType(type, types.utf8)).toBeNull();
  });

  it("widens without leave, and never narrows", () => {
    expect(implicitCast(types.int32, types.int64)).toBe(true);
    expect(implicitCast(types.int64, types.int32)).toBe(false);
    expect(implicitCast(types.int32, types.uint64)).toBe(false);
    expect(implicitCast(types.date, types.timestamp)).toBe(true);
    expect(implicitCast(types.utf8, types.date)).toBe(false);
    expect(implicitCast(types.decimal(5, 2), types.decimal(5, 3))).toBe(false);
  });
});
