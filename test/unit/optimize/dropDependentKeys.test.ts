import { describe, expect, it } from "vitest";
import { describeSql } from "../../../src/duckdb/stage.js";
import { optimize } from "../../../src/optimize/optimize.js";
import { dropDependentKeys } from "../../../src/optimize/rules/dropDependentKeys.js";
import { count, sum } from "../../../src/plan/aggregates.js";
import { bindPlan } from "../../../src/plan/bind.js";
import type { Plan } from "../../../src/plan/nodes.js";
import { read } from "../../../src/plan/read.js";
import { udf } from "../../../src/plan/udf.js";
import { explain } from "../../../src/planner/explain.js";
import { planStages } from "../../../src/planner/plan.js";
import { customers, resolved, sales } from "../planner/sources.js";

async function groupings(given: Plan): Promise<string[]> {
  const bound = await bindPlan(given.outputs, resolved, describeSql);
  const nodes = optimize(bound, [{ name: "dropDependentKeys", apply: dropDependentKeys }]);
  const lines = explain(nodes, planStages(nodes)).logical.split("\n");
  return lines.map((line) => line.trim()).filter((line) => line.startsWith("aggregate") || line.includes("= year("));
}

const dated = () =>
  sales(read)
    .withColumns((c) => ({ day: c.sold_at.toDate() }))
    .withColumns((c) => ({ year: c.day.year(), month: c.day.month() }));

describe("dropDependentKeys", () => {
  it("computes a key that follows from an earlier one once a group", async () => {
    const rows = dated()
      .groupBy("day", "year", "store", "month")
      .agg(() => ({ n: count() }))
      .write.csv("out.csv");
    expect(await groupings(rows)).toEqual([
      "project day, year = year(day), store, month = month(day), n",
      "aggregate by day, store: n = count()",
      "project id, store, customer, quantity, price, sold_at, day, year = year(day), month = month(day)",
    ]);
  });

  it("looks through joins, filters and plain projections, and takes computed keys themselves", async () => {
    const rows = dated()
      .join(customers(read), { on: "customer", how: "left" })
      .filter((c) => c.quantity.gt(1))
      .select("day", "region", "year", "price");
    const named = rows
      .groupBy("day", "region", "year")
      .agg((c) => ({ p: sum(c.price) }))
      .write.csv("out.csv");
    expect(await groupings(named)).toContain("aggregate by day, region: p = sum(price)");
  });

  it("keeps keys before what they follow from, whose order they decide", async () => {
    const rows = dated()
      .groupBy("year", "day")
      .agg(() => ({ n: count() }))
      .write.csv("out.csv");
    expect(await groupings(rows)).toContain("aggregate by year, day: n = count()");
  });

  it("keeps keys that floats, other columns, functions or failing casts go into", async () => {
    const twice = udf((quantity: number) => quantity * 2, { returns: "float64" });
    const rows = sales(read)
      .withColumns((c) => ({
        sign: c.price.gt(0),
        other: c.store.concat(c.customer),
        made: twice(c.quantity),
        next: c.quantity.add(1),
        number: c.store.cast("int32"),
      }))
      .groupBy("price", "store", "quantity", "sign", "other", "made", "next", "number")
      .agg(() => ({ n: count() }))
      .write.csv("out.csv");
    expect(await groupings(rows)).toEqual(["aggregate by price, store, quantity, sign, other, made, next, number: n = count()"]);
  });
});
