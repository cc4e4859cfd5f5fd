import { describe, expect, it } from "vitest";
import { MillraceError } from "../../../src/common/errors.js";
import type { Expr } from "../../../src/expr/nodes.js";
import { boundText } from "../../../src/expr/text.js";
import { bindAggregate, bindExpr, coerce, isFallible } from "../../../src/functions/bind.js";
import { types, type Schema } from "../../../src/schema/types.js";

const schema: Schema = [
  { name: "quantity", type: types.int32, nullable: false },
  { name: "small", type: types.int8, nullable: true },
  { name: "price", type: types.decimal(10, 2), nullable: true },
  { name: "name", type: types.utf8, nullable: true },
  { name: "day", type: types.date, nullable: true },
];
const col = (name: string): Expr => ({ kind: "column", name });
const lit = (value: number | string | null): Expr => ({ kind: "literal", value });
const call = (fn: string, ...args: Expr[]): Expr => ({ kind: "call", fn, args });
const bind = (expr: Expr) => bindExpr(expr, schema, "filter");

function failure(expr: Expr): { code: string; message: string } {
  try {
    bind(expr);
  } catch (error) {
    if (error instanceof MillraceError) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error("it was bound");
}

describe("bindExpr", () => {
  it("names what is wrong", () => {
    expect(failure(col("quantitty"))).toMatchObject({ code: "UNKNOWN_COLUMN", message: expect.stringContaining('"quantity"') });
    expect(failure(call("uper", col("name")))).toMatchObject({
      code: "UNKNOWN_FUNCTION",
      message: expect.stringContaining('"upper"'),
    });
    expect(failure(call("mul", col("name"), lit(2)))).toEqual({
      code: "TYPE_MISMATCH",
      message: "filter: mul expects a number, found utf8 as argument 1",
    });
    expect(failure(call("eq", col("name"), lit(2))).message).toBe(
      "filter: eq expects arguments of one type, found utf8 and int32",
    );
    expect(failure(call("gte", col("day"), lit("2024-13-01")))).toMatchObject({ code: "INVALID_LITERAL" });
    expect(failure(call("regexpMatches", col("name"), lit("a(?=b)")))).toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining("lookaround is not supported at character 2"),
    });
    expect(failure(call("regexpMatches", col("name"), col("name"))).message).toContain("expects a literal as argument 2");
    expect(failure({ kind: "aggregate", fn: "sum", args: [col("quantity")] })).toMatchObject({ code: "AGGREGATE_NOT_ALLOWED" });
    expect(failure({ kind: "call", fn: "truncate", args: [col("day")], options: { unit: "months" } }).message).toContain(
      '"month"',
    );
  });

  it("fits literals to what they stand beside", () => {
    expect(boundText(bind(call("gt", col("small"), lit(0))))).toBe("small > 0");
    expect(bind(call("add", col("small"), lit(1))).type).toEqual(types.int8);
    expect(bind(call("add", col("small"), lit(1000))).type).toEqual(types.int32);
    expect(bind(call("mul", col("price"), lit(0.9))).type).toEqual(types.decimal(11, 3));
    expect(boundText(bind(call("gte", col("day"), lit("2024-01-01"))))).toBe("day >= date '2024-01-01'");
    expect(boundText(bind(call("lt", col("day"), lit("2024-01-01 10:00"))))).toBe(
      "cast(day as timestamp) < timestamp '2024-01-01 10:00:00'",
    );
  });

  it("knows which expressions can be null and which can fail", () => {
    expect(bind(call("add", col("quantity"), lit(1))).nullable).toBe(false);
    expect(bind(call("div", col("quantity"), col("quantity"))).nullable).toBe(true);
    expect(bind(call("coalesce", col("small"), lit(0))).nullable).toBe(false);
    expect(bind(call("isNull", col("small"))).nullable).toBe(false);
    expect(isFallible(bind(call("add", col("quantity"), lit(1))))).toBe(true);
    expect(isFallible(bind(call("add", col("quantity"), lit(1.5))))).toBe(false);
    expect(isFallible(bind({ kind: "cast", input: col("name"), to: types.int32, safe: false }))).toBe(true);
    expect(isFallible(bind({ kind: "cast", input: col("name"), to: types.int32, safe: true }))).toBe(false);
  });

  it("coerces by widening only", () => {
    expect(boundText(coerce(bind(col("small")), types.int64, "union"))).toBe("cast(small as int64)");
    expect(() => coerce(bind(col("quantity")), types.int8, "union")).toThrow(/union: expects int8, found int32/);
  });
});

describe("bindAggregate", () => {
  const aggregate = (fn: string, ...args: Expr[]) => bindAggregate({ kind: "aggregate", fn, args }, schema, "agg");

  it("gives result types", () => {
    expect(aggregate("sum", col("quantity")).type).toEqual(types.int64);
    expect(aggregate("sum", col("price")).type).toEqual(types.decimal(38, 2));
    expect(aggregate("avg", col("small")).type).toEqual(types.float64);
    expect(aggregate("count")).toMatchObject({ type: types.int64, nullable: false, args: [] });
    expect(() => aggregate("sum", col("name"))).toThrow("agg: sum expects a number, found utf8 as argument 1");
    expect(() => aggregate("summ", col("name"))).toThrow(/Did you mean "sum"/);
  });
});
