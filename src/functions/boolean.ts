import { types, type Value } from "../schema/types.js";
import type { DataType } from "../schema/types.js";
import type { Resolution, ScalarFunction } from "./definition.js";
import { aBool, fixed, mismatch, wrongCount } from "./signatures.js";

function bools(args: readonly DataType[]): Resolution | string {
  if (args.length === 0) return wrongCount("at least 1 argument", 0);
  const wrong = args.findIndex((arg) => !aBool.has(arg));
  if (wrong >= 0) return mismatch("bool", args[wrong] as DataType, wrong);
  return { args: args.map(() => types.bool), returns: types.bool };
}

/** `and` is decided by a false, `or` by a true; otherwise a null makes the result null. */
function decide(args: readonly Value[], deciding: boolean): Value {
  let unknown = false;
  for (const arg of args) {
    if (arg === deciding) return deciding;
    if (arg === null) unknown = true;
  }
  return unknown ? null : !deciding;
}

const and: ScalarFunction = {
  name: "and",
  summary:
    "Whether all are true: false as soon as one is false, else null when one is null. Arguments after a false are not computed.",
  resolve: bools,
  nulls: "handles",
  evaluate: (args) => decide(args, false),
  sql: (args) => `(${args.join(" AND ")})`,
};

const or: ScalarFunction = {
  name: "or",
  summary:
    "Whether one is true: true as soon as one is true, else null when one is null. Arguments after a true are not computed.",
  resolve: bools,
  nulls: "handles",
  evaluate: (args) => decide(args, true),
  sql: (args) => `(${args.join(" OR ")})`,
};

const not: ScalarFunction = {
  name: "not",
  summary: "The opposite; null stays null.",
  resolve: fixed([[aBool, types.bool]], types.bool),
  nulls: "propagate",
  evaluate: ([a]) => a === false,
  emit: ([a]) => `(!${a})`,
  sql: ([a]) => `(NOT ${a})`,
};

export const booleanFunctions: readonly ScalarFunction[] = [and, or, not];
