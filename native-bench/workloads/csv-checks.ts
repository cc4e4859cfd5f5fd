import { salesSchema } from "../salesSchema.ts";
import { compareWays } from "../ways.ts";
import type { Task, Workload } from "../workload.ts";

async function toParquet(task: Task, checked: boolean): Promise<unknown> {
  const { statement } = await import("../peers/millrace.ts");
  const { check, read } = await import("millrace");
  const sales = read.csv(task.file("sales.csv"), { schema: salesSchema });
  const checks = [
    check.notNull("customer_id"),
    check.matches("store_id", /^S[0-9]+$/),
    check.between("quantity", { min: 1, max: 100 }),
    check.notBlank("transaction_id"),
    check.satisfies((c) => c.quantity.mul(c.unit_price).gte(0)),
  ];
  const rows = checked ? sales.expect(...checks) : sales;
  return statement(task, rows.write.parquet(`${task.out}/result`, { compression: "snappy" }));
}

const comparisons = [
  {
    job: "to Parquet",
    ways: {
      "without checks": { run: (task: Task) => toParquet(task, false) },
      "five checks": { run: (task: Task) => toParquet(task, true) },
    },
  },
];

export const workload: Workload = {
  name: "csv-checks",
  what: "CSV to Parquet (snappy), what five row checks cost: with and without, in turn, each time in a process of its own",
  engines: { millrace: (task) => compareWays(task, "csv-checks", comparisons, 7) },
};
