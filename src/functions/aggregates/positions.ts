import { types, type Value } from "../../schema/types.js";
import { sqlText } from "../cast-sql.js";
import type { AggregateFunction } from "../definition.js";
import { mismatch, text, wrongCount } from "../signatures.js";
import { notNull } from "./sums.js";

function end(name: "first" | "last", extreme: "arg_min_null" | "arg_max_null"): AggregateFunction {
  return {
    name,
    summary: `The value of the ${name} row in input order, which may be null.`,
    resolve: (args) =>
      args.length === 1 && args[0] !== undefined
        ? { args, returns: args[0], nullable: true }
        : wrongCount("1 argument", args.length),
    ordered: true,
    /** State: [value of the partition's row, int64 position of that row]; the position is null when there was no row. */
    partial: {
      states: (call) => [call.returns, types.int64],
      merge: ([value, position], _call, context) =>
        `${extreme}(${value}, ${context.order}) FILTER (WHERE ${position} IS NOT NULL)`,
    },
    sql: ([arg], _call, context) => `${extreme}(${arg}, ${context.order})`,
    evaluate: (rows) => (name === "first" ? rows[0] : rows.at(-1))?.[0] ?? null,
  };
}

const list: AggregateFunction = {
  name: "list",
  summary: "All values, nulls too, as a list in input order; null without rows.",
  resolve: (args) =>
    args.length === 1 && args[0] !== undefined
      ? { args, returns: types.list(args[0]), nullable: true }
      : wrongCount("1 argument", args.length),
  ordered: true,
  sql: ([arg], _call, context) => `list(${arg} ORDER BY ${context.order})`,
  evaluate: (rows): Value => (rows.length === 0 ? null : rows.map(([value]) => value ?? null)),
};

const stringJoin: AggregateFunction = {
  name: "stringJoin",
  summary: "All texts in input order with options.separator between them, nulls left out; null without values.",
  resolve(args, options) {
    const [arg] = args;
    if (arg === undefined || args.length !== 1) return wrongCount("1 argument", args.length);
    if (!text.has(arg)) return mismatch("utf8", arg, 0);
    const { separator = "," } = options;
    if (typeof separator !== "string") return `expects options.separator as text, found ${JSON.stringify(separator)}`;
    return { args: [types.utf8], returns: types.utf8, nullable: true };
  },
  ordered: true,
  sql: ([arg], { options }, context) =>
    `string_agg(${arg}, ${sqlText(String(options.separator ?? ","))} ORDER BY ${context.order})`,
  evaluate(rows, { options }) {
    const values = notNull(rows);
    return values.length === 0 ? null : values.join(String(options.separator ?? ","));
  },
};

function bool(name: "boolAnd" | "boolOr", sql: string, deciding: boolean): AggregateFunction {
  return {
    name,
    summary: `Whether ${deciding ? "any value is" : "all values are"} true; nulls are left out, null without values.`,
    resolve(args) {
      const [arg] = args;
      if (arg === undefined || args.length !== 1) return wrongCount("1 argument", args.length);
      if (arg.kind !== "bool" && arg.kind !== "null") return mismatch("bool", arg, 0);
      return { args: [types.bool], returns: types.bool, nullable: true };
    },
    /** State: [bool so far], null when no value was met. */
    partial: { states: () => [types.bool], merge: ([state]) => `${sql}(${state})` },
    sql: ([arg]) => `${sql}(${arg})`,
    evaluate(rows) {
      const values = notNull(rows);
      if (values.length === 0) return null;
      return values.includes(deciding) ? deciding : !deciding;
    },
  };
}

export const positionAggregates: readonly AggregateFunction[] = [
  end("first", "arg_min_null"),
  end("last", "arg_max_null"),
  list,
  stringJoin,
  bool("boolAnd", "bool_and", false),
  bool("boolOr", "bool_or", true),
];
