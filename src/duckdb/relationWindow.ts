import { required } from "../common/assert.js";
import type { CallTypes } from "../functions/definition.js";
import { type WindowSql, windowFunction } from "../functions/windows.js";
import type { BoundNode, WindowCall } from "../plan/bound.js";
import type { BoundSortKey } from "../expr/nodes.js";
import type { QueryBuilder, Rel } from "./builder.js";
import { expressionSql } from "./expression.js";
import { sqlNames } from "./names.js";
import { isCheap, type OrderTerm, orderSql } from "./order.js";
import { type FloatSum, floatSumToken, rangesSql } from "./query.js";
import { typeToSql } from "./types.js";

type WindowNode = Extract<BoundNode, { readonly kind: "window" }>;

/** Whether a call's result depends on the order of rows that the keys leave equal. */
export const breaksTies = (node: WindowNode, call: WindowCall): boolean => {
  const { ties } = windowFunction(call.fn);
  return ties === "inOrder" || (ties === "frame" && node.frame !== null);
};

/** A window: the rows of the input in their order, with a column more for every call. */
export function windowRel(builder: QueryBuilder, node: WindowNode): Rel {
  let input = builder.relation(node.input);
  const at = (index: number) => required(input.columns[index], "column");
  const names = sqlNames(node.schema);
  const partition = node.partition.length === 0 ? "" : `PARTITION BY ${node.partition.map(at).join(", ")}`;
  const keys = sortTerms(node.order, at);
  const sums: FloatSum[] = [];
  const windowOf = (call: WindowCall): string => {
    const terms = breaksTies(node, call) ? [...keys, ...input.order] : keys;
    const order = terms.length === 0 ? "" : `ORDER BY ${orderSql(terms)}`;
    const frame = windowFunction(call.fn).ties === "frame" ? frameSql(node) : "";
    return `OVER (${[partition, order, frame].filter((part) => part !== "").join(" ")})`;
  };
  const columns = node.calls.map((call, i) => {
    const over = windowOf(call);
    const context: WindowSql = {
      over: (text) => `${text} ${over}`,
      floatSum: (argument) => {
        const id = builder.sumId();
        sums.push({ id, argument, over });
        return floatSumToken(id);
      },
    };
    return `${callSql(call, at, context)} AS ${required(names[node.input.schema.length + i], "name")}`;
  });
  if (sums.length > 0) {
    if (!isCheap(node.input)) input = builder.materialise(input);
    builder.steps.push({ kind: "ranges", sums, sql: builder.withDefinitions(rangesSql(sums, input.from), [input]) });
  }
  const from = builder.define(`SELECT *,\n       ${columns.join(",\n       ")}\nFROM ${input.from}`, [input]);
  return { from, columns: [...input.columns, ...names.slice(node.input.schema.length)], order: input.order };
}

function callSql(call: WindowCall, at: (index: number) => string, context: WindowSql): string {
  const types: CallTypes = { args: call.args.map((arg) => arg.type), returns: call.type, options: call.options };
  const args = call.args.map((arg) => expressionSql(arg, at));
  return `CAST(${windowFunction(call.fn).sql(args, types, context)} AS ${typeToSql(call.type)})`;
}

function frameSql({ frame }: WindowNode): string {
  if (frame === null) return "";
  const bound = (value: number | null, end: "PRECEDING" | "FOLLOWING") => {
    if (value === null) return `UNBOUNDED ${end}`;
    if (value === 0) return "CURRENT ROW";
    return `${Math.abs(value)} ${value < 0 ? "PRECEDING" : "FOLLOWING"}`;
  };
  return `ROWS BETWEEN ${bound(frame.from, "PRECEDING")} AND ${bound(frame.to, "FOLLOWING")}`;
}

export const sortTerms = (keys: readonly BoundSortKey[], at: (index: number) => string): OrderTerm[] =>
  keys.map(({ expr, descending, nulls }) => ({ column: expressionSql(expr, at), descending, nulls, position: false }));
