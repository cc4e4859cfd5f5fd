/** The jobs of memory.ts on the streaming engine of Polars, which knows no limit of memory. */
import pl from "nodejs-polars";
import { collect, type Lazy, scanSalesDated } from "../native-bench/peers/polars.ts";

const sales = scanSalesDated;

const jobs: Readonly<Record<string, (file: string) => Lazy>> = {
  group: (file) =>
    sales(file)
      .groupBy(["transaction_id"], false)
      .agg(pl.col("quantity").cast(pl.Int64).sum().alias("units"), pl.col("quantity").count().cast(pl.Int64).alias("n")),
  join: (file) =>
    sales(file)
      .join(sales(file), { on: "transaction_id", how: "inner", suffix: "_right" })
      .select("transaction_id", "store_id", "quantity_right", "unit_price_right"),
  sort: (file) => sales(file).sort({ by: ["customer_id", "transaction_id"], descending: [false, true] }),
  dedupe: (file) =>
    sales(file)
      .sort("transaction_date")
      .unique({ subset: ["transaction_id"], keep: "last", maintainOrder: false }),
  window: (file) =>
    sales(file)
      .select("transaction_id", "customer_id", "quantity", "transaction_date")
      .sort({ by: ["customer_id", "transaction_date", "transaction_id"], descending: [false, false, false] })
      .withColumns(
        pl.col("quantity").cumCount().over("customer_id").cast(pl.Int64).alias("n"),
        pl.col("quantity").cast(pl.Int64).cumSum().over("customer_id").alias("units"),
      ),
};

export function runPolars(job: string, file: string, out: string): void {
  const make = jobs[job];
  if (make === undefined) throw new Error(`${job} is not written for Polars`);
  collect(make(file).sinkParquet(out, { compression: "snappy", maintainOrder: job === "sort" }));
}
