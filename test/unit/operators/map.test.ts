import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Batch } from "../../../src/batch/column.js";
import type { FunctionRef } from "../../../src/expr/nodes.js";
import { rowUse } from "../../../src/kernels/expressions/rowUse.js";
import { batchToRows } from "../../../src/kernels/rows.js";
import { createMapOperator } from "../../../src/operators/mapRows.js";
import { type Schema, types } from "../../../src/schema/types.js";
import { arbitraryOf, everyType } from "../batch/values.js";
import { batchOf } from "../kernels/expressions.js";

const source = (text: string): FunctionRef => ({ kind: "source", name: "f", source: text, captured: {}, hash: text });

interface Outcome {
  readonly rows: readonly { readonly [name: string]: unknown }[];
  readonly rejects: readonly { readonly row: number; readonly code: string; readonly column: string | null }[];
}

async function run(
  text: string,
  batches: readonly Batch[],
  output: Schema,
  interpreted: boolean,
  many = false,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  let rejects: Outcome["rejects"][number][] = [];
  const context = {
    interpreted,
    partition: 0,
    reject: (_batch: Batch, row: number, { code, column }: { readonly code: string; readonly column: string | null }) => {
      rejects.push({ row, code, column });
    },
  };
  const operator = await createMapOperator(source(text), many, batches[0]?.schema ?? [], output, context);
  for (const batch of batches) {
    rejects = [];
    const out = await operator.push(batch);
    const rows = out === null ? [] : batchToRows(out).map((row) => structuredClone(row));
    outcomes.push({ rows, rejects });
  }
  return outcomes;
}

const schema: Schema = everyType.map((type, i) => ({ name: `c${i}`, type, nullable: true }));
const [text, number] = ["utf8", "int32"].map((kind) => schema.find((field) => field.type.kind === kind)?.name ?? "");

const functions: readonly (readonly [source: string, output: Schema])[] = [
  ["(row) => ({ ...row })", schema],
  ["(row) => row", schema],
  [`(row) => ({ ...row, ${text}: row.${text} + "!" })`, schema],
  [`function (row) { const more = { ...row }; more.${number} = 3; return more; }`, schema],
  [`({ ${text}, ...rest }) => ({ ${text}: null, ...rest })`, schema],
  [`(row) => ({ out: row["${number}"] })`, [{ name: "out", type: types.int32, nullable: true }]],
  [`({ ${number}: n, ${text}: t }) => ({ ${number}: n, ${text}: t + "!" })`, schema],
  [`(row) => ({ out: row.${number} })`, [{ name: "out", type: types.int32, nullable: false }]],
  [`(row) => ({ out: row.${number} * 2 })`, [{ name: "out", type: types.int32, nullable: true }]],
  [`(row) => ({ out: row.${text} })`, [{ name: "out", type: types.float64, nullable: true }]],
  [`(row) => { if (row.${number} < 0) throw new Error("negative"); return row.${number} > 3 ? null : { ...row }; }`, schema],
];

const anyBatch = fc
  .tuple(fc.integer({ min: 0, max: 5 }), fc.boolean(), fc.boolean())
  .chain(([length, selected, nullable]) =>
    fc.tuple(
      fc.tuple(
        ...everyType.map((type) => {
          const one = nullable ? fc.option(arbitraryOf(type)) : arbitraryOf(type);
          return fc.array(one, { minLength: length, maxLength: length });
        }),
      ),
      selected ? fc.subarray([...Array(length).keys()]) : fc.constant(null),
    ),
  )
  .map(([values, selection]) => batchOf(schema, values, selection));

describe("a map in a generated loop", () => {
  it.each(functions)("%s gives what it gives row by row", async (fn, output) => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyBatch, { minLength: 1, maxLength: 3 }), async (batches) => {
        expect(await run(fn, batches, output, false)).toEqual(await run(fn, batches, output, true));
      }),
      { numRuns: Number(process.env.MILLRACE_PROPERTY_RUNS ?? 300) / 10 },
    );
  });
});

const wide: Schema = [
  { name: "n", type: types.int32, nullable: false },
  { name: "t", type: types.utf8, nullable: true },
  { name: "b", type: types.int64, nullable: true },
];

const manyFunctions: readonly (readonly [source: string, output: Schema])[] = [
  ["(row) => [row, { ...row }]", schema],
  [`(row) => row.${number} === null ? [] : [{ ...row }, { ...row, ${text}: "!" }, { ...row, ${number}: null }]`, schema],
  [
    `(row) => Array.from({ length: Math.abs(row.${number} ?? 0) % 3000 }, (_, n) => ({ n, t: n % 7 ? String(row.${text}) : null, b: BigInt(n) }))`,
    wide,
  ],
  [
    `function* (row) { yield { n: 1, t: row.${text} }; yield { n: row.${number} }; if (row.${number} % 2) throw new Error("odd"); }`,
    wide,
  ],
  [`(row) => new Set([{ n: 1 }, row.${number} > 0 ? { n: 2.5 } : { n: 3, b: 4n }])`, wide],
  [`(row) => row.${number} > 0 ? [{ n: 1 }, [2]] : row.${number} < 0 ? "rows" : [{ n: 1 }, , { n: 2 }]`, wide],
  [`(row) => row.${number} > 9 ? undefined : row.${number} < 0 ? 7 : [{ n: 1, t: row.${text}, b: null }, null]`, wide],
  ["(row) => []", wide],
];

describe("a flatMap in a generated loop", () => {
  it.each(manyFunctions)("%s gives what it gives row by row", async (fn, output) => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyBatch, { minLength: 1, maxLength: 3 }), async (batches) => {
        expect(await run(fn, batches, output, false, true)).toEqual(await run(fn, batches, output, true, true));
      }),
      { numRuns: Number(process.env.MILLRACE_PROPERTY_RUNS ?? 300) / 10 },
    );
  });
});

describe("how a function uses its row", () => {
  const columns = ["a", "b"];
  it.each([
    ["(r) => ({ x: r.a, y: r['b'] })", ["a", "b"]],
    ["(r) => { let n = 0; for (const c of r.a) n += c.length; return { n }; }", ["a"]],
    ["(r) => ({ r: 1, x: { r: 2 }.r + r?.a })", ["a"]],
  ])("%s reads %s", async (fn, read) => {
    const use = rowUse(fn, columns);
    expect(use).toEqual({ columns: new Set(read), numbers: new Set(), source: fn, parameters: [] });
  });

  it.each([
    ["({ a, c }) => ({ x: a + c })", ["a", "c"], []],
    ["({ a, 'c d': e }) => ({ x: Number(a), a: e })", ["a", "c d"], ["a"]],
    ["({}) => ({ x: 1 })", [], []],
    ["({ a, a: b }) => ({ x: Number(a) + Number(b) })", ["a"], ["a"]],
    ["({ a, a: b }) => ({ x: Number(a), b })", ["a"], []],
    ["({ a: Number, b }) => ({ x: Number(b) })", ["a", "b"], []],
    ["(r) => ({ x: Number(r.a) / Number(r['b']) })", ["a", "b"], ["a", "b"]],
    ["(r) => ({ x: Number(r.a) + Number(r.b), b: r.b })", ["a", "b"], ["a"]],
    ["({ a, b }) => ({ x: a === null ? null : Number(a), b: b === null })", ["a", "b"], ["a"]],
    ["(r) => ({ x: r.a == null ? null : Number(r.a), b: r.b === null ? r.b : Number(r.b) })", ["a", "b"], ["a"]],
    ["(r) => ({ x: Number(r?.a) + Number(r.b, 1) })", ["a", "b"], []],
    ["(r) => { const Number = String; return { x: Number(r.a) }; }", ["a"], []],
  ])("%s reads %s, and as numbers %s", async (fn, read, numbers) => {
    const use = rowUse(fn, columns);
    expect(use).toEqual({ columns: new Set(read), numbers: new Set(numbers), source: fn, parameters: [] });
  });

  it("writes a spread out", async () => {
    const use = rowUse("(r) => ({ x: 1, ...r, y: 2 })", columns);
    expect(use?.columns).toBe("all");
    expect(rowUse("(r) => ({ ...r, x: Number(r.a) })", columns)?.numbers).toEqual(new Set());
    expect(use?.parameters).toEqual(["column$0", "column$1"]);
    expect(use?.source).toBe("(r) => ({ x: 1, [column$0]: r[column$0], [column$1]: r[column$1], y: 2 })");
  });

  it.each([
    "(r) => r",
    "(r) => other(r)",
    "(r) => ({ ...other(r) })",
    "(r) => ({ x: r[name] })",
    "(r) => ({ x: [1].map((r) => r.a) })",
    "(r) => ({ x: (r.a = 1) })",
    "(r) => { delete r.a; return { ...r }; }",
    "(r) => ({ x: r.toString() })",
    "(r, i) => ({ x: r.a })",
    "({ a, ...rest }) => ({ ...rest })",
    "({ a = 1 }) => ({ a })",
    "({ a: { b } }) => ({ b })",
    "({ [a]: b }) => ({ b })",
    "({ a } = {}) => ({ a })",
    "([a]) => ({ a })",
    "function ({ a }) { return { x: a, y: arguments[0].b }; }",
    "function (r) { return { x: r.a, y: arguments[0].b }; }",
    "(r) => ({ r })",
    "(r) => { r.a++; return { ...r }; }",
    "(r) => { [r.a] = [1]; return { ...r }; }",
  ])("says nothing of %s", async (fn) => {
    expect(rowUse(fn, columns)).toBeNull();
  });
});
