import { describe, expect, it } from "vitest";
import { requireComparable } from "../../../src/plan/comparisons.js";
import type { BoundNode } from "../../../src/plan/bound.js";
import type { FunctionRef } from "../../../src/expr/nodes.js";
import { parseType, type Schema } from "../../../src/schema/types.js";

/** A bigint is never `===` a number, nor is the text of a decimal: such a function is a mistake. */
const schema: Schema = [
  { name: "q", type: parseType("int64"), nullable: true },
  { name: "n", type: parseType("int32"), nullable: true },
  { name: "p", type: parseType("decimal(10,2)"), nullable: true },
  { name: "t", type: parseType("timestamp"), nullable: true },
  { name: "s", type: parseType("utf8"), nullable: true },
];
const ref = (source: string): FunctionRef => ({ kind: "source", name: "f", source, captured: {}, hash: "" });
const input: BoundNode = { kind: "stageInput", stage: 0, schema };

/** The function over columns q, n, p, t and s, as an expression. */
function asExpression(source: string): void {
  const args = schema.map((field, index) => ({ kind: "column", index, ...field }) as const);
  const type = parseType("bool");
  const expr = { kind: "udf", fn: ref(source), args, type, nullable: true } as const;
  requireComparable({ kind: "project", input, columns: [{ name: "x", expr }], schema: [] });
}
const asMap = (source: string): void => requireComparable({ kind: "map", input, fn: ref(source), schema });

describe("comparisons that never hold", () => {
  it.each([
    ["(q) => q === 3", /=== 3 is never true for column "q", which is int64: .* bigint/],
    ["(q) => 3 === q", /column "q"/],
    ["(q) => q !== -1", /!== -1 is always true/],
    ["function (q) { switch (q) { case 1: return 'a'; default: return 'b'; } }", /case 1 is never true/],
    ["(q, n) => n === 3n", /column "n", which is int32: .* number/],
    ["(q, n, p) => p === 9.5", /decimal\(10,2\): .* text/],
    ["(q, n, p, t) => t === 0", /timestamp/],
  ])("%s of columns", (source, message) => {
    expect(() => asExpression(source)).toThrow(message);
  });

  it.each([
    ["(row) => ({ x: row.q === 3 })"],
    ['(row) => ({ x: row["q"] === 3 })'],
    ["({ q, n }) => ({ x: n === 3 && q === 3 })"],
    ["({ q: quantity }) => ({ x: quantity === 3 })"],
  ])("%s of rows", (source) => {
    expect(() => asMap(source)).toThrow(/column "q", which is int64/);
  });

  it("says what to write instead", () => {
    expect(() => asExpression("(q) => q === 3")).toThrow(
      expect.objectContaining({ hint: expect.stringMatching(/3n.*c\.q\.cast\("int32"\)/) }),
    );
  });
});

describe("functions that are left alone", () => {
  it.each([
    "(q) => q === 3n",
    "(q, n) => n === 3",
    "(q) => q > 3 && q == 3",
    "(q) => Number(q) === 3",
    "(q) => typeof q === 'bigint' ? Number(q) === 3 : q === 3",
    "(q) => { q = Number(q); return q === 3; }",
    "(q) => q === 3 || q === 3n",
    "(q) => [1, 2].some((q) => q === 2)",
    "(q, n, p, t, s) => s === '3'",
    "(q) => q === null || q === undefined",
    "(q) => { const x = Number(q); return x === 3; }",
  ])("%s of columns", (source) => {
    expect(() => asExpression(source)).not.toThrow();
  });

  it.each([
    "(row) => ({ x: row.q === 3n, y: row.n === 3 })",
    "(row) => { row = { q: 3 }; return { x: row.q === 3 }; }",
    "(row) => ({ x: typeof row.q === 'number' && row.q === 3 })",
    "(row) => { const { q } = { q: 3 }; return { x: q === 3 }; }",
    "(row) => ({ x: other.q === 3 })",
    "({ n }) => ({ x: n === 3 })",
  ])("%s of rows", (source) => {
    expect(() => asMap(source)).not.toThrow();
  });
});
