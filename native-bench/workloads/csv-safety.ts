import { compareWays } from "../ways.ts";
import type { Task, Workload } from "../workload.ts";

/** Each ends in files, so that a journal is kept. */
const jobs = {
  "to Parquet": async (task: Task) => {
    const { sales, statement } = await import("../peers/millrace.ts");
    return statement(task, sales(task).write.parquet(`${task.out}/result`, { compression: "snappy" }));
  },
  "by customer": async (task: Task) => {
    const { sales, statement } = await import("../peers/millrace.ts");
    const { count, sum } = await import("millrace");
    const groups = sales(task)
      .groupBy("customer_id")
      .agg((c) => ({ sales: count(), units: sum(c.quantity), prices: sum(c.unit_price) }));
    return statement(task, groups.write.parquet(`${task.out}/result`, { compression: "snappy" }));
  },
  "sorted by price": async (task: Task) => {
    const { sales, statement } = await import("../peers/millrace.ts");
    const rows = sales(task).select("transaction_id", "unit_price", "store_id").sort("unit_price");
    return statement(task, rows.write.parquet(`${task.out}/result`, { compression: "snappy" }));
  },
  "main job": async (task: Task) => {
    const { default: dailySales } = await import("../../examples/daily-sales.ts");
    const { statement } = await import("../peers/millrace.ts");
    return statement(
      task,
      dailySales({ sales: task.file("sales.csv"), customers: task.file("customers.parquet"), out: task.out }),
    );
  },
} as const;

/** All of it unless the environment says otherwise. */
const without = process.env.MILLRACE_BENCH_SAFETY_WITHOUT ?? "journal,checksums,fsync";

const comparisons = Object.entries(jobs).map(([job, run]) => ({
  job,
  ways: {
    [`without ${without}`]: { run, env: { MILLRACE_MEASURE_WITHOUT: without } },
    "as it is": { run, env: { MILLRACE_MEASURE_WITHOUT: "" } },
  },
}));

export const workload: Workload = {
  name: "csv-safety",
  what: "what journal, checksums and fsync cost: each job with and without them, in turn, each time in a process of its own",
  engines: { millrace: (task) => compareWays(task, "csv-safety", comparisons, 15) },
};
