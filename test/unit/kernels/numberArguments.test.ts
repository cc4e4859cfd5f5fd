import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { columnReader } from "../../../src/batch/reader.js";
import type { Bound, FunctionRef } from "../../../src/expr/nodes.js";
import { compileRows } from "../../../src/kernels/expressions/compile.js";
import { createMapOperator } from "../../../src/operators/mapRows.js";
import { shipFunction } from "../../../src/plan/capture.js";
import { batchToRows } from "../../../src/kernels/rows.js";
import type { Batch } from "../../../src/batch/column.js";
import { type DataType, type Schema, types, type Value } from "../../../src/schema/types.js";
import type { RowOp } from "../../../src/task/protocol.js";
import { arbitraryOf } from "../batch/values.js";
import { batchOf } from "./expressions.js";

const schemaOf = (type: DataType, ...more: readonly DataType[]): Schema =>
  [type, ...more].map((one, i) => ({ name: `c${i}`, type: one, nullable: true }));

/** A function of the columns of a batch (or of other expressions over them), in one projection; what is rejected is `undefined`. */
async function called(fn: FunctionRef, returns: DataType, batch: Batch, interpreted = false, args = columnsOf(batch.schema)) {
  const expr: Bound = { kind: "udf", fn, args, type: returns, nullable: true };
  const ops: RowOp[] = [{ kind: "project", columns: [{ name: "o", expr }] }];
  const kernel = await compileRows(ops, batch.schema, [{ name: "o", type: returns, nullable: true }], { interpreted });
  const rejected = new Set<number>();
  const out = kernel.run(batch, (row) => rejected.add(row)).batch;
  const read = columnReader(out.columns[0] ?? never());
  const rows = batch.selection === null ? [...Array(batch.length).keys()] : [...batch.selection];
  return rows.map((row) => (rejected.has(row) ? undefined : read(row)));
}

const columnsOf = (schema: Schema): readonly Bound[] => schema.map((field, index) => ({ kind: "column", index, ...field }));

function never(): never {
  throw new Error("missing column");
}

/** A function of which its reference says what is not so: it tells a bigint from a number all the same. */
const telling: FunctionRef = {
  kind: "source",
  name: "telling",
  source: "(x) => typeof x === 'bigint' ? -1.5 : x",
  captured: {},
  hash: "telling",
  numbers: [0],
};

/** Values of 64 bits with what lies around the powers of two and between two doubles. */
const edges = (signed: boolean): fc.Arbitrary<bigint> => {
  const [min, max] = signed ? [-(2n ** 63n), 2n ** 63n - 1n] : [0n, 2n ** 64n - 1n];
  const power = fc
    .tuple(fc.integer({ min: 31, max: 64 }), fc.bigInt({ min: -5n, max: 5n }), fc.boolean())
    .map(([bits, apart, negative]) => (negative && signed ? -1n : 1n) * (2n ** BigInt(bits) + apart));
  // Halfway between two doubles, and next to that.
  const half = fc
    .tuple(fc.bigInt({ min: 2n ** 52n, max: 2n ** 53n - 1n }), fc.integer({ min: 1, max: 11 }), fc.bigInt({ min: -1n, max: 1n }))
    .map(([mantissa, bits, apart]) => (2n * mantissa + 1n) * 2n ** BigInt(bits - 1) + apart)
    .chain((value) => (signed ? fc.constantFrom(value, -value) : fc.constant(value)));
  const any = fc.oneof(power, half, fc.bigInt({ min, max }), fc.constantFrom(min, max, 0n, -1n, 2n ** 53n + 1n));
  return any.filter((value) => value >= min && value <= max);
};

const wholes: readonly (readonly [DataType, fc.Arbitrary<bigint>])[] = [
  [types.int64, edges(true)],
  [types.uint64, edges(false)],
  [types.timestamp, edges(true)],
];

describe("a 64-bit value that a function uses as Number(value) alone", () => {
  it.each(wholes)("%o arrives as the number that Number gives", async (type, value) => {
    const near = fc.bigInt({ min: 0n, max: 2n ** 20n });
    const rows = (one: fc.Arbitrary<bigint>) => fc.array(fc.option(one), { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(fc.oneof(rows(value), rows(near)), async (values) => {
        const batch = batchOf(schemaOf(type), [values]);
        const wanted = values.map((one) => (one === null ? null : Number(one)));
        expect(await called(telling, types.float64, batch)).toEqual(wanted);
      }),
      { numRuns: Number(process.env.MILLRACE_PROPERTY_RUNS ?? 300) },
    );
  });

  it("arrives as a number from expressions and literals where they have it, and from other rows' neighbours", async () => {
    const batch = batchOf(schemaOf(types.int64), [[1n, null, 3n]], [2, 1]);
    const [column] = columnsOf(batch.schema) as [Bound];
    const literal: Bound = { kind: "literal", value: "7", type: types.int64, nullable: false };
    const sum: Bound = { kind: "call", fn: "add", args: [column, literal], options: {}, type: types.int64, nullable: true };
    expect(await called(telling, types.float64, batch)).toEqual([3, null]);
    expect(await called(telling, types.float64, batch, false, [literal])).toEqual([7, 7]);
    expect(await called(telling, types.float64, batch, false, [sum])).toEqual([10, null]);
  });

  it("stays what it was as any other argument, and decimals stay text", async () => {
    const kinds = { ...telling, source: "(x, y) => typeof x + typeof y" };
    const two = batchOf(schemaOf(types.int64, types.int64), [[1n], [2n]]);
    expect(await called(kinds, types.utf8, two)).toEqual(["numberbigint"]);
    const decimal = batchOf(schemaOf(types.decimal(9, 2), types.int32), [[1n], [2]]);
    expect(await called({ ...kinds, numbers: [0, 1] }, types.utf8, decimal)).toEqual(["stringnumber"]);
  });
});

const odd = [
  "(a, b) => Number(a) / Number(b)",
  "(a, b) => Number (a) + Number(/* b */ b) // a",
  "(a, b) => String(a) + typeof b",
  "(a, b) => a === null || b == null ? -1 : Number(a) * Number(b)",
  "(a, b) => Number(b) + b",
  "(a, b) => String(Number(b)) + b",
  "(a, b) => Number(a, b)",
  "(a, b) => new Number(a) + 'b' + Number(b)",
  "(a, b) => ({ Number: (x) => typeof x }).Number(b)",
  "(a, b = 3n) => String(a) + Number(b)",
  "(a, ...b) => Number(a) + typeof b[0]",
  "(a, b) => ((b) => typeof b)(b)",
  "(a, b) => [1, 2].map((a) => Number(a) + Number(b)).join()",
  "(a, b) => ((Number) => Number(b))((x) => typeof x)",
  "(a, b) => { const Number = (x) => typeof x; return Number(a); }",
  "function Number(a, b) { return typeof a; }",
  "function (a, b) { return Number(a) + typeof arguments[0]; }",
  "(a, b) => { a = typeof a; return a + Number(b); }",
  "(a, b) => { if (Number(a) > 3) throw new Error('far'); return Number(b); }",
  "(a, b) => a === null ? 'none' : b === undefined ? 'nothing' : Number(a) + Number(b)",
];

const oddRows = [
  "(row) => ({ o: String(Number(row.c0) + Number(row['c1'])) })",
  "(row) => ({ o: String(Number(row.c0)) + row.c0 })",
  "(row) => ({ ...row, o: String(Number(row.c0)) })",
  "(row) => ({ o: row.c0 === null ? null : String(Number(row.c0)) })",
  "(row) => ({ o: typeof row.c1 + Number(row.c0) })",
  "(row) => ({ o: String(Number(row?.c1)) })",
  "(row) => { const Number = (x) => typeof x; return { o: Number(row.c0) }; }",
  "(row) => { const { c0, c1 } = row; return { o: typeof c0 + Number(c1) }; }",
  "(row) => [0].map(() => ({ o: String(Number(row.c0)) }))[0]",
  "({ c0, c1 }) => ({ o: String(Number(c0)) + Number(c1), c0: null })",
  "({ c0, 'c1': other }) => ({ o: typeof c0 + Number(other) })",
  "({ c0, c0: again }) => ({ o: typeof again + Number(c0) })",
  "({ c0, c1 = 1n }) => ({ o: String(Number(c0) + Number(c1)) })",
  "({ c0: { length }, c1 }) => ({ o: String(length) + Number(c1) })",
  "({ c0, ...rest }) => ({ o: String(Number(c0)) + typeof rest.c1 })",
  "({ c0: Number, c1 }) => ({ o: String(Number(c1)) })",
  "({ missing, c1 }) => ({ o: String(Number(c1)) + typeof missing })",
  "function ({ c0 }) { return { o: String(Number(c0)) + typeof arguments[0].c0 }; }",
];

const pairs = fc
  .tuple(fc.integer({ min: 0, max: 6 }), fc.boolean(), fc.constantFrom(types.int64, types.uint64, types.timestamp))
  .chain(([length, nullable, type]) => {
    const values = (one: DataType): fc.Arbitrary<Value[]> => {
      const some = nullable ? fc.option(arbitraryOf(one)) : arbitraryOf(one);
      return fc.array(some, { minLength: length, maxLength: length });
    };
    return fc.tuple(fc.constant(type), values(type), values(types.int64));
  })
  .map(([type, a, b]) => batchOf(schemaOf(type, types.int64), [a, b]));

const numRuns = Number(process.env.MILLRACE_PROPERTY_RUNS ?? 300) / 10;

describe("functions of odd forms give in a generated loop what they give in the interpreter", () => {
  it.each(odd)("%s", async (text) => {
    const fn = shipFunction(new Function(`return ${text}`)(), "f", "udf", {});
    await fc.assert(
      fc.asyncProperty(pairs, fc.constantFrom(types.float64, types.utf8), async (batch, returns) => {
        expect(await called(fn, returns, batch)).toEqual(await called(fn, returns, batch, true));
      }),
      { numRuns },
    );
  });

  const output: Schema = [{ name: "o", type: types.utf8, nullable: true }];
  const mapped = async (fn: FunctionRef, batch: Batch, interpreted: boolean) => {
    const rejects: number[] = [];
    const context = { interpreted, partition: 0, reject: (_: Batch, row: number) => rejects.push(row) };
    const out = await (await createMapOperator(fn, false, batch.schema, output, context)).push(batch);
    return { rejects, rows: out === null ? [] : batchToRows(out).map((row) => structuredClone(row)) };
  };

  it.each(oddRows)("%s", async (text) => {
    const fn = shipFunction(new Function(`return ${text}`)(), "f", "map", {});
    await fc.assert(
      fc.asyncProperty(pairs, async (batch) => {
        expect(await mapped(fn, batch, false)).toEqual(await mapped(fn, batch, true));
      }),
      { numRuns },
    );
  });

  it("also where a function has been captured under the name of Number", async () => {
    const captured = { Number: { kind: "function", ref: { ...telling, source: "(x) => typeof x" } } } as const;
    const fn: FunctionRef = { ...telling, source: "(row) => ({ o: Number(row.c0) })", captured };
    const batch = batchOf(schemaOf(types.int64), [[1n, null]]);
    const wanted = { rejects: [], rows: [{ o: "bigint" }, { o: "object" }] };
    expect(await mapped(fn, batch, false)).toEqual(wanted);
    expect(await mapped(fn, batch, true)).toEqual(wanted);
  });
});
