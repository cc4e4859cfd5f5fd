import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Batch } from "../../../src/batch/column.js";
import { compareValues } from "../../../src/functions/compare.js";
import { canPack } from "../../../src/kernels/groups/groupKeys.js";
import { batchToRows } from "../../../src/kernels/rows.js";
import { TopRowsOperator } from "../../../src/operators/topRows.js";
import { type DataType, type Schema, types, type Value } from "../../../src/schema/types.js";
import { arbitraryOf, everyType } from "../batch/values.js";
import { columnOf } from "../../support/columns.js";

interface Key {
  readonly type: DataType;
  readonly descending: boolean;
  readonly nulls: "first" | "last";
}

const packable = everyType.filter((type) => canPack([type]));
const row: Schema[number] = { name: "row", type: types.int32, nullable: false };
const note: Schema[number] = { name: "note", type: types.utf8, nullable: true };

/** The rows' numbers in the order of a sort, ties as they come. */
function sorted(keys: readonly Key[], rows: readonly (readonly Value[])[], live: readonly number[]): number[] {
  return [...live].sort((a, b) => {
    for (const [i, { descending, nulls }] of keys.entries()) {
      const [x, y] = [rows[a]?.[i] ?? null, rows[b]?.[i] ?? null];
      if (x === null && y === null) continue;
      if (x === null || y === null) return (x === null) === (nulls === "first") ? -1 : 1;
      const order = compareValues(x, y);
      if (order !== 0) return descending ? -order : order;
    }
    return a - b;
  });
}

const noteOf = (n: number): string | null => (n % 7 === 0 ? null : `note ${n}`);

/** What the operator gives of these rows in batches of `size`, of which every `skip`-th row is not live. */
function top(keys: readonly Key[], rows: readonly (readonly Value[])[], count: number, size: number, skip: number) {
  const schema: Schema = [row, ...keys.map(({ type }, i) => ({ name: `k${i}`, type, nullable: true })), note];
  const operator = new TopRowsOperator({
    op: "topRows",
    input: -1,
    name: "first rows",
    keys: keys.map(({ type, descending, nulls }, i) => {
      return { expr: { kind: "column", index: i + 1, name: `k${i}`, type, nullable: true }, descending, nulls };
    }),
    count,
    schema,
  });
  const live: number[] = [];
  for (let from = 0; from < rows.length; from += size) {
    const part = rows.slice(from, from + size);
    const numbers = part.map((_, i) => from + i);
    const keyColumns = keys.map(({ type }, i) =>
      columnOf(
        type,
        part.map((values) => values[i] ?? null),
      ),
    );
    const columns = [columnOf(types.int32, numbers), ...keyColumns, columnOf(types.utf8, numbers.map(noteOf))];
    const selection = skip === 0 ? null : Int32Array.from(part.keys()).filter((i) => (from + i) % skip !== 0);
    live.push(...(selection === null ? numbers : [...selection].map((i) => from + i)));
    const batch: Batch = { schema, length: part.length, columns, selection, origin: null };
    expect(operator.push(batch)).toBeNull();
  }
  const out = operator.flush();
  return { live, found: out === null ? [] : batchToRows(out), counts: operator.counts };
}

const keyCase = fc.record<Key>({
  type: fc.constantFrom(...packable),
  descending: fc.boolean(),
  nulls: fc.constantFrom("first", "last"),
});

/** Many rows of few values, so that there are ties, in the values' order or not: `step` from each row's values to the next one's. */
const topCase = fc.array(keyCase, { minLength: 1, maxLength: 3 }).chain((keys) =>
  fc.record({
    keys: fc.constant(keys),
    pools: fc.tuple(
      ...keys.map(({ type }) => fc.array(fc.option(arbitraryOf(type), { freq: 8 }), { minLength: 1, maxLength: 25 })),
    ),
    length: fc.integer({ min: 0, max: 2500 }),
    step: fc.constantFrom(1, 7, 7919),
    count: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 900 })),
    size: fc.constantFrom(1, 100, 700, 3000),
    skip: fc.constantFrom(0, 2, 5),
    inOrder: fc.boolean(),
  }),
);

describe("the first rows of a partition", () => {
  it("are those of a sort, ties in input order, and every other row is counted", () => {
    fc.assert(
      fc.property(topCase, ({ keys, pools, length, step, count, size, skip, inOrder }) => {
        const made = Array.from({ length }, (_, i) =>
          pools.map((pool, k) => pool[(i * step + k * 3 * (i % 11)) % pool.length] ?? null),
        );
        const order = inOrder ? sorted(keys, made, [...made.keys()]).reverse() : [...made.keys()];
        const rows = order.map((i) => made[i] ?? []);
        const { live, found, counts } = top(keys, rows, count, size, skip);
        const expected = sorted(keys, rows, live).slice(0, count);
        expect(found.map(({ row }) => row)).toEqual(expected);
        expect(found.map(({ note }) => note)).toEqual(expected.map(noteOf));
        expect(counts).toEqual({
          rowsIn: live.length,
          rowsOut: expected.length,
          filtered: live.length - expected.length,
          rejected: 0,
        });
      }),
      { numRuns: 150 },
    );
  });

  it("are given on before the end where they are large, and many more are not", () => {
    const schema: Schema = [row, note];
    const expr = { kind: "column", index: 0, name: "row", type: types.int32, nullable: false } as const;
    const keys = [{ expr, descending: true, nulls: "last" }] as const;
    const operator = new TopRowsOperator({ op: "topRows", input: -1, name: "first rows", keys, count: 50, schema });
    const given: unknown[] = [];
    const order = Array.from({ length: 200 }, (_, i) => (i * 77) % 200);
    for (let from = 0; from < order.length; from += 10) {
      const part = order.slice(from, from + 10);
      const notes = columnOf(
        types.utf8,
        part.map((n) => String(n).repeat(130_000)),
      );
      const columns = [columnOf(types.int32, part), notes];
      const out = operator.push({ schema, length: part.length, columns, selection: null, origin: null });
      if (out !== null) given.push(...batchToRows(out).map((one) => one.row));
    }
    expect(given.length).toBeGreaterThan(10);
    const out = operator.flush();
    given.push(...(out === null ? [] : batchToRows(out).map((one) => one.row)));
    expect(given).toEqual(expect.arrayContaining(Array.from({ length: 50 }, (_, i) => 199 - i)));
    const { counts } = operator;
    expect(counts).toEqual({ rowsIn: 200, rowsOut: given.length, filtered: 200 - given.length, rejected: 0 });
    expect(given.length).toBeLessThan(150);
  });

  it("leaves out ties of a single key, of numbers up to the largest and smallest", () => {
    const values = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0, 5e-324, 1e308, -1, null];
    for (const value of values)
      for (const descending of [false, true])
        for (const nulls of ["first", "last"] as const) {
          const keys: Key[] = [{ type: types.float64, descending, nulls }];
          const rows: Value[][] = Array.from({ length: 4000 }, (_, i) => [
            i < 2000 ? value : (values[i % values.length] ?? null),
          ]);
          const { live, found } = top(keys, rows, 3, 700, 0);
          expect(found.map(({ row }) => row)).toEqual(sorted(keys, rows, live).slice(0, 3));
        }
  });

  it("looks at integers beyond what a number holds, and at texts behind their first bytes", () => {
    const longs: Value[][] = Array.from({ length: 3000 }, (_, i) => [2n ** 62n + BigInt((i * 7919) % 3000)]);
    const texts: Value[][] = Array.from({ length: 3000 }, (_, i) => [`the same start ${(i * 7919) % 3000}`]);
    for (const [type, rows] of [
      [types.int64, longs],
      [types.decimal(38, 0), longs],
      [types.utf8, texts],
    ] as const)
      for (const descending of [false, true]) {
        const keys: Key[] = [{ type, descending, nulls: "last" }];
        const { live, found } = top(keys, rows, 10, 500, 0);
        expect(found.map(({ row }) => row)).toEqual(sorted(keys, rows, live).slice(0, 10));
      }
  });
});
