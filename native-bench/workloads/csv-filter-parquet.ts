import type { Workload } from "../workload.ts";

export const workload: Workload = {
  name: "csv-filter-parquet",
  what: "CSV, filter, a computed column, to Parquet (snappy)",
  readBack:
    "select count(*) as sales, sum(total) as total, sum(quantity) as units from read_parquet('{out}/result/**/*.parquet')",
  engines: {
    millrace: async (task) => {
      const { sales, statement } = await import("../peers/millrace.ts");
      const rows = sales(task)
        .filter((c) => c.quantity.gt(0))
        .withColumns((c) => ({ total: c.quantity.mul(c.unit_price) }));
      return statement(task, rows.write.parquet(`${task.out}/result`, { compression: "snappy" }));
    },
    duckdb: async (task) => {
      const { quoted, salesCsv, statement } = await import("../peers/duckdb.ts");
      return statement(
        task,
        `copy (select *, quantity * unit_price as total from ${salesCsv(task.file("sales.csv"))} where quantity > 0)
         to ${quoted(`${task.out}/result`)} (format parquet, compression snappy, per_thread_output true)`,
      );
    },
    polars: async (task) => {
      const { collect, pl, scanSalesDated } = await import("../peers/polars.ts");
      const rows = scanSalesDated(task.file("sales.csv"))
        .filter(pl.col("quantity").gt(0))
        .withColumns(pl.col("quantity").mul(pl.col("unit_price")).alias("total"));
      collect(rows.sinkParquet(`${task.out}/result/part.parquet`, { compression: "snappy", maintainOrder: false, mkdir: true }));
      return {};
    },
  },
};
