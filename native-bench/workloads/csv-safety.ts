import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Task, Workload } from "../workload.ts";

/** Each ends in files, so that a journal is kept. */
const cases = {
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

type Case = keyof typeof cases;

/** Which case a process that this workload started is to run. */
const caseVariable = "MILLRACE_BENCH_SAFETY_CASE";
/** All of it unless the environment says otherwise. */
const without = process.env.MILLRACE_BENCH_SAFETY_WITHOUT ?? "journal,checksums,fsync";
const rounds = Number(process.env.MILLRACE_BENCH_SAFETY_ROUNDS ?? 3);

interface Measured {
  readonly wall: number;
  readonly cpu: number;
}

/** Wall and CPU seconds of one case in a process of its own; with journal, checksums and fsync, or without. */
function measure(task: Task, name: Case, safe: boolean): Measured {
  const out = mkdtempSync(join(task.out, "safety-"));
  const order = JSON.stringify({ data: dirname(task.file("sales.csv")), out, rows: task.rows, threads: task.threads });
  const env = { ...process.env, [caseVariable]: name, MILLRACE_MEASURE_WITHOUT: safe ? "" : without };
  const started = performance.now();
  const ended = spawnSync(process.execPath, [process.argv[1] ?? "", "csv-safety", "millrace", order], { env, encoding: "utf8" });
  const wall = (performance.now() - started) / 1000;
  rmSync(out, { recursive: true, force: true });
  if (ended.status !== 0) throw new Error(`${name}: exit ${ended.status ?? ended.signal}: ${ended.stderr}`);
  const { cpu } = JSON.parse(ended.stdout.trimEnd().split("\n").at(-1) ?? "{}").summary as { cpu: number };
  return { wall, cpu };
}

const middle = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

export const workload: Workload = {
  name: "csv-safety",
  what: "what journal, checksums and fsync cost: each job with and without them, in turn, each time in a process of its own",
  engines: {
    millrace: async (task) => {
      const asked = process.env[caseVariable] as Case | undefined;
      if (asked !== undefined) {
        await cases[asked](task);
        const { user, system } = process.cpuUsage();
        return { cpu: (user + system) / 1e6 };
      }
      const only = process.env.MILLRACE_BENCH_SAFETY_ONLY?.split(",");
      for (const name of Object.keys(cases) as Case[]) {
        if (only !== undefined && !only.includes(name)) continue;
        const on: Measured[] = [];
        const off: Measured[] = [];
        for (let round = 0; round < rounds; round++) {
          // Which of the two comes first turns with each round.
          for (const safe of round % 2 === 0 ? [true, false] : [false, true]) (safe ? on : off).push(measure(task, name, safe));
        }
        const figure = (of: "wall" | "cpu") => {
          const safe = middle(on.map((run) => run[of]));
          const unsafe = middle(off.map((run) => run[of]));
          const more = (100 * safe) / unsafe - 100;
          return `${of} ${safe.toFixed(2)} s against ${unsafe.toFixed(2)} s without (${more >= 0 ? "+" : ""}${more.toFixed(1)} %)`;
        };
        task.note(`${name}: ${figure("wall")}, ${figure("cpu")}`);
      }
      return {};
    },
  },
};
