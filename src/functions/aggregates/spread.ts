import { types } from "../../schema/types.js";
import { castValue } from "../cast.js";
import { compareNumbers } from "../compare.js";
import type { AggregateFunction, CallTypes } from "../definition.js";
import { outOfDomain } from "../failure.js";
import { notNull, oneNumber } from "./sums.js";

/** Values as doubles, in row order. */
function doubles(rows: Parameters<AggregateFunction["evaluate"]>[0], call: CallTypes): number[] {
  return notNull(rows).map((value) => castValue(value, call.args[0] ?? types.float64, types.float64) as number);
}

/**
 * Count, mean and sum of squared differences, folded row by row (Welford). `kernels/aggregate` uses the same steps.
 */
function moments(values: readonly number[]): { readonly n: number; readonly m2: number } {
  let n = 0;
  let mean = 0;
  let m2 = 0;
  for (const value of values) {
    n++;
    const delta = value - mean;
    mean += delta / n;
    m2 += delta * (value - mean);
  }
  return { n, m2 };
}

/** Two partial states as one (Chan), folded over the partial rows in their order, so that the result has one rounding. */
function mergedMoments(n: string, mean: string, m2: string, order: string): string {
  const item = `{'n': CAST(${n} AS DOUBLE), 'mean': ${mean}, 'm2': ${m2}}`;
  const total = "(a.n + b.n)";
  const delta = "(b.mean - a.mean)";
  const combined = `{'n': ${total}, 'mean': a.mean + ${delta} * b.n / ${total}, 'm2': a.m2 + b.m2 + ${delta} * ${delta} * a.n * b.n / ${total}}`;
  return `list_reduce(list(${item} ORDER BY ${order}) FILTER (WHERE ${n} > 0), lambda a, b: ${combined})`;
}

const finite = (sql: string, what: string): string =>
  `(CASE WHEN isfinite(${sql}) THEN ${sql} WHEN ${sql} IS NOT NULL THEN error('${what} is out of range') END)`;

function spread(name: string, summary: string, sqlName: string, sample: boolean, root: boolean): AggregateFunction {
  return {
    name,
    summary: `${summary} as float64; null for fewer than ${sample ? "two values" : "one value"}, an error where it is not finite.`,
    resolve: (args) => oneNumber(args, () => types.float64),
    ordered: true,
    folded: true,
    /** State: [int64 count of values, float64 mean, float64 sum of squared differences from the mean (m2)]; count 0 without values. */
    partial: {
      states: () => [types.int64, types.float64, types.float64],
      merge([n, mean, m2], _call, context) {
        const state = mergedMoments(n as string, mean as string, m2 as string, context.order);
        const divisor = sample ? "nullif(m.n - 1, 0)" : "m.n";
        const value = finite("v", name);
        const result = root ? `sqrt(m.m2 / ${divisor})` : `m.m2 / ${divisor}`;
        // Lambdas over a list of one name the state and the result, so that the merge is written once.
        return `list_transform([${state}], lambda m: list_transform([${result}], lambda v: ${value})[1])[1]`;
      },
    },
    sql: ([arg], _call, context) => `${sqlName}(CAST(${arg} AS DOUBLE) ORDER BY ${context.order})`,
    evaluate(rows, call) {
      const { n, m2 } = moments(doubles(rows, call));
      const divisor = sample ? n - 1 : n;
      if (divisor <= 0) return null;
      const result = root ? Math.sqrt(m2 / divisor) : m2 / divisor;
      return Number.isFinite(result) ? result : outOfDomain(`${name} is out of range`);
    },
  };
}

/** The value at share `q` of the sorted values, between two of them in proportion. */
function continuousQuantile(values: readonly number[], q: number): number | null {
  const sorted = [...values].sort(compareNumbers);
  const place = (sorted.length - 1) * q;
  const low = sorted[Math.floor(place)];
  const high = sorted[Math.ceil(place)];
  if (low === undefined || high === undefined) return null;
  if (Math.floor(place) === Math.ceil(place)) return low;
  const share = place - Math.floor(place);
  return low * (1 - share) + high * share;
}

const median: AggregateFunction = {
  name: "median",
  summary: "The middle value as float64, between two in proportion; null without values.",
  resolve: (args) => oneNumber(args, () => types.float64),
  sql: ([arg]) => `quantile_cont(CAST(${arg} AS DOUBLE), 0.5)`,
  evaluate: (rows, call) => continuousQuantile(doubles(rows, call), 0.5),
};

const quantile: AggregateFunction = {
  name: "quantile",
  summary:
    "The value at share options.q (0 to 1) of the sorted values as float64, between two in proportion; null without values.",
  resolve(args, options) {
    const q = options.q;
    if (typeof q !== "number" || !(q >= 0 && q <= 1)) return `expects options.q from 0 to 1, found ${JSON.stringify(q ?? null)}`;
    return oneNumber(args, () => types.float64);
  },
  sql: ([arg], call) => `quantile_cont(CAST(${arg} AS DOUBLE), CAST(${Number(call.options.q)} AS DOUBLE))`,
  evaluate: (rows, call) => continuousQuantile(doubles(rows, call), Number(call.options.q)),
};

export const spreadAggregates: readonly AggregateFunction[] = [
  spread("variance", "Sample variance", "var_samp", true, false),
  spread("variancePop", "Population variance", "var_pop", false, false),
  spread("stddev", "Sample standard deviation", "stddev_samp", true, true),
  spread("stddevPop", "Population standard deviation", "stddev_pop", false, true),
  median,
  quantile,
];
