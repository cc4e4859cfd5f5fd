import { type DataType, isFloat, isNumeric, types, type Value } from "../../schema/types.js";
import { decimalToDouble } from "../cast.js";
import type { AggregateFunction, CallTypes, Resolution } from "../definition.js";
import { bigintCheck, decimalCheck } from "../overflow.js";
import { mismatch, wrongCount } from "../signatures.js";

/** One number; a null literal counts as float64. */
export function oneNumber(
  args: readonly DataType[],
  returns: (arg: DataType) => DataType,
): (Resolution & { nullable: boolean }) | string {
  const [given] = args;
  if (given === undefined || args.length !== 1) return wrongCount("1 argument", args.length);
  const arg = given.kind === "null" ? types.float64 : given;
  if (!isNumeric(arg)) return mismatch("a number", arg, 0);
  return { args: [arg], returns: returns(arg), nullable: true };
}

/**
 * The state of a sum, null while there is no value. Integers of up to 32 bits: int64, which no partition can overflow. 64-bit integers:
 * decimal(38,0), so that only the whole sum can overflow. Decimals: decimal(38,s). Floats: float64.
 */
function sumState(arg: DataType): DataType {
  if (isFloat(arg)) return types.float64;
  if (arg.kind === "decimal") return types.decimal(38, arg.scale);
  return arg.kind === "int64" || arg.kind === "uint64" ? types.decimal(38, 0) : types.int64;
}

const argOf = (call: CallTypes): DataType => call.args[0] ?? types.float64;

/** A sum of doubles whose rounding errors are carried along. */
export function carefulSum(values: readonly number[]): number {
  let sum = 0;
  let lost = 0;
  for (const value of values) {
    const next = sum + value;
    lost += Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;
    sum = next;
  }
  const careful = sum + lost;
  return Number.isNaN(careful) ? sum : careful;
}

export const notNull = (rows: readonly (readonly Value[])[]): Value[] =>
  rows.map(([value]) => value ?? null).filter((value) => value !== null);

function exactSum(values: readonly Value[]): bigint {
  let sum = 0n;
  for (const value of values) sum += BigInt(value as number | bigint);
  return sum;
}

const sum: AggregateFunction = {
  name: "sum",
  summary:
    "Sum: int64 for integers (an overflow is an error), float64 for floats, decimal(38,s) for decimals; null without values. With options.exact decimal(38,0) for integers of 64 bits.",
  resolve: (args, options) =>
    oneNumber(args, (arg) => (arg.kind === "decimal" || isFloat(arg) || options.exact === true ? sumState(arg) : types.int64)),
  /** State: [sum] of the type that `sumState` gives, null when no value was met. */
  partial: {
    states: (call) => [sumState(argOf(call))],
    merge([state], call, context) {
      if (isFloat(argOf(call))) return context.floatSum(state as string);
      return call.returns.kind === "decimal" ? `sum(${state})` : `CAST(sum(${state}) AS BIGINT)`;
    },
  },
  sql([arg], call, context) {
    if (isFloat(argOf(call))) return context.floatSum(`CAST(${arg} AS DOUBLE)`);
    if (call.returns.kind !== "decimal") return `CAST(sum(${arg}) AS BIGINT)`;
    return argOf(call).kind === "decimal" ? `sum(${arg})` : `CAST(sum(${arg}) AS DECIMAL(38, 0))`;
  },
  evaluate(rows, call) {
    const values = notNull(rows);
    if (values.length === 0) return null;
    if (isFloat(argOf(call))) return carefulSum(values as number[]);
    const check = call.returns.kind === "decimal" ? decimalCheck(call.returns.precision) : bigintCheck(types.int64);
    return check?.(exactSum(values)) ?? null;
  },
};

const avg: AggregateFunction = {
  name: "avg",
  summary: "Mean as float64, from an exact sum for integers and decimals; null without values.",
  resolve: (args) => oneNumber(args, () => types.float64),
  /** State: [sum as for `sum`, int64 count of values]; the sum is null and the count 0 when no value was met. */
  partial: {
    states: (call) => [sumState(argOf(call)), types.int64],
    merge([total, count], call, context) {
      const sumText = isFloat(argOf(call)) ? context.floatSum(total as string) : `CAST(sum(${total}) AS DOUBLE)`;
      return `(${sumText} / nullif(CAST(sum(${count}) AS DOUBLE), 0))`;
    },
  },
  sql([arg], call, context) {
    const exact = isFloat(argOf(call)) ? context.floatSum(`CAST(${arg} AS DOUBLE)`) : `CAST(sum(${arg}) AS DOUBLE)`;
    return `(${exact} / nullif(CAST(count(${arg}) AS DOUBLE), 0))`;
  },
  evaluate(rows, call) {
    const values = notNull(rows);
    if (values.length === 0) return null;
    const arg = argOf(call);
    if (isFloat(arg)) return carefulSum(values as number[]) / values.length;
    return decimalToDouble(exactSum(values), arg.kind === "decimal" ? arg.scale : 0) / values.length;
  },
};

export const sumAggregates: readonly AggregateFunction[] = [sum, avg];
