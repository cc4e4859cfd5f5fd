import type { Workload } from "../workload.ts";
import { productGroup } from "../workload.ts";

export const workload: Workload = {
  name: "csv-string-udf",
  what: "CSV, a JavaScript function over text as the key of a group",
  engines: {
    millrace: async (task) => {
      const { grouped, sales } = await import("../peers/millrace.ts");
      const { count, sum, udf } = await import("millrace");
      const group = udf(productGroup, { returns: "utf8" });
      const rows = sales(task).withColumns((c) => ({ product_group: group(c.product_id) }));
      const result = rows.groupBy("product_group").agg((c) => ({ sales: count(), units: sum(c.quantity) }));
      return grouped(task, result, ["sales", "units"]);
    },
    duckdb: async (task) => {
      const { grouped, salesCsv } = await import("../peers/duckdb.ts");
      const sql = `select js_product_group(product_id) as product_group, count(*) as sales, sum(quantity) as units
        from ${salesCsv(task.file("sales.csv"))} group by 1`;
      return grouped(task, sql, ["sales", "units"], true);
    },
    polars: async (task) => {
      const { collect, groupBy, pl, scanSales, summed } = await import("../peers/polars.ts");
      const rows = collect(scanSales(task.file("sales.csv")).select("product_id", "quantity"));
      const groups = rows
        .getColumn("product_id")
        .toArray()
        .map((product) => productGroup(product as string));
      const named = rows.withColumn(pl.Series("product_group", groups, pl.Utf8)).lazy();
      const result = groupBy(named, ["product_group"]).agg(pl.len().alias("sales"), pl.col("quantity").sum().alias("units"));
      return summed(result, ["sales", "units"]);
    },
  },
};
