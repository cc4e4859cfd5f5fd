import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { codedColumn, codesOf, textColumn } from "../../../src/batch/coded.js";
import type { Batch, Column } from "../../../src/batch/column.js";
import { columnReader } from "../../../src/batch/reader.js";
import type { Bound } from "../../../src/expr/nodes.js";
import { compileRows } from "../../../src/kernels/expressions/compile.js";
import { factoryOf } from "../../../src/kernels/expressions/codeCache.js";
import { type Schema, types } from "../../../src/schema/types.js";
import type { RowOp } from "../../../src/task/protocol.js";

const total: Bound = { kind: "column", index: 0, name: "total", type: types.float64, nullable: true };
const region: Bound = { kind: "column", index: 0, name: "region", type: types.utf8, nullable: true };
const text = (value: string | null): Bound => ({ kind: "literal", value, type: types.utf8, nullable: value === null });
const number = (value: number): Bound => ({ kind: "literal", value, type: types.float64, nullable: false });
const call = (fn: string, args: readonly Bound[], type: Bound["type"] = types.bool): Bound => {
  return { kind: "call", fn, args, options: {}, type, nullable: true };
};
const below = (limit: number): Bound => call("lt", [total, number(limit)]);
const cases = (branches: readonly (readonly [Bound, Bound])[], otherwise: Bound | null): Bound => ({
  kind: "case",
  branches: branches.map(([when, then]) => ({ when, then })),
  otherwise,
  type: types.utf8,
  nullable: true,
});
const project = (...exprs: readonly Bound[]): RowOp => ({
  kind: "project",
  columns: exprs.map((expr, i) => ({ name: `c${i}`, expr })),
});
const schemaOf = (...exprs: readonly Bound[]): Schema =>
  exprs.map((expr, i) => ({ name: `c${i}`, type: expr.type, nullable: true }));

const batchOf = (schema: Schema, columns: readonly Column[], selection: Int32Array | null = null): Batch => ({
  schema,
  length: columns[0]?.length ?? 0,
  columns,
  selection,
  origin: null,
});
const totals = (values: readonly (number | null)[]): Batch => {
  const valid = values.includes(null) ? Uint8Array.from(values, (value) => (value === null ? 0 : 1)) : null;
  const column: Column = {
    layout: "fixed",
    type: types.float64,
    length: values.length,
    values: Float64Array.from(values, (value) => value ?? 0),
    valid,
  };
  return batchOf([{ name: "total", type: types.float64, nullable: true }], [column]);
};
const never = (): never => {
  throw new Error("nothing can fail here");
};

async function results(ops: readonly RowOp[], batch: Batch, output: Schema): Promise<unknown[][]> {
  const kernel = await compileRows(ops, batch.schema, output);
  const { batch: out } = kernel.run(batch, never);
  const rows = out.selection ?? Int32Array.from({ length: out.length }, (_, i) => i);
  return out.columns.map((column) => Array.from(rows, (row) => columnReader(column)(row)));
}

describe("a case between constant texts", () => {
  const size = cases(
    [
      [below(50), text("small")],
      [below(200), text("größer")],
    ],
    text("small"),
  );

  it("gives codes of the different ones", async () => {
    const kernel = await compileRows([project(size)], totals([1]).schema, schemaOf(size));
    const { batch } = kernel.run(totals([1, 60, 300, null]), never);
    const [column] = batch.columns as [Column];
    const coded = codesOf(column);
    expect([...(coded?.codes ?? [])]).toEqual([0, 1, 0, 0]);
    expect(coded?.texts.length).toBe(2);
    const again = kernel.run(totals([60]), never).batch.columns[0] as Column;
    expect(codesOf(again)?.texts).toBe(coded?.texts);
    expect(columnReader(again)(0)).toBe("größer");
  });

  it("is null where no branch is taken, or a branch says so", async () => {
    const open = cases(
      [
        [below(50), text("small")],
        [below(100), text(null)],
        [below(200), text("")],
      ],
      null,
    );
    expect(await results([project(open)], totals([1, 60, 150, 300, null]), schemaOf(open))).toEqual([
      ["small", null, "", null, null],
    ]);
    const none = cases([[below(50), text(null)]], null);
    expect(await results([project(none)], totals([1, 60]), schemaOf(none))).toEqual([[null, null]]);
  });

  it("is the first branch that holds, for any numbers and bounds, NaN above all of them", async () => {
    const values = fc.option(fc.oneof(fc.double(), fc.integer({ min: -3, max: 3 }), fc.constantFrom(Number.NaN, -0)));
    const branch = fc.record({
      order: fc.constantFrom("lt", "lte", "gt", "gte", "eq", "ne"),
      bound: fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constant(Number.NaN)),
      gives: fc.constantFrom("a", "b", "", null),
    });
    const branches = fc.array(branch, { minLength: 1, maxLength: 7 });
    const sizes = fc.array(values, { minLength: 1, maxLength: 20 });
    const otherwise = fc.constantFrom("a", "c", null);
    await fc.assert(
      fc.asyncProperty(branches, otherwise, sizes, async (all, last, rows) => {
        const parts = all.map(({ order, bound, gives }) => [call(order, [total, number(bound)]), text(gives)] as const);
        const expr = cases(parts, text(last));
        const holds = (order: string, value: number | null, bound: number): boolean => {
          if (value === null) return false;
          // SQL's order of doubles: NaN is equal to itself and above all others, the zeros are equal.
          const place = (x: number): number => (Number.isNaN(x) ? Number.POSITIVE_INFINITY : x === 0 ? 0 : Math.min(x, 1e308));
          const [x, y] = [place(value), place(bound)];
          return { lt: x < y, lte: x <= y, gt: x > y, gte: x >= y, eq: x === y, ne: x !== y }[order] === true;
        };
        const wanted = rows.map((value) => (all.find((one) => holds(one.order, value, one.bound)) ?? { gives: last }).gives);
        expect(await results([project(expr)], totals(rows), schemaOf(expr))).toEqual([wanted]);
      }),
      { numRuns: 300 },
    );
  });

  it("can be filtered, compared, joined to another and be part of a case", async () => {
    const c0: Bound = { kind: "column", index: 0, name: "c0", type: types.utf8, nullable: true };
    const longer = call("concat", [c0, text("!")], types.utf8);
    const inner = cases([[call("eq", [c0, text("small")]), text("s")]], c0);
    const ops: RowOp[] = [
      project(size),
      { kind: "filter", predicate: call("ne", [c0, text("x")]) },
      project(c0, call("eq", [c0, text("small")]), longer, call("length", [c0], types.int32), inner),
    ];
    const output = schemaOf(c0, call("eq", [c0]), longer, call("length", [c0], types.int32), inner);
    expect(await results(ops, totals([1, 60]), output)).toEqual([
      ["small", "größer"],
      [true, false],
      ["small!", "größer!"],
      [5, 6],
      ["s", "größer"],
    ]);
  });
});

describe("coded columns in a loop", () => {
  const schema: Schema = [{ name: "region", type: types.utf8, nullable: true }];
  const texts = textColumn(types.utf8, [Buffer.from("nord"), null, Buffer.from("süd")]);
  const exprs = [
    call("eq", [region, text("nord")]),
    call("isNull", [region]),
    call("upper", [region], types.utf8),
    call("length", [region], types.int32),
  ];
  for (const Codes of [Uint8Array, Uint16Array]) {
    it(`are read by their codes: ${Codes.name}`, async () => {
      const column = codedColumn({ codes: Codes.of(2, 0, 1, 0, 2), texts }, 5);
      const wanted = [
        [false, true, null, true, false],
        [false, false, true, false, false],
        ["SÜD", "NORD", null, "NORD", "SÜD"],
        [3, 4, null, 4, 3],
      ];
      expect(await results([project(...exprs)], batchOf(schema, [column]), schemaOf(...exprs))).toEqual(wanted);
      const some = batchOf(schema, [column], Int32Array.of(1, 2, 4));
      expect(await results([project(...exprs)], some, schemaOf(...exprs))).toEqual(
        wanted.map((values) => [values[1], values[2], values[4]]),
      );
    });
  }

  it("answer tests of each text as plain ones do, rows that are null for another reason among them", async () => {
    const like = (pattern: string) => call("like", [region, text(pattern)]);
    const other: Bound = { kind: "column", index: 1, name: "other", type: types.utf8, nullable: true };
    const tests = [
      call("eq", [region, text("nord")]),
      call("ne", [region, text("nord")]),
      call("in", [region, text("süd"), text("ost")]),
      like("%d"),
      call("regexpMatches", [region, text("^s.d$")]),
      call("eq", [call("upper", [region], types.utf8), text("SÜD")]),
      // Null where the two are equal, though the text of the row has an answer.
      call("eq", [call("nullIf", [region, other], types.utf8), text("nord")]),
    ];
    const both: Schema = [...schema, { name: "other", type: types.utf8, nullable: true }];
    const words = ["nord", null, "süd", "ost", ""];
    const bytes = words.map((word) => (word === null ? null : Buffer.from(word)));
    const few = textColumn(types.utf8, bytes);
    const row = fc.record({ code: fc.nat(4), other: fc.nat(4) });
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 30 }), async (rows) => {
        const plain = (place: "code" | "other") =>
          textColumn(
            types.utf8,
            rows.map((one) => bytes[one[place]] ?? null),
          );
        const coded = codedColumn({ codes: Uint8Array.from(rows, ({ code }) => code), texts: few }, rows.length);
        const [a, b] = [coded, plain("code")].map((column) => batchOf(both, [column, plain("other")]));
        const wanted = rows.map(({ code, other: beside }) => {
          const word = words[code];
          return word === null || words[beside] === word ? null : word === "nord";
        });
        const found = await results([project(...tests)], a as Batch, schemaOf(...tests));
        expect(found).toEqual(await results([project(...tests)], b as Batch, schemaOf(...tests)));
        expect(found[6]).toEqual(wanted);
      }),
      { numRuns: 200 },
    );
  });

  it("take turns with plain ones", async () => {
    const kernel = await compileRows([project(...exprs)], schema, schemaOf(...exprs));
    const read = (column: Column) => {
      const out = kernel.run(batchOf(schema, [column]), never).batch.columns[2] as Column;
      return Array.from({ length: column.length }, (_, row) => columnReader(out)(row));
    };
    expect(read(codedColumn({ codes: Uint8Array.of(0, 1), texts }, 2))).toEqual(["NORD", null]);
    expect(read(texts)).toEqual(["NORD", null, "SÜD"]);
    expect(read(codedColumn({ codes: Uint8Array.of(2, 2), texts }, 2))).toEqual(["SÜD", "SÜD"]);
  });
});

describe("code that is kept", () => {
  it("is one function for one text, with state of its own for each call", () => {
    const body = "let n = start; return () => n++;";
    const make = factoryOf(["start"], body);
    expect(factoryOf(["start"], body)).toBe(make);
    expect(factoryOf(["begin"], body.replace("start", "begin"))).not.toBe(make);
    const [one, other] = [make(1), make(1)] as [() => number, () => number];
    expect([one(), one(), other()]).toEqual([1, 2, 1]);
  });
});
