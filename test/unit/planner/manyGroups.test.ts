import { describe, expect, it } from "vitest";
import { describeSql } from "../../../src/duckdb/stage.js";
import { optimize } from "../../../src/optimize/optimize.js";
import { bindPlan } from "../../../src/plan/bind.js";
import type { ResolvedSource } from "../../../src/plan/bound.js";
import { count, countDistinct, median } from "../../../src/plan/aggregates.js";
import { plan } from "../../../src/plan/all.js";
import type { Plan, SourceSpec } from "../../../src/plan/nodes.js";
import { read } from "../../../src/plan/read.js";
import { type DistinctValues, type FileStatistics, noteStatistics } from "../../../src/plan/statistics.js";
import { planStages } from "../../../src/planner/plan.js";

const columns = { order: "int64", customer: "utf8", name: "utf8", product: "utf8", store: "utf8", day: "date" } as const;
const counted = (least: number): DistinctValues => ({ least, counted: true });
const atLeast = (least: number): DistinctValues => ({ least, counted: false });
const different: Readonly<Record<string, DistinctValues>> = {
  order: atLeast(4e6),
  customer: atLeast(500_000),
  product: counted(20_000),
  name: counted(20_000),
  store: counted(200),
};

const statistics: FileStatistics = {
  range: () => null,
  distinct: (column) => different[column] ?? null,
  among: () => statistics,
};

function resolved(rows: number): (spec: SourceSpec) => ResolvedSource {
  return (spec) => {
    const files = [{ path: "sales.parquet", bytes: 100e6, modifiedMs: 0, partitionValues: ["a"] }];
    noteStatistics(files, statistics);
    const schema = spec.format === "rows" ? [] : (spec.schema ?? []);
    return { spec, files, schema, partitionColumns: ["day"], rows };
  };
}

async function placeOfScan({ outputs }: Plan, rows = 4e6): Promise<string> {
  const bound = optimize(await bindPlan(outputs, resolved(rows), describeSql));
  return planStages(bound).stages[0]?.kind ?? "none";
}

const sales = () => read.parquet("sales.parquet", { schema: columns });
const grouped = (...keys: (keyof typeof columns)[]) =>
  sales()
    .groupBy(...keys)
    .agg(() => ({ n: count() }));
const written = (...keys: (keyof typeof columns)[]) => plan.all(grouped(...keys).write.parquet("out"));

describe("Parquet is read by workers", () => {
  it.each([
    ["one key of many values", written("order")],
    ["keys that have many together", written("store", "product")],
    [
      "a computed key beside them",
      plan.all(
        sales()
          .groupBy("store", "product", (c) => ({ first: c.customer.substring(1, 2) }))
          .agg(() => ({ n: count() }))
          .write.csv("out"),
      ),
    ],
    [
      "keys under other names, of rows that pass a filter",
      plan.all(
        sales()
          .filter((c) => c.store.isNotNull())
          .rename({ customer: "who" })
          .groupBy("who", "store")
          .agg(() => ({ n: count() }))
          .write.parquet("out"),
      ),
    ],
    [
      "groups that are sorted and computed with",
      plan.all(
        grouped("order", "store")
          .sort("n")
          .withColumns((c) => ({ twice: c.n.mul(2n) }))
          .write.jsonl("out"),
      ),
    ],
  ])("for %s", async (_, one) => {
    expect(await placeOfScan(one)).toBe("worker");
  });
});

describe("Parquet is read by DuckDB", () => {
  it.each([
    ["few groups", written("store")],
    ["fewer than a million", written("customer")],
    ["what a folder has one of", written("customer", "day")],
    [
      "a column that stands twice",
      plan.all(
        sales()
          .groupBy("customer", (c) => ({ again: c.customer }))
          .agg(() => ({ n: count() }))
          .write.parquet("out"),
      ),
    ],
    ["an id and its name", written("product", "name")],
    [
      "computed keys",
      plan.all(
        sales()
          .groupBy((c) => ({ key: c.order.add(1n) }))
          .agg(() => ({ n: count() }))
          .write.parquet("out"),
      ),
    ],
    [
      "what two terms of a filter leave",
      plan.all(
        sales()
          .filter((c) => c.store.gt("a").and(c.product.gt("b")))
          .groupBy("order")
          .agg(() => ({ n: count() }))
          .write.parquet("out"),
      ),
    ],
    [
      "groups of which a filter leaves some",
      plan.all(
        grouped("order")
          .filter((c) => c.n.gt(1n))
          .write.parquet("out"),
      ),
    ],
    ["the first groups", plan.all(grouped("order").limit(10).write.parquet("out"))],
    ["a table of its own", plan.all(grouped("order").write.duckdb("out.duckdb", { table: "t" }))],
    [
      "aggregates that workers cannot merge",
      plan.all(
        sales()
          .groupBy("store", "product")
          .agg((c) => ({ middle: median(c.order), n: countDistinct(c.customer) }))
          .write.parquet("out"),
      ),
    ],
  ])("for %s", async (_, one) => {
    expect(await placeOfScan(one)).toBe("duckdb");
  });

  it("for many groups that the program reads", async () => {
    const { node } = grouped("order");
    const bound = optimize(await bindPlan([node], resolved(4e6), describeSql));
    expect(planStages(bound).stages[0]?.kind).toBe("duckdb");
  });

  it("for a million groups of many more rows", async () => {
    expect(await placeOfScan(written("store", "product"), 32e6)).toBe("worker");
    expect(await placeOfScan(written("store", "product"), 33e6)).toBe("duckdb");
  });
});
