import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { canSpell } from "../../../src/duckdb/expression.js";
import { nodeSql } from "../../../src/duckdb/relation.js";
import type { DuckDbSession } from "../../../src/duckdb/session.js";
import { runDuckDbStage } from "../../../src/duckdb/stage.js";
import { outerOrder, withTotalOrder } from "../../../src/duckdb/userSql.js";
import type { Bound, BoundAggregate } from "../../../src/expr/nodes.js";
import type { BoundNode, ResolvedSource } from "../../../src/plan/bound.js";
import { type DataType, type Schema, types } from "../../../src/schema/types.js";
import { openSession, rowsOf, temporaryFolder } from "./helpers.js";

const folder = temporaryFolder();
let session: DuckDbSession;
const paths = ["day=2026-01-01", "day=2026-01-02", "day=__null"].map((name) => join(folder.path, name, "part.parquet"));
beforeAll(async () => {
  session = await openSession(folder.path);
  for (const [i, path] of paths.entries()) {
    mkdirSync(join(path, ".."));
    await session.run(
      `COPY (SELECT (${i} * 10 + r)::INTEGER AS n, (r / 4.0)::DOUBLE AS x FROM range(3) t(r)) TO '${path}' (FORMAT parquet)`,
    );
  }
});
afterAll(() => {
  session.close();
  folder.remove();
});

const field = (name: string, type: DataType) => ({ name, type, nullable: true });
const schema: Schema = [field("n", types.int64), field("x", types.float64), field("day", types.date)];
const source = (files = paths): ResolvedSource => ({
  spec: { format: "parquet", paths: [folder.path], onReject: "fail", rejectLimits: {} },
  files: files.map((path, i) => ({
    path,
    bytes: 0,
    modifiedMs: 0,
    partitionValues: [["2026-01-01", "2026-01-02", null][i] ?? null],
  })),
  schema,
  partitionColumns: ["day"],
  rows: null,
});
const column = (index: number, of: Schema = schema): Bound => ({
  kind: "column",
  index,
  name: of[index]?.name ?? "",
  type: of[index]?.type ?? types.null,
  nullable: true,
});
const call = (fn: string, args: readonly Bound[], type: DataType): Bound => ({
  kind: "call",
  fn,
  args,
  options: {},
  type,
  nullable: true,
});
const number = (value: string): Bound => ({ kind: "literal", value, type: types.int64, nullable: false });

async function run(
  node: BoundNode,
  inputs: ReadonlyMap<number, { files: string[]; schema: Schema }> = new Map(),
): Promise<unknown[][]> {
  const rows: unknown[][] = [];
  const result = await runDuckDbStage(session, node, inputs, {
    kind: "batches",
    onBatch: async (batch) => {
      rows.push(...(await rowsOf([batch] as unknown as AsyncIterable<typeof batch>)));
    },
  });
  expect(result.rows).toBe(rows.length);
  return rows;
}

describe("Parquet sources", () => {
  test("folder values are columns of their type; declared types win over the file's", async () => {
    const scan: BoundNode = { kind: "scan", source: source(), schema };
    const first = 20454; // days from 1970-01-01 to 2026-01-01
    expect((await run(scan)).map(([n, , day]) => [n, day])).toEqual([
      [0n, first],
      [1n, first],
      [2n, first],
      [10n, first + 1],
      [11n, first + 1],
      [12n, first + 1],
      [20n, null],
      [21n, null],
      [22n, null],
    ]);
  });

  test("filter and project, under a sort", async () => {
    const scan: BoundNode = { kind: "scan", source: source(), schema };
    const filter: BoundNode = {
      kind: "filter",
      input: scan,
      predicate: call("gt", [column(0), number("9")], types.bool),
      schema,
    };
    const out: Schema = [field("n", types.int64), field("more", types.int64)];
    const project: BoundNode = {
      kind: "project",
      input: filter,
      columns: [
        { name: "n", expr: column(0) },
        { name: "more", expr: call("add", [column(0), number("1")], types.int64) },
      ],
      schema: out,
    };
    const sort: BoundNode = {
      kind: "sort",
      input: project,
      keys: [{ expr: column(0, out), descending: true, nulls: "last" }],
      schema: out,
    };
    expect(await run({ kind: "limit", input: sort, count: 2, offset: 0, schema: out })).toEqual([
      [22n, 23n],
      [21n, 22n],
    ]);
    expect(nodeSql(project, { stageFiles: () => [] }).sql).not.toMatch(/ORDER BY|__o/);
  });

  test("no files, and steps that do not belong here", async () => {
    expect(await run({ kind: "scan", source: source([]), schema })).toEqual([]);
    const scan: BoundNode = {
      kind: "scan",
      source: { ...source(), spec: { ...source().spec, format: "jsonl" } as never },
      schema,
    };
    expect(() => nodeSql(scan, { stageFiles: () => [] })).toThrow(/jsonl/);
    const fn = { kind: "source", name: "f", source: "() => 1", captured: {}, hash: "0" } as const;
    expect(() => nodeSql({ kind: "map", input: scan, fn, schema }, { stageFiles: () => [] })).toThrow(/map/);
    expect(
      canSpell(call("add", [column(0), { kind: "udf", fn, args: [], type: types.int64, nullable: true }], types.int64)),
    ).toBe(false);
  });
});

describe("merging partial aggregates", () => {
  test("states of sum, count, avg and first over two files", async () => {
    const file = join(folder.path, "partial.parquet");
    await session.run(`COPY (SELECT * FROM (VALUES
      ('a', 0.1::DOUBLE, 2::BIGINT, 0.3::DOUBLE, 2::BIGINT, 'late', 1::BIGINT),
      ('b', NULL, 0, NULL, 0, NULL, 0),
      ('a', 0.2, 1, 0.6, 4, 'later', 0)) t(k, s, c, total, ac, fv, fo)) TO '${file}' (FORMAT parquet)`);
    const input: Schema = [
      field("k", types.utf8),
      field("s", types.float64),
      field("c", types.int64),
      field("total", types.float64),
      field("ac", types.int64),
      field("fv", types.utf8),
      field("fo", types.int64),
    ];
    const arg = column(1);
    const aggregate = (name: string, fn: string, args: readonly Bound[], type: DataType): BoundAggregate => ({
      name,
      fn,
      args,
      options: {},
      type,
      nullable: true,
    });
    const node: BoundNode = {
      kind: "mergeAggregate",
      input: { kind: "stageInput", stage: 4, schema: input },
      keyCount: 1,
      aggregates: [
        aggregate("s", "sum", [arg], types.float64),
        aggregate("c", "count", [], types.int64),
        aggregate("a", "avg", [arg], types.float64),
        aggregate("f", "first", [{ ...arg, type: types.utf8 }], types.utf8),
      ],
      schema: [
        field("k", types.utf8),
        field("s", types.float64),
        field("c", types.int64),
        field("a", types.float64),
        field("f", types.utf8),
      ],
    };
    const rows = await run(node, new Map([[4, { files: [file], schema: input }]]));
    // 0.1 + 0.2 and 0.3 + 0.6 as the doubles they are, added exactly and rounded once.
    expect(rows).toEqual([
      ["a", 0.30000000000000004, 3n, 0.8999999999999999 / 6, "late"],
      ["b", null, 0n, null, null],
    ]);
  });

  test("keys that are equal look the same: -0 is 0", async () => {
    const file = join(folder.path, "zeros.parquet");
    await session.run(`COPY (SELECT * FROM (VALUES ('-0.0'::DOUBLE), (0.0), ('NaN')) t(k)) TO '${file}' (FORMAT parquet)`);
    const keys: Schema = [field("k", types.float64)];
    const node: BoundNode = {
      kind: "aggregate",
      input: { kind: "stageInput", stage: 5, schema: keys },
      keys: [{ name: "k", expr: column(0, keys) }],
      aggregates: [],
      schema: keys,
    };
    expect(await run(node, new Map([[5, { files: [file], schema: keys }]]))).toEqual([[0], [Number.NaN]]);
  });
});

describe("the order of a user's query", () => {
  test.each<[string, string | null]>([
    ["select a from t", null],
    ["select a, row_number() over (order by a) from t", null],
    ["select 'order by' from t -- order by a", null],
    ["select a from (select a from t order by a) x", null],
    ["select a from t order by a desc nulls last", "select a from t order by a desc nulls last, 1, 2 "],
    ["select a from t ORDER BY a /* x */ LIMIT 5", "select a from t ORDER BY a, 1, 2  /* x */ LIMIT 5"],
    [
      "select \"order\" from t order by 'x' || $$ limit $$ offset 2",
      "select \"order\" from t order by 'x' || $$ limit $$, 1, 2  offset 2",
    ],
    ["select a from t order by all", "select a from t order by all"],
  ])("%s", (text, total) => {
    expect(outerOrder(text) === null).toBe(total === null);
    expect(withTotalOrder(text, 2)).toBe(total ?? text);
  });
});
