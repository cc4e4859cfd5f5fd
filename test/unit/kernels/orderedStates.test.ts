import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { builderFor } from "../../../src/batch/builder.js";
import type { Column } from "../../../src/batch/column.js";
import { columnReader } from "../../../src/batch/reader.js";
import { accumulatorFor } from "../../../src/kernels/groups/aggregateTable.js";
import { WordGroupTable } from "../../../src/kernels/groups/groupTable.js";
import { KernelViews } from "../../../src/kernels/kernelViews.js";
import { type DataType, types, type Value } from "../../../src/schema/types.js";

interface Case {
  readonly fn: string;
  readonly type: DataType;
  readonly returns: DataType;
  readonly state: DataType;
  readonly values: fc.Arbitrary<Value>;
  /** What is expected of the values of a group that are not null, computed without any state. */
  readonly oracle: (values: readonly Value[]) => unknown;
}

const small = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const long = fc.bigInt({ min: -(2n ** 55n), max: 2n ** 55n });
const quarter = fc.integer({ min: -(2 ** 40), max: 2 ** 40 }).map((n) => n / 4);
const total = (values: readonly Value[]) => values.reduce<bigint>((sum, value) => sum + BigInt(value as number), 0n);
const orNull = (of: (values: readonly Value[]) => unknown) => (values: readonly Value[]) =>
  values.length === 0 ? null : of(values);
const ascending = (values: readonly Value[]) => values.toSorted((a, b) => ((a as number) < (b as number) ? -1 : 1));
const least = (values: readonly Value[]) => ascending(values).at(0);
const most = (values: readonly Value[]) => ascending(values).at(-1);
const { int8, int32, int64, float64 } = types;

const cases: readonly Case[] = [
  { fn: "count", type: int32, returns: int64, state: int64, values: small, oracle: (values) => BigInt(values.length) },
  { fn: "sum", type: int32, returns: int64, state: int64, values: small, oracle: orNull(total) },
  { fn: "sum", type: int64, returns: int64, state: int64, values: long, oracle: orNull(total) },
  {
    fn: "sum",
    type: float64,
    returns: float64,
    state: float64,
    // Sums of quarters are exact in any order.
    values: quarter,
    oracle: orNull((values) => values.reduce<number>((sum, value) => sum + (value as number), 0)),
  },
  { fn: "min", type: int8, returns: int8, state: int8, values: fc.integer({ min: -128, max: 127 }), oracle: orNull(least) },
  { fn: "max", type: int64, returns: int64, state: int64, values: long, oracle: orNull(most) },
  { fn: "min", type: float64, returns: float64, state: float64, values: quarter, oracle: orNull(least) },
];

function columnOf(type: DataType, values: readonly Value[]): Column {
  const builder = builderFor(type);
  for (const value of values) builder.append(value);
  return builder.finish();
}

/** Groups the rows with their states in kernel memory, and reads the groups in an order. */
function orderedOf(one: Case, rows: readonly (readonly [key: number, value: Value])[], turn: number) {
  const table = new WordGroupTable([{ type: int32, nullable: false }]);
  const state = accumulatorFor(one.fn, { args: [one.type], returns: one.returns }, [one.state]);
  const keys = columnOf(
    int32,
    rows.map(([key]) => key),
  );
  const values = columnOf(
    one.type,
    rows.map(([, value]) => value),
  );
  const views = new KernelViews([values], table.assign([keys], null, rows.length));
  const { count } = table;
  state.add(views.columns(0, 1), views.groups(), null, count, true);
  // Groups are numbered by their first row.
  const order = Int32Array.from({ length: count }, (_, i) => (i * turn) % count);
  const isOrder = new Set(order).size === count;
  const column = state.ordered?.(isOrder ? order : order.map((_, i) => count - 1 - i)) ?? null;
  const numbers = isOrder ? order : order.map((_, i) => count - 1 - i);
  state.free?.();
  table.free();
  return { column, numbers };
}

describe("states in an order of their groups", () => {
  it.each(cases.map((one) => [`${one.fn} of ${one.type.kind}`, one] as const))("%s", (_, one) => {
    const rows = fc.array(fc.tuple(fc.nat({ max: 40 }), fc.option(one.values, { nil: null })), { minLength: 1, maxLength: 120 });
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 1000 }), (given, turn) => {
        const { column, numbers } = orderedOf(one, given, turn);
        const keys = [...new Set(given.map(([key]) => key))];
        const read = column === null ? null : columnReader(column);
        const found = Array.from(numbers, (_, i) => read?.(i));
        const expected = Array.from(numbers, (group) =>
          one.oracle(given.flatMap(([key, value]) => (key === keys[group] && value !== null ? [value] : []))),
        );
        expect(found).toEqual(expected);
      }),
      { numRuns: 100 },
    );
  });

  it("are left to `result` where a sum has more than 64 bits", () => {
    const [, , longSum] = cases;
    if (longSum === undefined) throw new Error("no such case");
    const large = 2n ** 63n - 1n;
    expect(
      orderedOf(
        longSum,
        [
          [1, large],
          [2, 5n],
          [1, large],
        ],
        1,
      ).column,
    ).toBeNull();
    expect(
      orderedOf(
        longSum,
        [
          [1, large],
          [2, 5n],
          [1, -large],
        ],
        1,
      ).column,
    ).not.toBeNull();
  });

  it("keep an infinite sum, whose rounding error is none", () => {
    const sum = cases[3];
    if (sum === undefined) throw new Error("no such case");
    const { column } = orderedOf(
      sum,
      [
        [1, 1e308],
        [1, 1e308],
        [2, Number.NaN],
        [3, -Infinity],
        [4, 0.5],
      ],
      1,
    );
    const read = column === null ? null : columnReader(column);
    expect([0, 1, 2, 3].map((row) => read?.(row))).toEqual([Infinity, Number.NaN, -Infinity, 0.5]);
  });
});
