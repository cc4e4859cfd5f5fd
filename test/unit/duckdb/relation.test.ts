import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expressionSql, literalSql } from "../../../src/duckdb/expression.js";
import { prepareQuery, readableSql } from "../../../src/duckdb/query.js";
import { nodeSql } from "../../../src/duckdb/relation.js";
import type { DuckDbSession } from "../../../src/duckdb/session.js";
import { describeSql, runDuckDbStage } from "../../../src/duckdb/stage.js";
import type { Bound, BoundAggregate } from "../../../src/expr/nodes.js";
import type { BoundNode } from "../../../src/plan/bound.js";
import type { JoinHow } from "../../../src/plan/nodes.js";
import { type DataType, type Schema, types } from "../../../src/schema/types.js";
import { openSession, rowsOf, temporaryFolder } from "./helpers.js";

const folder = temporaryFolder();
let session: DuckDbSession;
const at = (name: string) => join(folder.path, name);
const field = (name: string, type: DataType, nullable = true) => ({ name, type, nullable });

const people: Schema = [field("id", types.int32), field("name", types.utf8), field("city", types.utf8)];
const files: Record<number, string[]> = {};

beforeAll(async () => {
  session = await openSession(folder.path);
  const write = async (stage: number, values: readonly string[], columns: string) => {
    files[stage] = values.map((_, i) => at(`stage${stage}-[${i}]*.parquet`));
    for (const [i, text] of values.entries()) {
      await session.run(`COPY (SELECT * FROM (VALUES ${text}) t(${columns})) TO '${files[stage]?.[i]}' (FORMAT parquet)`);
    }
  };
  await write(
    1,
    ["(3, 'c', 'Rome'), (1, 'a', 'Oslo'), (NULL, 'n', 'Rome')", "(2, 'b', NULL), (1, 'a2', 'Oslo')"],
    "id, name, city",
  );
  await write(2, ["(1, 'x'), (NULL, 'y'), (9, 'z'), (1, 'w'), (3, 'v')"], "key, tag");
  await write(3, [], "id, name, city");
});
afterAll(() => {
  session.close();
  folder.remove();
});

const input: BoundNode = { kind: "stageInput", stage: 1, schema: people };
const tags: BoundNode = { kind: "stageInput", stage: 2, schema: [field("key", types.int32), field("tag", types.utf8)] };
const column = (schema: Schema, index: number): Bound => ({
  kind: "column",
  index,
  name: schema[index]?.name ?? "",
  type: schema[index]?.type ?? types.null,
  nullable: true,
});
const aggregate = (name: string, fn: string, type: DataType, args: readonly Bound[] = []): BoundAggregate => ({
  name,
  fn,
  args,
  options: {},
  type,
  nullable: true,
});
const context = { stageFiles: (stage: number) => files[stage] ?? [] };

async function rows(node: BoundNode, ordering: "defined" | "any" = "defined"): Promise<unknown[][]> {
  const sql = await prepareQuery(session, nodeSql(node, context, ordering));
  return rowsOf(session.query(sql, node.schema));
}

const names = async (node: BoundNode) => (await rows(node)).map((row) => row[1]);
const byId = (descending: boolean, nulls: "first" | "last"): BoundNode => ({
  kind: "sort",
  input,
  keys: [{ expr: column(people, 0), descending, nulls }],
  schema: people,
});

describe("order of rows", () => {
  test("files in their order, then rows; names with glob characters are names", async () => {
    expect(await names(input)).toEqual(["c", "a", "n", "b", "a2"]);
    expect(await names({ kind: "stageInput", stage: 3, schema: people })).toEqual([]);
  });

  test("a sort breaks ties by input order and places nulls", async () => {
    expect(await names(byId(false, "last"))).toEqual(["a", "a2", "b", "c", "n"]);
    expect(await names(byId(true, "first"))).toEqual(["n", "c", "b", "a", "a2"]);
  });

  test("a limit takes the first rows in order", async () => {
    expect(await names({ kind: "limit", input, count: 2, offset: 1, schema: people })).toEqual(["a", "n"]);
    expect(await names({ kind: "limit", input: byId(false, "last"), count: 2, offset: 1, schema: people })).toEqual(["a2", "b"]);
  });

  test("a union gives its inputs one after the other, shared or sorted as they are", async () => {
    expect(await names({ kind: "union", inputs: [input, input], schema: people })).toEqual([
      "c",
      "a",
      "n",
      "b",
      "a2",
      "c",
      "a",
      "n",
      "b",
      "a2",
    ]);
    const mixed: BoundNode = { kind: "union", inputs: [byId(true, "last"), input], schema: people };
    expect(await names(mixed)).toEqual(["c", "b", "a", "a2", "n", "c", "a", "n", "b", "a2"]);
  });

  test("distinct keeps first rows in their order", async () => {
    expect(await names({ kind: "distinct", input, columns: [0], schema: people })).toEqual(["c", "a", "n", "b"]);
    expect(await names({ kind: "distinct", input: byId(true, "first"), columns: [2], schema: people })).toEqual(["n", "b", "a"]);
    const twice: BoundNode = { kind: "union", inputs: [byId(true, "first"), input], schema: people };
    expect(await names({ kind: "distinct", input: twice, columns: [0, 1, 2], schema: people })).toEqual([
      "n",
      "c",
      "b",
      "a",
      "a2",
    ]);
  });

  test("a projection keeps an order whose columns it drops", async () => {
    const only: BoundNode = {
      kind: "project",
      input: byId(true, "first"),
      columns: [{ name: "name", expr: column(people, 1) }],
      schema: [field("name", types.utf8)],
    };
    expect(await rows(only)).toEqual([["n"], ["c"], ["b"], ["a"], ["a2"]]);
  });
});

describe("joins: null keys match nothing, duplicates multiply, order of left then right", () => {
  const join = (how: JoinHow): BoundNode => {
    const leftOnly = how === "semi" || how === "anti";
    return {
      kind: "join",
      left: input,
      right: tags,
      on: [{ left: 0, right: 0 }],
      how,
      output: [
        how === "right" || how === "full" ? { side: "coalesce", left: 0, right: 0 } : { side: "left", index: 0 },
        { side: "left", index: 1 },
        ...(leftOnly ? [] : [{ side: "right" as const, index: 1 }]),
      ],
      schema: [field("id", types.int32), field("name", types.utf8), ...(leftOnly ? [] : [field("tag", types.utf8)])],
    };
  };
  const matches = [
    [3, "c", "v"],
    [1, "a", "x"],
    [1, "a", "w"],
  ];
  const more = [
    [1, "a2", "x"],
    [1, "a2", "w"],
  ];
  test.each<[JoinHow, unknown[][]]>([
    ["inner", [...matches, ...more]],
    ["left", [...matches, [null, "n", null], [2, "b", null], ...more]],
    ["right", [...matches, ...more, [null, null, "y"], [9, null, "z"]]],
    ["full", [...matches, [null, "n", null], [2, "b", null], ...more, [null, null, "y"], [9, null, "z"]]],
    [
      "semi",
      [
        [3, "c"],
        [1, "a"],
        [1, "a2"],
      ],
    ],
    [
      "anti",
      [
        [null, "n"],
        [2, "b"],
      ],
    ],
  ])("%s", async (how, expected) => {
    expect(await rows(join(how))).toEqual(expected);
  });

  test("a right join of sorted rows with nulls first still has unmatched right rows last", async () => {
    const node = { ...join("right"), left: byId(true, "first") } as BoundNode;
    expect((await rows(node)).map((row) => row[2])).toEqual(["v", "x", "w", "x", "w", "y", "z"]);
  });
});

describe("aggregates", () => {
  const byCity = (aggregates: readonly BoundAggregate[], from: BoundNode = input): BoundNode => ({
    kind: "aggregate",
    input: from,
    keys: [{ name: "city", expr: column(people, 2) }],
    aggregates,
    schema: [field("city", types.utf8), ...aggregates.map((a) => field(a.name, a.type))],
  });

  test("come by their keys, nulls last", async () => {
    const node = byCity([aggregate("n", "count", types.int64), aggregate("s", "sum", types.int64, [column(people, 0)])]);
    expect(await rows(node)).toEqual([
      ["Oslo", 2n, 2n],
      ["Rome", 2n, 3n],
      [null, 1n, 2n],
    ]);
  });

  test("first and list follow the order of their input", async () => {
    const list = types.list(types.utf8);
    const ordered = [aggregate("f", "first", types.utf8, [column(people, 1)]), aggregate("l", "list", list, [column(people, 1)])];
    expect(await rows(byCity(ordered))).toEqual([
      ["Oslo", "a", ["a", "a2"]],
      ["Rome", "c", ["c", "n"]],
      [null, "b", ["b"]],
    ]);
    expect((await rows(byCity(ordered, byId(true, "first")))).map((row) => row[2])).toEqual([["a", "a2"], ["n", "c"], ["b"]]);
  });

  test("without keys there is one row, also over nothing", async () => {
    const node: BoundNode = {
      kind: "aggregate",
      input: { kind: "stageInput", stage: 3, schema: people },
      keys: [],
      aggregates: [aggregate("n", "count", types.int64)],
      schema: [field("n", types.int64)],
    };
    expect(await rows(node)).toEqual([[0n]]);
  });

  test("a float sum over a sum, over a shared expensive input", async () => {
    const float: Bound = { kind: "cast", input: column(people, 0), safe: false, type: types.float64, nullable: true };
    const inner = byCity([aggregate("s", "sum", types.float64, [float])]);
    const outer: BoundNode = {
      kind: "aggregate",
      input: { kind: "union", inputs: [inner, inner], schema: inner.schema },
      keys: [],
      aggregates: [aggregate("total", "sum", types.float64, [column(inner.schema, 1)])],
      schema: [field("total", types.float64)],
    };
    expect(await rows(outer)).toEqual([[14]]);
    expect(readableSql(nodeSql(outer, context))).toContain("exact_sum(");
  });
});

describe("SQL of users", () => {
  const sql = async (text: string, name = "input"): Promise<BoundNode> => ({
    kind: "sql",
    inputs: [{ name, node: input }],
    text,
    schema: await describeSql(text, [{ name, schema: people }], session),
  });

  test("gives its ORDER BY order with ties by all columns, else the order of all columns", async () => {
    expect(await names(await sql("select id, name from input order by id desc nulls last"))).toEqual(["c", "b", "a", "a2", "n"]);
    expect(await rows(await sql("select name from input -- all\n ;"))).toEqual([["a"], ["a2"], ["b"], ["c"], ["n"]]);
    expect(await names(await sql("with x as (select * from s0) select id, name from x order by 1 limit 2", "s0"))).toEqual([
      "a",
      "a2",
    ]);
  });

  test("types without counterpart are cast", async () => {
    const node = await sql("select sum(id) as s, time '01:02:03' as t, count(*) as c from input");
    expect(node.schema.map((f) => f.type)).toEqual([types.decimal(38, 0), types.utf8, types.int64]);
    expect(await rows(node)).toEqual([[7n, "01:02:03", 5n]]);
  });

  test("columns of one name are told apart", async () => {
    const node = await sql("select id, id + 1 as id, name as ID from input order by 1");
    expect(new Set(node.schema.map((f) => f.name.toLowerCase())).size).toBe(3);
    expect((await rows(node))[0]).toEqual([1, 2, "a"]);
  });

  test("its mistakes are plan errors with DuckDB's words", async () => {
    await expect(sql("select nme from input")).rejects.toMatchObject({ code: "SQL_INVALID", category: "Plan" });
    await expect(sql("select name from inputs")).rejects.toThrow(/input/);
  });
});

describe("names and literals", () => {
  test("names that differ only in case, and names like hidden columns", async () => {
    const wild: Schema = [field('a"b', types.int32), field("A", types.utf8), field("a", types.utf8), field("__o0", types.utf8)];
    const project: BoundNode = {
      kind: "project",
      input: byId(false, "last"),
      columns: [0, 1, 2, 1].map((index, i) => ({ name: wild[i]?.name ?? "", expr: column(people, index) })),
      schema: wild,
    };
    const filter: BoundNode = { kind: "limit", input: project, count: 2, offset: 0, schema: wild };
    expect(await rows(filter)).toEqual([
      [1, "a", "Oslo", "a"],
      [1, "a2", "Oslo", "a2"],
    ]);
  });

  test.each<[Parameters<typeof literalSql>[0], DataType, string, unknown]>([
    ["-9223372036854775808", types.int64, "BIGINT", -(2n ** 63n)],
    ["18446744073709551615", types.uint64, "UBIGINT", 2n ** 64n - 1n],
    [7, types.int8, "TINYINT", 7],
    [0.1, types.float64, "DOUBLE", 0.1],
    [1e300, types.float64, "DOUBLE", 1e300],
    ["NaN", types.float64, "DOUBLE", Number.NaN],
    ["-Infinity", types.float32, "FLOAT", Number.NEGATIVE_INFINITY],
    ["-12.345", types.decimal(20, 4), "DECIMAL(20,4)", -123450n],
    ["it's '); drop\0 table", types.utf8, "VARCHAR", "it's '); drop\0 table"],
    ["AP8=", types.binary, "BLOB", Uint8Array.of(0, 255)],
    ["1969-12-31", types.date, "DATE", -1],
    ["1970-01-01T00:00:00.000001", types.timestamp, "TIMESTAMP", 1n],
    [null, types.int32, "INTEGER", null],
    [true, types.bool, "BOOLEAN", true],
  ])("literal %s", async (value, type, duck, expected) => {
    const sql = literalSql(value, type);
    expect(await rowsOf(session.query(`SELECT ${sql}, typeof(${sql})`))).toEqual([[expected, duck]]);
  });

  test("a function of a user's is an internal error", () => {
    const fn = { kind: "source", name: "f", source: "() => 1", captured: {}, hash: "0" } as const;
    expect(() => expressionSql({ kind: "udf", fn, args: [], type: types.int32, nullable: true }, String)).toThrow(/f cannot run/);
  });
});

test("large scans, filters, unions and limits come in file order from several threads", async () => {
  const schema: Schema = [field("i", types.int64)];
  const parts = [0, 1, 2].map((part) => at(`ordered-${part}.parquet`));
  for (const [part, path] of parts.entries()) {
    await session.run(
      `COPY (SELECT i FROM range(${part * 100000}, ${part * 100000 + 100000}) r(i)) TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE 5000)`,
    );
  }
  const own = await openSession(folder.path, 4);
  const scan = (stage: number): BoundNode => ({ kind: "stageInput", stage, schema });
  const two: Bound = { kind: "literal", value: 2, type: types.int64, nullable: false };
  const even: Bound = { kind: "call", fn: "mod", args: [column(schema, 0), two], options: {}, type: types.int64, nullable: true };
  const zero: Bound = { kind: "literal", value: 0, type: types.int64, nullable: false };
  const predicate: Bound = { kind: "call", fn: "eq", args: [even, zero], options: {}, type: types.bool, nullable: true };
  const filter = (input: BoundNode): BoundNode => ({ kind: "filter", input, predicate, schema });
  const inputs = new Map([
    [1, { files: parts.slice(0, 2), schema }],
    [2, { files: parts.slice(2), schema }],
  ]);
  const union: BoundNode = { kind: "union", inputs: [filter(scan(1)), filter(scan(2))], schema };
  const limit: BoundNode = { kind: "limit", input: union, count: 120000, offset: 7, schema };
  for (const [node, first, count] of [
    [union, 0, 150000],
    [limit, 14, 120000],
  ] as const) {
    const seen: bigint[] = [];
    await runDuckDbStage(own, node, inputs, {
      kind: "batches",
      onBatch: (batch) => {
        const values = batch.columns[0];
        if (values?.layout === "fixed") seen.push(...(values.values as BigInt64Array));
      },
    });
    expect(seen.length).toBe(count);
    expect(seen.findIndex((value, i) => value !== BigInt(first + 2 * i))).toBe(-1);
  }
  own.close();
});

test("bytes do not depend on threads or memory", async () => {
  const source = at("many.parquet");
  await session.run(`COPY (SELECT (hash(i) % 5000)::INTEGER AS k, 'text ' || (i % 977) AS s, (hash(i + 1) % 1000000) / 997.0 AS x
    FROM range(400000) r(i)) TO '${source}' (FORMAT parquet, ROW_GROUP_SIZE 30000)`);
  const schema: Schema = [field("k", types.int32), field("s", types.utf8), field("x", types.float64)];
  const scan: BoundNode = { kind: "stageInput", stage: 7, schema };
  const grouped: BoundNode = {
    kind: "aggregate",
    input: scan,
    keys: [{ name: "k", expr: column(schema, 0) }],
    aggregates: [
      aggregate("x", "sum", types.float64, [column(schema, 2)]),
      aggregate("f", "first", types.utf8, [column(schema, 1)]),
    ],
    schema: [field("k", types.int32), field("x", types.float64), field("f", types.utf8)],
  };
  const joined: BoundNode = {
    kind: "join",
    left: scan,
    right: grouped,
    on: [{ left: 0, right: 0 }],
    how: "left",
    output: [
      { side: "left", index: 1 },
      { side: "right", index: 1 },
      { side: "right", index: 2 },
    ],
    schema: [field("s", types.utf8), field("x", types.float64), field("f", types.utf8)],
  };
  const sorted: BoundNode = {
    kind: "sort",
    input: scan,
    keys: [{ expr: column(schema, 1), descending: true, nulls: "first" }],
    schema,
  };
  const plans = { scan, grouped, joined, sorted, union: { kind: "union", inputs: [scan, scan], schema } as BoundNode };
  const stage = new Map([[7, { files: [source], schema }]]);
  const seen: Record<string, Set<string>> = {};
  for (const [threads, memory] of [
    [1, 2e9],
    [2, 2e8],
    [4, 2e9],
  ] as const) {
    const own = await openSession(folder.path, threads, memory);
    for (const [name, node] of Object.entries(plans)) {
      const file = at(`out-${name}-${threads}.parquet`);
      const { rows } = await runDuckDbStage(own, node, stage, { kind: "exchange", file });
      const hash = createHash("sha256").update(readFileSync(file)).digest("hex");
      const held = createHash("sha256");
      let streamed = 0;
      await runDuckDbStage(own, node, stage, {
        kind: "batches",
        onBatch: async (batch) => {
          streamed += batch.length;
          for (const row of await rowsOf([batch] as unknown as AsyncIterable<typeof batch>))
            held.update(row.map(String).join("\0"));
        },
      });
      expect(streamed).toBe(rows);
      seen[name] = (seen[name] ?? new Set()).add(`${hash} ${held.digest("hex")}`);
    }
    own.close();
  }
  for (const [name, hashes] of Object.entries(seen)) expect([name, hashes.size]).toEqual([name, 1]);
});
