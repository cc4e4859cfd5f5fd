import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DuckDbSession } from "../../../src/duckdb/session.js";
import type { Bound } from "../../../src/expr/nodes.js";
import type { BoundNode } from "../../../src/plan/bound.js";
import { type Schema, types } from "../../../src/schema/types.js";
import { openForTests, scanOf, stageRows, temporaryFolder } from "./helpers.js";

const folder = temporaryFolder();
let session: DuckDbSession;
openForTests(folder, (opened) => {
  session = opened;
});

const columns: Schema = [
  { name: "a", type: types.decimal(15, 2), nullable: true },
  { name: "b", type: types.decimal(16, 3), nullable: true },
];
const [a, b] = columns.map(({ name, type }, index): Bound => ({ kind: "column", index, name, type, nullable: true })) as [
  Bound,
  Bound,
];
const times = (left: Bound, right: Bound, precision: number, scale: number): Bound => ({
  kind: "call",
  fn: "mul",
  args: [left, right],
  options: {},
  type: types.decimal(precision, scale),
  nullable: true,
});
const product = times(a, b, 31, 5);

const decimal = (unscaled: bigint | null, scale: number): string => {
  if (unscaled === null) return "NULL";
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, "0");
  return `${unscaled < 0n ? "-" : ""}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
};

type Row = readonly [bigint | null, bigint | null];
let files = 0;

/** A file of the rows, as the engine sees it. */
async function fileOf(rows: readonly Row[]): Promise<BoundNode> {
  const path = join(folder.path, `${files++}.parquet`);
  const values = rows.map(([a, b]) => `(${decimal(a, 2)}::DECIMAL(15,2), ${decimal(b, 3)}::DECIMAL(16,3))`);
  await session.run(`COPY (SELECT * FROM (VALUES ${values.join(", ")}) t(a, b)) TO '${path}' (FORMAT parquet)`);
  return scanOf(path, columns);
}

const rowsAre = (node: BoundNode) => stageRows(session, node);

async function check(rows: readonly Row[], quick: boolean): Promise<void> {
  const input = await fileOf(rows);
  const products = rows.map(([a, b]) => (a === null || b === null ? null : a * b));
  const known = products.filter((one) => one !== null);
  const field = { name: "p", expr: product };
  const schema = [{ name: "p", type: product.type, nullable: true }];
  const projected = await rowsAre({ kind: "project", input, columns: [field], schema });
  expect(projected.rows).toEqual(products.map((one) => [one]));
  const sum = known.reduce((total, one) => total + one, 0n);
  const call = { args: [product], options: {}, nullable: true };
  const summed = await rowsAre({
    kind: "aggregate",
    input,
    keys: [],
    aggregates: [
      { ...call, name: "s", fn: "sum", type: types.decimal(38, 5) },
      { ...call, name: "m", fn: "max", type: product.type },
    ],
    schema: [
      { name: "s", type: types.decimal(38, 5), nullable: true },
      { name: "m", type: product.type, nullable: true },
    ],
  });
  const max = known.reduce((most: bigint | null, one) => (most === null || one > most ? one : most), null);
  expect(summed.rows).toEqual([[known.length === 0 ? null : sum, max]]);
  // Which of the two queries gave the rows.
  for (const { sql } of [projected, summed]) expect(sql.includes("AS DECIMAL(38,2)) *")).toBe(!quick);
}

const unscaled = (digits: number) =>
  fc.option(fc.bigInt({ min: -(10n ** BigInt(digits)) + 1n, max: 10n ** BigInt(digits) - 1n }), { freq: 8 });

describe("products of decimals", () => {
  test("that fit 64 bits are computed so, and are those of integers", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(unscaled(9), unscaled(9)), { minLength: 1, maxLength: 20 }), (rows) =>
        check(rows, true),
      ),
      { numRuns: 25 },
    );
  });

  test("that do not are computed by a second query", async () => {
    const large: Row = [10n ** 15n - 1n, -(10n ** 16n) + 1n];
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(unscaled(15), unscaled(16)), { maxLength: 20 }), (rows) =>
        check([...rows, large, large], false),
      ),
      { numRuns: 25 },
    );
  });

  test("of three factors", async () => {
    const expr = times(product, a, 38, 7);
    const schema = [{ name: "p", type: expr.type, nullable: true }];
    const cube = async (rows: readonly Row[]) => {
      const node: BoundNode = { kind: "project", input: await fileOf(rows), columns: [{ name: "p", expr }], schema };
      return rowsAre(node);
    };
    const small = await cube([
      [-12_345n, 67_890n],
      [null, 1n],
    ]);
    expect(small.rows).toEqual([[12_345n * 12_345n * 67_890n], [null]]);
    expect(small.sql).not.toContain("DECIMAL(38,2)");
    // The first product fits 64 bits, the second does not.
    const large = await cube([[10n ** 8n, 10n ** 8n]]);
    expect(large.rows).toEqual([[10n ** 24n]]);
    expect(large.sql).toContain("DECIMAL(38,2)");
  });

  test("at the border of 18 digits", async () => {
    await check([[10n ** 9n - 1n, 10n ** 9n + 1n]], true);
    await check([[10n ** 9n, 10n ** 9n]], false);
    await check([[-(10n ** 9n), 10n ** 9n]], false);
  });
});
