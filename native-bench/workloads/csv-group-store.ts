import type { Workload } from "../workload.ts";
import { csvSales, groupedByFastCsv, groupedSales } from "./groupedSales.ts";

export const workload: Workload = {
  name: "csv-group-store",
  what: "CSV, group by 200 stores: count and two sums",
  engines: {
    ...groupedSales(
      "store_id",
      csvSales((task) => task.file("sales.csv")),
    ),
    "fast-csv": groupedByFastCsv("store_id"),
  },
};
