import type { Workload } from "../workload.ts";

export const workload: Workload = {
  name: "parquet-join",
  what: "Parquet, left join with 500 k customers, group by region and segment",
  engines: {
    millrace: async (task) => {
      const { grouped } = await import("../peers/millrace.ts");
      const { count, read, sum } = await import("millrace");
      const result = read
        .parquet(task.file("sales.parquet"))
        .join(read.parquet(task.file("customers.parquet")), { on: "customer_id", how: "left" })
        .groupBy("region", "segment")
        .agg((c) => ({ sales: count(), units: sum(c.quantity) }));
      return grouped(task, result, ["sales", "units"]);
    },
    duckdb: async (task) => {
      const { grouped, quoted } = await import("../peers/duckdb.ts");
      const sql = `select region, segment, count(*) as sales, sum(quantity) as units
        from read_parquet(${quoted(task.file("sales.parquet"))}) s
        left join read_parquet(${quoted(task.file("customers.parquet"))}) c using (customer_id) group by region, segment`;
      return grouped(task, sql, ["sales", "units"]);
    },
    polars: async (task) => {
      const { groupBy, pl, summed } = await import("../peers/polars.ts");
      const customers = pl.scanParquet(task.file("customers.parquet"));
      const rows = pl.scanParquet(task.file("sales.parquet")).join(customers, { on: "customer_id", how: "left" });
      const result = groupBy(rows, ["region", "segment"]).agg(pl.len().alias("sales"), pl.col("quantity").sum().alias("units"));
      return summed(result, ["sales", "units"]);
    },
  },
};
