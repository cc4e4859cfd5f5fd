import { DuckDBInstance } from "@duckdb/node-api";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Batch, Column } from "../../../src/batch/column.js";
import { columnReader } from "../../../src/batch/reader.js";
import type { Bound, BoundAggregate } from "../../../src/expr/nodes.js";
import { castValue } from "../../../src/functions/cast.js";
import { compareValues } from "../../../src/functions/compare.js";
import { aggregateFunction } from "../../../src/functions/registry.js";
import { compilePartialAggregate } from "../../../src/kernels/groups/aggregate.js";
import { hashRows } from "../../../src/kernels/groups/hash.js";
import { GroupTable } from "../../../src/kernels/groups/hashTable.js";
import { type DataType, type Schema, types, type Value } from "../../../src/schema/types.js";
import { everyType, schemaOf, arbitraryOf } from "../batch/values.js";
import { batchOf } from "./expressions.js";

const column = (schema: Schema, index: number): Bound => {
  const type = schema[index]?.type ?? types.null;
  return { kind: "column", index, name: `c${index}`, type, nullable: true };
};

function aggregate(fn: string, args: readonly Bound[]): BoundAggregate {
  const resolved = aggregateFunction(fn).resolve(
    args.map((arg) => arg.type),
    {},
  );
  if (typeof resolved === "string") throw new Error(resolved);
  return { name: fn, fn, args, options: {}, type: resolved.returns, nullable: resolved.nullable };
}

/** Count, mean and sum of squared differences, by Welford's steps. */
function moments(values: readonly number[]): [bigint, number, number] {
  let [mean, squares] = [0, 0];
  for (const [i, value] of values.entries()) {
    const delta = value - mean;
    mean += delta / (i + 1);
    squares += delta * (value - mean);
  }
  return [BigInt(values.length), mean, squares];
}

/** Runs a partial aggregation and gives its rows, keys first. */
async function aggregated(
  keys: readonly Bound[],
  aggregates: readonly BoundAggregate[],
  batches: readonly Batch[],
): Promise<Value[][]> {
  const states = aggregates.flatMap((a) => {
    const partial = aggregateFunction(a.fn).partial;
    if (partial === undefined) throw new Error(`${a.fn} is not algebraic`);
    return partial.states({ args: a.args.map((arg) => arg.type), returns: a.type, options: a.options });
  });
  const schema = schemaOf([...keys.map((key) => key.type), ...states]);
  const step = {
    op: "partialAggregate",
    input: -1,
    name: "a",
    keys: keys.map((expr, i) => ({ name: `k${i}`, expr })),
    aggregates,
    schema,
  } as const;
  const run = await compilePartialAggregate(step, batches[0]?.schema ?? [], {});
  for (const batch of batches) {
    expect(
      run.update(batch, (row, failure) => {
        throw new Error(`row ${row}: ${failure.message}`);
      }),
    ).toBe(0);
  }
  const out = run.finish();
  expect(out.columns.map((c) => c.type)).toEqual(schema.map((field) => field.type));
  return rowsOf(out.columns, out.length);
}

const rowsOf = (columns: readonly Column[], length: number): Value[][] => {
  const readers = columns.map(columnReader);
  return Array.from({ length }, (_, row) => readers.map((read) => read(row)));
};

/** Groups by comparing every pair: slow and plain. First row indexes of each group, and each row's group. */
function foldGroups(rows: readonly (readonly Value[])[]): { readonly first: number[]; readonly group: number[] } {
  const first: number[] = [];
  const group = rows.map((row, i) => {
    const found = first.findIndex((other) => row.every((value, k) => compareValues(value, rows[other]?.[k] ?? null) === 0));
    return found >= 0 ? found : first.push(i) - 1;
  });
  return { first, group };
}

const keyBatch = fc
  .tuple(fc.array(fc.constantFrom(...everyType), { minLength: 1, maxLength: 3 }), fc.integer({ min: 1, max: 30 }))
  .chain(([all, length]) =>
    fc.tuple(
      fc.constant(schemaOf(all)),
      // Few different values, so that groups repeat.
      fc.tuple(
        ...all.map((type) =>
          fc
            .array(fc.option(arbitraryOf(type)), { minLength: 1, maxLength: 3 })
            .chain((pool) => fc.array(fc.constantFrom(...pool), { minLength: length, maxLength: length })),
        ),
      ),
      fc.subarray([...Array(length).keys()]),
    ),
  );

describe("grouping", () => {
  it("puts rows together exactly when their keys compare equal, whatever their types", () => {
    fc.assert(
      fc.property(keyBatch, fc.boolean(), ([schema, values, selection], selected) => {
        const batch = batchOf(schema, values, selected ? selection : null);
        const live = selected ? selection : [...Array(batch.length).keys()];
        const rows = live.map((row) => values.map((all) => all[row] ?? null));
        const table = new GroupTable(schema.map((field) => field.type));
        const groups = [...table.assign(batch.columns, batch.selection, batch.length)];
        const expected = foldGroups(rows);
        expect(groups).toEqual(expected.group);
        expect(table.count).toBe(expected.first.length);
        const keys = rowsOf(table.finish(), expected.first.length);
        for (const [g, at] of expected.first.entries()) {
          for (const [k, value] of (rows[at] ?? []).entries()) expect(compareValues(keys[g]?.[k] ?? null, value)).toBe(0);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("keeps groups apart that joined texts would mix, and grows", () => {
    const schema = schemaOf([types.utf8, types.utf8]);
    const count = 5000;
    const first = Array.from({ length: count }, (_, i) => (i % 2 === 0 ? `${i}` : `${i},`));
    const second = Array.from({ length: count }, (_, i) => (i % 2 === 0 ? `,${i}` : `${i}`));
    const table = new GroupTable([types.utf8, types.utf8]);
    const batch = batchOf(schema, [first, second]);
    const once = table.assign(batch.columns, null, count);
    expect(table.count).toBe(count);
    expect(table.assign(batch.columns, null, count)).toEqual(once);
  });

  it("hashes a row alike wherever it stands", () => {
    const schema = schemaOf([types.utf8, types.float64]);
    const a = batchOf(schema, [
      ["x", "yy", null],
      [0, NaN, null],
    ]);
    const b = batchOf(
      schema,
      [
        ["zzz", null, "yy", "x"],
        [1, null, NaN, -0],
      ],
      [1, 2, 3],
    );
    const [x, y, z] = hashRows(a.columns, null, 3);
    expect([...hashRows(b.columns, b.selection, 4)]).toEqual([z, y, x]);
  });
});

describe("partial states", () => {
  const numbers: readonly DataType[] = [
    types.int8,
    types.int32,
    types.uint32,
    types.int64,
    types.uint64,
    types.decimal(18, 2),
    types.decimal(38, 4),
  ];

  it("sum integers and decimals exactly, in any number of batches", async () => {
    const cases = fc.constantFrom(...numbers).chain((type) => {
      const values = fc.array(
        fc.option(
          type.kind === "decimal" && type.precision > 18 ? fc.bigInt({ min: -(10n ** 36n), max: 10n ** 36n }) : arbitraryOf(type),
        ),
        { maxLength: 20 },
      );
      return fc.tuple(fc.constant(type), fc.array(values, { minLength: 1, maxLength: 3 }));
    });
    await fc.assert(
      fc.asyncProperty(cases, async ([type, parts]) => {
        const schema = schemaOf([type]);
        const arg = column(schema, 0);
        const all = parts.flat().filter((value) => value !== null);
        const total = all.reduce<bigint>((sum, value) => sum + BigInt(value as number | bigint), 0n);
        const rows = await aggregated(
          [],
          [aggregate("sum", [arg]), aggregate("avg", [arg]), aggregate("count", [arg]), aggregate("count", [])],
          parts.map((p) => batchOf(schema, [p])),
        );
        const length = parts.flat().length;
        const sum = all.length === 0 ? null : total;
        expect(rows).toEqual(length === 0 ? [] : [[sum, sum, BigInt(all.length), BigInt(all.length), BigInt(length)]]);
      }),
      { numRuns: 150 },
    );
  });

  it("carry sums past what a double holds exactly", async () => {
    const schema = schemaOf([types.int64, types.uint64]);
    const most = 2n ** 63n - 1n;
    const count = 4_200_000;
    const one = { schema, length: count, selection: null, origin: null } as const;
    const columns: Column[] = [
      { layout: "fixed", type: types.int64, length: count, values: new BigInt64Array(count).fill(most), valid: null },
      { layout: "fixed", type: types.uint64, length: count, values: new BigUint64Array(count).fill(2n ** 64n - 1n), valid: null },
    ];
    const rows = await aggregated(
      [],
      [aggregate("sum", [column(schema, 0)]), aggregate("sum", [column(schema, 1)])],
      [{ ...one, columns }],
    );
    expect(rows).toEqual([[most * BigInt(count), (2n ** 64n - 1n) * BigInt(count)]]);
  });

  it("agree with the reference meaning over the groups' values", async () => {
    const schema = schemaOf([types.int32, types.float64, types.utf8, types.bool, types.int64]);
    const row = fc.tuple(
      fc.option(fc.integer({ min: 0, max: 2 })),
      fc.option(fc.constantFrom(0.1, 0.2, 1e16, -1e16, 3, NaN, Infinity)),
      fc.option(fc.constantFrom("", "a", "b", "ä", "\uffff", "😀")),
      fc.option(fc.boolean()),
      fc.option(fc.bigInt({ min: -5n, max: 5n })),
    );
    const one: readonly (readonly [string, number])[] = [
      ["sum", 1],
      ["min", 1],
      ["max", 1],
      ["min", 2],
      ["max", 2],
      ["min", 4],
      ["max", 4],
      ["boolAnd", 3],
      ["boolOr", 3],
    ];
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 30 }), fc.nat(30), async (rows, cut) => {
        const parts = [rows.slice(0, cut), rows.slice(cut)];
        const batches = parts.map((part) =>
          batchOf(
            schema,
            schema.map((_, i) => part.map((values) => values[i] ?? null)),
          ),
        );
        const aggregates = one.map(([fn, arg]) => aggregate(fn, [column(schema, arg)]));
        const got = await aggregated([column(schema, 0)], aggregates, batches);
        const { first, group } = foldGroups(rows.map(([key]) => [key]));
        const expected = first.map((at, g) => {
          const members = rows.filter((_, i) => group[i] === g);
          return [
            rows[at]?.[0] ?? null,
            ...aggregates.map((a, i) =>
              aggregateFunction(a.fn).evaluate(
                members.map((m) => [m[one[i]?.[1] ?? 0] ?? null]),
                { args: a.args.map((arg) => arg.type), returns: a.type, options: {} },
              ),
            ),
          ];
        });
        expect(got).toEqual(expected);
      }),
      { numRuns: 150 },
    );
  });

  it("fold the moments of numbers of every type as of doubles, to the last bit", async () => {
    const long = fc.oneof(fc.bigInt({ min: -1000n, max: 1000n }), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }));
    const unsigned = fc.oneof(fc.bigInt({ min: 0n, max: 9n }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));
    const digits = (most: bigint) => fc.oneof(fc.bigInt({ min: -99999n, max: 99999n }), fc.bigInt({ min: -most, max: most }));
    const kinds: readonly (readonly [DataType, fc.Arbitrary<Value>])[] = [
      [types.float64, fc.double({ noNaN: true, min: -1e100, max: 1e100 })],
      [types.float32, fc.float({ noNaN: true, min: -1000, max: 1000 })],
      [types.int8, fc.integer({ min: -128, max: 127 })],
      [types.int16, fc.integer({ min: -32_768, max: 32_767 })],
      [types.int32, fc.integer()],
      [types.uint8, fc.integer({ min: 0, max: 255 })],
      [types.uint16, fc.integer({ min: 0, max: 65_535 })],
      [types.uint32, fc.integer({ min: 0, max: 2 ** 32 - 1 })],
      [types.int64, long],
      [types.uint64, unsigned],
      [types.decimal(15, 2), digits(10n ** 15n - 1n)],
      [types.decimal(38, 9), digits(10n ** 38n - 1n)],
      [types.decimal(38, 30), digits(10n ** 38n - 1n)],
    ];
    const schema = schemaOf([types.int32, ...kinds.map(([type]) => type)]);
    const row = fc.tuple(fc.integer({ min: 0, max: 2 }), ...kinds.map(([, value]) => fc.option(value)));
    const aggregates = kinds.map((_, i) => aggregate("stddev", [column(schema, i + 1)]));
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { minLength: 1, maxLength: 20 }),
        fc.nat(3),
        fc.integer({ min: 1, max: 3 }),
        async (rows, every, times) => {
          const chosen = rows.flatMap((_, i) => (every > 0 && i % every === 0 ? [] : [i]));
          const columns = schema.map((_, i) => rows.map((values) => values[i] ?? null));
          const batch = batchOf(schema, columns, every > 0 ? chosen : undefined);
          const got = await aggregated(
            [column(schema, 0)],
            aggregates,
            Array.from({ length: times }, () => batch),
          );
          const once = chosen.map((i) => rows[i] as readonly Value[]);
          const kept = Array.from({ length: times }, () => once).flat();
          const { first, group } = foldGroups(kept.map(([key]) => [key as Value]));
          const expected = first.map((at, g) => [
            kept[at]?.[0] ?? null,
            ...kinds.flatMap(([type], i) => {
              const values = kept.filter((_, k) => group[k] === g).map((one) => one[i + 1] ?? null);
              return moments(
                values.flatMap((value) => (value === null ? [] : [castValue(value, type, types.float64) as number])),
              );
            }),
          ]);
          expect(got).toEqual(expected);
        },
      ),
      { numRuns: 100 },
    );
  });

  it("keep positions, counts and moments as documented", async () => {
    const schema = schemaOf([types.utf8, types.int32]);
    const batches = [
      batchOf(schema, [
        ["a", "b", "a"],
        [2, null, 4],
      ]),
      batchOf(
        schema,
        [
          ["b", "a"],
          [7, 6],
        ],
        [0, 1],
      ),
    ];
    const [key, value] = [column(schema, 0), column(schema, 1)];
    const wanted = ["first", "last", "stddev"].map((fn) => aggregate(fn, [value]));
    expect(
      await aggregated([key], [...wanted, aggregate("argMin", [key, value]), aggregate("argMax", [key, value])], batches),
    ).toEqual([
      ["a", 2, 0n, 6, 4n, 3n, 4, 8, "a", 2, 0n, "a", 6, 4n],
      ["b", null, 1n, 7, 3n, 1n, 7, 0, "b", 7, 3n, "b", 7, 3n],
    ]);
  });

  it("find the row of the least and the greatest value, whatever its type, the earliest of equal ones", async () => {
    const ordered = everyType.filter(({ kind }) => kind !== "list" && kind !== "struct");
    const cases = fc.tuple(fc.constantFrom(...ordered), fc.constantFrom(...everyType)).chain(([by, value]) =>
      fc.tuple(
        fc.constant([types.int32, value, by]),
        // Few different values beside many, of which some differ behind what a number tells.
        fc.array(fc.option(arbitraryOf(by), { freq: 9 }), { minLength: 1, maxLength: 12 }).chain((pool) =>
          fc.array(fc.tuple(fc.nat(3), fc.option(arbitraryOf(value), { freq: 9 }), fc.constantFrom(...pool)), {
            minLength: 1,
            maxLength: 40,
          }),
        ),
        fc.integer({ min: 1, max: 40 }),
      ),
    );
    await fc.assert(
      fc.asyncProperty(cases, async ([all, rows, size]) => {
        const schema = schemaOf(all);
        const batches: Batch[] = [];
        for (let from = 0; from < rows.length; from += size) {
          const some = rows.slice(from, from + size);
          batches.push(
            batchOf(
              schema,
              [0, 1, 2].map((i) => some.map((row) => row[i] ?? null)),
            ),
          );
        }
        const [key, value, by] = [column(schema, 0), column(schema, 1), column(schema, 2)];
        const given = await aggregated([key], [aggregate("argMin", [value, by]), aggregate("argMax", [value, by])], batches);
        for (const [group, ...states] of given) {
          const own = rows.map(([, ...args], place) => ({ args, place })).filter(({ place }) => rows[place]?.[0] === group);
          const expected = ["argMin", "argMax"].flatMap((fn) => {
            let best: (typeof own)[number] | null = null;
            for (const row of own) {
              if (row.args.includes(null)) continue;
              const order = best === null ? 0 : compareValues(row.args[1] ?? null, best.args[1] ?? null);
              if (best === null || (fn === "argMin" ? order < 0 : order > 0)) best = row;
            }
            return best === null ? [null, null, null] : [...best.args, BigInt(best.place)];
          });
          expect(states).toEqual(expected);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("give the groups that DuckDB gives", async () => {
    const instance = await DuckDBInstance.create();
    const connection = await instance.connect();
    await connection.run(
      `CREATE TABLE t AS SELECT CASE WHEN i % 7 = 0 THEN NULL ELSE 'k' || (i * 31 % 11) END AS c0, CAST(i * 17 % 5 AS INTEGER) AS c1,
       CASE WHEN i % 13 = 0 THEN NULL ELSE CAST(i * 7919 % 1000 - 500 AS INTEGER) END AS c2, (i * 37 % 400) / 4 AS c3 FROM range(3000) r(i)`,
    );
    const read = async (sql: string): Promise<Value[][]> => (await connection.runAndReadAll(sql)).getRows() as Value[][];
    const rows = await read("SELECT c0, c1, c2, c3 FROM t ORDER BY rowid");
    const expected = await read(
      `SELECT c0, c1, count(*), count(c2), CAST(sum(c2) AS BIGINT), min(c2), max(c2), sum(c3), min(c0) FROM t
       GROUP BY c0, c1 ORDER BY min(rowid)`,
    );
    connection.closeSync();
    const schema = schemaOf([types.utf8, types.int32, types.int32, types.float64]);
    const parts = [rows.slice(0, 1000), rows.slice(1000)];
    const batches = parts.map((part) =>
      batchOf(
        schema,
        schema.map((_, i) => part.map((row) => row[i] ?? null)),
      ),
    );
    const [k, n, x, y] = [0, 1, 2, 3].map((i) => column(schema, i)) as [Bound, Bound, Bound, Bound];
    const aggregates = [
      aggregate("count", []),
      aggregate("count", [x]),
      aggregate("sum", [x]),
      aggregate("min", [x]),
      aggregate("max", [x]),
      aggregate("sum", [y]),
      aggregate("min", [k]),
    ];
    expect(await aggregated([k, n], aggregates, batches)).toEqual(expected);
  });
});
