/** Expressions over one batch: what a row of each costs in its generated loop. */
import type { Batch, BytesColumn, Column, FixedColumn, FixedValues } from "../dist/batch/column.js";
import type { Expr, LiteralValue } from "../dist/expr/nodes.js";
import { bindExpr } from "../dist/functions/bind.js";
import { compileRows } from "../dist/kernels/expressions/compile.js";
import type { RowsKernel } from "../dist/kernels/expressions/compileKernel.js";
import { type DataType, type Schema, types } from "../dist/schema/types.js";
import { Random } from "../datasets/random.ts";
import { rows } from "./batches.ts";

const random = new Random(7);
const encoder = new TextEncoder();

const fixed = (type: DataType, values: FixedValues): FixedColumn => ({
  layout: "fixed",
  type,
  length: rows,
  values,
  valid: null,
});
const bigs = (make: () => number): BigInt64Array => BigInt64Array.from({ length: rows }, () => BigInt(make()));

function texts(make: (row: number) => string): BytesColumn {
  const all = Array.from({ length: rows }, (_, row) => encoder.encode(make(row)));
  const bytes = new Uint8Array(all.reduce((sum, text) => sum + text.length, 0));
  const [starts, ends] = [new Int32Array(rows), new Int32Array(rows)];
  let at = 0;
  for (const [row, text] of all.entries()) {
    bytes.set(text, at);
    starts[row] = at;
    at += text.length;
    ends[row] = at;
  }
  return { layout: "bytes", type: types.utf8, length: rows, bytes, starts, ends, valid: null };
}

const words = ["Oslo", "Bergen", "Tromsø", "York", "Lima"];
const columns: { readonly [name: string]: Column } = {
  a: fixed(
    types.int32,
    Int32Array.from({ length: rows }, () => random.below(1_000)),
  ),
  b: fixed(
    types.int32,
    Int32Array.from({ length: rows }, () => random.below(10) + 1),
  ),
  f: fixed(
    types.float64,
    Float64Array.from({ length: rows }, () => random.below(10_000) / 100),
  ),
  g: fixed(
    types.float64,
    Float64Array.from({ length: rows }, () => random.below(10_000) / 100),
  ),
  l: fixed(
    types.int64,
    bigs(() => random.below(1_000_000) * 1000),
  ),
  m: fixed(
    types.int64,
    bigs(() => random.below(1_000) + 1),
  ),
  h: fixed(
    types.int64,
    bigs(() => (random.below(1_000_000) + 1) * 2 ** 40),
  ),
  d: fixed(
    types.decimal(10, 2),
    bigs(() => random.below(1_000_000)),
  ),
  t: fixed(
    types.timestamp,
    bigs(() => 1_700_000_000_000_000 + random.below(1_000_000_000) * 1000),
  ),
  u: fixed(
    types.timestamp,
    bigs(() => 1_690_000_000_000_000 + random.below(1_000_000_000) * 1000),
  ),
  day: fixed(
    types.date,
    Int32Array.from({ length: rows }, () => 19_000 + random.below(1_000)),
  ),
  s: texts(() => `C${String(random.below(50_000)).padStart(7, "0")}`),
  w: texts(() => ` Store-${random.below(50)} North-${random.below(90)} `),
  x: texts(() => `${words[random.below(5)] ?? ""} ${random.below(100)}`),
};
const schema: Schema = Object.entries(columns).map(([name, column]) => ({ name, type: column.type, nullable: false }));
const batch: Batch = { schema, length: rows, columns: Object.values(columns), selection: null, origin: null };

const col = (name: string): Expr => ({ kind: "column", name });
const lit = (value: LiteralValue, type?: DataType): Expr => ({ kind: "literal", value, ...(type && { type }) });
const call = (fn: string, ...args: readonly Expr[]): Expr => ({ kind: "call", fn, args });
const timed = (fn: string, unit: string, ...args: readonly Expr[]): Expr => ({ kind: "call", fn, args, options: { unit } });
const cast = (input: Expr, to: DataType): Expr => ({ kind: "cast", input, to, safe: false });
const udf = (source: string, returns: DataType, ...args: readonly Expr[]): Expr => ({
  kind: "udf",
  fn: { kind: "source", name: "f", source, captured: {}, hash: source },
  args,
  returns,
});

const projections: { readonly [name: string]: Expr } = {
  "int32 add": call("add", col("a"), col("b")),
  "int32 mul": call("mul", col("a"), col("b")),
  "float64 mul": call("mul", col("f"), col("g")),
  "int32 * float64": call("mul", col("a"), col("f")),
  "int64 add": call("add", col("l"), col("m")),
  "int64 mul": call("mul", col("l"), col("m")),
  "int64 div": call("div", col("l"), col("m")),
  "int64 mod": call("mod", col("l"), col("m")),
  "int64 add, past 2^53": call("add", col("h"), col("m")),
  "int64 greatest": call("greatest", col("l"), col("m")),
  "int64 as float64": cast(col("l"), types.float64),
  "int32 as int64": cast(col("a"), types.int64),
  "int64 as int32": cast(col("l"), types.int32),
  "decimal add": call("add", col("d"), col("d")),
  "decimal mul": call("mul", col("d"), col("d")),
  "decimal as float64": cast(col("d"), types.float64),
  "coalesce int32": call("coalesce", call("nullIf", col("a"), lit(3)), lit(0)),
  "case int64": {
    kind: "case",
    // biome-ignore lint/suspicious/noThenProperty: the plan's own word; it is no promise
    branches: [{ when: call("gt", col("a"), lit(500)), then: col("l") }],
    otherwise: col("m"),
  },
  "round float64": call("round", col("f"), lit(1)),
  toDate: call("toDate", col("t")),
  year: call("year", col("t")),
  hour: call("hour", col("t")),
  "truncate hour": timed("truncate", "hour", col("t")),
  "truncate month": timed("truncate", "month", col("t")),
  "dateAdd 3 days": timed("dateAdd", "day", col("t"), lit(3)),
  "dateDiff hours": timed("dateDiff", "hour", col("u"), col("t")),
  "dateDiff days of dates": timed("dateDiff", "day", col("day"), col("day")),
  epochMs: call("epochMs", col("t")),
  upper: call("upper", col("s")),
  "upper, some not ASCII": call("upper", col("x")),
  trim: call("trim", col("w")),
  substring: call("substring", col("s"), lit(2), lit(3)),
  length: call("length", col("s")),
  concat: call("concat", col("s"), lit("-"), col("s")),
  replace: call("replace", col("w"), lit("North"), lit("S")),
  splitPart: call("splitPart", col("w"), lit("-"), lit(2)),
  "trim, lower, substring": call("substring", call("lower", call("trim", col("w"))), lit(1), lit(5)),
  "udf of two columns": udf("(a, f) => a * f + 1", types.float64, col("a"), col("f")),
  "udf text to text": udf("(s) => s.toLowerCase()", types.utf8, col("s")),
  "udf text to text, longer": udf("(s) => s.trim() + '!'", types.utf8, col("w")),
  "udf text to int32": udf("(s) => s.length", types.int32, col("s")),
};

const filters: { readonly [name: string]: Expr } = {
  "int32 > literal": call("gt", col("a"), lit(500)),
  "int64 > literal": call("gt", col("l"), lit(500)),
  "float64 > literal": call("gt", col("f"), lit(50.5)),
  between: call("between", col("a"), lit(100), lit(700)),
  "in numbers": call("in", col("a"), lit(1), lit(2), lit(3), lit(700)),
  "text = literal": call("eq", col("s"), lit("C0001234")),
  "text < literal": call("lt", col("s"), lit("C0021234")),
  "like prefix": call("like", col("s"), lit("C000%")),
  "like inside": call("like", col("w"), lit("%North-1%")),
};

/** Each expression's name and its loop over the batch. */
export async function expressionLoops(): Promise<readonly (readonly [string, () => void])[]> {
  const loops: (readonly [string, () => void])[] = [];
  const add = (name: string, kernel: RowsKernel): void => {
    loops.push([name, () => void kernel.run(batch, (_row, failure) => fail(name, failure.message))]);
  };
  for (const [name, expr] of Object.entries(projections)) {
    const bound = bindExpr(expr, schema, name);
    const ops = [{ kind: "project", columns: [{ name: "o", expr: bound }] }] as const;
    add(name, await compileRows(ops, schema, [{ name: "o", type: bound.type, nullable: true }]));
  }
  for (const [name, expr] of Object.entries(filters)) {
    const ops = [{ kind: "filter", predicate: bindExpr(expr, schema, name) }] as const;
    add(`filter ${name}`, await compileRows(ops, schema, schema));
  }
  return loops;
}

function fail(name: string, message: string): never {
  throw new Error(`${name}: ${message}`);
}
