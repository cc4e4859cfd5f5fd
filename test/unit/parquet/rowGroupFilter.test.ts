import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Batch, rowCount } from "../../../src/batch/column.js";
import { columnReader } from "../../../src/batch/reader.js";
import type { Bound, Expr, LiteralValue } from "../../../src/expr/nodes.js";
import { bindExpr } from "../../../src/functions/bind.js";
import { valueToLiteral } from "../../../src/functions/literal.js";
import { chunkRange } from "../../../src/io/parquet/parquetChunkRange.js";
import { openParquet } from "../../../src/io/parquet/parquetRead.js";
import { planParquet, resolveParquet } from "../../../src/io/parquet/parquetResolve.js";
import type { FileColumn } from "../../../src/io/parquet/parquetReadSchema.js";
import { binary, i32, i64, struct, text } from "../../../src/io/parquet/parquetThrift.js";
import { openWriter } from "../../../src/io/sink/sinks.js";
import { compileRows } from "../../../src/kernels/expressions/compile.js";
import type { ResolvedSource } from "../../../src/plan/bound.js";
import type { FileSource, SourceSpec } from "../../../src/plan/nodes.js";
import type { Schema, Value } from "../../../src/schema/types.js";
import type { PartitionSpec } from "../../../src/task/protocol.js";
import { duckRows } from "./readers.js";

const folder = mkdtempSync(join(tmpdir(), "row-groups-"));
afterAll(() => rmSync(folder, { recursive: true }));

const rows = 20_480;
const groupRows = 2048;
/** Sorted and scattered columns of all types that have bounds, some with nulls, one with a row group of nulls, floats with NaN. */
const columns = [
  "i::BIGINT AS big",
  "(i % 100)::TINYINT AS tiny",
  "(i * 200000)::UINTEGER AS unsigned",
  "CASE WHEN i < 4096 THEN NULL ELSE i::INTEGER END AS late",
  "CASE WHEN i = 5000 THEN 'NaN'::DOUBLE ELSE i / 10.0 END AS float",
  "(i / 3)::FLOAT AS narrow",
  "(i / 100)::DECIMAL(9,2) AS price",
  "(i * 1000003)::DECIMAL(38,4) AS wide",
  "DATE '1960-01-01' + i::INTEGER AS day",
  "TIMESTAMP '1969-12-31' + INTERVAL (i * 20) SECOND AS moment",
  "(TIMESTAMP '1969-12-31' + INTERVAL (i * 20) SECOND)::TIMESTAMP_MS AS millis",
  "(TIMESTAMP '1969-12-31' + INTERVAL (i * 20) SECOND)::TIMESTAMP_NS AS nanos",
  "'k' || lpad(i::VARCHAR, 6, '0') AS sorted",
  "CASE WHEN i % 7 = 0 THEN NULL ELSE 'näme ' || (hash(i) % 50) END AS scattered",
  "i % 2 = 0 AS even",
  "{'a': i} AS nested",
  "TIME '00:00:00' + INTERVAL (i) SECOND AS clock",
];

interface Read {
  readonly batches: readonly Batch[];
  readonly values: readonly (readonly Value[])[];
  readonly filtered: number;
  readonly rows: number;
  readonly bytes: number;
}

async function sourceOf(path: string): Promise<ResolvedSource> {
  const files = [{ path, bytes: statSync(path).size, modifiedMs: 0, partitionValues: [] }];
  const spec: SourceSpec & FileSource = { format: "parquet", paths: [path], onReject: "fail", rejectLimits: {} };
  const { schema } = await resolveParquet(spec, files);
  return { spec, files, schema, partitionColumns: [], rows: null };
}

/** Reads with a condition, which rows may be left out by, and then filters what is left, as a plan does. */
async function readWhere(source: ResolvedSource, schema: Schema, condition: Bound, isTold: boolean): Promise<Read> {
  const parts = await planParquet(source, 1 << 18, { schema, condition: isTold ? condition : null });
  const kernel = await compileRows([{ kind: "filter", predicate: condition }], schema, schema, { interpreted: true });
  const batches: Batch[] = [];
  const values: Value[][] = [];
  let [filtered, met, bytes] = [0, 0, 0];
  for (const part of parts) {
    const where = isTold ? { condition, interpreted: false } : null;
    const reader = await openParquet({ source, schema }, part, { batchRows: 1000, reject: () => {}, partition: 0, where });
    for (let batch = await reader.next(); batch !== null; batch = await reader.next()) {
      batches.push(batch);
      if (rowCount(batch) === 0) continue;
      const result = kernel.run(batch, () => {});
      filtered += result.filtered;
      const readers = batch.columns.map(columnReader);
      for (const row of result.batch.selection ?? Array.from({ length: batch.length }, (_, i) => i))
        values.push(readers.map((read) => read(row)));
    }
    filtered += reader.filtered ?? 0;
    met += reader.result().rows;
    bytes += reader.result().bytes;
    await reader.close();
  }
  return { batches, values, filtered, rows: met, bytes };
}

const column = (name: string): Expr => ({ kind: "column", name });
const call = (fn: string, ...args: Expr[]): Expr => ({ kind: "call", fn, args });
const literal = (value: LiteralValue): Expr => ({ kind: "literal", value });

let source: ResolvedSource;
let all: readonly (readonly Value[])[];
const copies: { [name: string]: ResolvedSource } = {};

beforeAll(async () => {
  const path = join(folder, "all.parquet");
  await duckRows(
    `COPY (SELECT ${columns.join(", ")} FROM range(${rows}) t(i)) TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE ${groupRows})`,
  );
  source = await sourceOf(path);
  const plain = await readWhere(source, source.schema, bindExpr(literal(true), source.schema, "test"), false);
  all = plain.values;
  const own = join(folder, "own");
  const sink = { format: "parquet", path: own, mode: "error", partitionBy: [], options: { rowGroupRows: groupRows } } as const;
  const writer = openWriter(sink, source.schema, folder, 0);
  for (const batch of plain.batches) await writer.write(batch);
  const [file] = await writer.finish();
  copies["DuckDB's"] = source;
  copies["our own"] = await sourceOf(file?.path as string);
});

/** The first and last rows of row groups. */
const borders = Array.from({ length: rows / groupRows }, (_, group) => [group * groupRows, (group + 1) * groupRows - 1]).flat();

/** A value of a column, or null, as a literal of the column's type. */
const valueIn = (schema: Schema, name: string): fc.Arbitrary<Expr> =>
  fc.oneof(fc.integer({ min: 0, max: rows - 1 }), fc.constantFrom(...borders)).map((row) => {
    const at = schema.findIndex((field) => field.name === name);
    const field = schema[at] as Schema[number];
    return { kind: "literal", value: valueToLiteral(all[row]?.[at] ?? null, field.type), type: field.type };
  });

const compared = columns.map((text) => text.split(" ").at(-1) as string).filter((name) => name !== "nested" && name !== "even");

const term = (): fc.Arbitrary<Expr> =>
  fc.constantFrom(...compared).chain((name) => {
    const value = valueIn(source.schema, name);
    return fc.oneof(
      {
        weight: 4,
        arbitrary: fc
          .tuple(fc.constantFrom("eq", "lt", "lte", "gt", "gte", "ne"), value, fc.boolean())
          .map(([fn, other, isTurned]) => (isTurned ? call(fn, other, column(name)) : call(fn, column(name), other))),
      },
      fc.tuple(value, value).map(([low, high]) => call("between", column(name), low, high)),
      fc.array(value, { minLength: 1, maxLength: 3 }).map((list) => call("in", column(name), ...list)),
      fc.constantFrom("isNull", "isNotNull").map((fn) => call(fn, column(name))),
      fc.constant(call("not", call("isNull", column(name)))),
    );
  });
const condition = () =>
  fc.oneof(
    term(),
    fc
      .tuple(fc.constantFrom("and", "or"), fc.array(term(), { minLength: 2, maxLength: 3 }))
      .map(([fn, terms]) => call(fn, ...terms)),
    fc.tuple(term(), term(), term()).map(([a, b, c]) => call("or", call("and", a, b), c)),
  );

describe.each(["DuckDB's", "our own"])("row groups of %s files", (writer) => {
  it("conditions leave out no row that meets them, and count each that they leave out", async () => {
    const file = copies[writer] as ResolvedSource;
    await fc.assert(
      fc.asyncProperty(condition(), fc.subarray(file.schema.map(({ name }) => name)), async (expr, more) => {
        const schema = file.schema.filter(({ name }) => JSON.stringify(expr).includes(`"name":"${name}"`) || more.includes(name));
        const bound = bindExpr(expr, schema, "test");
        const told = await readWhere(file, schema, bound, true);
        const plain = await readWhere(file, schema, bound, false);
        expect(told.values).toEqual(plain.values);
        expect([told.filtered, told.rows]).toEqual([plain.filtered, rows]);
        expect(told.batches.reduce((sum, batch) => sum + batch.length, 0)).toBe(rows);
      }),
      { numRuns: 30 },
    );
  });

  it("bounds say which groups are read", async () => {
    const file = copies[writer] as ResolvedSource;
    const share = async (expr: Expr) => {
      const bound = bindExpr(expr, file.schema, "test");
      const told = await readWhere(file, file.schema, bound, true);
      return told.bytes / (await readWhere(file, file.schema, bound, false)).bytes;
    };
    const few = 1.5 / (rows / groupRows);
    expect(await share(call("lt", column("big"), literal(100)))).toBeLessThan(few);
    expect(await share(call("eq", column("sorted"), literal("k010000")))).toBeLessThan(few);
    expect(
      await share(call("gte", column("day"), { kind: "cast", input: literal("2016-01-01"), to: { kind: "date" }, safe: false })),
    ).toBeLessThan(few);
    expect(await share(call("in", column("unsigned"), literal(200_000), literal(400_000)))).toBeLessThan(few);
    expect(await share(call("isNull", column("late")))).toBeLessThan(2 * few);
    expect(await share(call("lt", column("float"), literal(1)))).toBeLessThan(few);
    expect(await share(call("gt", column("big"), literal(1e9)))).toBe(0);
    expect(await share(call("eq", column("big"), literal(null)))).toBe(0);
  });
});

it("writers leave NaN out of bounds, where it is the largest", () => {
  const float = (value: number) => binary(new Uint8Array(Float64Array.of(value).buffer));
  const chunk = (min: number, max: number) => {
    const statistics = struct({ 3: i64(0), 5: float(max), 6: float(min) });
    return new Map([[3, struct({ 5: i64(10), 12: statistics })]]);
  };
  const element = new Map([
    [1, i32(5)],
    [4, text("x")],
  ]);
  const x: FileColumn = { name: "x", elements: [element], firstLeaf: 0, leaves: 1, conversion: "none" };
  expect(chunkRange(x, chunk(1, 2), false)).toEqual({ ends: { min: 1, max: Number.NaN }, hasNull: false, hasValue: true });
  expect(chunkRange(x, chunk(1, 2), true).ends).toEqual({ min: 1, max: 2 });
  expect(chunkRange(x, chunk(2, 1), true).ends).toBe(null);
  expect(chunkRange(x, chunk(Number.NaN, Number.NaN), false).ends).toBe(null);
});

it("a NaN among the values is found", async () => {
  const bound = bindExpr(call("gt", column("float"), literal(1e6)), source.schema, "test");
  const { values } = await readWhere(source, source.schema, bound, true);
  expect(values.map(([big]) => big)).toEqual([5000n]);
});

it("other columns are not decoded where no row meets the condition", async () => {
  const schema = source.schema.filter(({ name }) => name === "scattered" || name === "sorted");
  const none = bindExpr(call("eq", column("scattered"), literal("näme 7x")), schema, "test");
  const told = await readWhere(source, schema, none, true);
  const plain = await readWhere(source, schema, none, false);
  expect(told.filtered).toBe(rows);
  expect(told.bytes).toBeLessThan(plain.bytes / 2);
  expect(told.batches.every(({ columns: own }) => own.length === 0)).toBe(true);
});

it("partitions count what is read", async () => {
  const schema = source.schema;
  const bound = bindExpr(call("lt", column("big"), literal(100)), schema, "test");
  const parts = await planParquet(source, 1 << 18, { condition: bound, schema });
  expect(parts).toEqual([
    { kind: "rowGroups", file: 0, groups: Array.from({ length: rows / groupRows }, (_, i) => i), firstRow: 0 },
  ]);
  const whole = await planParquet(source, 1 << 18);
  const narrow = await planParquet(source, 1 << 18, { schema: schema.slice(0, 3), condition: null });
  expect(whole.length).toBeGreaterThan(narrow.length);
  expect(narrow.length).toBeGreaterThan(1);
  const groupsOf = (part: PartitionSpec) => (part.kind === "rowGroups" ? part.groups : []);
  for (const cut of [whole, narrow]) expect(cut.flatMap(groupsOf)).toEqual(Array.from({ length: rows / groupRows }, (_, i) => i));
});

it("a file that was written anew is read anew", async () => {
  const path = join(folder, "again.parquet");
  const everyRow = async () => {
    const again = await sourceOf(path);
    const all = bindExpr(literal(true), again.schema, "test");
    return (await readWhere(again, again.schema, all, false)).values.map(([value]) => value);
  };
  await duckRows(`COPY (SELECT i FROM range(10) t(i)) TO '${path}' (FORMAT parquet)`);
  expect((await everyRow()).length).toBe(10);
  await duckRows(`COPY (SELECT i FROM range(20) t(i)) TO '${path}' (FORMAT parquet)`);
  expect((await everyRow()).length).toBe(20);
});
