import { types } from "../../schema/types.js";
import { compareValues } from "../compare.js";
import type { AggregateFunction } from "../definition.js";
import { wrongCount } from "../signatures.js";

const count: AggregateFunction = {
  name: "count",
  summary: "Number of rows, or of rows where the argument is not null (int64).",
  resolve: (args) =>
    args.length > 1 ? wrongCount("0 or 1 arguments", args.length) : { args, returns: types.int64, nullable: false },
  /** State: [int64 count], never null. */
  partial: {
    states: () => [types.int64],
    merge: ([state]) => `CAST(coalesce(sum(${state}), 0) AS BIGINT)`,
  },
  sql: ([arg]) => `count(${arg ?? "*"})`,
  evaluate: (rows, call) => BigInt(call.args.length === 0 ? rows.length : rows.filter(([value]) => value !== null).length),
};

const countDistinct: AggregateFunction = {
  name: "countDistinct",
  summary: "Number of different values that are not null (int64).",
  resolve: (args) =>
    args.length === 1 ? { args, returns: types.int64, nullable: false } : wrongCount("1 argument", args.length),
  sql: ([arg]) => `count(DISTINCT ${arg})`,
  evaluate(rows) {
    const values = rows.map(([value]) => value ?? null).filter((value) => value !== null);
    values.sort(compareValues);
    let different = 0n;
    for (const [i, value] of values.entries()) {
      if (i === 0 || compareValues(values[i - 1] ?? null, value) !== 0) different++;
    }
    return different;
  },
};

export const countAggregates: readonly AggregateFunction[] = [count, countDistinct];
