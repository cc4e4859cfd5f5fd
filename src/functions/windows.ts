import { planError } from "../common/errors.js";
import { didYouMean } from "../common/nearest.js";
import type { CallOptions } from "../expr/nodes.js";
import { type DataType, isFloat, types } from "../schema/types.js";
import { implicitCast } from "./coercion.js";
import type { CallTypes, Resolution } from "./definition.js";
import { aggregateFunction } from "./registry.js";
import { wrongCount } from "./signatures.js";

/**
 * A function over the rows around a row. `ties`: whether rows that the keys leave equal count one after the other in input order, or all
 * alike. `frame`: whether it looks at the frame; its ties are then those of the frame.
 */
export interface WindowFunction {
  readonly name: string;
  readonly summary: string;
  readonly ties: "inOrder" | "alike" | "frame";
  /** Whether it makes no sense without keys that order the rows. */
  readonly needsOrder?: true;
  resolve(args: readonly DataType[], options: CallOptions): (Resolution & { readonly nullable: boolean }) | string;
  /** DuckDB spelling. `over` puts the window behind an aggregate or window function. */
  sql(args: readonly string[], call: CallTypes, context: WindowSql): string;
}

export interface WindowSql {
  over(call: string): string;
  /** A sum of doubles over the frame that does not depend on how it is computed: exact, rounded once. */
  floatSum(argument: string): string;
}

const number = (name: string, fn: string, summary: string, ties: WindowFunction["ties"]): WindowFunction => ({
  name,
  summary,
  ties,
  ...(ties === "alike" ? { needsOrder: true } : {}),
  resolve: (args) =>
    args.length === 0 ? { args: [], returns: types.int64, nullable: false } : wrongCount("0 arguments", args.length),
  sql: (_args, _call, { over }) => `CAST(${over(`${fn}()`)} AS BIGINT)`,
});

/** Arguments: the value and, for rows that have no such neighbour, another one. Option `offset`: how many rows away. */
const neighbour = (name: "lag" | "lead", summary: string): WindowFunction => ({
  name,
  summary,
  ties: "inOrder",
  resolve(args) {
    const [value, other] = args;
    if (value === undefined || args.length > 2) return wrongCount("1 or 2 arguments", args.length);
    const type = value.kind === "null" ? types.int32 : value;
    if (other !== undefined && other.kind !== "null" && !implicitCast(other, type)) {
      return `expects a default of the value's type, found ${other.kind} beside ${type.kind}`;
    }
    return { args: other === undefined ? [type] : [type, type], returns: type, nullable: true };
  },
  sql: ([value, other], { options }, { over }) => {
    const offset = Number(options.offset ?? 1);
    return over(`${name}(${value}, ${offset}${other === undefined ? "" : `, ${other}`})`);
  },
});

type Spelling = WindowFunction["sql"];

const sumSql: Spelling = ([value], call, { over, floatSum }) => {
  if (isFloat(call.args[0] ?? types.float64)) return floatSum(`CAST(${value} AS DOUBLE)`);
  return call.returns.kind === "decimal" ? over(`sum(${value})`) : `CAST(${over(`sum(${value})`)} AS BIGINT)`;
};

const avgSql: Spelling = ([value], call, { over, floatSum }) => {
  const float = isFloat(call.args[0] ?? types.float64);
  const sum = float ? floatSum(`CAST(${value} AS DOUBLE)`) : `CAST(${over(`sum(${value})`)} AS DOUBLE)`;
  return `(${sum} / nullif(CAST(${over(`count(${value})`)} AS DOUBLE), 0))`;
};

/** An aggregate over the frame: types and meaning are those of the aggregate. */
const framed = (name: string, sql: Spelling): WindowFunction => {
  const { summary, resolve } = aggregateFunction(name);
  return { name, summary: `${summary} Over the rows of the frame.`, ties: "frame", resolve, sql };
};

const known: ReadonlyMap<string, WindowFunction> = new Map(
  [
    number("rowNumber", "row_number", "Place of the row in its partition, from 1; ties in input order (int64).", "inOrder"),
    number("rank", "rank", "1 and the number of rows whose keys come before: ties share it, and leave a gap (int64).", "alike"),
    number("denseRank", "dense_rank", "1 and the number of different keys that come before (int64).", "alike"),
    neighbour("lag", "The value of an earlier row of the partition; null, or the default, where there is none."),
    neighbour("lead", "The value of a later row of the partition; null, or the default, where there is none."),
    framed("sum", sumSql),
    framed("avg", avgSql),
    framed("min", ([value], _call, { over }) => over(`min(${value})`)),
    framed("max", ([value], _call, { over }) => over(`max(${value})`)),
    framed("count", ([value], _call, { over }) => over(`count(${value ?? "*"})`)),
  ].map((one) => [one.name, one]),
);

/** @throws MillraceError Plan/UNKNOWN_FUNCTION with the nearest names. */
export function windowFunction(name: string): WindowFunction {
  const found = known.get(name);
  if (found !== undefined) return found;
  throw planError(
    "UNKNOWN_FUNCTION",
    `there is no window function ${JSON.stringify(name)}. ${didYouMean(name, [...known.keys()])}`,
  );
}
