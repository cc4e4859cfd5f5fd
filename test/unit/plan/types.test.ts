import { expect, test } from "vitest";
import type { AggregateExpr, Expr } from "../../../src/expr/nodes.js";
import { bindAggregate, bindExpr } from "../../../src/functions/bind.js";
import * as aggregates from "../../../src/plan/aggregates.js";
import { columnsRow } from "../../../src/plan/columnExpr.js";
import type { Expression } from "../../../src/plan/columns.js";
import { coalesce, concat, greatest, lit, when } from "../../../src/plan/expressions.js";
import { parseType, type Schema, typeName } from "../../../src/schema/types.js";

const columns = {
  i8: "int8",
  i: "int32",
  big: "int64",
  u: "uint32",
  f: "float64",
  f4: "float32",
  m: "decimal(10,2)",
  s: "utf8",
  b: "bool",
  d: "date",
  t: "timestamp",
  x: "binary",
} as const;
const schema: Schema = Object.entries(columns).map(([name, type]) => ({ name, type: parseType(type), nullable: true }));
const c = columnsRow<typeof columns>();

/** The compiler checks that the builder promises this type, the test that the binder decides so. `numeric` promises any number. */
function promised<T extends string>(name: NoInfer<T>, value: Expression<T> | aggregates.Aggregate<T>): void {
  const expr = value.expr as Expr;
  const found =
    expr.kind === "aggregate" ? bindAggregate(expr as AggregateExpr, schema, "test").type : bindExpr(expr, schema, "test").type;
  if (name === "numeric") expect(typeName(found)).toMatch(/^(u?int\d+|float\d+|decimal\(.*\))$/);
  else expect(typeName(found)).toBe(name);
}

test.each<readonly [string, () => void]>([
  ["arithmetic int32", () => promised("int32", c.i.add(c.i).sub(c.i).mul(c.i))],
  ["arithmetic int8", () => promised("int8", c.i8.add(c.i8))],
  ["arithmetic int64", () => promised("int64", c.big.mul(c.big))],
  ["arithmetic float32", () => promised("float32", c.f4.mul(c.f4))],
  ["arithmetic mixed", () => promised("float64", c.i.mul(c.f))],
  ["arithmetic with a fraction", () => promised("numeric", c.i.mul(0.9))],
  ["arithmetic of floats with a number", () => promised("float64", c.f.mul(2))],
  ["arithmetic decimals", () => promised("numeric", c.m.mul(c.m))],
  ["decimals with floats", () => promised("float64", c.m.mul(c.f))],
  ["bigint", () => promised("int64", c.big.add(1n))],
  ["div int32", () => promised("int32", c.i.div(c.i))],
  ["divide", () => promised("float64", c.i.divide(c.i))],
  ["mod", () => promised("int32", c.i.mod(c.i))],
  ["neg", () => promised("int32", c.i.neg())],
  ["neg decimal", () => promised("decimal(10,2)", c.m.neg())],
  ["abs", () => promised("int32", c.i.abs())],
  ["abs float", () => promised("float64", c.f.abs())],
  ["round float", () => promised("float64", c.f.round(2))],
  ["round int", () => promised("int32", c.i.round())],
  ["round decimal", () => promised("numeric", c.m.round(1))],
  ["floor", () => promised("float64", c.f.floor())],
  ["floor int", () => promised("int32", c.i.floor())],
  ["ceil decimal", () => promised("numeric", c.m.ceil())],
  ["sqrt", () => promised("float64", c.i.sqrt())],
  ["power", () => promised("float64", c.i.pow(2))],
  ["ln", () => promised("float64", c.i.ln())],
  ["sign", () => promised("numeric", c.f.sign())],
  ["comparison", () => promised("bool", c.i.gt(1))],
  ["in", () => promised("bool", c.s.in(["a"]))],
  ["between", () => promised("bool", c.t.between("2026-01-01", c.d))],
  ["isNaN", () => promised("bool", c.f.isNaN())],
  ["fillNull", () => promised("utf8", c.s.fillNull("x"))],
  ["nullIf", () => promised("int32", c.i.nullIf(0))],
  ["lower", () => promised("utf8", c.s.lower())],
  ["length", () => promised("int32", c.s.length())],
  ["substring", () => promised("utf8", c.s.substring(1, 2))],
  ["splitPart", () => promised("utf8", c.s.splitPart("-", 1))],
  ["contains", () => promised("bool", c.s.contains("a"))],
  ["regexpExtract", () => promised("utf8", c.s.regexpExtract("a(b)", 1))],
  ["regexpReplace", () => promised("utf8", c.s.regexpReplace("a", "b", "g"))],
  ["lpad", () => promised("utf8", c.s.lpad(3, "0"))],
  ["lpad without fill", () => promised("utf8", c.s.lpad(3))],
  ["md5", () => promised("utf8", c.s.md5())],
  ["sha256", () => promised("utf8", c.x.sha256())],
  ["parseDate", () => promised("date", c.s.parseDate("%Y-%m-%d"))],
  ["parseTimestamp", () => promised("timestamp", c.s.toTimestamp("%Y-%m-%d"))],
  ["toDate of text", () => promised("date", c.s.toDate())],
  ["toTimestamp of text", () => promised("timestamp", c.s.toTimestamp())],
  ["year", () => promised("int32", c.d.year())],
  ["hour", () => promised("int32", c.t.hour())],
  ["dayOfWeek", () => promised("int32", c.d.dayOfWeek())],
  ["truncate timestamp", () => promised("timestamp", c.t.truncate("month"))],
  ["truncate date", () => promised("date", c.d.truncate("month"))],
  ["add timestamp", () => promised("timestamp", c.t.add(1, "hour"))],
  ["add date", () => promised("date", c.d.add(1, "month"))],
  ["add hours to a date", () => promised("timestamp", c.d.add(1, "hour"))],
  ["dateDiff", () => promised("int64", c.d.dateDiff(c.t, "day"))],
  ["toDate", () => promised("date", c.t.toDate())],
  ["toTimestamp", () => promised("timestamp", c.d.toTimestamp())],
  ["format", () => promised("utf8", c.t.format("%Y"))],
  ["epochMs", () => promised("int64", c.t.epochMs())],
  ["and", () => promised("bool", c.b.and(c.i.gt(1), true).or(c.b).not())],
  ["cast", () => promised("decimal(5,1)", c.f.cast("decimal(5,1)"))],
  ["cast to a synonym", () => promised("float64", c.s.tryCast("double"))],
  ["coalesce", () => promised("utf8", coalesce(c.s, null, "x"))],
  ["greatest", () => promised("numeric", greatest(c.i, c.f))],
  ["concat", () => promised("utf8", concat(c.s, "x"))],
  ["case", () => promised("utf8", when(c.b, "a").when(c.b).then(c.s).otherwise(null))],
  ["lit", () => promised("timestamp", lit(new Date()))],
  ["lit date", () => promised("date", lit("2026-01-01", "date"))],
  ["sum int", () => promised("int64", aggregates.sum(c.i))],
  ["sum float", () => promised("float64", aggregates.sum(c.f4))],
  ["sum decimal", () => promised("numeric", aggregates.sum(c.m))],
  ["count", () => promised("int64", aggregates.count())],
  ["countDistinct", () => promised("int64", aggregates.countDistinct(c.s))],
  ["avg", () => promised("float64", aggregates.avg(c.i))],
  ["min", () => promised("timestamp", aggregates.min(c.t))],
  ["max", () => promised("utf8", aggregates.max(c.s))],
  ["first", () => promised("binary", aggregates.first(c.x))],
  ["stddev", () => promised("float64", aggregates.stddev(c.i))],
  ["median", () => promised("float64", aggregates.median(c.i))],
  ["quantile", () => promised("float64", aggregates.quantile(c.f, 0.5))],
  ["argMax", () => promised("utf8", aggregates.argMax(c.s, c.t))],
  ["boolAnd", () => promised("bool", aggregates.boolAnd(c.b))],
  ["list", () => promised("list(decimal(10,2))", aggregates.list(c.m))],
  ["stringJoin", () => promised("utf8", aggregates.stringJoin(c.s))],
])("the binder keeps what the builder promises: %s", (_name, check) => check());
