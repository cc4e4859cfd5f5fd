import type { Workload } from "../workload.ts";
import { csvSales, groupedByFastCsv, groupedSales } from "./groupedSales.ts";

export const workload: Workload = {
  name: "csv-group-customer",
  what: "CSV, group by 500 k customers: count and two sums",
  engines: {
    ...groupedSales(
      "customer_id",
      csvSales((task) => task.file("sales.csv")),
    ),
    "fast-csv": groupedByFastCsv("customer_id"),
  },
};
