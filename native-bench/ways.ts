/** What one way of a job costs against another: whole processes in turn, so that neither finds what the other has warmed up. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Summary, Task } from "./workload.ts";

export interface Way {
  readonly run: (task: Task) => Promise<unknown>;
  /** Environment of its processes, beside that of all. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A job and the ways to do it, by name; the first is what the others are measured against. */
export interface Comparison {
  readonly job: string;
  readonly ways: Readonly<Record<string, Way>>;
  /** Runs before the first process is measured, such as to make a file. */
  readonly prepare?: (task: Task) => void;
}

/** The way that a process started here is to run: `job/way`. */
const wayVariable = "MILLRACE_BENCH_WAY";
/** Which jobs to run, all unless it is set. */
const only = process.env.MILLRACE_BENCH_ONLY?.split(",");

interface Measured {
  readonly wall: number;
  readonly cpu: number;
}

/**
 * What a workload of that name does. Each round runs every way once; rounds are as many as the environment says, and one more goes first, which
 * does not count.
 */
export async function compareWays(
  task: Task,
  workload: string,
  comparisons: readonly Comparison[],
  most: number,
): Promise<Summary> {
  const asked = process.env[wayVariable];
  if (asked !== undefined) {
    for (const { job, ways } of comparisons) {
      for (const [name, way] of Object.entries(ways)) if (asked === `${job}/${name}`) await way.run(task);
    }
    const { user, system } = process.cpuUsage();
    return { cpu: (user + system) / 1e6 };
  }
  const rounds = Number(process.env.MILLRACE_BENCH_ROUNDS ?? most);
  for (const comparison of comparisons) {
    if (only !== undefined && !only.includes(comparison.job)) continue;
    comparison.prepare?.(task);
    const all = Array.from({ length: rounds + 1 }, (_, round) => measureRound(task, workload, comparison, round)).slice(1);
    const [base, ...others] = Object.keys(comparison.ways);
    for (const other of others) {
      const pairs = all.map((round) => ({ base: round.get(base ?? "") ?? nothing, other: round.get(other) ?? nothing }));
      task.note(`${comparison.job}, ${other}: medians of ${rounds} pairs: ${figure(pairs, "wall")}, ${figure(pairs, "cpu")}`);
    }
  }
  return {};
}

const nothing: Measured = { wall: Number.NaN, cpu: Number.NaN };

/** The order turns with each round, so that no way always follows another. */
function measureRound(task: Task, workload: string, { job, ways }: Comparison, round: number): ReadonlyMap<string, Measured> {
  const names = Object.keys(ways);
  const turn = (round >> 1) % names.length;
  const turned = [...names.slice(turn), ...names.slice(0, turn)];
  if (round % 2 === 1) turned.reverse();
  return new Map(turned.map((name) => [name, measure(task, workload, `${job}/${name}`, ways[name]?.env ?? {})]));
}

/** Wall and CPU seconds of one way in a process of its own. */
function measure(task: Task, workload: string, way: string, env: Readonly<Record<string, string>>): Measured {
  const out = mkdtempSync(join(task.out, "way-"));
  const order = JSON.stringify({ data: dirname(task.file("sales.csv")), out, rows: task.rows, threads: task.threads });
  const started = performance.now();
  const ended = spawnSync(process.execPath, [process.argv[1] ?? "", workload, "millrace", order], {
    env: { ...process.env, ...env, [wayVariable]: way },
    encoding: "utf8",
  });
  const wall = (performance.now() - started) / 1000;
  rmSync(out, { recursive: true, force: true });
  if (ended.status !== 0) throw new Error(`${way}: exit ${ended.status ?? ended.signal}: ${ended.stderr}`);
  const { cpu } = JSON.parse(ended.stdout.trimEnd().split("\n").at(-1) ?? "{}").summary as { cpu: number };
  return { wall, cpu };
}

interface Pair {
  readonly base: Measured;
  readonly other: Measured;
}

/**
 * The ratio within each pair, since a machine whose speed drifts is slow for both; and that of the lower quartiles, since what disturbs a run only makes
 * it slower.
 */
function figure(pairs: readonly Pair[], of: "wall" | "cpu"): string {
  const more = pairs.map(({ base, other }) => (100 * other[of]) / base[of] - 100);
  const calm = (which: keyof Pair) => below(0.25, pairs, (pair) => pair[which][of]);
  const quarter = (share: number) => signed(below(share, more, (value) => value));
  const seconds = below(0.5, pairs, ({ base }) => base[of]).toFixed(2);
  const quartiles = signed((100 * calm("other")) / calm("base") - 100);
  return `${of} ${quarter(0.5)} of ${seconds} s (the middle half of the pairs: ${quarter(0.25)} to ${quarter(0.75)}; lower quartiles: ${quartiles})`;
}

/** The value below which a share of the values are, by linear interpolation. */
function below<T>(share: number, all: readonly T[], ofOne: (one: T) => number): number {
  const sorted = all.map(ofOne).sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const [low, high] = [sorted[Math.floor(at)] ?? 0, sorted[Math.ceil(at)] ?? 0];
  return low + (high - low) * (at - Math.floor(at));
}

const signed = (percent: number): string => `${percent >= 0 ? "+" : "−"}${Math.abs(percent).toFixed(1)} %`;
