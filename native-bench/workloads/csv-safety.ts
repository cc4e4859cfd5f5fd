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
/** Pairs of each case that count; one more goes first and does not. */
const rounds = Number(process.env.MILLRACE_BENCH_SAFETY_ROUNDS ?? 15);

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

interface Pair {
  readonly safe: Measured;
  readonly unsafe: Measured;
}

/** Which of the two comes first turns with each round. */
function pairOf(task: Task, name: Case, round: number): Pair {
  if (round % 2 === 0) {
    const safe = measure(task, name, true);
    return { safe, unsafe: measure(task, name, false) };
  }
  const unsafe = measure(task, name, false);
  return { safe: measure(task, name, true), unsafe };
}

/** The value below which a share of the values are, by linear interpolation. */
function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const [below, above] = [sorted[Math.floor(at)] ?? 0, sorted[Math.ceil(at)] ?? 0];
  return below + (above - below) * (at - Math.floor(at));
}

const signed = (percent: number): string => `${percent >= 0 ? "+" : "−"}${Math.abs(percent).toFixed(1)} %`;

/**
 * The ratio within each pair, since a machine whose speed drifts is slow for both; and that of the lower quartiles, since what disturbs a run only makes
 * it slower.
 */
function figure(pairs: readonly Pair[], of: "wall" | "cpu"): string {
  const more = pairs.map(({ safe, unsafe }) => (100 * safe[of]) / unsafe[of] - 100);
  const calm = (which: keyof Pair) =>
    quantile(
      pairs.map((pair) => pair[which][of]),
      0.25,
    );
  const seconds = quantile(
    pairs.map(({ unsafe }) => unsafe[of]),
    0.5,
  );
  const middle = `${signed(quantile(more, 0.25))} to ${signed(quantile(more, 0.75))}`;
  return `${of} ${signed(quantile(more, 0.5))} of ${seconds.toFixed(2)} s (the middle half of the pairs: ${middle}; lower quartiles: ${signed((100 * calm("safe")) / calm("unsafe") - 100)})`;
}

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
        const pairs = Array.from({ length: rounds + 1 }, (_, round) => pairOf(task, name, round)).slice(1);
        task.note(`${name}: medians of ${rounds} pairs: ${figure(pairs, "wall")}, ${figure(pairs, "cpu")}`);
      }
      return {};
    },
  },
};
