import { describe, expect, it } from "vitest";
import type { Bound, Expr } from "../../../src/expr/nodes.js";
import { boundText, exprText } from "../../../src/expr/text.js";
import { boundChildren, columnsUsed, exprChildren, mapBound, remapColumns, usesUserFunction } from "../../../src/expr/walk.js";
import { types } from "../../../src/schema/types.js";

const col = (name: string): Expr => ({ kind: "column", name });
const lit = (value: number | string | null): Expr => ({ kind: "literal", value });
const call = (fn: string, ...args: Expr[]): Expr => ({ kind: "call", fn, args });
const c = (index: number): Bound => ({ kind: "column", index, name: `c${index}`, type: types.int32, nullable: true });
const add = (...args: Bound[]): Bound => ({ kind: "call", fn: "add", args, options: {}, type: types.int32, nullable: true });
const udf: Bound = {
  kind: "udf",
  fn: { kind: "source", name: "discount", source: "(x) => x", captured: {}, hash: "" },
  args: [c(3)],
  type: types.int32,
  nullable: true,
};
const tree: Bound = {
  kind: "case",
  // biome-ignore lint/suspicious/noThenProperty: a case branch is plain data
  branches: [{ when: c(0), then: add(c(1), c(1)) }],
  otherwise: { kind: "cast", input: udf, safe: false, type: types.int32, nullable: true },
  type: types.int32,
  nullable: true,
};

describe("text", () => {
  it.each<[Expr, string]>([
    [
      call("and", call("gt", col("quantity"), lit(0)), call("isNotNull", col("store_id"))),
      "quantity > 0 and store_id is not null",
    ],
    [call("mul", call("add", col("a"), col("b")), lit(-2)), "(a + b) * -2"],
    [call("sub", col("a"), call("sub", col("b"), col("c"))), "a - (b - c)"],
    [call("sub", call("sub", col("a"), col("b")), col("c")), "a - b - c"],
    [call("or", col("a"), call("and", col("b"), call("not", call("eq", col("c"), lit("it's"))))), "a or b and not c = 'it''s'"],
    [call("and", call("or", col("a"), col("b")), col("c")), "(a or b) and c"],
    [call("in", col("a"), lit(1), lit(null)), "a in (1, null)"],
    [call("eq", call("eq", col("a"), col("b")), col("c")), "(a = b) = c"],
    [{ kind: "call", fn: "truncate", args: [col("my day")], options: { unit: "month" } }, 'truncate("my day", unit: "month")'],
    [{ kind: "cast", input: col("a"), to: types.decimal(10, 2), safe: true }, "tryCast(a as decimal(10,2))"],
    [{ kind: "aggregate", fn: "sum", args: [col("a")] }, "sum(a)"],
  ])("%o", (expr, expected) => expect(exprText(expr)).toBe(expected));

  it("shows bound expressions", () => {
    expect(boundText(tree)).toBe("case when c0 then c1 + c1 else cast(discount(c3) as int32) end");
  });
});

describe("walk", () => {
  it("finds columns and user functions", () => {
    expect([...columnsUsed(tree)]).toEqual([0, 1, 3]);
    expect(usesUserFunction(tree)).toBe(true);
    expect(usesUserFunction(add(c(0)))).toBe(false);
    expect(boundChildren(tree)).toHaveLength(3);
    expect(exprChildren(call("add", col("a"), col("b")))).toHaveLength(2);
  });

  it("rewrites bottom-up, and keeps what did not change", () => {
    expect([...columnsUsed(remapColumns(tree, (i) => i * 10))]).toEqual([0, 10, 30]);
    expect(mapBound(tree, (node) => node)).toBe(tree);
  });
});
