import { salesSchema } from "../salesSchema.ts";
import type { Workload } from "../workload.ts";

export const workload: Workload = {
  name: "csv-dirty",
  what: "CSV with 0.25 % unreadable rows, group by store, bad rows counted and kept",
  absent: { polars: "has no way to leave bad rows out and count them" },
  // Every typed column is looked at on both sides: neither engine judges a column that nobody asks for.
  engines: {
    millrace: async (task) => {
      const { grouped } = await import("../peers/millrace.ts");
      const { count, read, sum } = await import("millrace");
      const result = read
        .csv(task.file("sales-dirty.csv"), { schema: salesSchema, onReject: "quarantine" })
        .groupBy("store_id")
        .agg((c) => ({ sales: count(), units: sum(c.quantity), prices: sum(c.unit_price), dated: count(c.transaction_date) }));
      return grouped(task, result, ["sales", "units", "prices"]);
    },
    duckdb: async (task) => {
      const { grouped, salesCsv } = await import("../peers/duckdb.ts");
      const sql = `select store_id, count(*) as sales, sum(quantity) as units, sum(unit_price) as prices,
          count(transaction_date) as dated
        from ${salesCsv(task.file("sales-dirty.csv"), ", store_rejects = true, rejects_limit = 0")} group by store_id`;
      return grouped(task, sql, ["sales", "units", "prices"]);
    },
  },
};
