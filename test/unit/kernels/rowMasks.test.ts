import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import type { Batch, Column } from "../../../src/batch/column.js";
import type { Bound } from "../../../src/expr/nodes.js";
import { bindExpr } from "../../../src/functions/bind.js";
import type { Expr, LiteralValue } from "../../../src/expr/nodes.js";
import { maskOf } from "../../../src/kernels/expressions/maskProgram.js";
import { RowMasks } from "../../../src/kernels/expressions/rowMasks.js";
import { giveReaderKernels, takeReaderKernels } from "../../../src/kernels/taskKernels.js";
import { type DataType, type Schema, types } from "../../../src/schema/types.js";

/** Conditions by kernels over columns in kernel memory, against SQL's three-valued logic written out by hand. */
const kernels = takeReaderKernels();
afterAll(() => giveReaderKernels(kernels));

const schema: Schema = [
  { name: "i", type: types.int32, nullable: true },
  { name: "l", type: types.int64, nullable: true },
  { name: "f", type: types.float64, nullable: true },
  { name: "t", type: types.utf8, nullable: true },
];
interface Row {
  readonly i: number | null;
  readonly l: bigint | null;
  readonly f: number | null;
  readonly t: string | null;
}

const maybe = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: null, freq: 6 });
const texts = fc.oneof(
  fc.constantFrom("", "S1", "S12", "s1", " ", "S", "\u00e9", "S1\u00e9", "\u00a0", "T0000000001"),
  fc.string(),
);
const doubles = fc.oneof(fc.constantFrom(0, -0, 1.5, Number.NaN, Infinity, -Infinity, 5e-324), fc.double({ noNaN: false }));
const rowsOf = fc.array(
  fc.record<Row>({
    i: maybe(fc.oneof(fc.constantFrom(-(2 ** 31), 2 ** 31 - 1, 0, 1, 5), fc.integer({ min: -9, max: 9 }))),
    l: maybe(fc.oneof(fc.constantFrom(-(2n ** 63n), 2n ** 63n - 1n, 2n ** 53n + 1n), fc.bigInt({ min: -9n, max: 9n }))),
    f: maybe(doubles),
    t: maybe(texts),
  }),
  { minLength: 1, maxLength: 70 },
);

const owned: number[] = [];

/** Columns in the kernels' memory, each followed by room of its own. */
function batchOf(rows: readonly Row[], selection: Int32Array | null): Batch {
  const { memory } = kernels;
  for (const address of owned.splice(0)) memory.free(address);
  const encoded = rows.map(({ t }) => Buffer.from(t ?? "null"));
  const size = encoded.reduce((sum, { length }) => sum + length, 0);
  const at = [4, 8, 8, 4, 4, 1, 1, 1, 1].map((width) => memory.alloc(width * rows.length + 64));
  at.push(memory.alloc(size + 64));
  owned.push(...at);
  const [i = 0, l = 0, f = 0, starts = 0, ends = 0, vi = 0, vl = 0, vf = 0, vt = 0, bytes = 0] = at;
  let end = 0;
  for (const [row, value] of rows.entries()) {
    memory.i32()[(i >>> 2) + row] = value.i ?? 3;
    memory.i64()[(l >>> 3) + row] = value.l ?? 3n;
    memory.f64()[(f >>> 3) + row] = value.f ?? 3;
    memory.i32()[(starts >>> 2) + row] = value.t === null ? 2 ** 30 : end;
    memory.u8().set(encoded[row] ?? [], bytes + end);
    end += encoded[row]?.length ?? 0;
    memory.i32()[(ends >>> 2) + row] = value.t === null ? 2 ** 30 + 9 : end;
    for (const [address, cell] of [
      [vi, value.i],
      [vl, value.l],
      [vf, value.f],
      [vt, value.t],
    ] as const)
      memory.u8()[address + row] = cell === null ? 0 : 1;
  }
  const length = rows.length;
  const valid = (address: number, name: keyof Row) =>
    rows.some((row) => row[name] === null) ? memory.u8().subarray(address, address + length) : null;
  const columns: Column[] = [
    {
      layout: "fixed",
      type: types.int32,
      length,
      values: memory.i32().subarray(i >>> 2, (i >>> 2) + length),
      valid: valid(vi, "i"),
    },
    {
      layout: "fixed",
      type: types.int64,
      length,
      values: memory.i64().subarray(l >>> 3, (l >>> 3) + length),
      valid: valid(vl, "l"),
    },
    {
      layout: "fixed",
      type: types.float64,
      length,
      values: memory.f64().subarray(f >>> 3, (f >>> 3) + length),
      valid: valid(vf, "f"),
    },
    {
      layout: "bytes",
      type: types.utf8,
      length,
      bytes: memory.u8().subarray(bytes, bytes + Math.max(end, 1)),
      starts: memory.i32().subarray(starts >>> 2, (starts >>> 2) + length),
      ends: memory.i32().subarray(ends >>> 2, (ends >>> 2) + length),
      valid: valid(vt, "t"),
    },
  ];
  return { schema, length, columns, selection, origin: null };
}

const column = (name: string): Expr => ({ kind: "column", name });
const literal = (value: LiteralValue, type?: DataType): Expr => ({
  kind: "literal",
  value,
  ...(type === undefined ? {} : { type }),
});
const call = (fn: string, ...args: Expr[]): Expr => ({ kind: "call", fn, args });

type Outcome = boolean | null;
interface Case {
  readonly expr: Expr;
  readonly of: (row: Row) => Outcome;
}

/** NaN equals itself and is the greatest. */
function ordered(a: number | bigint | string, b: number | bigint | string): number {
  if (typeof a === "number" && Number.isNaN(a)) return typeof b === "number" && Number.isNaN(b) ? 0 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}
const orders: { readonly [fn: string]: (order: number) => boolean } = {
  eq: (order) => order === 0,
  ne: (order) => order !== 0,
  lt: (order) => order < 0,
  lte: (order) => order <= 0,
  gt: (order) => order > 0,
  gte: (order) => order >= 0,
};
const compared = (fn: string, a: number | bigint | string | null, b: number | bigint | string): Outcome =>
  a === null ? null : (orders[fn]?.(ordered(a, b)) ?? null);

const numberCases = fc.tuple(
  fc.constantFrom(...Object.keys(orders)),
  fc.constantFrom("i", "l", "f", "fi", "turned"),
  fc.integer({ min: -4, max: 6 }),
);
const leaves: fc.Arbitrary<Case> = fc.oneof(
  numberCases.map(([fn, what, to]): Case => {
    if (what === "i") return { expr: call(fn, column("i"), literal(to)), of: ({ i }) => compared(fn, i, to) };
    if (what === "l")
      return { expr: call(fn, column("l"), literal(String(to), types.int64)), of: ({ l }) => compared(fn, l, BigInt(to)) };
    if (what === "f")
      return { expr: call(fn, column("f"), literal(to / 2, types.float64)), of: ({ f }) => compared(fn, f, to / 2) };
    if (what === "turned")
      return { expr: call(fn, literal(to), column("i")), of: ({ i }) => (i === null ? null : compared(fn, to, i)) };
    const product = call("sub", call("mul", column("i"), column("f")), literal(0.5, types.float64));
    return {
      expr: call(fn, product, literal(to, types.float64)),
      of: ({ i, f }) => (i === null || f === null ? null : compared(fn, i * f - 0.5, to)),
    };
  }),
  fc
    .constantFrom("i" as const, "f" as const, "t" as const)
    .map((name): Case => ({ expr: call("isNull", column(name)), of: (row) => row[name] === null })),
  fc
    .constantFrom("l" as const, "t" as const)
    .map((name): Case => ({ expr: call("isNotNull", column(name)), of: (row) => row[name] !== null })),
  fc.constantFrom("^S[0-9]+$", "[^\\s\\x0B\\pZ]", "", "^$", "S1|s1", "\\d{2}").map(
    (pattern): Case => ({
      expr: call("regexpMatches", column("t"), literal(pattern)),
      of: ({ t }) =>
        t === null ? null : new RegExp(pattern.replace("\\pZ", "\\p{Z}").replace("\\s", "\\t\\n\\f\\r "), "u").test(t),
    }),
  ),
  fc.uniqueArray(texts, { minLength: 1, maxLength: 30 }).map(
    (list): Case => ({
      expr: call("in", column("t"), ...list.filter((text) => text.isWellFormed()).map((text) => literal(text)), literal("S1")),
      of: ({ t }) => (t === null ? null : t === "S1" || list.includes(t)),
    }),
  ),
  fc.uniqueArray(fc.integer({ min: -9, max: 9 }), { minLength: 1, maxLength: 5 }).map(
    (list): Case => ({
      expr: call("in", column("i"), ...list.map((value) => literal(value))),
      of: ({ i }) => (i === null ? null : list.includes(i)),
    }),
  ),
);
const conditions = fc.letrec<{ one: Case }>((tie) => ({
  one: fc.oneof(
    { maxDepth: 3 },
    leaves,
    tie("one").map(
      ({ expr, of }): Case => ({ expr: call("not", expr), of: (row) => ((found) => (found === null ? null : !found))(of(row)) }),
    ),
    fc.tuple(fc.boolean(), fc.array(tie("one"), { minLength: 2, maxLength: 3 })).map(
      ([all, parts]): Case => ({
        expr: call(all ? "and" : "or", ...parts.map(({ expr }) => expr)),
        of: (row) => {
          const found = parts.map((part) => part.of(row));
          if (found.includes(!all)) return !all;
          return found.includes(null) ? null : all;
        },
      }),
    ),
  ),
})).one;

const bind = (expr: Expr): Bound => bindExpr(expr, schema, "test");

describe("RowMasks", () => {
  it("finds the rows where a condition is false", () => {
    fc.assert(
      fc.property(conditions, rowsOf, fc.boolean(), ({ expr, of }, rows, selected) => {
        const node = maskOf(bind(expr), false);
        expect(node).not.toBeNull();
        const masks = new RowMasks([null, node]);
        const selection = selected ? Int32Array.from(rows.keys()).filter((row) => row % 3 !== 1) : null;
        const found = masks.find(1, batchOf(rows, selection));
        masks.free();
        const live = selection === null ? [...rows.keys()] : [...selection];
        expect([...(found ?? [-1])]).toEqual(live.filter((row) => of(rows[row] as Row) === false));
      }),
      { numRuns: Number(process.env.FC_RUNS ?? 400) },
    );
  });

  it("leaves conditions and columns alone that it has no kernel for", () => {
    expect(maskOf(bind(call("gt", call("length", column("t")), literal(3))), false)).toBeNull();
    expect(maskOf(bind(call("in", column("t"), literal("a"), literal(null))), false)).toBeNull();
    const masks = new RowMasks([maskOf(bind(call("gt", column("i"), literal(3))), false), null]);
    const elsewhere: Column = { layout: "fixed", type: types.int32, length: 2, values: Int32Array.of(1, 5), valid: null };
    const batch: Batch = { schema, length: 2, columns: [elsewhere], selection: null, origin: null };
    expect(masks.find(0, batch)).toBeNull();
    expect(masks.find(1, batch)).toBeNull();
    masks.free();
  });
});
