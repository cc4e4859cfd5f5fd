import { describe, expect, it } from "vitest";
import { builderFor } from "../../../src/batch/builder.js";
import { type Batch, rowCount } from "../../../src/batch/column.js";
import type { Bound, FunctionRef } from "../../../src/expr/nodes.js";
import type { RowFailureData } from "../../../src/kernels/expressions/compileFailure.js";
import { batchToRows } from "../../../src/kernels/rows.js";
import { createOperator, type OperatorStep } from "../../../src/operators/createOperator.js";
import type { Operator } from "../../../src/operators/operator.js";
import { type Schema, types, type Value } from "../../../src/schema/types.js";

const schema: Schema = [
  { name: "n", type: types.int32, nullable: true },
  { name: "s", type: types.utf8, nullable: true },
  { name: "d", type: types.date, nullable: true },
];

const sample = (selection: readonly number[] | null = null): Batch => {
  const values: readonly (readonly Value[])[] = [
    [1, 2, null, 4],
    ["a", null, "c", "d"],
    [0, 1, 2, null],
  ];
  const columns = schema.map((field, i) => {
    const builder = builderFor(field.type);
    for (const value of values[i] ?? []) builder.append(value);
    return builder.finish();
  });
  const origin = { place: (row: number) => ({ file: "f", line: 100 + row, byte: null, length: null }), raw: () => null };
  return { schema, length: 4, columns, selection: selection === null ? null : Int32Array.from(selection), origin };
};

const source = (text: string, captured: Extract<FunctionRef, { kind: "source" }>["captured"] = {}): FunctionRef => {
  return { kind: "source", name: "fn", source: text, captured, hash: text };
};

interface Ran {
  readonly rows: readonly { readonly [name: string]: unknown }[];
  readonly lines: readonly (number | null | undefined)[];
  readonly rejects: readonly (RowFailureData & { readonly row: number })[];
  readonly operator: Operator;
}

async function run(step: OperatorStep, batches: readonly Batch[]): Promise<Ran> {
  const rejects: (RowFailureData & { readonly row: number })[] = [];
  const operator = await createOperator(step, schema, {
    interpreted: false,
    partition: 0,
    reject: (_, row, failure) => rejects.push({ row, ...failure }),
  });
  const outputs: Batch[] = [];
  for (const batch of batches) {
    const out = await operator.push(batch);
    if (out !== null) outputs.push(out);
  }
  const last = await operator.flush();
  if (last !== null) outputs.push(last);
  const lines = outputs.flatMap((batch) => {
    const rows = batch.selection === null ? [...Array(batch.length).keys()] : [...batch.selection];
    return rows.map((row) => batch.origin?.place(row).line);
  });
  expect(operator.counts.rowsOut).toBe(outputs.reduce((sum, batch) => sum + rowCount(batch), 0));
  return { rows: outputs.flatMap(batchToRows), lines, rejects, operator };
}

const numberOut: Schema = [{ name: "x", type: types.int32, nullable: true }];
const step = (op: "map" | "flatMap" | "mapBatches", text: string, output: Schema = numberOut): OperatorStep => {
  return { op, input: -1, name: op, fn: source(text), schema: output };
};
const column = (index: number): Bound => {
  const field = schema[index] as Schema[number];
  return { kind: "column", index, name: field.name, type: field.type, nullable: true };
};

describe("rows", () => {
  it("filters, computes and rejects, with nothing lost", async () => {
    const positive: Bound = {
      kind: "call",
      fn: "gt",
      args: [column(0), { kind: "literal", value: 1, type: types.int32, nullable: false }],
      options: {},
      type: types.bool,
      nullable: true,
    };
    const fn = source("(n) => { if (n === 4) throw new TypeError('four'); return n * RATE; }", {
      RATE: { kind: "json", value: 10 },
    });
    const udf: Bound = { kind: "udf", fn, args: [column(0)], type: types.int32, nullable: true };
    const ops = [
      { kind: "filter", predicate: positive } as const,
      { kind: "project", columns: [{ name: "x", expr: udf }] } as const,
    ];
    const ran = await run({ op: "rows", input: -1, name: "r", ops, schema: numberOut }, [sample()]);
    expect(ran.rows).toEqual([{ x: 20 }]);
    expect(ran.lines).toEqual([101]);
    expect(ran.rejects).toEqual([
      { row: 3, code: "UDF_THREW", message: "function fn threw TypeError: four", column: "x", functionName: "fn" },
    ]);
    expect(ran.operator.counts).toEqual({ rowsIn: 4, rowsOut: 1, filtered: 2, rejected: 1 });
  });
});

describe("map", () => {
  it("sees rows that can be read, spread and listed", async () => {
    const output: Schema = [...schema, { name: "keys", type: types.utf8, nullable: false }];
    const { rows } = await run(step("map", "(row) => ({ ...row, keys: Object.keys(row).join() })", output), [sample([0, 1])]);
    expect(rows).toEqual([
      { n: 1, s: "a", d: new Date(0), keys: "n,s,d" },
      { n: 2, s: null, d: new Date(86_400_000), keys: "n,s,d" },
    ]);
  });

  it("rejects just the rows that throw or give something else, and keeps places", async () => {
    const text =
      "(row) => { if (row.n === 1) throw new Error('one'); if (row.n === 2) return { x: 'two' }; if (row.n === 4) return 4; return { x: 3 }; }";
    const ran = await run(step("map", text), [sample()]);
    expect(ran.rows).toEqual([{ x: 3 }]);
    expect(ran.lines).toEqual([102]);
    expect(ran.rejects.map(({ row, code, column: at }) => [row, code, at])).toEqual([
      [0, "UDF_THREW", null],
      [1, "UDF_WRONG_TYPE", "x"],
      [3, "NOT_A_ROW", null],
    ]);
    expect(ran.operator.counts).toEqual({ rowsIn: 4, rowsOut: 1, filtered: 0, rejected: 3 });
  });

  it("refuses promises with a hint", async () => {
    await expect(run(step("map", "async (row) => ({ x: row.n })"), [sample()])).rejects.toMatchObject({ code: "FUNCTION_ASYNC" });
  });

  it("says why a function cannot be compiled", async () => {
    await expect(run(step("map", "row =>"), [sample()])).rejects.toMatchObject({ code: "FUNCTION_SOURCE" });
  });
});

describe("flatMap", () => {
  it("gives any number of rows for each, all or none of them", async () => {
    const text =
      "function* (row) { yield { x: row.n }; if (row.n === 2) throw new Error('late'); if (row.n === 4) yield { x: 5 }; }";
    const ran = await run(step("flatMap", text), [sample([0, 1, 3])]);
    expect(ran.rows).toEqual([{ x: 1 }, { x: 4 }, { x: 5 }]);
    expect(ran.lines).toEqual([100, 103, 103]);
    expect(ran.rejects.map(({ row, code }) => [row, code])).toEqual([[1, "UDF_THREW"]]);
  });

  it("needs an iterable", async () => {
    const { rejects } = await run(step("flatMap", "(row) => 1"), [sample([0])]);
    expect(rejects.map(({ code }) => code)).toEqual(["NOT_ITERABLE"]);
  });
});

describe("mapBatches", () => {
  it("maps whole batches, waiting for promises", async () => {
    const text = "async ({ length, columns }) => ({ length, columns: { x: columns.n.map((n) => n * 2) } })";
    const ran = await run(step("mapBatches", text), [sample([0, 3])]);
    expect(ran.rows).toEqual([{ x: 2 }, { x: 8 }]);
    expect(ran.lines).toEqual([100, 103]);
  });

  it("rejects a bad row alone where rows stand for rows, and the batch where they do not", async () => {
    const one = await run(step("mapBatches", "({ columns }) => ({ columns: { x: [1, 'b', 3] } })"), [sample([0, 1, 3])]);
    expect(one.rows).toEqual([{ x: 1 }, { x: 3 }]);
    expect(one.rejects.map(({ row, code }) => [row, code])).toEqual([[1, "UDF_WRONG_TYPE"]]);
    const all = await run(step("mapBatches", "() => { throw new Error('no'); }"), [sample([0, 3])]);
    expect(all.rejects.map(({ row, code }) => [row, code])).toEqual([
      [0, "UDF_THREW"],
      [3, "UDF_THREW"],
    ]);
    expect(all.operator.counts).toEqual({ rowsIn: 2, rowsOut: 0, filtered: 0, rejected: 2 });
    const missing = await run(step("mapBatches", "() => ({ length: 1, columns: {} })"), [sample([0])]);
    expect(missing.rejects.map(({ code }) => code)).toEqual(["MISSING_COLUMN"]);
  });
});

describe("limit", () => {
  it("takes the first rows of the partition and says when it is done", async () => {
    const ran = await run({ op: "limit", input: -1, name: "l", count: 5, schema }, [sample(), sample([1, 3])]);
    expect(ran.rows.map((row) => row.n)).toEqual([1, 2, null, 4, 2]);
    expect(ran.operator.done).toBe(true);
    expect(ran.operator.counts).toEqual({ rowsIn: 6, rowsOut: 5, filtered: 1, rejected: 0 });
  });
});

describe("partialAggregate", () => {
  it("gives keys and states at the end", async () => {
    const output: Schema = [
      { name: "s", type: types.utf8, nullable: true },
      { name: "count", type: types.int64, nullable: false },
    ];
    const count = { name: "count", fn: "count", args: [], options: {}, type: types.int64, nullable: false };
    const aggregate: OperatorStep = {
      op: "partialAggregate",
      input: -1,
      name: "a",
      keys: [{ name: "s", expr: column(1) }],
      aggregates: [count],
      schema: output,
    };
    const { rows } = await run(aggregate, [sample(), sample([1, 3])]);
    expect(rows).toEqual([
      { s: "a", count: 1n },
      { s: null, count: 2n },
      { s: "c", count: 1n },
      { s: "d", count: 2n },
    ]);
  });
});
