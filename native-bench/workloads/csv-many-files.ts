import type { Workload } from "../workload.ts";
import { byStore } from "./csv-group-store.ts";

export const workload: Workload = {
  name: "csv-many-files",
  what: "2,000 CSV files of 100 KB, group by 200 stores: count and two sums",
  engines: byStore((task) => `${task.file("sales-files")}/*.csv`),
};
