import type { sales } from "../peers/millrace.ts";
import type { scanSales } from "../peers/polars.ts";
import type { Summary, Task, Workload } from "../workload.ts";

/** The sales as each engine reads them; `duckdb`: what stands behind `from`. */
export interface SalesOf {
  readonly millrace: (task: Task) => Promise<ReturnType<typeof sales>>;
  readonly duckdb: (task: Task) => Promise<string>;
  readonly polars: (task: Task) => Promise<ReturnType<typeof scanSales>>;
}

const figures = ["sales", "units", "prices"];

/** Groups of sales by a column: their count and two sums. */
export const groupedSales = (key: "store_id" | "customer_id", from: SalesOf): Workload["engines"] => ({
  millrace: async (task) => {
    const { grouped } = await import("../peers/millrace.ts");
    const { count, sum } = await import("millrace");
    const rows = await from.millrace(task);
    const result = rows.groupBy(key).agg((c) => ({ sales: count(), units: sum(c.quantity), prices: sum(c.unit_price) }));
    return grouped(task, result, figures);
  },
  duckdb: async (task) => {
    const { grouped } = await import("../peers/duckdb.ts");
    const sql = `select ${key}, count(*) as sales, sum(quantity) as units, sum(unit_price) as prices
      from ${await from.duckdb(task)} group by ${key}`;
    return grouped(task, sql, figures);
  },
  polars: async (task) => {
    const { groupBy, pl, summed } = await import("../peers/polars.ts");
    const result = groupBy(await from.polars(task), [key]).agg(
      pl.len().alias("sales"),
      pl.col("quantity").sum().alias("units"),
      pl.col("unit_price").sum().alias("prices"),
    );
    return summed(result, figures);
  },
});

/** Of the CSV that a path stands for. */
export const csvSales = (pathOf: (task: Task) => string): SalesOf => ({
  millrace: async (task) => (await import("../peers/millrace.ts")).sales(task, pathOf(task)),
  duckdb: async (task) => (await import("../peers/duckdb.ts")).salesCsv(pathOf(task)),
  polars: async (task) => (await import("../peers/polars.ts")).scanSales(pathOf(task)),
});

/** The same with `fast-csv`, which does not group by itself. */
export const groupedByFastCsv =
  (key: "store_id" | "customer_id") =>
  async (task: Task): Promise<Summary> => {
    const { eachSale } = await import("../peers/fastCsv.ts");
    const groups = new Map<string, { sales: number; units: number; prices: number }>();
    await eachSale(task.file("sales.csv"), (sale) => {
      const group = groups.get(sale[key]) ?? { sales: 0, units: 0, prices: 0 };
      groups.set(sale[key], group);
      group.sales++;
      group.units += Number(sale.quantity);
      group.prices += Number(sale.unit_price);
    });
    return { groups: groups.size };
  };
