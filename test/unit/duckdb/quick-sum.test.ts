import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { quickSumSql } from "../../../src/duckdb/quickSum.js";
import { isRefusal } from "../../../src/duckdb/refusal.js";
import type { SumBounds } from "../../../src/duckdb/bounds.js";
import type { DuckDbSession } from "../../../src/duckdb/session.js";
import type { BoundAggregate } from "../../../src/expr/nodes.js";
import type { BoundNode } from "../../../src/plan/bound.js";
import { type Schema, types } from "../../../src/schema/types.js";
import { exactSum } from "./doubles.js";
import { openSession, rowsOf, scanOf, stageRows, temporaryFolder } from "./helpers.js";

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

const literal = (value: number | null) =>
  value === null ? "NULL::DOUBLE" : `'${Object.is(value, -0) ? "-0.0" : value}'::DOUBLE`;

/** The sum, or "unsure" where it was refused. */
async function sumOf(values: readonly (number | null)[], bounds: SumBounds | null = null): Promise<unknown> {
  await session.run(
    `CREATE OR REPLACE TEMP TABLE numbers AS SELECT x FROM (VALUES ${values.map((v) => `(${literal(v)})`)}) t(x)`,
  );
  try {
    return (await rowsOf(session.query(`SELECT ${quickSumSql("x", bounds)} FROM numbers`)))[0]?.[0];
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return "unsure";
  }
}

const bounded = (min: number, max: number, rows: number): SumBounds => ({ min, max, rows, computed: false });
const boundsOf = (values: readonly number[], rows = values.length): SumBounds =>
  bounded(Math.min(...values), Math.max(...values), rows);

describe("sums in one pass", () => {
  test.each([
    ["nothing", [null], null],
    ["zeros of both signs", [0, -0, null, 0], 0],
    ["amounts", [0.1, 0.2, 0.3, -0.7, 12.34, 999999.99], exactSum([0.1, 0.2, 0.3, -0.7, 12.34, 999999.99])],
    ["amounts that cancel", [5.37, -5.37, 0.01, -0.01], 0],
    ["a tie to even", [2 ** 53, 1], 2 ** 53],
    ["a tie that a small value decides", [2 ** 53, 1, 2 ** -20], 2 ** 53 + 2],
    ["too large", [2 ** 56, 1], "unsure"],
    ["too small", [2 ** -71, 1], "unsure"],
    ["bits that are too small", [1e-7 / 3], "unsure"],
    ["NaN", [1, Number.NaN], "unsure"],
    ["infinity", [1, Number.POSITIVE_INFINITY], "unsure"],
  ])("limbs: %s", async (_, values, expected) => {
    expect(await sumOf(values)).toBe(expected);
  });

  test("limbs: doubles of any kind are summed exactly or refused; those of use are summed", async () => {
    const any = fc.array(fc.double({ noNaN: true, min: -1e18, max: 1e18 }), { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(any, async (list) => {
        expect([exactSum(list), "unsure"]).toContain(await sumOf(list));
      }),
      { numRuns: 40 },
    );
    const useful = fc.array(
      fc.tuple(fc.double({ noNaN: true, min: 1e-5, max: 1e12 }), fc.boolean()).map(([x, minus]) => (minus ? -x : x)),
      { minLength: 1, maxLength: 30 },
    );
    await fc.assert(
      fc.asyncProperty(useful, async (list) => {
        expect(await sumOf(list)).toBe(exactSum(list));
      }),
      { numRuns: 40 },
    );
  });

  test("whole numbers: doubles whose bounds lie close together are summed exactly, whatever their number", async () => {
    const values = fc.integer({ min: -840, max: 880 }).chain((exponent) =>
      // Magnitudes of ten neighbouring powers of two, with full fractions and short ones.
      fc.array(
        fc
          .tuple(fc.double({ noNaN: true, min: 1, max: 1023.9 }), fc.constantFrom(2 ** -43, 2 ** -20, 0.25))
          .map(([x, grid]) => Math.max(1, Math.round(x / grid) * grid) * 2 ** exponent),
        { minLength: 1, maxLength: 40 },
      ),
    );
    await fc.assert(
      fc.asyncProperty(values, async (list) => {
        const bounds = boundsOf(list);
        expect(quickSumSql("x", bounds)).not.toContain("trunc");
        expect(await sumOf([...list, null], bounds)).toBe(exactSum(list));
      }),
      { numRuns: 100 },
    );
  });

  test("whole numbers: ties, the largest numbers, and what is no number", async () => {
    const bounds = bounded(1, 1023, 10);
    expect(await sumOf([null], bounds)).toBe(null);
    // The sum lies between two doubles that are 2^-42 apart.
    const [even, odd] = [1023 + 2 ** -42, 1023 + 2 ** -43];
    expect(await sumOf([odd, 1023, 1 + 2 ** -43], bounds)).toBe(exactSum([odd, 1023, 1 + 2 ** -43]));
    expect(await sumOf([1023, 1 + 2 ** -43], bounds)).toBe(1024);
    expect(await sumOf([1023, 1 + 2 ** -43, 1 + 2 ** -52], bounds)).toBe(exactSum([1023, 1 + 2 ** -43, 1 + 2 ** -52]));
    expect(await sumOf([even, 1 + 2 ** -43], bounds)).toBe(exactSum([even, 1 + 2 ** -43]));
    const largest = Array.from({ length: 300 }, () => 1024 - 2 ** -43);
    expect(await sumOf(largest, bounds)).toBe(exactSum(largest));
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      expect(await sumOf([1, value], bounds)).toBe("unsure");
    }
  });

  test("rests: doubles of either sign are summed exactly or refused, however far apart they are", async () => {
    const signed = (value: fc.Arbitrary<number>) => fc.tuple(value, fc.boolean()).map(([x, minus]) => (minus ? -x : x));
    const positive = fc.oneof(
      fc.constantFrom(0, Number.MIN_VALUE, 2 ** -1022),
      fc.tuple(fc.double({ noNaN: true, min: 1, max: 2 }), fc.integer({ min: -1073, max: 890 })).map(([x, e]) => x * 2 ** e),
    );
    const near = fc.integer({ min: -800, max: 870 }).chain((exponent) => {
      const value = fc.tuple(fc.double({ noNaN: true, min: 1, max: 2 }), fc.integer({ min: -70, max: 0 }));
      return fc.array(signed(value.map(([x, e]) => x * 2 ** (e + exponent))), { minLength: 1, maxLength: 20 });
    });
    const lists = fc.oneof(fc.array(signed(positive), { minLength: 1, maxLength: 10 }), near);
    await fc.assert(
      fc.asyncProperty(lists, fc.double({ noNaN: true, min: 0, max: 1e60 }), async (list, larger) => {
        const sum = exactSum(list) + 0;
        for (const bounds of [boundsOf(list), boundsOf([...list, 0], 2 ** 24), boundsOf([...list, larger], 2 ** 32)]) {
          expect([sum, "unsure"]).toContain(await sumOf([...list, null], bounds));
        }
      }),
      { numRuns: 100 },
    );
  });

  test("rests: amounts, measures and zeros are summed, though the largest value of the column is far above", async () => {
    const cents = fc.integer({ min: -100000, max: 100000 }).map((x) => x / 100);
    const measures = fc.double({ noNaN: true, min: 1e-2, max: 1e6 });
    const lists = fc.array(fc.oneof(cents, measures, fc.constant(-0)), { minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(lists, fc.constantFrom(1e6, 1e8, 2 ** 29), async (list, most) => {
        for (const bounds of [bounded(-1000, most, 2 ** 24), bounded(-most, 1e6, 40)]) {
          expect(quickSumSql("x", bounds)).toContain("CASE WHEN ((x * ");
          expect(await sumOf(list, bounds)).toBe(exactSum(list) + 0);
        }
      }),
      { numRuns: 100 },
    );
    expect(await sumOf([null], bounded(0, 5, 1))).toBe(null);
    expect(await sumOf([0, -0], bounded(-0, 5, 2))).toBe(0);
    expect(await sumOf([-0, -0], bounded(-0, 0, 2))).toBe(0);
    expect(await sumOf([0.37, -0.37, 0.01, -0.01], bounded(-1e5, 1e5, 2 ** 20))).toBe(0);
  });

  test("rests: positive doubles whose last places fit are summed without a check of each", async () => {
    const values = fc.tuple(fc.integer({ min: -800, max: 800 }), fc.constantFrom(20, 45, 70)).chain(([exponent, room]) =>
      fc.array(
        fc
          .tuple(fc.double({ noNaN: true, min: 1, max: 2 }), fc.integer({ min: 0, max: room }))
          .map(([x, e]) => x * 2 ** (e + exponent)),
        { minLength: 1, maxLength: 20 },
      ),
    );
    let unchecked = 0;
    await fc.assert(
      fc.asyncProperty(values, fc.constantFrom(20, 2 ** 24, 2 ** 32), async (list, rows) => {
        const bounds = { ...boundsOf(list, rows), computed: true };
        const sql = quickSumSql("x", bounds);
        const sum = await sumOf([...list, null], bounds);
        if (sql.includes("trunc") && !sql.includes("CASE")) unchecked++;
        else expect([exactSum(list), "unsure"]).toContain(sum);
        if (!sql.includes("CASE")) expect(sum).toBe(exactSum(list));
      }),
      { numRuns: 100 },
    );
    expect(unchecked).toBeGreaterThan(10);
    const bounds = bounded(1, 2 ** 20, 2);
    expect(quickSumSql("x", bounds)).not.toContain("CASE");
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) expect(await sumOf([1, value], bounds)).toBe("unsure");
  });

  test("rests: ties are rounded to even, and what is no number refused", async () => {
    const bounds = bounded(0, 2 ** 10, 4);
    for (const rest of [0, 2 ** -40, 2 ** -46, 2 ** -52, 2 ** -53, 2 ** -60, 2 ** -96]) {
      for (const list of [
        [2 ** 10, 2 ** -43 + rest, 1],
        [2 ** 10, 2 ** -43, 1, rest],
        [2 ** 10 - 2 ** -42, 2 ** -43, 1, rest],
        [2 ** 10, 2 ** -43 - 2 ** -96, rest],
      ]) {
        expect(await sumOf(list, bounds)).toBe(exactSum(list));
      }
    }
    expect(await sumOf([1, 2 ** -120], bounds)).toBe("unsure");
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      expect(await sumOf([1, value], bounded(0, 1, 2))).toBe("unsure");
    }
  });

  test("rests: many values add up as exactly as few", async () => {
    const bounds = bounded(0, 2 ** 20, 100000);
    await session.run(
      "CREATE OR REPLACE TEMP TABLE many AS SELECT (hash(i) % 1000003 + 1000) / 1e6::DOUBLE AS x FROM range(100000) t(i)",
    );
    const list = (await rowsOf(session.query("SELECT x FROM many"))).map(([x]) => x as number);
    expect(await rowsOf(session.query(`SELECT ${quickSumSql("x", bounds)} FROM many`))).toEqual([[exactSum(list)]]);
  });
});

const columns: Schema = [
  { name: "k", type: types.int64, nullable: true },
  { name: "x", type: types.float64, nullable: true },
];

/** The sum and the average of x by k, over a file as the engine sees it. */
async function byKey(path: string): Promise<BoundNode> {
  const input = await scanOf(path, columns);
  const x = { kind: "column", index: 1, name: "x", type: types.float64, nullable: true } as const;
  const call = (fn: string): BoundAggregate => ({ name: fn, fn, args: [x], options: {}, type: types.float64, nullable: true });
  return {
    kind: "aggregate",
    input,
    keys: [{ name: "k", expr: { kind: "column", index: 0, name: "k", type: types.int64, nullable: true } }],
    aggregates: [call("sum"), call("avg")],
    schema: [
      columns[0] as Schema[number],
      { name: "s", type: types.float64, nullable: true },
      { name: "a", type: types.float64, nullable: true },
    ],
  };
}

async function grouped(node: BoundNode, threads: number): Promise<{ rows: unknown[][]; sql: string }> {
  const own = await openSession(folder.path, threads);
  try {
    return await stageRows(own, node);
  } finally {
    own.close();
  }
}

async function exactByKey(path: string): Promise<unknown[][]> {
  const groups = new Map<bigint, number[]>();
  for (const [k, x] of await rowsOf(session.query(`SELECT k, x FROM '${path}'`))) {
    const list = groups.get(k as bigint) ?? [];
    list.push(x as number);
    groups.set(k as bigint, list);
  }
  return [...groups].sort(([a], [b]) => Number(a - b)).map(([k, list]) => [k, exactSum(list), exactSum(list) / list.length]);
}

describe("sums over a file", () => {
  test.each([
    ["weights, by close statistics", "(hash(i) % 99999 + 500) / 1000.0", /^(?!.*trunc).*& 9007199254740991::HUGEINT/s],
    ["prices and zeros, by the statistics", "(hash(i) % 99999) / 100.0", /CASE WHEN \(\(/],
    ["amounts of both signs and zeros, by the statistics", "(hash(i) % 200001)::DOUBLE / 100.0 - 1000.0", /CASE WHEN \(\(/],
    ["magnitudes far apart, by a second query", "pow(10, (hash(i) % 40)::DOUBLE - 20)", /HUGEINT/],
  ])("%s: exact, for any number of threads", async (name, x, method) => {
    const path = join(folder.path, `${name.slice(0, 6)}.parquet`);
    await session.run(
      `COPY (SELECT (hash(i * 7) % 300)::BIGINT AS k, CAST(${x} AS DOUBLE) AS x FROM range(60000) t(i))
       TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE 4096)`,
    );
    const expected = await exactByKey(path);
    const node = await byKey(path);
    for (const threads of [2, 4]) {
      const { rows, sql } = await grouped(node, threads);
      expect(sql).toMatch(method);
      expect(rows).toEqual(expected);
    }
  });
});
