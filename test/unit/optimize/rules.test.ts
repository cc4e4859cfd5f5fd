import { describe, expect, it } from "vitest";
import { describeSql } from "../../../src/duckdb/stage.js";
import { optimize, type OptimizerRule, rules } from "../../../src/optimize/optimize.js";
import { topological } from "../../../src/optimize/rewrite.js";
import { count, first } from "../../../src/plan/aggregates.js";
import { plan } from "../../../src/plan/all.js";
import { bindPlan } from "../../../src/plan/bind.js";
import type { BoundNode } from "../../../src/plan/bound.js";
import { desc } from "../../../src/plan/expressions.js";
import type { Plan } from "../../../src/plan/nodes.js";
import { read } from "../../../src/plan/read.js";
import { explain } from "../../../src/planner/explain.js";
import { planStages } from "../../../src/planner/plan.js";
import { customers, resolved, sales } from "../planner/sources.js";

const bound = (given: Plan) => bindPlan(given.outputs, resolved, describeSql);
const rule = (name: string): OptimizerRule => {
  const found = rules.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no rule ${name}`);
  return found;
};

/** The plan as its tree, without the indents. */
async function after(given: Plan, ...names: string[]): Promise<string[]> {
  const done = optimize(await bound(given), names.map(rule));
  return treeOf(done);
}

const treeOf = (nodes: readonly BoundNode[]): string[] =>
  explain(nodes, planStages(nodes))
    .logical.split("\n")
    .map((line) => line.trim().replace(/ \[.*\]$/, ""));

const out = (dataset: { write: { csv(path: string): Plan } }): Plan => dataset.write.csv("out.csv");

describe("pushFilters", () => {
  const push = (given: Plan) => after(given, "pushFilters");

  it("passes projections that only hand a column on, and stays above those that compute it", async () => {
    const through = sales(read)
      .select("quantity", "store")
      .filter((c) => c.quantity.gt(1));
    expect(await push(out(through))).toEqual([
      "write csv out.csv, mode error",
      "project quantity, store",
      "filter quantity > 1",
      "scan csv sales.csv",
    ]);
    const computed = sales(read)
      .select((c) => ({ q: c.quantity.add(1) }))
      .filter((c) => c.q.gt(1));
    expect((await push(out(computed)))[1]).toBe("filter q > 1");
  });

  it("passes sorts and goes into every input of a union", async () => {
    const rows = sales(read)
      .select("store")
      .union(sales(read).select("store"))
      .sort("store")
      .filter((c) => c.store.eq("a"));
    const lines = await push(out(rows));
    expect(lines[1]).toBe("sort store nulls last");
    expect(lines.filter((line) => line.startsWith("filter"))).toHaveLength(2);
  });

  it("stays above a limit, whose rows it would change", async () => {
    expect(
      (
        await push(
          out(
            sales(read)
              .limit(5)
              .filter((c) => c.quantity.gt(1)),
          ),
        )
      )[1],
    ).toBe("filter quantity > 1");
  });

  it.each([
    ["inner", ["left", "right"]],
    ["left", ["left"]],
    ["right", ["right"]],
    ["full", []],
  ] as const)("of a %s join it goes only where it makes no null rows of its own", async (how, sides) => {
    const joined = sales(read)
      .join(customers(read), { on: "customer", how })
      .filter((c) => c.quantity.gt(1).and(c.region.eq("north")));
    const lines = await push(out(joined));
    const join = lines.findIndex((line) => line.includes("join on"));
    const below = lines.slice(join);
    expect(below.includes("filter quantity > 1")).toBe((sides as readonly string[]).includes("left"));
    expect(below.some((line) => line.startsWith("filter region"))).toBe((sides as readonly string[]).includes("right"));
    expect(lines.slice(0, join).some((line) => line.startsWith("filter"))).toBe(sides.length < 2);
  });

  it("never goes below rows that another output reads too", async () => {
    const kept = sales(read).sort("id");
    const lines = await push(plan.all(kept.write.csv("all.csv"), kept.filter((c) => c.quantity.gt(1)).write.csv("some.csv")));
    expect(lines).toContain("filter quantity > 1");
    expect(lines[lines.indexOf("filter quantity > 1") + 1]).toMatch(/^#1/);
  });
});

describe("pruneColumns", () => {
  const columnsRead = async (given: Plan): Promise<string[]> => {
    const done = optimize(await bound(given), [rule("pruneColumns")]);
    return topological(done).flatMap((node) => (node.kind === "scan" ? [node.schema.map((field) => field.name).join(",")] : []));
  };

  it("reads what is written, judged, grouped or sorted by, and nothing else", async () => {
    expect(
      await columnsRead(
        out(
          sales(read)
            .filter((c) => c.quantity.gt(1))
            .select("store"),
        ),
      ),
    ).toEqual(["store,quantity"]);
    expect(await columnsRead(out(sales(read).groupBy("store").count()))).toEqual(["store"]);
    expect(await columnsRead(out(sales(read).sort("sold_at").select("id")))).toEqual(["id,sold_at"]);
    expect(await columnsRead(out(sales(read).distinct("store").select("id")))).toEqual(["id,store"]);
  });

  it("keeps one narrow column where only rows are counted", async () => {
    expect(await columnsRead(out(sales(read).groupBy().count()))).toEqual(["id"]);
  });

  it("keeps join keys that are not written, and both outputs' columns of a shared scan", async () => {
    const joined = sales(read).join(customers(read), { on: "customer" }).select("region");
    expect(await columnsRead(out(joined))).toEqual(["customer", "customer,region"]);
    const rows = sales(read);
    expect(await columnsRead(plan.all(rows.select("id").write.csv("a.csv"), rows.select("price").write.csv("b.csv")))).toEqual([
      "id,price",
    ]);
  });

  it("a user's function of whole rows needs all of them", async () => {
    const mapped = sales(read).map((row) => ({ id: row.id }), { schema: { id: "int64" } });
    expect(await columnsRead(out(mapped))).toEqual(["id,store,customer,quantity,price,sold_at"]);
  });
});

describe("groupDistinct", () => {
  const grouped = async (given: Plan) => (await after(given, "pruneColumns", "groupDistinct")).join("\n");

  it("makes groups of different rows that are only aggregated", async () => {
    const pairs = sales(read).distinct("store", "quantity");
    const counted = pairs.filter((c) => c.quantity.gt(1)).groupBy("store");
    expect(await grouped(out(counted.agg(() => ({ n: count() }))))).toContain("aggregate by store, quantity:");
    // Whoever asks for the first of them, or writes them, sees their order.
    expect(await grouped(out(counted.agg((c) => ({ q: first(c.quantity) }))))).toContain("distinct store, quantity");
    expect(await grouped(out(pairs.select("store", "quantity")))).toContain("distinct store, quantity");
    // One output sees it, so none may lose it.
    const both = sales(read).select("store", "quantity").distinct();
    const two = plan.all(
      both.write.csv("a.csv"),
      both
        .groupBy("store")
        .agg(() => ({ n: count() }))
        .write.csv("b.csv"),
    );
    expect(await grouped(two)).toContain("distinct store, quantity");
  });

  it("leaves floats, of which the first zero stays", async () => {
    const prices = sales(read).select("store", "price").distinct().groupBy("price");
    expect(await grouped(out(prices.agg(() => ({ n: count() }))))).toContain("distinct store, price");
  });
});

describe("sortGroups", () => {
  const sorted = async (given: Plan) => (await after(given, "sortGroups")).find((line) => line.startsWith("sort"));

  it("sorts groups by their keys last, wherever their columns stand", async () => {
    const groups = sales(read)
      .groupBy("store", "quantity")
      .agg(() => ({ n: count() }));
    expect(await sorted(out(groups.sort((c) => desc(c.n))))).toBe(
      "sort n desc nulls last, store nulls last, quantity nulls last",
    );
    const moved = groups.filter((c) => c.n.gt(1n)).select("n", "quantity", "store");
    expect(await sorted(out(moved.sort("quantity", "n")))).toBe("sort quantity nulls last, n nulls last, store nulls last");
  });

  it("leaves sorts of other rows, and of groups that lost a key", async () => {
    expect(await sorted(out(sales(read).sort("store")))).toBe("sort store nulls last");
    const groups = sales(read)
      .groupBy("store", "quantity")
      .agg(() => ({ n: count() }))
      .select("n", "store");
    expect(await sorted(out(groups.sort("n")))).toBe("sort n nulls last");
    const raised = groups.select((c) => ({ n: c.n, store: c.store.upper() }));
    expect(await sorted(out(raised.sort("n")))).toBe("sort n nulls last");
  });
});

describe("the list of rules", () => {
  it("drops projections that do nothing", async () => {
    const rows = sales(read).select("id", "store").select("id", "store");
    expect(await after(out(rows), "pruneColumns", "dropIdentityProjects")).toEqual([
      "write csv out.csv, mode error",
      "scan csv sales.csv",
    ]);
  });

  it("gives the same plan when it is applied again", async () => {
    const rows = sales(read)
      .join(customers(read), { on: "customer", how: "left" })
      .filter((c) => c.quantity.gt(1))
      .select("region", "id");
    const once = optimize(await bound(out(rows)));
    expect(treeOf(optimize(once))).toEqual(treeOf(once));
  });

  it("names a rule that changes an output's columns", async () => {
    const broken: OptimizerRule = {
      name: "loseOne",
      apply: (nodes) => nodes.map((node) => ({ ...node, schema: node.schema.slice(1) })),
    };
    const nodes = await bound(out(sales(read)));
    expect(() => optimize(nodes, [broken])).toThrow(/loseOne/);
  });
});
