import { Engine, read } from "millrace";
import { salesSchema } from "../salesSchema.ts";
import type { Summary, Task } from "../workload.ts";

export const sales = (task: Task, path = task.file("sales.csv")) => read.csv(path, { schema: salesSchema });

type Collectable = Parameters<Engine["collect"]>[0];
type Runnable = Parameters<Engine["run"]>[0];

async function withEngine<T>(task: Task, action: (engine: Engine) => Promise<T>): Promise<T> {
  const engine = await Engine.create({ workers: task.threads, memory: "4GB", stateDir: `${task.out}/state` });
  try {
    return await action(engine);
  } finally {
    await engine.close();
  }
}

/** Collects a grouped result and sums its columns in JavaScript, as a program does that goes over many rows: by their arrays. */
export async function grouped(task: Task, dataset: Collectable, columns: readonly string[]): Promise<Summary> {
  return withEngine(task, async (engine) => {
    const table = await engine.collect(dataset);
    const sums = columns.map((name) => [name, sum(table.getChild(name)?.toArray() ?? [])] as const);
    return { groups: table.numRows, ...Object.fromEntries(sums) };
  });
}

function sum(values: ArrayLike<number | bigint>): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += Number(values[i]);
  return total;
}

/** Collects a result of one row. */
export async function oneRow(task: Task, dataset: Collectable): Promise<Summary> {
  return withEngine(task, async (engine) => {
    const table = await engine.collect(dataset);
    return Object.fromEntries(table.schema.fields.map(({ name }) => [name, Number(table.getChild(name)?.get(0))]));
  });
}

/** Runs a plan that ends in sinks. */
export async function statement(task: Task, plan: Runnable): Promise<Summary> {
  return withEngine(task, async (engine) => {
    const result = await engine.run(plan).result;
    if (result.status === "failed") throw new Error("the run failed");
    return {};
  });
}
