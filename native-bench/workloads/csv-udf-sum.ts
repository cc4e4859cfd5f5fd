import type { Workload } from "../workload.ts";
import { discount } from "../workload.ts";

export const workload: Workload = {
  name: "csv-udf-sum",
  what: "CSV, sum of a JavaScript function of two columns",
  engines: {
    millrace: async (task) => {
      const { oneRow, sales } = await import("../peers/millrace.ts");
      const { count, sum, udf } = await import("millrace");
      const total = udf(discount, { returns: "float64" });
      const rows = sales(task).withColumns((c) => ({ total: total(c.quantity, c.unit_price) }));
      return oneRow(
        task,
        rows.groupBy().agg((c) => ({ sales: count(), total: sum(c.total) })),
      );
    },
    duckdb: async (task) => {
      const { oneRow, salesCsv } = await import("../peers/duckdb.ts");
      const sql = `select count(*) as sales, sum(js_discount(quantity, unit_price)) as total from ${salesCsv(task.file("sales.csv"))}`;
      return oneRow(task, sql, true);
    },
    polars: async (task) => {
      const { collect, scanSales } = await import("../peers/polars.ts");
      const rows = collect(scanSales(task.file("sales.csv")).select("quantity", "unit_price"));
      const quantities = rows.getColumn("quantity").toTypedArray();
      const prices = rows.getColumn("unit_price").toTypedArray();
      let total = 0;
      for (let i = 0; i < rows.height; i++) total += discount(quantities[i], prices[i]);
      return { sales: rows.height, total };
    },
    "fast-csv": async (task) => {
      const { eachSale } = await import("../peers/fastCsv.ts");
      let total = 0;
      await eachSale(task.file("sales.csv"), (sale) => {
        total += discount(Number(sale.quantity), Number(sale.unit_price));
      });
      return { total };
    },
  },
};
