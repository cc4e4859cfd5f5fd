import type { Task, Workload } from "../workload.ts";

/** Count and two sums by store, of the CSV that `pathOf` says. */
export const byStore = (pathOf: (task: Task) => string): Workload["engines"] => ({
  millrace: async (task) => {
    const { grouped, sales } = await import("../peers/millrace.ts");
    const { count, sum } = await import("millrace");
    const result = sales(task, pathOf(task))
      .groupBy("store_id")
      .agg((c) => ({ sales: count(), units: sum(c.quantity), prices: sum(c.unit_price) }));
    return grouped(task, result, ["sales", "units", "prices"]);
  },
  duckdb: async (task) => {
    const { grouped, salesCsv } = await import("../peers/duckdb.ts");
    const sql = `select store_id, count(*) as sales, sum(quantity) as units, sum(unit_price) as prices
      from ${salesCsv(pathOf(task))} group by store_id`;
    return grouped(task, sql, ["sales", "units", "prices"]);
  },
  polars: async (task) => {
    const { groupBy, pl, scanSales, summed } = await import("../peers/polars.ts");
    const result = groupBy(scanSales(pathOf(task)), ["store_id"]).agg(
      pl.len().alias("sales"),
      pl.col("quantity").sum().alias("units"),
      pl.col("unit_price").sum().alias("prices"),
    );
    return summed(result, ["sales", "units", "prices"]);
  },
});

export const workload: Workload = {
  name: "csv-group-store",
  what: "CSV, group by 200 stores: count and two sums",
  engines: {
    ...byStore((task) => task.file("sales.csv")),
    "fast-csv": async (task) => {
      const { eachSale } = await import("../peers/fastCsv.ts");
      const groups = new Map<string, { sales: number; units: number; prices: number }>();
      await eachSale(task.file("sales.csv"), (sale) => {
        const group = groups.get(sale.store_id) ?? { sales: 0, units: 0, prices: 0 };
        groups.set(sale.store_id, group);
        group.sales++;
        group.units += Number(sale.quantity);
        group.prices += Number(sale.unit_price);
      });
      return { groups: groups.size };
    },
  },
};
