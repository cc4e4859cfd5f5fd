import { salesSchema } from "../salesSchema.ts";
import type { Workload } from "../workload.ts";

export const workload: Workload = {
  name: "jsonl-group",
  what: "JSON lines, group by 200 stores: count and two sums",
  engines: {
    millrace: async (task) => {
      const { grouped } = await import("../peers/millrace.ts");
      const { count, read, sum } = await import("millrace");
      const result = read
        .jsonl(task.file("sales.jsonl"), { schema: salesSchema })
        .groupBy("store_id")
        .agg((c) => ({ sales: count(), units: sum(c.quantity), prices: sum(c.unit_price) }));
      return grouped(task, result, ["sales", "units", "prices"]);
    },
    duckdb: async (task) => {
      const { grouped, salesJson } = await import("../peers/duckdb.ts");
      const sql = `select store_id, count(*) as sales, sum(quantity) as units, sum(unit_price) as prices
        from ${salesJson(task.file("sales.jsonl"))} group by store_id`;
      return grouped(task, sql, ["sales", "units", "prices"]);
    },
    polars: async (task) => {
      const { groupBy, pl, summed } = await import("../peers/polars.ts");
      const rows = pl.scanJson(task.file("sales.jsonl"));
      const result = groupBy(rows, ["store_id"]).agg(
        pl.len().alias("sales"),
        pl.col("quantity").sum().alias("units"),
        pl.col("unit_price").sum().alias("prices"),
      );
      return summed(result, ["sales", "units", "prices"]);
    },
  },
};
