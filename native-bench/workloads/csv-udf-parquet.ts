import type { Workload } from "../workload.ts";
import { discount } from "../workload.ts";

export const workload: Workload = {
  name: "csv-udf-parquet",
  what: "CSV, filter, a JavaScript function of two columns, to Parquet (snappy)",
  readBack:
    "select count(*) as sales, sum(total) as total, sum(quantity) as units from read_parquet('{out}/result/**/*.parquet')",
  engines: {
    millrace: async (task) => {
      const { sales, statement } = await import("../peers/millrace.ts");
      const { udf } = await import("millrace");
      const total = udf(discount, { returns: "float64" });
      const rows = sales(task)
        .filter((c) => c.quantity.gt(0))
        .withColumns((c) => ({ total: total(c.quantity, c.unit_price) }));
      return statement(task, rows.write.parquet(`${task.out}/result`, { compression: "snappy" }));
    },
    duckdb: async (task) => {
      const { quoted, salesCsv, statement } = await import("../peers/duckdb.ts");
      return statement(
        task,
        `copy (select *, js_discount(quantity, unit_price) as total from ${salesCsv(task.file("sales.csv"))} where quantity > 0)
         to ${quoted(`${task.out}/result`)} (format parquet, compression snappy, per_thread_output true)`,
        true,
      );
    },
    // The columns leave as typed arrays and come back as one: much faster than a function per element.
    polars: async (task) => {
      const { collect, pl, scanSalesDated } = await import("../peers/polars.ts");
      const rows = collect(scanSalesDated(task.file("sales.csv")).filter(pl.col("quantity").gt(0)));
      const quantities = rows.getColumn("quantity").toTypedArray();
      const prices = rows.getColumn("unit_price").toTypedArray();
      const total = new Float64Array(rows.height);
      for (let i = 0; i < total.length; i++) total[i] = discount(quantities[i], prices[i]);
      const { mkdirSync } = await import("node:fs");
      mkdirSync(`${task.out}/result`);
      rows.withColumn(pl.Series("total", total)).writeParquet(`${task.out}/result/part.parquet`, { compression: "snappy" });
      return {};
    },
  },
};
