import { describe, expect, test } from "vitest";
import { MillraceError } from "../../../src/common/errors.js";
import { count, sum } from "../../../src/plan/aggregates.js";
import { bindPlan } from "../../../src/plan/bind.js";
import type { BoundNode, ResolvedSource } from "../../../src/plan/bound.js";
import { col, desc, lit } from "../../../src/plan/expressions.js";
import type { Plan, SourceSpec } from "../../../src/plan/nodes.js";
import { read } from "../../../src/plan/read.js";
import { parseType, type Schema, typeName } from "../../../src/schema/types.js";

const files: { readonly [path: string]: { readonly [column: string]: string } } = {
  sales: { id: "int32", store: "utf8", quantity: "int32", price: "float64", at: "timestamp", tags: "list(utf8)" },
  stores: { store: "utf8", id: "int64", city: "utf8" },
  bare: { s: "struct(l: list(struct()))" },
  more: { store: "utf8", quantity: "int64", id: "int16", price: "float64", at: "date", tags: "list(utf8)" },
};

const schemaOf = (columns: { readonly [column: string]: string }): Schema =>
  Object.entries(columns).map(([name, type]) => ({ name, type: parseType(type), nullable: name !== "id" }));

function resolve(spec: SourceSpec): ResolvedSource {
  const path = spec.format === "rows" ? "" : (spec.paths[0] as string);
  return { spec, files: [], schema: schemaOf(files[path] ?? {}), partitionColumns: [], rows: null };
}

const described = schemaOf({ n: "int64", store: "utf8" });
const bind = (plan: Plan) => bindPlan(plan.outputs, resolve, async () => described);

async function bindOne(dataset: { toPlan(): Plan }): Promise<BoundNode> {
  return (await bind(dataset.toPlan()))[0] as BoundNode;
}

/** `name: type`, with `?` where it can be null. */
const shape = (node: BoundNode) => node.schema.map((f) => `${f.name}: ${typeName(f.type)}${f.nullable ? "?" : ""}`).join(", ");

async function failure(promise: Promise<unknown>): Promise<MillraceError> {
  const error: unknown = await promise.then(
    () => new Error("expected an error"),
    (thrown: unknown) => thrown,
  );
  if (error instanceof MillraceError) return error;
  throw error;
}

const sales = read.csv("sales");
const stores = read.parquet("stores");
const more = read.jsonl("more");

describe("columns", () => {
  test("select, withColumns, rename and drop become projections", async () => {
    const made = sales
      .select("id", "quantity", (c) => ({ day: c.at.toDate() }))
      .withColumns((c) => ({ quantity: c.quantity.gt(1), twice: c.quantity.add(c.quantity) }))
      .rename({ id: "key", day: "id" })
      .drop("key");
    const node = await bindOne(made);
    expect(shape(node)).toBe("quantity: bool?, id: date?, twice: int32?");
    const kinds: string[] = [];
    for (let at: BoundNode | undefined = node; at !== undefined; at = "input" in at ? at.input : undefined) kinds.push(at.kind);
    expect(kinds).toEqual(["project", "project", "project", "project", "scan"]);
  });

  test("a projection that changes nothing disappears", async () => {
    const [a, b] = await bind({
      outputs: [sales.node, sales.select(...(Object.keys(files.sales as object) as [])).node],
      data: new Map(),
    });
    expect(a).toBe(b);
  });

  test("names may be swapped", async () => {
    expect(shape(await bindOne(stores.rename({ store: "city", city: "store" })))).toBe("city: utf8?, id: int64, store: utf8?");
  });
});

describe("joins", () => {
  test("columns, suffixes and nulls", async () => {
    const joined = (how: "inner" | "left" | "right" | "full" | "semi" | "anti") =>
      bindOne(sales.select("id", "store").join(stores, { on: "store", how })).then(shape);
    expect(await joined("inner")).toBe("id: int32, store: utf8?, id_right: int64, city: utf8?");
    expect(await joined("left")).toBe("id: int32, store: utf8?, id_right: int64?, city: utf8?");
    expect(await joined("right")).toBe("id: int32?, store: utf8?, id_right: int64, city: utf8?");
    expect(await joined("full")).toBe("id: int32?, store: utf8?, id_right: int64?, city: utf8?");
    expect(await joined("semi")).toBe("id: int32, store: utf8?");
    expect(await joined("anti")).toBe("id: int32, store: utf8?");
  });

  test("keys of different types are compared in a type that holds both; the output keeps its own", async () => {
    const left = sales.select("id", "quantity");
    const inner = (await bindOne(left.join(stores, { on: "id" }))) as Extract<BoundNode, { kind: "join" }>;
    expect(shape(inner)).toBe("id: int32, quantity: int32?, store: utf8?, city: utf8?");
    const { left: l, right: r, on } = inner;
    expect(on).toHaveLength(1);
    expect([l.schema[on[0]?.left ?? -1]?.type.kind, r.schema[on[0]?.right ?? -1]?.type.kind]).toEqual(["int64", "int64"]);
    const full = await bindOne(left.join(stores, { on: "id", how: "full" }));
    expect(shape(full)).toBe("id: int64, quantity: int32?, store: utf8?, city: utf8?");
  });

  test("keys of different names both stay", async () => {
    const node = await bindOne(sales.select("quantity").join(stores, { on: { left: "quantity", right: "id" }, how: "left" }));
    expect(shape(node)).toBe("quantity: int32?, store: utf8?, id: int64?, city: utf8?");
  });

  test("what cannot be joined", async () => {
    const types = await failure(bindOne(sales.join(stores, { on: { left: "price", right: "city" } })));
    expect([types.code, types.message]).toEqual(["TYPE_MISMATCH", expect.stringContaining("float64 (left) and utf8 (right)")]);
    expect((await failure(bindOne(sales.join(sales, { on: "tags" })))).code).toBe("TYPE_MISMATCH");
    const unknown = await failure(bindOne(sales.join(stores, { on: "cty" })));
    expect([unknown.code, unknown.message]).toEqual(["UNKNOWN_COLUMN", expect.stringContaining("join (left side)")]);
    const twice = await failure(
      bindOne(
        sales
          .select("id", "store")
          .rename({ store: "id_right" })
          .join(stores, { on: { left: "id_right", right: "city" } }),
      ),
    );
    expect([twice.code, twice.message]).toEqual(["DUPLICATE_COLUMN", expect.stringContaining('"id_right"')]);
  });
});

describe("unions", () => {
  test("by name, in the types that hold both", async () => {
    const node = (await bindOne(sales.union(more))) as Extract<BoundNode, { kind: "union" }>;
    const expected = "id: int32, store: utf8?, quantity: int64?, price: float64?, at: timestamp?, tags: list(utf8)?";
    expect(shape(node)).toBe(expected);
    expect(node.inputs.map((input) => input.schema.map((f) => `${f.name} ${typeName(f.type)}`).join())).toEqual(
      [0, 1].map(() => node.schema.map((f) => `${f.name} ${typeName(f.type)}`).join()),
    );
  });

  test("columns have to match", async () => {
    const missing = await failure(bindOne(sales.union(sales.drop("store"))));
    expect([missing.code, missing.place.column]).toEqual(["UNION_MISMATCH", "store"]);
    expect((await failure(bindOne(sales.drop("store").union(sales)))).message).toContain("input 2 has it and input 1 has not");
    const types = await failure(bindOne(sales.select("store").union(sales.select("quantity").rename({ quantity: "store" }))));
    expect(types.message).toContain("utf8 and int32");
  });
});

describe("groups, order and the rest", () => {
  test("aggregates", async () => {
    const node = await bindOne(
      sales
        .groupBy("store", (c) => ({ day: c.at.toDate() }))
        .agg((c) => ({ n: count(), units: sum(c.quantity), value: sum(c.price) })),
    );
    expect(shape(node)).toBe("store: utf8?, day: date?, n: int64, units: int64?, value: float64?");
  });

  test("distinct, sort and limit keep the columns", async () => {
    const node = await bindOne(
      stores
        .distinct("city")
        .sort(desc("city", { nulls: "first" }))
        .limit(3, { offset: 1 }),
    );
    expect(node).toMatchObject({
      kind: "limit",
      count: 3,
      offset: 1,
      input: { kind: "sort", keys: [{ descending: true, nulls: "first" }], input: { kind: "distinct", columns: [2] } },
    });
    expect(shape(node)).toBe("store: utf8?, id: int64, city: utf8?");
    expect(await bindOne(stores.distinct())).toMatchObject({ columns: [0, 1, 2] });
  });

  test("a query's columns are described, or cast to what is declared", async () => {
    expect(shape(await bindOne(sales.sql("select …", { inputs: { stores } })))).toBe("n: int64?, store: utf8?");
    expect(shape(await bindOne(sales.sql("select …", { schema: { store: "utf8", n: "int32" } })))).toBe(
      "store: utf8?, n: int32?",
    );
    expect((await failure(bindOne(sales.sql("select …", { schema: { m: "int32" } })))).code).toBe("UNKNOWN_COLUMN");
  });

  test("sinks", async () => {
    const [node] = await bind(stores.write.parquet("x", { partitionBy: ["city"], mode: "overwrite-partitions" }));
    expect(node).toMatchObject({ kind: "sink", sink: { partitionBy: ["city"] }, input: { kind: "scan" } });
    const code = (partitionBy: string[], dataset = sales) =>
      failure(bind(dataset.write.parquet("x", { partitionBy }))).then((e) => e.code);
    expect(await code(["nope"])).toBe("UNKNOWN_COLUMN");
    expect(await code(["tags"])).toBe("TYPE_MISMATCH");
    expect(await code(["store", "store"])).toBe("DUPLICATE_COLUMN");
    expect(await code(["city", "id", "store"], stores)).toBe("NO_COLUMNS");
    const bare = failure(bind(read.csv("bare").write.parquet("x")));
    expect((await bare).message).toContain('column "s" is struct(l: list(struct()))');
  });
});

describe("errors say which step is wrong", () => {
  test.each<readonly [string, { toPlan(): Plan }, string, string]>([
    ["filter", sales.filter((c) => c.quantitty.gt(0)), "UNKNOWN_COLUMN", "filter"],
    ["its suggestion", sales.filter((c) => c.quantitty.gt(0)), "UNKNOWN_COLUMN", 'Did you mean "quantity"'],
    ["a filter of numbers", sales.filter((c) => c.quantity), "TYPE_MISMATCH", "filter: expected a condition (bool), found int32"],
    ["withColumns", sales.withColumns((c) => ({ total: c.store.mul(2) })), "TYPE_MISMATCH", 'withColumns "total"'],
    ["agg", sales.groupBy("store").agg((c) => ({ total: sum(c.at) })), "TYPE_MISMATCH", 'agg "total"'],
    ["groupBy", sales.groupBy("stor").agg(() => ({ n: count() })), "UNKNOWN_COLUMN", "groupBy"],
    ["a nested key", sales.groupBy("tags").agg(() => ({ n: count() })), "TYPE_MISMATCH", "list(utf8)"],
    ["sort", sales.sort(col("x")), "UNKNOWN_COLUMN", "sort"],
    ["rename", sales.rename({ x: "y" }), "UNKNOWN_COLUMN", "rename"],
    ["drop", sales.drop("x"), "UNKNOWN_COLUMN", "drop"],
    ["distinct", sales.distinct("x"), "UNKNOWN_COLUMN", "distinct"],
    ["select twice", sales.select("id", "id"), "DUPLICATE_COLUMN", '"id"'],
    ["rename to a name that is there", sales.rename({ id: "store" }), "DUPLICATE_COLUMN", '"store"'],
    ["agg named as a key", sales.groupBy("store").agg(() => ({ store: count() })), "DUPLICATE_COLUMN", '"store"'],
    ["drop all", stores.drop("id", "store", "city"), "NO_COLUMNS", "no column is left"],
  ])("%s", async (_name, dataset, code, text) => {
    const error = await failure(bindOne(dataset));
    expect([error.category, error.code]).toEqual(["Plan", code]);
    expect(error.message).toContain(text);
  });
});

describe("sharing", () => {
  test("what was written twice is one object", async () => {
    const prefix = () =>
      read
        .csv("sales")
        .filter((c) => c.quantity.gt(0))
        .withColumns((c) => ({ x: c.price.mul(2) }));
    const join = (await bindOne(prefix().join(prefix(), { on: "id" }))) as Extract<BoundNode, { kind: "join" }>;
    expect(join.left).toBe(join.right);
    const [a, b] = await bind({
      outputs: [...prefix().write.csv("a").outputs, ...prefix().write.csv("b").outputs],
      data: new Map(),
    });
    expect(a).not.toBe(b);
    expect(a?.kind === "sink" && b?.kind === "sink" && a.input === b.input).toBe(true);
  });

  test("different things stay apart", async () => {
    const outputs = [sales.filter(lit(true)).node, sales.filter((c) => c.id.gt(1)).node, more.filter((c) => c.id.gt(1)).node];
    const nodes = await bind({ outputs, data: new Map() });
    expect(new Set(nodes).size).toBe(3);
  });

  test("a deep plan does not overflow the stack", async () => {
    let dataset = stores.limit(1);
    for (let i = 0; i < 20_000; i++) dataset = dataset.limit(i);
    expect((await bindOne(dataset)).kind).toBe("limit");
  });
});
