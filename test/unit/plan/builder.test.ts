import { describe, expect, test } from "vitest";
import { MillraceError } from "../../../src/common/errors.js";
import { argMax, count, quantile, stringJoin, sum } from "../../../src/plan/aggregates.js";
import { plan } from "../../../src/plan/all.js";
import { and, asc, coalesce, col, concat, desc, greatest, lit, or, when } from "../../../src/plan/expressions.js";
import type { LogicalNode, Plan } from "../../../src/plan/nodes.js";
import { read } from "../../../src/plan/read.js";

const column = (name: string) => ({ kind: "column", name });
const literal = (value: unknown) => ({ kind: "literal", value });
const call = (fn: string, ...args: unknown[]) => ({ kind: "call", fn, args });
const sales = read.csv("sales.csv");

function failure(run: () => unknown): MillraceError {
  try {
    run();
  } catch (error) {
    if (error instanceof MillraceError) return error;
    throw error;
  }
  throw new Error("expected an error");
}

describe("columns", () => {
  const a = col("a");
  test.each([
    [a.add(1).mul(2.5), call("mul", call("add", column("a"), literal(1)), literal(2.5))],
    [a.add(1, "day"), { ...call("dateAdd", column("a"), literal(1)), options: { unit: "day" } }],
    [a.dateDiff("2026-01-01", "month"), { ...call("dateDiff", column("a"), literal("2026-01-01")), options: { unit: "month" } }],
    [a.truncate("week"), { ...call("truncate", column("a")), options: { unit: "week" } }],
    [a.format("%Y"), { ...call("formatDate", column("a")), options: { format: "%Y" } }],
    [a.toTimestamp("%Y"), { ...call("parseTimestamp", column("a")), options: { format: "%Y" } }],
    [a.toTimestamp(), call("toTimestamp", column("a"))],
    [a.isIn([1, null]), call("in", column("a"), literal(1), literal(null))],
    [a.in([]), literal(false)],
    [a.between(1, 2), call("between", column("a"), literal(1), literal(2))],
    [a.fillNull("x"), call("coalesce", column("a"), literal("x"))],
    [a.pow(2), call("power", column("a"), literal(2))],
    [a.round(), call("round", column("a"))],
    [a.round(2), call("round", column("a"), literal(2))],
    [a.substring(2), call("substring", column("a"), literal(2))],
    [
      a.regexpReplace("x", "y", "g"),
      { ...call("regexpReplace", column("a"), literal("x"), literal("y")), options: { flags: "g" } },
    ],
    [a.field("f"), { ...call("field", column("a")), options: { name: "f" } }],
    [
      a.cast("decimal(10, 2)"),
      { kind: "cast", input: column("a"), to: { kind: "decimal", precision: 10, scale: 2 }, safe: false },
    ],
    [a.tryCast("string"), { kind: "cast", input: column("a"), to: { kind: "utf8" }, safe: true }],
    [a.and(col("b"), true), call("and", column("a"), column("b"), literal(true))],
    [a.not(), call("not", column("a"))],
    [and(), literal(true)],
    [or(a, col("b")), call("or", column("a"), column("b"))],
    [concat("x", a), call("concat", literal("x"), column("a"))],
    [coalesce(a, null, 0), call("coalesce", column("a"), literal(null), literal(0))],
    [greatest(a, 1), call("greatest", column("a"), literal(1))],
  ])("%#", (made, expected) => {
    expect(made.expr).toEqual(expected);
  });

  test("when has two spellings", () => {
    const expected = {
      kind: "case",
      branches: [
        // biome-ignore lint/suspicious/noThenProperty: the name in the contract
        { when: column("a"), then: literal(1) },
        // biome-ignore lint/suspicious/noThenProperty: the name in the contract
        { when: column("b"), then: literal(2) },
      ],
      otherwise: literal(3),
    };
    expect(when(a).then(1).when(col("b")).then(2).otherwise(3).expr).toEqual(expected);
    expect(when(a, 1).when(col("b"), 2).otherwise(3).expr).toEqual(expected);
    expect(when(a, 1).when(col("b"), 2).end().expr).toEqual({ ...expected, otherwise: null });
  });

  test("plain values are literals that JSON can hold", () => {
    expect(lit(Number.NaN).expr).toEqual({ ...literal("NaN"), type: { kind: "float64" } });
    expect(lit(-Infinity).expr).toEqual({ ...literal("-Infinity"), type: { kind: "float64" } });
    expect(lit(-0).expr).toEqual({ ...literal("-0"), type: { kind: "float64" } });
    expect(lit(2 ** 60).expr).toEqual({ ...literal(2 ** 60), type: { kind: "float64" } });
    expect(lit(2n ** 63n - 1n).expr).toEqual({ ...literal("9223372036854775807"), type: { kind: "int64" } });
    expect(lit(2n ** 64n - 1n).expr).toEqual({ ...literal("18446744073709551615"), type: { kind: "uint64" } });
    expect(lit(-(2n ** 64n)).expr).toMatchObject({ value: "-18446744073709551616", type: { kind: "decimal", precision: 38 } });
    expect(lit(new Uint8Array([1, 2])).expr).toEqual({ ...literal("AQI="), type: { kind: "binary" } });
    const day = lit(new Date(Date.UTC(2026, 0, 2, 3))).expr as { readonly value: string };
    expect(Date.parse(`${day.value}Z`)).toBe(Date.UTC(2026, 0, 2, 3));
    for (const wrong of [undefined, {}, [1], () => 1, Symbol("x"), new Date(Number.NaN), 10n ** 38n]) {
      expect(failure(() => lit(wrong as never)).code).toBe("INVALID_LITERAL");
    }
  });

  test("aggregates carry their options, and stand in agg alone", () => {
    expect(sum(a).expr).toEqual({ kind: "aggregate", fn: "sum", args: [column("a")] });
    expect(count().expr).toEqual({ kind: "aggregate", fn: "count", args: [] });
    expect(quantile(a, 0.9).expr.options).toEqual({ q: 0.9 });
    expect(stringJoin(a, "; ").expr.options).toEqual({ separator: "; " });
    expect(argMax(a, "x").expr.args).toEqual([column("a"), literal("x")]);
    expect(failure(() => quantile(a, 90)).code).toBe("INVALID_ARGUMENT");
    expect(failure(() => sales.filter(() => sum(a) as never)).code).toBe("AGGREGATE_OUTSIDE_AGG");
    expect(failure(() => sales.agg(() => ({ x: a as never }))).code).toBe("NOT_AN_AGGREGATE");
    expect(failure(() => sales.agg({ n: count() } as never)).message).toMatch(/^agg: expected a callback such as/);
    expect(failure(() => sales.window({ partitionBy: ["a"] } as never, undefined as never)).code).toBe("INVALID_ARGUMENT");
  });
});

describe("steps", () => {
  const steps: readonly (readonly [string, { readonly node: LogicalNode }, object])[] = [
    [
      "select names",
      sales.select("a", "b"),
      {
        kind: "select",
        columns: [
          { name: "a", expr: column("a") },
          { name: "b", expr: column("b") },
        ],
      },
    ],
    [
      "select both",
      sales.select("a", (c) => ({ x: c.y })),
      {
        columns: [
          { name: "a", expr: column("a") },
          { name: "x", expr: column("y") },
        ],
      },
    ],
    ["filter", sales.filter((c) => c.a.gt(0)), { kind: "filter", predicate: call("gt", column("a"), literal(0)) }],
    [
      "withColumns",
      sales.withColumns((c) => ({ x: c.a, y: 1 })),
      {
        kind: "withColumns",
        columns: [
          { name: "x", expr: column("a") },
          { name: "y", expr: literal(1) },
        ],
      },
    ],
    ["rename", sales.rename({ a: "b" }), { kind: "rename", names: { a: "b" } }],
    ["drop", sales.drop("a"), { kind: "drop", names: ["a"] }],
    [
      "join",
      sales.join(sales, { on: "id" }),
      { kind: "join", on: [{ left: "id", right: "id" }], how: "inner", suffix: "_right" },
    ],
    [
      "join pairs",
      sales.join(sales, { on: { left: ["a", "b"], right: ["c", "d"] }, how: "full", suffix: "_r" }),
      {
        on: [
          { left: "a", right: "c" },
          { left: "b", right: "d" },
        ],
        how: "full",
        suffix: "_r",
      },
    ],
    [
      "groupBy",
      sales.groupBy("a", (c) => ({ d: c.t.toDate() })).agg((c) => ({ n: sum(c.x) })),
      {
        kind: "aggregate",
        keys: [
          { name: "a", expr: column("a") },
          { name: "d", expr: call("toDate", column("t")) },
        ],
        aggregates: [{ name: "n", expr: sum(col("x")).expr }],
      },
    ],
    ["no keys", sales.groupBy().agg(() => ({ n: count() })), { kind: "aggregate", keys: [] }],
    ["distinct", sales.distinct(), { kind: "distinct", columns: null }],
    ["distinct by", sales.distinct("a"), { kind: "distinct", columns: ["a"] }],
    [
      "sort",
      sales.sort("a", desc("b", { nulls: "first" }), (c) => asc(c.x.lower())),
      {
        kind: "sort",
        keys: [
          { expr: column("a"), descending: false, nulls: "last" },
          { expr: column("b"), descending: true, nulls: "first" },
          { expr: call("lower", column("x")), descending: false, nulls: "last" },
        ],
      },
    ],
    ["limit", sales.limit(3, { offset: 2 }), { kind: "limit", count: 3, offset: 2 }],
    ["union", sales.union(sales), { kind: "union", inputs: [sales.node, sales.node] }],
    [
      "sql",
      sales.sql("select 1", { inputs: { other: sales }, schema: { a: "int" } }),
      {
        kind: "sql",
        inputs: [{ name: "input" }, { name: "other" }],
        text: "select 1",
        schema: [{ name: "a", type: { kind: "int32" }, nullable: true }],
      },
    ],
    [
      "map",
      sales.map((row) => ({ a: row.a }), { schema: { a: "int32" } }),
      { kind: "map", fn: { kind: "source" }, schema: [{ name: "a", type: { kind: "int32" }, nullable: true }] },
    ],
  ];
  test.each(steps)("%s", (_name, made, expected) => {
    expect(made.node).toMatchObject(expected);
  });

  test("columns can be neither spread nor assigned", () => {
    expect(failure(() => sales.select((c) => ({ ...c }))).code).toBe("COLUMNS_NOT_LISTABLE");
    expect(
      failure(() =>
        sales.select((c) => {
          c.x = 1;
          return {};
        }),
      ).code,
    ).toBe("COLUMNS_READ_ONLY");
  });

  test.each<readonly [string, () => unknown, string, string]>([
    ["unknown option", () => read.csv("a", { delimeter: ";" } as never), "UNKNOWN_OPTION", '"delimiter"'],
    [
      "unknown option of a sink",
      () => sales.write.parquet("a", { compresion: "zstd" } as never),
      "UNKNOWN_OPTION",
      '"compression"',
    ],
    ["wrong value", () => sales.write.parquet("a", { compression: "lzma" as never }), "INVALID_OPTION", '"gzip"'],
    ["wrong mode", () => sales.write.csv("a", { mode: "replace" as never }), "INVALID_OPTION", '"overwrite"'],
    ["no partitions", () => sales.write.csv("a", { mode: "overwrite-partitions" }), "INVALID_OPTION", "partitionBy"],
    ["wide delimiter", () => read.csv("a", { delimiter: "||" }), "INVALID_OPTION", "one ASCII character"],
    ["same characters", () => read.csv("a", { delimiter: '"' }), "INVALID_OPTION", "different"],
    ["names without header", () => read.csv("a", { header: false, columns: "byName" }), "INVALID_OPTION", "byPosition"],
    ["a wrong rate", () => read.csv("a", { rejectLimits: { rate: 5 } }), "INVALID_OPTION", "from 0 to 1"],
    ["a wrong limit", () => read.csv("a", { rejectLimits: { cuont: 5 } as never }), "UNKNOWN_OPTION", '"count"'],
    ["a wrong type", () => read.csv("a", { schema: { a: "int23" as never } }), "UNKNOWN_TYPE", '"int32"'],
    ["no columns", () => read.csv("a", { schema: {} }), "EMPTY_SCHEMA", "at least one"],
    ["no path", () => read.csv([]), "INVALID_ARGUMENT", "path"],
    ["no rows", () => read.rows(3 as never), "INVALID_ARGUMENT", "iterable"],
    ["a wrong how", () => sales.join(sales, { on: "a", how: "outer" as never }), "INVALID_OPTION", '"full"'],
    ["no key", () => sales.join(sales, {} as never), "INVALID_OPTION", '"on"'],
    ["odd keys", () => sales.join(sales, { on: { left: ["a", "b"], right: "a" } }), "INVALID_OPTION", "pairs"],
    ["no dataset", () => sales.union({} as never), "INVALID_ARGUMENT", "dataset"],
    ["negative limit", () => sales.limit(-1), "INVALID_ARGUMENT", "at least 0"],
    ["a callback's wrong result", () => sales.withColumns(() => col("a") as never), "INVALID_ARGUMENT", "by name"],
    ["no table", () => sales.write.duckdb("a.duckdb", {} as never), "MISSING_OPTION", "table"],
    ["no plans", () => plan.all(), "INVALID_ARGUMENT", "at least one"],
    ["a dataset as a plan", () => plan.all(sales as never), "INVALID_ARGUMENT", "sink"],
  ])("%s is refused", (_name, run, code, text) => {
    const error = failure(run);
    expect(error.code).toBe(code);
    expect(`${error.message} ${error.hint ?? ""}`).toContain(text);
  });
});

describe("sources and sinks", () => {
  test("CSV defaults", () => {
    expect(read.csv("a.csv").node).toEqual({
      kind: "scan",
      source: {
        format: "csv",
        csv: {
          delimiter: ",",
          quote: '"',
          escape: '"',
          header: true,
          nullValues: [""],
          comment: null,
          skipLines: 0,
          encoding: "utf8",
          quotes: "lenient",
          columns: "byName",
          schemaDrift: "fail",
          maxRecordBytes: 67108864,
          guess: [],
        },
        paths: ["a.csv"],
        onReject: "fail",
        rejectLimits: {},
      },
    });
    expect(read.csv(["a", "b"], { header: false, quote: null, nullValues: "NA" }).node).toMatchObject({
      source: { paths: ["a", "b"], csv: { columns: "byPosition", quote: null, escape: null, nullValues: ["NA"] } },
    });
  });

  test("sink defaults", () => {
    const sink = ({ outputs }: Plan) => (outputs[0] as Extract<LogicalNode, { kind: "sink" }>).sink;
    const common = { path: "x", mode: "error", partitionBy: [] };
    expect(sink(sales.write.parquet("x"))).toEqual({
      ...common,
      format: "parquet",
      options: { compression: "snappy", rowGroupRows: 122880, dictionary: true },
    });
    expect(sink(sales.write.csv("x"))).toEqual({
      ...common,
      format: "csv",
      options: { header: true, delimiter: ",", quote: '"', nullValue: "" },
    });
    expect(sink(sales.write.jsonl("x"))).toEqual({ ...common, format: "jsonl", options: {} });
    expect(sink(sales.write.arrow("x", { partitionBy: "a" }))).toEqual({
      ...common,
      format: "arrow",
      partitionBy: ["a"],
      options: {},
    });
    expect(sink(sales.write.duckdb("x", { table: "t" }))).toEqual({ ...common, format: "duckdb", options: { table: "t" } });
  });

  test("rows travel with the plan, and one iterable is one source", () => {
    const rows = [{ a: 1 }];
    const [x, y] = [read.rows(rows), read.rows([{ a: 2 }])];
    expect(read.rows(rows).node).toEqual(x.node);
    const { data } = plan.all(
      x.union(y).write.csv("a"),
      x.join(y, { on: "a" }).write.csv("b"),
      sales.sql("select 1", { inputs: { x } }).write.csv("c"),
    );
    expect([...data.values()]).toEqual([rows, [{ a: 2 }]]);
  });
});
