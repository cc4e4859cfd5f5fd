import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { boundsOf, type SumBounds } from "../../../src/duckdb/bounds.js";
import type { DuckDbSession } from "../../../src/duckdb/session.js";
import type { Bound } from "../../../src/expr/nodes.js";
import type { BoundNode } from "../../../src/plan/bound.js";
import { type DataType, isInteger, type Schema, types } from "../../../src/schema/types.js";
import { exactSum } from "./doubles.js";
import { openForTests, openSession, scanOf, stageRows, temporaryFolder } from "./helpers.js";

const folder = temporaryFolder();
let session: DuckDbSession;
openForTests(folder, (opened) => {
  session = opened;
});

const kinds = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64"] as const;
const sqlTypes = ["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "FLOAT", "DOUBLE"];
const columns: Schema = [
  ...kinds.map((kind) => ({ name: kind, type: types[kind], nullable: true })),
  { name: "other", type: types.float64, nullable: true },
];

type Cell = number | bigint | null;
type Row = readonly Cell[];
let files = 0;

const literal = (value: Cell, i: number): string => {
  const text = Object.is(value, -0) ? "-0.0" : String(value);
  return value === null ? "NULL" : `'${text}'::${sqlTypes[i] ?? "DOUBLE"}`;
};

async function fileOf(rows: readonly Row[]): Promise<BoundNode> {
  const path = join(folder.path, `${files++}.parquet`);
  const values = rows.map((row) => `(${row.map(literal).join(", ")})`);
  const names = columns.map(({ name }) => `"${name}"`).join(", ");
  await session.run(`COPY (SELECT * FROM (VALUES ${values.join(", ")}) t(${names})) TO '${path}' (FORMAT parquet)`);
  return scanOf(path, columns);
}

/** An expression and what it means, computed here: integers as bigint, doubles as numbers. */
interface Meant {
  readonly bound: Bound;
  of(row: Row): Cell;
}

const column = (index: number): Meant => {
  const { name, type } = columns[index] as Schema[number];
  return { bound: { kind: "column", index, name, type, nullable: true }, of: (row) => row[index] ?? null };
};

const constant = (value: number | null, type: DataType): Meant => ({
  bound: { kind: "literal", value, type, nullable: value === null },
  of: () => (value !== null && isInteger(type) ? BigInt(value) : value),
});

const cast = (input: Meant, type: DataType): Meant => ({
  bound: { kind: "cast", input: input.bound, safe: false, type, nullable: true },
  of(row) {
    const value = input.of(row);
    return value === null ? null : isInteger(type) ? BigInt(value) : Number(value);
  },
});

const call = (fn: string, type: DataType, args: readonly Meant[], of: (values: Cell[]) => Cell): Meant => ({
  bound: { kind: "call", fn, args: args.map((arg) => arg.bound), options: {}, type, nullable: true },
  of: (row) => of(args.map((arg) => arg.of(row))),
});

const known = (compute: (...values: never[]) => Cell) => (values: Cell[]) =>
  values.includes(null) ? null : compute(...(values as never[]));

const onDoubles: { readonly [fn: string]: (a: number, b: number) => number | null } = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  divide: (a, b) => (b === 0 ? null : a / b),
};
const onIntegers: { readonly [fn: string]: (a: bigint, b: bigint) => bigint } = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
};

/** NaN is the largest number. */
const orderOf = (a: number, b: number): number => (Object.is(a, b) ? 0 : Number.isNaN(a) ? 1 : Number.isNaN(b) ? -1 : a - b);

/** Integers of 64 bits, so small that nothing overflows. */
const integers: fc.Arbitrary<Meant> = fc.oneof(
  fc.constantFrom(0, 1, 2, 4, 5, 6).map((index) => cast(column(index), types.int64)),
  fc.integer({ min: -1000, max: 1000 }).map((value) => constant(value, types.int64)),
);
const computedIntegers = fc
  .tuple(fc.constantFrom("add", "sub", "mul"), integers, integers)
  .map(([fn, a, b]) => call(fn, types.int64, [a, b], known(onIntegers[fn] as never)));

const doubles: fc.Arbitrary<Meant> = fc.letrec<{ double: Meant }>((tie) => ({
  double: fc.oneof(
    { depthSize: "medium", withCrossShrink: true },
    fc.oneof(
      fc.constantFrom(column(9), column(10)),
      fc.nat({ max: 8 }).map((index) => cast(column(index), types.float64)),
      fc.oneof(integers, computedIntegers).map((input) => cast(input, types.float64)),
      fc.constantFrom(0, -1, 0.1, 1000, 1e-9).map((value) => constant(value, types.float64)),
    ),
    fc
      .tuple(fc.constantFrom("add", "sub", "mul", "divide"), tie("double"), tie("double"))
      .map(([fn, a, b]) => call(fn, types.float64, [a, b], known(onDoubles[fn] as never))),
    tie("double").map((a) =>
      call(
        "neg",
        types.float64,
        [a],
        known((x: number) => -x),
      ),
    ),
    tie("double").map((a) =>
      call(
        "abs",
        types.float64,
        [a],
        known((x: number) => Math.abs(x)),
      ),
    ),
    fc.tuple(fc.constantFrom("coalesce", "greatest", "least"), tie("double"), tie("double")).map(([fn, a, b]) =>
      call(fn, types.float64, [a, b], (values) => {
        const [first = null, second = null] = values.filter((value) => value !== null) as number[];
        if (first === null || second === null || fn === "coalesce") return first;
        return orderOf(first, second) * (fn === "least" ? 1 : -1) <= 0 ? first : second;
      }),
    ),
    fc.tuple(tie("double"), tie("double"), fc.boolean()).map(([a, b, withElse]): Meant => {
      const when = call("isNull", types.bool, [column(9)], () => null);
      return {
        bound: {
          kind: "case",
          // biome-ignore lint/suspicious/noThenProperty: the plan's own word; it is no promise.
          branches: [{ when: when.bound, then: a.bound }],
          otherwise: withElse ? b.bound : null,
          type: types.float64,
          nullable: true,
        },
        of: (row) => (row[9] === null ? a.of(row) : withElse ? b.of(row) : null),
      };
    }),
  ),
})).double;

const between = (min: bigint, max: bigint) => fc.bigInt({ min, max });
const ends = (min: bigint, max: bigint) => fc.oneof(between(min, max), between(max - 100n, max), between(min, min + 100n));
const whole = (bits: number, signed: boolean, as: (value: bigint) => Cell): fc.Arbitrary<Cell> => {
  const most = 1n << BigInt(signed ? bits - 1 : bits);
  const any = fc.oneof(ends(signed ? -most : 0n, most - 1n), between(1n, 100n));
  return fc.option(any.map(as), { freq: 6 });
};
const real = (values: fc.Arbitrary<number>) => fc.option(values, { freq: 6 });
const amounts = fc.oneof(
  fc.integer({ min: -100000, max: 100000 }).map((cents) => cents / 100),
  fc.constantFrom(0, -0, 1),
);
const wide = fc.double({ noNaN: true, min: -1e15, max: 1e15 });

/** Files whose columns are near each other or far apart, some with NaN. */
const tables: fc.Arbitrary<Row[]> = fc
  .tuple(fc.constantFrom(amounts, wide, fc.double({ noNaN: true, min: 1, max: 900 })), fc.boolean(), fc.boolean())
  .chain(([numbers, withNaN, near]) => {
    const narrow = near ? between(1n, 12n) : null;
    const cell = (bits: number, signed: boolean, as: (value: bigint) => Cell) => narrow?.map(as) ?? whole(bits, signed, as);
    const doubled = real(withNaN ? fc.oneof({ weight: 8, arbitrary: numbers }, fc.constant(Number.NaN)) : numbers);
    const row = fc.tuple(
      cell(8, true, Number),
      cell(16, true, Number),
      cell(32, true, Number),
      cell(64, true, (value) => value),
      cell(8, false, Number),
      cell(16, false, Number),
      cell(32, false, Number),
      cell(64, false, (value) => value),
      real(numbers.map(Math.fround)),
      doubled,
      real(numbers),
    );
    return fc.array(row, { minLength: 1, maxLength: 12 });
  });

/** The sum as SEMANTICS.md defines it. */
function sumOf(values: readonly Cell[]): number | null {
  const numbers = values.filter((value) => value !== null).map(Number);
  if (numbers.length === 0) return null;
  if (numbers.every(Number.isFinite)) return exactSum(numbers) + 0;
  return numbers.reduce((sum, value) => (Number.isFinite(value) ? sum : sum + value), 0);
}

const summed = (input: BoundNode, arg: Bound): BoundNode => ({
  kind: "aggregate",
  input,
  keys: [],
  aggregates: [{ name: "s", fn: "sum", args: [arg], options: {}, type: types.float64, nullable: true }],
  schema: [{ name: "s", type: types.float64, nullable: true }],
});

const contains = ({ min, max }: SumBounds, value: Cell): boolean =>
  value === null || Number.isNaN(value) || (min <= value && value <= max);

describe("bounds of expressions", () => {
  test("contain every value, and their sums are exact", async () => {
    let bounded = 0;
    const own = fc.array(doubles, { minLength: 4, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(tables, own, fc.boolean(), async (rows, expressions, below) => {
        const scan = await fileOf(rows);
        for (const { bound, of } of expressions) {
          const values = rows.map(of);
          const project: BoundNode = {
            kind: "project",
            input: scan,
            columns: [{ name: "x", expr: bound }],
            schema: [{ name: "x", type: types.float64, nullable: true }],
          };
          const x: Bound = { kind: "column", index: 0, name: "x", type: types.float64, nullable: true };
          const [input, arg] = below ? [project, x] : [scan, bound];
          const bounds = boundsOf(input, arg);
          if (bounds !== null) {
            bounded++;
            expect(bounds.rows).toBe(rows.length);
            expect(values.filter((value) => !contains(bounds, value))).toEqual([]);
          }
          const largest = Math.max(0, ...values.map((value) => Math.abs(Number(value ?? 0))).filter(Number.isFinite));
          if (largest < 1e300) expect((await stageRows(session, summed(input, arg))).rows).toEqual([[sumOf(values)]]);
        }
      }),
      { numRuns: 30 },
    );
    expect(bounded).toBeGreaterThan(30);
  });

  const row = (values: { readonly [name: string]: Cell }): Row => columns.map(({ name }) => values[name] ?? null);
  const rangeOf = async (rows: readonly Row[], { bound }: Meant) => {
    const found = boundsOf(await fileOf(rows), bound);
    return found === null ? null : [found.min, found.max];
  };

  test("of integers of every width are those of the file, beyond 2^53 rounded away from the values", async () => {
    const least = {
      int8: -128,
      int16: -32768,
      int32: -(2 ** 31),
      int64: -(2n ** 63n),
      uint8: 0,
      uint16: 0,
      uint32: 0,
      uint64: 0n,
    };
    const most = {
      int8: 127,
      int16: 32767,
      int32: 2 ** 31 - 1,
      int64: 2n ** 63n - 1n,
      uint8: 255,
      uint16: 65535,
      uint32: 2 ** 32 - 1,
      uint64: 2n ** 64n - 1n,
    };
    for (const [i, kind] of kinds.slice(0, 8).entries()) {
      const [min, max] = [least[kind as "int8"], most[kind as "int8"]];
      const rows = [row({ [kind]: min }), row({ [kind]: max }), row({})];
      expect(await rangeOf(rows, column(i))).toEqual([Number(min), Number(max)]);
    }
    const near = await rangeOf([row({ int64: 2n ** 60n + 1n }), row({ int64: 2n ** 60n + 3n })], column(3));
    expect(near).toEqual([2 ** 60, 2 ** 60 + 2048]);
    const negative = await rangeOf([row({ int64: -(2n ** 60n) - 1n }), row({ int64: -(2n ** 60n) - 3n })], column(3));
    expect(negative).toEqual([-(2 ** 60) - 2048, -(2 ** 60)]);
    expect(await rangeOf([row({ int64: 2n ** 53n - 1n }), row({ int64: -(2n ** 53n) + 1n })], column(3))).toEqual([
      -Number.MAX_SAFE_INTEGER,
      Number.MAX_SAFE_INTEGER,
    ]);
  });

  test("are not known of what may be no number, of overflowing integers, of columns without values and of joined rows", async () => {
    const rows = [row({ float64: 1e200, other: 0.5, int64: 2n ** 62n }), row({ float64: -3, other: -0.5, int64: 1n })];
    const double = (fn: string, a: Meant, b: Meant) => call(fn, types.float64, [a, b], () => null);
    expect(await rangeOf(rows, double("mul", column(9), column(10)))).toEqual([-5e199, 5e199]);
    expect(await rangeOf(rows, double("mul", column(9), column(9)))).toBe(null);
    expect(await rangeOf(rows, double("divide", column(9), column(10)))).toBe(null);
    expect(await rangeOf(rows, double("power", column(9), column(10)))).toBe(null);
    expect(
      await rangeOf(
        rows,
        call("add", types.int64, [column(3), column(3)], () => null),
      ),
    ).toBe(null);
    expect(await rangeOf(rows, cast(column(3), types.float32))).toBe(null);
    expect(await rangeOf(rows, cast(column(9), types.int64))).toBe(null);
    expect(await rangeOf(rows, cast(column(2), types.float64))).toBe(null);
    expect(await rangeOf(rows, constant(null, types.float64))).toBe(null);
    expect(await rangeOf([row({ other: Infinity })], column(10))).toBe(null);
    const scan = await fileOf(rows);
    const joined: BoundNode = { kind: "join", left: scan, right: scan, on: [], how: "inner", output: [], schema: columns };
    expect(boundsOf(joined, column(10).bound)).toBe(null);
    expect(boundsOf({ kind: "union", inputs: [scan, scan], schema: columns }, column(10).bound)).toBe(null);
  });

  test("are found once for each column, however often the columns above use it", async () => {
    let node = await fileOf([row({ other: 1 }), row({ other: 2 })]);
    const schema = [{ name: "other", type: types.float64, nullable: true }];
    for (let level = 0; level < 60; level++) {
      const x: Bound = { ...column(10).bound, index: level === 0 ? 10 : 0 } as Bound;
      const expr: Bound = { kind: "call", fn: "add", args: [x, x], options: {}, type: types.float64, nullable: true };
      node = { kind: "project", input: node, columns: [{ name: "other", expr }], schema };
    }
    expect(boundsOf(node, { ...column(10).bound, index: 0 } as Bound)).toEqual({
      min: 2 ** 60,
      max: 2 ** 61,
      computed: true,
      rows: 2,
    });
  });
});

describe("sums of expressions over a file", () => {
  test.each([
    ["prices by quantity", "(hash(i) % 99000 + 100) / 100.0", "hash(i * 3) % 9 + 1", /^(?!.*CASE).*trunc/s],
    [
      "weights by quantity, within ten powers of two",
      "(hash(i) % 9000 + 1000) / 100.0",
      "hash(i * 3) % 3 + 1",
      /^(?!.*trunc).*HUGEINT/s,
    ],
    [
      "amounts of both signs by quantity and zero",
      "(hash(i) % 99000)::DOUBLE / 100.0 - 500.0",
      "hash(i * 3) % 9",
      /CASE WHEN \(\(/,
    ],
    [
      "small numbers by ones that are far larger at times",
      "(hash(i) % 99000 + 1000) / 1e6",
      "if(i = 5, 2::UBIGINT ** 45, 3)",
      /TRY_CAST/,
    ],
  ])("%s: exact, for any number of threads", async (name, x, q, method) => {
    const path = join(folder.path, `${name.slice(0, 9)}.parquet`);
    await session.run(
      `COPY (SELECT CAST(${x} AS DOUBLE) AS x, CAST(${q} AS BIGINT) AS q FROM range(50000) t(i))
       TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE 4096)`,
    );
    const schema: Schema = [
      { name: "x", type: types.float64, nullable: true },
      { name: "q", type: types.int64, nullable: true },
    ];
    const scan = await scanOf(path, schema);
    const [first, second] = schema.map(({ name, type }, index): Bound => ({ kind: "column", index, name, type, nullable: true }));
    const factor: Bound = { kind: "cast", input: second as Bound, safe: false, type: types.float64, nullable: true };
    const args = [first as Bound, factor];
    const product: Bound = { kind: "call", fn: "mul", args, options: {}, type: types.float64, nullable: true };
    const { rows } = await stageRows(session, scan);
    const expected = exactSum(rows.map(([a, b]) => (a as number) * Number(b)));
    for (const threads of [2, 4]) {
      const own = await openSession(folder.path, threads);
      const { rows: found, sql } = await stageRows(own, summed(scan, product));
      own.close();
      expect(sql).toMatch(method);
      expect(found).toEqual([[expected]]);
    }
  });
});
