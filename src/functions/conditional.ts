import { type DataType, types, type Value } from "../schema/types.js";
import { compareValues } from "./compare.js";
import { allCommon } from "./comparison.js";
import type { ScalarFunction } from "./definition.js";
import { wrongCount } from "./signatures.js";

const anyOne = (args: readonly DataType[]) =>
  args.length === 1 ? { args, returns: types.bool } : wrongCount("1 argument", args.length);

const isNull: ScalarFunction = {
  name: "isNull",
  summary: "Whether a value is null.",
  resolve: anyOne,
  nulls: "handles",
  resultNullable: () => false,
  evaluate: ([a]) => a === null,
  sql: ([a]) => `(${a} IS NULL)`,
};

const isNotNull: ScalarFunction = {
  name: "isNotNull",
  summary: "Whether a value is not null.",
  resolve: anyOne,
  nulls: "handles",
  resultNullable: () => false,
  evaluate: ([a]) => a !== null,
  sql: ([a]) => `(${a} IS NOT NULL)`,
};

const coalesce: ScalarFunction = {
  name: "coalesce",
  summary: "The first argument that is not null. Arguments after it are not computed.",
  resolve: allCommon(1, Number.POSITIVE_INFINITY),
  nulls: "handles",
  resultNullable: (args) => !args.includes(false),
  adaptLiterals: true,
  evaluate: (args) => args.find((arg) => arg !== null) ?? null,
  sql: (args) => `coalesce(${args.join(", ")})`,
};

const nullIf: ScalarFunction = {
  name: "nullIf",
  summary: "The first argument, or null where it equals the second.",
  resolve: allCommon(2, 2),
  nulls: "handles",
  nullable: true,
  adaptLiterals: true,
  evaluate([a = null, b = null]) {
    return a !== null && b !== null && compareValues(a, b) === 0 ? null : a;
  },
  sql: ([a, b]) => `nullif(${a}, ${b})`,
};

function extreme(name: "greatest" | "least", sign: 1 | -1): ScalarFunction {
  return {
    name,
    summary: `The ${name} argument; nulls are left out.`,
    resolve: allCommon(1, Number.POSITIVE_INFINITY),
    nulls: "handles",
    resultNullable: (args) => !args.includes(false),
    adaptLiterals: true,
    evaluate(args) {
      let best: Value = null;
      for (const arg of args) {
        if (arg !== null && (best === null || compareValues(arg, best) * sign > 0)) best = arg;
      }
      return best;
    },
    sql: (args) => `${name}(${args.join(", ")})`,
  };
}

export const conditionalFunctions: readonly ScalarFunction[] = [
  isNull,
  isNotNull,
  coalesce,
  nullIf,
  extreme("greatest", 1),
  extreme("least", -1),
];
