import type { Workload } from "../workload.ts";

const daily = "read_parquet('{out}/daily/**/*.parquet', hive_partitioning = true)";
const customers = "read_parquet('{out}/customers/**/*.parquet')";

export const workload: Workload = {
  name: "main-job",
  what: "the example job: CSV, JavaScript function, join, two grouped outputs as Parquet",
  readBack: `select (select count(*) from ${daily}) as days, (select sum(revenue) from ${daily}) as revenue,
    (select sum(transactions) from ${daily}) as sales, (select count(*) from ${customers}) as customers,
    (select sum(revenue) from ${customers}) as customer_revenue, (select sum(units) from ${customers}) as units`,
  engines: {
    millrace: async (task) => {
      const { default: dailySales } = await import("../../examples/daily-sales.ts");
      const { statement } = await import("../peers/millrace.ts");
      const files = { sales: task.file("sales.csv"), customers: task.file("customers.parquet"), out: task.out };
      return statement(task, dailySales(files));
    },
    // The joined sales are kept once, so that the file is read and the function called once for both outputs.
    duckdb: async (task) => {
      const { quoted, salesCsv, statement } = await import("../peers/duckdb.ts");
      const sold = `select customer_id, quantity, js_discount(quantity, unit_price) as total, transaction_date::date as sale_date
        from ${salesCsv(task.file("sales.csv"))} where quantity > 0`;
      const sql = `
        create temp table sold as select s.*, coalesce(segment, 'Unknown') as segment, coalesce(region, 'Unknown') as region,
            case when total < 50 then 'small' when total < 200 then 'medium' else 'large' end as size
          from (${sold}) s left join read_parquet(${quoted(task.file("customers.parquet"))}) c using (customer_id);
        copy (select sale_date, year(sale_date) as year, month(sale_date) as month, region, sum(total) as revenue,
            count(*) as transactions, avg(total) as average_value, sum(quantity) as units,
            count(*) filter (where size = 'large') as large_sales
          from sold group by all)
          to ${quoted(`${task.out}/daily`)} (format parquet, partition_by (sale_date), overwrite_or_ignore);
        copy (select customer_id, segment, region, sum(total) as revenue, count(*) as transactions, sum(quantity) as units,
            max(sale_date) as last_sale
          from sold group by all) to ${quoted(`${task.out}/customers`)} (format parquet, per_thread_output true);`;
      return statement(task, sql, true);
    },
    polars: async (task) => {
      const { collect, groupBy, pl, scanSalesDated } = await import("../peers/polars.ts");
      const { discount } = await import("../workload.ts");
      const { mkdirSync } = await import("node:fs");
      const read = collect(
        scanSalesDated(task.file("sales.csv"))
          .filter(pl.col("quantity").gt(0))
          .select(
            pl.col("customer_id"),
            pl.col("quantity"),
            pl.col("unit_price"),
            pl.col("transaction_date").cast(pl.Date).alias("sale_date"),
          ),
      );
      const quantities = read.getColumn("quantity").toTypedArray();
      const prices = read.getColumn("unit_price").toTypedArray();
      const total = new Float64Array(read.height);
      for (let i = 0; i < total.length; i++) total[i] = discount(quantities[i], prices[i]);
      const sold = read
        .withColumn(pl.Series("total", total))
        .lazy()
        .join(pl.scanParquet(task.file("customers.parquet")), { on: "customer_id", how: "left" })
        .withColumns(pl.col("segment").fillNull(pl.lit("Unknown")), pl.col("region").fillNull(pl.lit("Unknown")));
      const money = pl.col("total");
      const days = collect(
        groupBy(sold, ["sale_date", "region"])
          .agg(
            money.sum().alias("revenue"),
            pl.len().alias("transactions"),
            money.mean().alias("average_value"),
            pl.col("quantity").sum().alias("units"),
            money.gtEq(200).sum().alias("large_sales"),
          )
          .withColumns(pl.col("sale_date").dt.year().alias("year"), pl.col("sale_date").dt.month().alias("month")),
      );
      // This binding cannot write partitions: one file stands for them.
      mkdirSync(`${task.out}/daily`);
      days.writeParquet(`${task.out}/daily/part.parquet`, { compression: "snappy" });
      const byCustomer = groupBy(sold, ["customer_id", "segment", "region"]).agg(
        money.sum().alias("revenue"),
        pl.len().alias("transactions"),
        pl.col("quantity").sum().alias("units"),
        pl.col("sale_date").max().alias("last_sale"),
      );
      mkdirSync(`${task.out}/customers`);
      collect(byCustomer.sinkParquet(`${task.out}/customers/part.parquet`, { compression: "snappy", maintainOrder: false }));
      return {};
    },
  },
};
