import { type DataType, isFloat, isNumeric, isSignedInteger, types, type Value, valueForm } from "../schema/types.js";
import { sqlTypeName } from "./cast-sql.js";
import { asDecimal, commonType } from "./coercion.js";
import type { CallTypes, EmitContext, NarrowSql, Resolution, ScalarFunction } from "./definition.js";
import { overflow } from "./failure.js";
import { bigintCheck, emitChecked, numberCheck } from "./overflow.js";
import { aNumber, argType, fixed, mismatch, wrongCount } from "./signatures.js";

const wide = (type: DataType): boolean => valueForm(type) === "bigint";

/** A result in its type's range: integers and decimals are checked, float32 is rounded. */
function checked(result: number | bigint, type: DataType): Value {
  if (typeof result === "bigint") return (bigintCheck(type) as (r: bigint) => bigint)(result);
  if (type.kind === "float32") return Math.fround(result);
  return numberCheck(type)?.(result) ?? result;
}

/** The common number type of two arguments, or what is wrong with them. */
function twoNumbers(args: readonly DataType[]): DataType | string {
  if (args.length !== 2) return wrongCount("2 arguments", args.length);
  for (const [i, arg] of args.entries()) {
    if (isNumeric(arg) || arg.kind === "null") continue;
    const hint = arg.kind === "date" || arg.kind === "timestamp" ? " (dateAdd and dateDiff compute with dates)" : "";
    return `${mismatch("a number", arg, i)}${hint}`;
  }
  const common = commonType(args[0] as DataType, args[1] as DataType) as DataType;
  return common.kind === "null" ? types.int32 : common;
}

function resolveSum(args: readonly DataType[]): Resolution | string {
  const common = twoNumbers(args);
  if (typeof common === "string") return common;
  if (common.kind !== "decimal") return { args: [common, common], returns: common };
  const wider = types.decimal(Math.min(38, common.precision + 1), common.scale);
  return { args: [wider, wider], returns: wider };
}

function resolveProduct(args: readonly DataType[]): Resolution | string {
  const common = twoNumbers(args);
  if (typeof common === "string") return common;
  if (common.kind !== "decimal") return { args: [common, common], returns: common };
  const [a, b] = args.map((arg) => asDecimal(arg) ?? types.decimal(1, 0)) as [
    Extract<DataType, { kind: "decimal" }>,
    Extract<DataType, { kind: "decimal" }>,
  ];
  const scale = a.scale + b.scale;
  if (scale > 38)
    return `needs ${scale} digits behind the point, but a decimal has at most 38; cast to float64 or to a smaller scale`;
  return { args: [a, b], returns: types.decimal(Math.min(38, a.precision + b.precision), scale) };
}

function resolveCommon(args: readonly DataType[]): Resolution | string {
  const common = twoNumbers(args);
  return typeof common === "string" ? common : { args: [common, common], returns: common };
}

function resolveIntegers(args: readonly DataType[]): Resolution | string {
  const common = twoNumbers(args);
  if (typeof common === "string") return common;
  if (isFloat(common) || common.kind === "decimal") {
    const at = args.findIndex((arg) => isFloat(arg) || arg.kind === "decimal");
    return at < 0
      ? "expects integers of one sign, found uint64 with a signed integer; cast one of them"
      : `${mismatch("integers", args[at] as DataType, at)} (divide gives a float64)`;
  }
  return { args: [common, common], returns: common };
}

/** `add`, `sub`, `mul`: the operator on numbers and on bigints, checked. */
function operator(
  name: string,
  symbol: string,
  summary: string,
  resolve: ScalarFunction["resolve"],
  onNumbers: (a: number, b: number) => number,
  onBigints: (a: bigint, b: bigint) => bigint,
): ScalarFunction {
  return {
    name,
    summary,
    resolve,
    nulls: "propagate",
    fallible: true,
    failsFor: ({ returns }) => !isFloat(returns),
    adaptLiterals: true,
    evaluate([a, b], call) {
      const result = wide(call.returns) ? onBigints(a as bigint, b as bigint) : onNumbers(a as number, b as number);
      return checked(result, call.returns);
    },
    emit: ([a, b], call, context) => emitChecked(`${a} ${symbol} ${b}`, call.returns, context),
    sql([a, b], call) {
      const { returns } = call;
      if (returns.kind !== "decimal") return `(${a} ${symbol} ${b})`;
      // A factor of 38 digits keeps DuckDB from stopping at the 18 that fit 64 bits.
      const left = symbol === "*" ? `CAST(${a} AS DECIMAL(38,${(argType(call, 0) as { scale: number }).scale}))` : a;
      return `CAST(${left} ${symbol} ${b} AS ${sqlTypeName(returns)})`;
    },
    ...(symbol === "*" ? { narrowSql: narrowProduct } : {}),
  };
}

/** DuckDB multiplies decimals of up to 18 digits in 64 bits, and fails where the product has more: three times faster than in 128 bits. */
function narrowProduct([a, b]: readonly string[], { args, returns }: CallTypes): NarrowSql | null {
  const narrow = args.every((type) => type.kind === "decimal" && type.precision <= 18);
  if (!narrow || returns.kind !== "decimal" || returns.scale >= 18) return null;
  return { sql: `(${a} * ${b})`, type: types.decimal(18, returns.scale) };
}

function emitIntegerDivision(a: string, b: string, call: CallTypes, context: EmitContext): string {
  const zero = wide(call.returns) ? "0n" : "0";
  const quotient = context.name(`${b} === ${zero} ? ${zero} : ${wide(call.returns) ? `${a} / ${b}` : `Math.trunc(${a} / ${b})`}`);
  return `(${b} === ${zero} ? null : ${emitChecked(quotient, call.returns, context)})`;
}

const div: ScalarFunction = {
  name: "div",
  summary: "Integer division, cut towards zero; null where the divisor is 0.",
  resolve: resolveIntegers,
  nulls: "propagate",
  nullable: true,
  fallible: true,
  adaptLiterals: true,
  evaluate([a, b], call) {
    if (wide(call.returns)) return b === 0n ? null : checked((a as bigint) / (b as bigint), call.returns);
    return b === 0 ? null : checked(Math.trunc((a as number) / (b as number)), call.returns);
  },
  emit: ([a, b], call, context) => emitIntegerDivision(a as string, b as string, call, context),
  sql: ([a, b]) => `(${a} // ${b})`,
};

const divide: ScalarFunction = {
  name: "divide",
  summary: "Division as float64; null where the divisor is 0.",
  resolve: fixed(
    [
      [aNumber, types.float64],
      [aNumber, types.float64],
    ],
    types.float64,
  ),
  nulls: "propagate",
  nullable: true,
  evaluate: ([a, b]) => (b === 0 ? null : (a as number) / (b as number)),
  emit: ([a, b]) => `(${b} === 0 ? null : ${a} / ${b})`,
  sql: ([a, b]) => `(${a} / nullif(${b}, 0::DOUBLE))`,
};

const mod: ScalarFunction = {
  name: "mod",
  summary: "Remainder with the sign of the dividend; null where an integer or decimal divisor is 0, NaN where a float one is.",
  resolve: resolveCommon,
  nulls: "propagate",
  nullable: true,
  adaptLiterals: true,
  evaluate([a, b], { returns }) {
    if (wide(returns)) return b === 0n ? null : (a as bigint) % (b as bigint);
    if (isFloat(returns)) return checked((a as number) % (b as number), returns);
    return b === 0 ? null : ((a as number) % (b as number)) + 0;
  },
  emit([a, b], { returns }, context) {
    if (isFloat(returns)) return emitChecked(`${a} % ${b}`, returns, context);
    return wide(returns) ? `(${b} === 0n ? null : ${a} % ${b})` : `(${b} === 0 ? null : (${a} % ${b}) + 0)`;
  },
  sql([a, b], { returns }) {
    if (returns.kind === "decimal") return `CAST(${a} % ${b} AS ${sqlTypeName(returns)})`;
    // DuckDB fails on the least integer by -1, whose remainder is 0.
    return isFloat(returns) || /^u/.test(returns.kind)
      ? `(${a} % ${b})`
      : `(CASE WHEN ${b} = -1 THEN ${a} - ${a} ELSE ${a} % ${b} END)`;
  },
};

const signedOf: { readonly [kind: string]: DataType } = {
  uint8: types.int16,
  uint16: types.int32,
  uint32: types.int64,
  uint64: types.decimal(20, 0),
};

const neg: ScalarFunction = {
  name: "neg",
  summary: "The number with the other sign; an unsigned integer becomes the next wider signed type.",
  resolve(args) {
    const resolved = fixed([[aNumber, null]], (all) => all[0] as DataType)(args);
    if (typeof resolved === "string") return resolved;
    const type = signedOf[resolved.returns.kind] ?? resolved.returns;
    return { args: [type], returns: type };
  },
  nulls: "propagate",
  fallible: true,
  failsFor: ({ returns }) => !isFloat(returns) && returns.kind !== "decimal",
  evaluate([a], { returns }) {
    if (isFloat(returns)) return -(a as number);
    return checked(wide(returns) ? -(a as bigint) : -(a as number), returns);
  },
  emit: ([a], { returns }, context) => (isFloat(returns) ? `(-${a})` : emitChecked(`-${a}`, returns, context)),
  sql: ([a]) => `(-${a})`,
};

const abs: ScalarFunction = {
  name: "abs",
  summary: "The absolute value.",
  resolve: fixed([[aNumber, null]], (all) => all[0] as DataType),
  nulls: "propagate",
  fallible: true,
  failsFor: ({ returns }) => isSignedInteger(returns),
  evaluate([a], { returns }) {
    if (wide(returns)) return checked((a as bigint) < 0n ? -(a as bigint) : (a as bigint), returns);
    return checked(Math.abs(a as number), returns);
  },
  emit([a], { returns }, context) {
    return wide(returns)
      ? emitChecked(`(${a} < 0n ? -${a} : ${a})`, returns, context)
      : emitChecked(`Math.abs(${a})`, returns, context);
  },
  sql: ([a]) => `abs(${a})`,
};

export const arithmeticFunctions: readonly ScalarFunction[] = [
  operator(
    "add",
    "+",
    "Sum of two numbers.",
    resolveSum,
    (a, b) => a + b,
    (a, b) => a + b,
  ),
  operator(
    "sub",
    "-",
    "Difference of two numbers.",
    resolveSum,
    (a, b) => a - b,
    (a, b) => a - b,
  ),
  operator(
    "mul",
    "*",
    "Product of two numbers.",
    resolveProduct,
    (a, b) => a * b,
    (a, b) => a * b,
  ),
  div,
  divide,
  mod,
  neg,
  abs,
];

/** Used where a rounded integer may leave its type. */
export function fitInteger(value: bigint, type: DataType): Value {
  const check = bigintCheck(type);
  if (check !== undefined) return check(value);
  const small = Number(value);
  return numberCheck(type)?.(small) ?? overflow(type.kind);
}
