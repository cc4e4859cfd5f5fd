import { type DataType, isFloat, isInteger, typeName, types, type Value, valueForm } from "../schema/types.js";
import { fitInteger } from "./arithmetic.js";
import { divideRounded, powersOfTen, roundAway } from "./cast.js";
import { sqlTypeName } from "./cast-sql.js";
import type { ScalarFunction } from "./definition.js";
import { outOfDomain } from "./failure.js";
import { decimalCheck, pow10 } from "./overflow.js";
import { aNumber, fixed, smallInteger } from "./signatures.js";

function roundFloat(x: number, digits: number, narrow: boolean): number {
  if (digits === 0) return roundAway(x);
  const exact = powersOfTen[Math.abs(digits)] as number;
  const power = narrow ? Math.fround(exact) : exact;
  const scaled = digits > 0 ? x * power : x / power;
  const whole = roundAway(narrow ? Math.fround(scaled) : scaled);
  const result = digits > 0 ? whole / power : whole * power;
  const rounded = narrow ? Math.fround(result) : result;
  // A number too large to scale has no digits there; one that vanished by scaling is 0.
  if (Number.isFinite(rounded)) return rounded;
  return digits < 0 ? 0 : x;
}

const roundDouble = (x: number, digits: number): number => roundFloat(x, digits, false);

/** Rounds an unscaled decimal so that only `digits` digits behind the point remain, at the same scale. */
function roundUnscaled(unscaled: bigint, scale: number, digits: number): bigint {
  const drop = scale - digits;
  return drop <= 0 ? unscaled : divideRounded(unscaled, drop) * pow10(drop);
}

function roundValue(value: Value, digits: number, type: DataType, returns: DataType): Value {
  if (isFloat(type)) return roundFloat(value as number, digits, type.kind === "float32");
  if (type.kind === "decimal" && returns.kind === "decimal") {
    const rounded = roundUnscaled(value as bigint, type.scale, digits);
    return decimalCheck(returns.precision)(
      returns.scale === type.scale ? rounded : divideRounded(rounded, type.scale - returns.scale),
    );
  }
  return digits >= 0 ? value : fitInteger(roundUnscaled(BigInt(value as number | bigint), 0, digits), type);
}

function roundSql(args: readonly string[], type: DataType, returns: DataType): string {
  const [x, digits = "0"] = args;
  if (isFloat(type)) return args.length === 1 ? `round(${x})` : `round(${x}, ${digits})`;
  if (type.kind === "decimal") {
    // DuckDB gives the rounded number a scale of its own; more digits than it has would be an error there.
    return `CAST(round(CAST(${x} AS DECIMAL(38,${type.scale})), ${digits}) AS ${sqlTypeName(returns)})`;
  }
  if (args.length === 1) return `${x}`;
  return `CAST(round(CAST(${x} AS DECIMAL(38,0)), ${digits}) AS ${sqlTypeName(type)})`;
}

const round: ScalarFunction = {
  name: "round",
  summary: "Rounds half away from zero, to a literal number of digits behind the point (0 by default, negative for tens).",
  resolve: fixed(
    [
      [aNumber, null],
      [smallInteger, types.int32],
    ],
    (args) => {
      const [type] = args as [DataType];
      if (type.kind !== "decimal") return type;
      return args.length === 1 ? types.decimal(type.precision, 0) : types.decimal(Math.min(38, type.precision + 1), type.scale);
    },
    1,
  ),
  nulls: "propagate",
  fallible: true,
  failsFor: (call) => call.args.length === 2 && !isFloat(call.returns),
  literalArgs: [1],
  checkLiterals: ([, digits]) =>
    typeof digits === "number" && Math.abs(digits) > 38 ? `expects -38 to 38 digits, found ${digits}` : null,
  evaluate: ([value, digits = 0], call) => roundValue(value ?? null, digits as number, call.args[0] as DataType, call.returns),
  emit([value, digits = "0"], call, context) {
    const type = call.args[0] as DataType;
    const { returns } = call;
    if (type.kind === "float64") return `${context.constant("round float64", roundDouble)}(${value}, ${digits})`;
    const run = (x: Value, places: number): Value => roundValue(x, places, type, returns);
    return `${context.constant(`round ${typeName(type)} ${typeName(returns)}`, run)}(${value}, ${digits})`;
  },
  sql: (args, call) => roundSql(args, call.args[0] as DataType, call.returns),
};

/** `floor` and `ceil`: floats stay floats, decimals lose their scale, integers are whole already. */
function whole(name: "floor" | "ceil", onFloat: (x: number) => number, towards: bigint): ScalarFunction {
  const wholeDecimal = (unscaled: bigint, scale: number): bigint => {
    const unit = pow10(scale);
    const rest = unscaled % unit;
    const cut = unscaled / unit;
    return rest !== 0n && rest < 0n === towards < 0n ? cut + towards : cut;
  };
  return {
    name,
    summary: name === "floor" ? "The largest whole number that is not greater." : "The least whole number that is not less.",
    resolve: fixed([[aNumber, null]], ([type]) =>
      type?.kind === "decimal" ? types.decimal(type.precision, 0) : (type as DataType),
    ),
    nulls: "propagate",
    evaluate([value], call) {
      const type = call.args[0] as DataType;
      if (isFloat(type)) return onFloat(value as number);
      return type.kind === "decimal" ? wholeDecimal(value as bigint, type.scale) : (value ?? null);
    },
    emit([value], call, context) {
      const type = call.args[0] as DataType;
      if (isFloat(type)) return `Math.${name}(${value})`;
      if (type.kind !== "decimal") return `${value}`;
      const evaluate = context.constant(`${name} ${type.scale}`, (x: bigint) => wholeDecimal(x, type.scale));
      return `${evaluate}(${value})`;
    },
    sql([value], call) {
      const type = call.args[0] as DataType;
      if (isInteger(type)) return `${value}`;
      return type.kind === "decimal" ? `CAST(${name}(${value}) AS ${sqlTypeName(call.returns)})` : `${name}(${value})`;
    },
  };
}

const sign: ScalarFunction = {
  name: "sign",
  summary: "-1, 0 or 1 (int8); 0 for NaN.",
  resolve: fixed([[aNumber, null]], types.int8),
  nulls: "propagate",
  evaluate([value]) {
    if (typeof value === "bigint") return value > 0n ? 1 : value < 0n ? -1 : 0;
    return (value as number) > 0 ? 1 : (value as number) < 0 ? -1 : 0;
  },
  emit([value], call) {
    const zero = valueForm(call.args[0] as DataType) === "bigint" ? "0n" : "0";
    return `(${value} > ${zero} ? 1 : ${value} < ${zero} ? -1 : 0)`;
  },
  sql: ([value]) => `sign(${value})`,
};

/** A function of one double that is not defined everywhere. */
function real(
  name: string,
  summary: string,
  compute: (x: number) => number,
  domain?: (x: number) => string | null,
): ScalarFunction {
  const evaluate = (x: number): number => {
    const wrong = domain?.(x) ?? null;
    return wrong === null ? compute(x) : outOfDomain(`${name}: ${wrong}`);
  };
  return {
    name,
    summary,
    resolve: fixed([[aNumber, types.float64]], types.float64),
    nulls: "propagate",
    fallible: domain !== undefined,
    evaluate: ([x]) => evaluate(x as number),
    emit: ([x], _call, context) => `${context.constant(`real ${name}`, evaluate)}(${x})`,
    sql: ([x]) => `${name}(${x})`,
  };
}

const positive = (x: number): string | null =>
  x > 0 || Number.isNaN(x) ? null : x === 0 ? "the logarithm of zero" : "the logarithm of a negative number";

const power: ScalarFunction = {
  name: "power",
  summary: "The first number to the power of the second, as float64.",
  resolve: fixed(
    [
      [aNumber, types.float64],
      [aNumber, types.float64],
    ],
    types.float64,
  ),
  nulls: "propagate",
  evaluate: ([x, y]) => cPow(x as number, y as number),
  emit: ([x, y], _call, context) => `${context.constant("cPow", cPow)}(${x}, ${y})`,
  sql: ([x, y]) => `power(${x}, ${y})`,
};

/** C's `pow`, which gives 1 where JavaScript's gives NaN: 1 to the power of anything, -1 to an infinite power. */
function cPow(x: number, y: number): number {
  return x === 1 || (x === -1 && (y === Number.POSITIVE_INFINITY || y === Number.NEGATIVE_INFINITY)) ? 1 : x ** y;
}

function floatTest(
  name: string,
  summary: string,
  test: (x: number) => boolean,
  js: (x: string) => string,
  sql: string,
): ScalarFunction {
  return {
    name,
    summary,
    resolve(args) {
      const resolved = fixed([[aNumber, types.float64]], types.bool)(args);
      if (typeof resolved === "string") return resolved;
      return args[0]?.kind === "float32" ? { args, returns: types.bool } : resolved;
    },
    nulls: "propagate",
    evaluate: ([x]) => test(x as number),
    emit: ([x]) => js(x as string),
    sql: ([x]) => `${sql}(${x})`,
  };
}

export const numberFunctions: readonly ScalarFunction[] = [
  round,
  whole("floor", Math.floor, -1n),
  whole("ceil", Math.ceil, 1n),
  sign,
  real("sqrt", "The square root, as float64.", Math.sqrt, (x) => (x < 0 ? "the square root of a negative number" : null)),
  real("ln", "The natural logarithm, as float64.", Math.log, positive),
  real("log10", "The decimal logarithm, as float64.", Math.log10, positive),
  real("exp", "e to the power of a number, as float64.", Math.exp),
  power,
  floatTest("isNaN", "Whether a number is NaN.", Number.isNaN, (x) => `(${x} !== ${x})`, "isnan"),
  floatTest(
    "isFinite",
    "Whether a number is neither NaN nor infinite.",
    Number.isFinite,
    (x) => `Number.isFinite(${x})`,
    "isfinite",
  ),
];
