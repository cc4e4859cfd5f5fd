import type { Workload } from "../workload.ts";
import { csvSales, groupedSales } from "./groupedSales.ts";

export const workload: Workload = {
  name: "csv-many-files",
  what: "2,000 CSV files of 100 KB, group by 200 stores: count and two sums",
  engines: groupedSales(
    "store_id",
    csvSales((task) => `${task.file("sales-files")}/*.csv`),
  ),
};
