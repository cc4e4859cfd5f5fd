import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chooseScale, exponentOf, floatSumSql, rangeSql, readRange, roundMacro } from "../../../src/duckdb/floatSum.js";
import type { DuckDbSession } from "../../../src/duckdb/session.js";
import { exactSum } from "./doubles.js";
import { openSession, rowsOf, temporaryFolder } from "./helpers.js";

const folder = temporaryFolder();
let session: DuckDbSession;
beforeAll(async () => {
  session = await openSession(folder.path);
  await session.defineFloatSums();
});
afterAll(() => {
  session.close();
  folder.remove();
});

const literal = (value: number) => `'${Object.is(value, -0) ? "-0.0" : value}'::DOUBLE`;

async function sumOf(values: readonly (number | null)[]): Promise<unknown> {
  const rows = values.map((value) => `(${value === null ? "NULL::DOUBLE" : literal(value)})`).join(", ");
  await session.run(`CREATE OR REPLACE TEMP TABLE numbers AS SELECT x FROM (VALUES ${rows}) t(x)`);
  const [range] = await rowsOf(session.query(`SELECT ${rangeSql("x").join(", ")} FROM numbers`));
  const scale = chooseScale(readRange(range ?? []));
  const [row] = await rowsOf(session.query(`SELECT ${floatSumSql("x", scale)} FROM numbers`));
  return row?.[0];
}

describe("float sums", () => {
  test("exponents", () => {
    for (const [value, exponent] of [
      [1, 0],
      [1.99, 0],
      [0.5, -1],
      [2 ** 1023, 1023],
      [Number.MIN_VALUE, -1074],
      [2 ** -1030 * 1.5, -1030],
    ] as const) {
      expect(exponentOf(value)).toBe(exponent);
    }
  });

  test("integers of every length become the nearest double, ties to even", async () => {
    // A beginning of up to 60 bits, then nothing, a half of some last place, or any bits: on both sides of a tie, too.
    const integer = fc
      .tuple(fc.bigInt({ min: 0n, max: 2n ** 60n }), fc.integer({ min: 0, max: 66 }), fc.bigInt({ min: 0n, max: 2n ** 66n }))
      .chain(([head, shift, tail]) => {
        const start = head << BigInt(shift);
        const rest = tail & ((1n << BigInt(shift)) - 1n);
        return fc.constantFrom(start, start + rest, start + 1n, start - 1n, -start, -start - rest, -start - 1n);
      });
    await fc.assert(
      fc.asyncProperty(fc.array(integer, { minLength: 100, maxLength: 200 }), async (integers) => {
        const rows = integers.map((one) => `('${one}'::HUGEINT)`).join(", ");
        const found = await rowsOf(session.query(`SELECT ${roundMacro}(h) FROM (VALUES ${rows}) t(h)`));
        expect(found).toEqual(integers.map((one) => [Number(one)]));
      }),
      { numRuns: 30 },
    );
  });

  test("nulls, zeros, infinities and NaN", async () => {
    expect(await sumOf([null])).toBe(null);
    expect(await sumOf([null, 1.5])).toBe(1.5);
    expect(await sumOf([-0, -0])).toBe(0);
    expect(await sumOf([1, Number.POSITIVE_INFINITY])).toBe(Number.POSITIVE_INFINITY);
    expect(await sumOf([1, Number.NEGATIVE_INFINITY])).toBe(Number.NEGATIVE_INFINITY);
    expect(await sumOf([Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY])).toBe(Number.NaN);
    expect(await sumOf([Number.NaN, Number.POSITIVE_INFINITY, 2, null])).toBe(Number.NaN);
    expect(await sumOf([Number.POSITIVE_INFINITY, null])).toBe(Number.POSITIVE_INFINITY);
  });

  test.each([
    ["tenths", [0.1, 0.2, 0.3, 0.4, -1]],
    ["the largest, cancelling", [1e308, 1e308, -1e308, -1e308, 1e300]],
    ["overflow", [Number.MAX_VALUE, Number.MAX_VALUE]],
    ["overflow downwards", [-Number.MAX_VALUE, -Number.MAX_VALUE, 1e300]],
    ["subnormals", [Number.MIN_VALUE, Number.MIN_VALUE * 3, -2.5e-310, 1e-308]],
    ["a tie that a small value decides", [2 ** 53, 1, 2 ** -20]],
    ["a tie that the smallest double decides", [2 ** 53, 1, Number.MIN_VALUE]],
    ["a tie that the smallest double decides, downwards", [-(2 ** 53), -1, Number.MIN_VALUE]],
    ["limbs that cancel", [2 ** 64, -(2 ** 64) + 2 ** 12, 2 ** -90, -(2 ** -140)]],
    ["a negative sum of wide range", [-1e200, 1e-200, 3, -1e100]],
    ["a tie to even", [2 ** 53, 1]],
    ["a tie to even above", [2 ** 53 + 2, 1]],
    ["above 2^63 with a sticky bit", [2 ** 100, 2 ** 47, 2 ** 40]],
    ["alternating", Array.from({ length: 1001 }, (_, i) => (i % 2 === 0 ? 1 : -1) * 0.1 * i)],
  ])("exact: %s", async (_, values) => {
    expect(await sumOf(values)).toBe(exactSum(values));
  });

  test("any doubles of similar magnitude give the exact sum, rounded once", async () => {
    const parts = fc.array(fc.tuple(fc.integer({ min: 0, max: 40 }), fc.double({ min: 1, max: 2, noNaN: true }), fc.boolean()), {
      minLength: 1,
      maxLength: 30,
    });
    const values = fc
      .tuple(fc.integer({ min: -1020, max: 980 }), parts)
      .map(([base, list]) => list.map(([exponent, mantissa, minus]) => (minus ? -1 : 1) * mantissa * 2 ** (base + exponent)));
    await fc.assert(
      fc.asyncProperty(values, async (list) => {
        expect(await sumOf(list)).toBe(exactSum(list));
      }),
      { numRuns: 60 },
    );
  });

  test("any doubles at all give the exact sum, in every order", async () => {
    const values = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true, max: 1e300, min: -1e300 }), {
      minLength: 1,
      maxLength: 20,
    });
    await fc.assert(
      fc.asyncProperty(values, async (list) => {
        const sum = (await sumOf(list)) as number;
        expect(await sumOf([...list].reverse())).toBe(sum);
        expect(await sumOf([...list].sort((a, b) => a - b))).toBe(sum);
        expect(sum).toBe(exactSum(list));
      }),
      { numRuns: 10 },
    );
  });

  test("groups of their own: one without values beside one of wide range", async () => {
    const scale = chooseScale({ max: 1e20, min: 1e-20, count: 5n, special: true });
    expect(scale.limbs.length).toBeGreaterThan(1);
    const groups = "VALUES (1, NULL), (2, 1e20), (2, 1e-20), (2, -1e20), (3, 'inf'), (4, 'nan')";
    const sql = `SELECT k, ${floatSumSql("x", scale)} FROM (SELECT k, x::DOUBLE AS x FROM (${groups}) t(k, x)) GROUP BY k ORDER BY k`;
    expect(await rowsOf(session.query(sql))).toEqual([
      [1, null],
      [2, 1e-20],
      [3, Number.POSITIVE_INFINITY],
      [4, Number.NaN],
    ]);
  });

  test("1e308 and 1e-308 together", async () => {
    expect(await sumOf([1e308, 1e-308, -1e308])).toBe(1e-308);
    expect(await sumOf([1, 1e-300, -1])).toBe(1e-300);
    expect(await sumOf([1e308, 1, 1e-308, -1e308, -1])).toBe(1e-308);
  });
});
