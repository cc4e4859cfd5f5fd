import type { Workload } from "../workload.ts";

export const workload: Workload = {
  name: "parquet-topk",
  what: "Parquet, the 1,000 dearest sales, ties by id",
  engines: {
    millrace: async (task) => {
      const { grouped } = await import("../peers/millrace.ts");
      const { desc, read } = await import("millrace");
      const result = read.parquet(task.file("sales.parquet")).sort(desc("unit_price"), "transaction_id").limit(1_000);
      return grouped(task, result, ["unit_price", "quantity"]);
    },
    duckdb: async (task) => {
      const { grouped, quoted } = await import("../peers/duckdb.ts");
      const sql = `select * from read_parquet(${quoted(task.file("sales.parquet"))}) order by unit_price desc, transaction_id limit 1000`;
      return grouped(task, sql, ["unit_price", "quantity"]);
    },
    polars: async (task) => {
      const { pl, summed } = await import("../peers/polars.ts");
      const rows = pl.scanParquet(task.file("sales.parquet")).sort(["unit_price", "transaction_id"], [true, false]).limit(1_000);
      return summed(rows, ["unit_price", "quantity"]);
    },
  },
};
