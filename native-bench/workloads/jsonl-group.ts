import { salesSchema } from "../salesSchema.ts";
import type { Workload } from "../workload.ts";
import { groupedSales } from "./groupedSales.ts";

export const workload: Workload = {
  name: "jsonl-group",
  what: "JSON lines, group by 200 stores: count and two sums",
  engines: groupedSales("store_id", {
    millrace: async (task) => (await import("millrace")).read.jsonl(task.file("sales.jsonl"), { schema: salesSchema }),
    duckdb: async (task) => (await import("../peers/duckdb.ts")).salesJson(task.file("sales.jsonl")),
    polars: async (task) => (await import("../peers/polars.ts")).pl.scanJson(task.file("sales.jsonl")),
  }),
};
