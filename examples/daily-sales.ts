/**
 * The main job: what was sold each day in each region, and what each customer bought, from one pass over the sales.
 *
 *   npx millrace run examples/daily-sales.ts --set date=2026-01-02
 */
import { avg, count, lit, max, plan, read, sum, udf, when } from "millrace";

/** From the sixth piece on, ten per cent off. Runs in the workers, inside the loop over the rows. */
const discount = udf((quantity: number, price: number): number => (quantity > 5 ? quantity * price * 0.9 : quantity * price), {
  returns: "float64",
});

export interface Parameters {
  /** CSV files of sales. */
  readonly sales?: string;
  /** The customer dimension, Parquet. */
  readonly customers?: string;
  /** Folder that receives `daily/` and `customers/`. */
  readonly out?: string;
  /** Only the sales of this day, `YYYY-MM-DD`. */
  readonly date?: string;
}

export default function dailySales(parameters: Parameters = {}) {
  const { sales = "datasets/sales/*.csv", customers = "datasets/customers.parquet", out = "out", date } = parameters;
  if (date !== undefined && !/^\d{4}-\d{2}-\d{2}$/.test(date)) throw new Error(`date: expected YYYY-MM-DD, found ${date}`);

  const all = read
    .csv(sales, {
      schema: {
        transaction_id: "utf8",
        customer_id: "utf8",
        product_id: "utf8",
        quantity: "int32",
        unit_price: "float64",
        transaction_date: "timestamp",
        store_id: "utf8",
      },
      onReject: "quarantine",
    })
    .filter((c) => c.quantity.gt(0))
    .withColumns((c) => ({ total: discount(c.quantity, c.unit_price), sale_date: c.transaction_date.toDate() }));

  const sold = (date === undefined ? all : all.filter((c) => c.sale_date.eq(lit(date, "date"))))
    .withColumns((c) => ({
      year: c.sale_date.year(),
      month: c.sale_date.month(),
      size: when(c.total.lt(50), "small").when(c.total.lt(200), "medium").otherwise("large"),
    }))
    .join(read.parquet(customers, { schema: { customer_id: "utf8", segment: "utf8", region: "utf8" } }), {
      on: "customer_id",
      how: "left",
    })
    .withColumns((c) => ({ segment: c.segment.fillNull("Unknown"), region: c.region.fillNull("Unknown") }));

  const daily = sold
    .groupBy("sale_date", "year", "month", "region")
    .agg((c) => ({
      revenue: sum(c.total),
      transactions: count(),
      average_value: avg(c.total),
      units: sum(c.quantity),
      large_sales: count(when(c.size.eq("large"), 1).end()),
    }))
    .write.parquet(`${out}/daily`, { partitionBy: ["sale_date"], mode: "overwrite-partitions" });

  const byCustomer = sold
    .groupBy("customer_id", "segment", "region")
    .agg((c) => ({
      revenue: sum(c.total),
      transactions: count(),
      units: sum(c.quantity),
      last_sale: max(c.sale_date),
    }))
    .write.parquet(`${out}/customers`, { mode: "overwrite" });

  return plan.all(daily, byCustomer);
}
