import { assertNever } from "../common/assert.js";
import {
  type DataType,
  type Field,
  integerRange,
  isFloat,
  isInteger,
  isNumeric,
  sameType,
  typeName,
  type Value,
  valueForm,
} from "../schema/types.js";
import { daysOfMicros, microsOfDays } from "./civil.js";
import { castFailed } from "./failure.js";
import { formatDecimal, formatValue } from "./format.js";
import { pow10 } from "./overflow.js";
import { parseText } from "./parse.js";

export { commonOf, commonType, implicitCast } from "./coercion.js";
export { castSql, sqlText, sqlTypeName } from "./cast-sql.js";
export { formatValue } from "./format.js";
export { parseText } from "./parse.js";

/** Rounds half away from zero, as C's `round`. */
export function roundAway(x: number): number {
  const whole = Math.trunc(x);
  return Math.abs(x - whole) >= 0.5 ? whole + Math.sign(x) : whole;
}

/** Rounds half to even, as C's `nearbyint`. */
export function roundEven(x: number): number {
  const whole = Math.trunc(x);
  const rest = Math.abs(x - whole);
  return rest > 0.5 || (rest === 0.5 && whole % 2 !== 0) ? whole + Math.sign(x) : whole;
}

/** `unscaled / 10^digits` rounded half away from zero. */
export function divideRounded(unscaled: bigint, digits: number): bigint {
  if (digits <= 0) return unscaled * pow10(-digits);
  const divisor = pow10(digits);
  const half = divisor / 2n;
  return (unscaled < 0n ? unscaled - half : unscaled + half) / divisor;
}

/** Doubles hold powers of ten up to this one exactly. */
export const mostExactScale = 22;
/** Powers of ten as their digits read, for as many digits as a decimal has. */
export const powersOfTen: readonly number[] = Array.from({ length: 39 }, (_, power) => Number(`1e${power}`));

/** A decimal as the nearest double. */
export function decimalToDouble(unscaled: bigint, scale: number): number {
  const whole = Number(unscaled);
  // The quotient of two exact doubles is the double nearest to the decimal, as reading its digits gives.
  if (scale <= mostExactScale && Number.isSafeInteger(whole)) return whole / (powersOfTen[scale] as number);
  return scale === 0 ? whole : Number(formatDecimal(unscaled, 39, scale));
}

/** Whether `castValue` knows a way at all. Both nested: item by item and field by field. */
export function castExists(from: DataType, to: DataType): boolean {
  if (sameType(from, to) || from.kind === "null") return true;
  if (from.kind === "list" && to.kind === "list") return castExists(from.item, to.item);
  if (from.kind === "struct" && to.kind === "struct") {
    return (
      from.fields.length === to.fields.length &&
      from.fields.every((field, i) => field.name === to.fields[i]?.name && castExists(field.type, (to.fields[i] as Field).type))
    );
  }
  const number = (t: DataType): boolean => isNumeric(t) || t.kind === "bool";
  if (number(from) && number(to)) return true;
  const flat = (t: DataType): boolean => number(t) || t.kind === "date" || t.kind === "timestamp";
  if (to.kind === "utf8") return flat(from) || from.kind === "binary";
  if (from.kind === "utf8") return flat(to);
  return (from.kind === "date" && to.kind === "timestamp") || (from.kind === "timestamp" && to.kind === "date");
}

/** Whether some value of `from` cannot be made one of `to`. */
export function castCanFail(from: DataType, to: DataType): boolean {
  if (sameType(from, to) || from.kind === "null" || to.kind === "utf8") return false;
  if (from.kind === "list" && to.kind === "list") return castCanFail(from.item, to.item);
  if (from.kind === "struct" && to.kind === "struct") {
    return from.fields.some((field, i) => castCanFail(field.type, (to.fields[i] as Field).type));
  }
  if (to.kind === "bool") return from.kind === "utf8";
  if (isInteger(from) && isInteger(to)) {
    const [a, b] = [integerRange(from), integerRange(to)];
    return a.min < b.min || a.max > b.max;
  }
  if (from.kind === "bool") return to.kind === "decimal" && to.precision === to.scale;
  if (isFloat(to)) return from.kind === "utf8" || (from.kind === "float64" && to.kind === "float32");
  if (to.kind === "decimal" && isInteger(from)) return integerRange(from).max >= pow10(to.precision - to.scale);
  if (to.kind === "decimal" && from.kind === "decimal") {
    // Rounding can carry into one more digit.
    const carry = from.scale > to.scale ? 1 : 0;
    return from.precision - from.scale + carry > to.precision - to.scale;
  }
  return !(from.kind === "timestamp" && to.kind === "date");
}

function toInteger(value: Value, from: DataType, to: DataType): Value {
  const fail = () => castFailed(formatValue(value, from), typeName(to), "out of range");
  const { min, max } = integerRange(to);
  let whole: bigint | number;
  if (from.kind === "bool") whole = value === true ? 1 : 0;
  else if (from.kind === "decimal") whole = divideRounded(value as bigint, from.scale);
  else if (isFloat(from)) {
    whole = roundEven(value as number);
    if (!Number.isFinite(whole)) throw fail();
    if (valueForm(to) === "bigint") whole = BigInt(whole);
  } else whole = value as bigint | number;
  if (whole < min || whole > max) throw fail();
  return valueForm(to) === "bigint" ? BigInt(whole) : Number(whole) + 0;
}

function toFloat(value: Value, from: DataType, to: DataType): number {
  let result: number;
  if (from.kind === "bool") result = value === true ? 1 : 0;
  else if (from.kind === "decimal") result = decimalToDouble(value as bigint, from.scale);
  else result = Number(value);
  if (to.kind !== "float32") return result;
  const narrow = Math.fround(result);
  if (!Number.isFinite(narrow) && Number.isFinite(result)) {
    throw castFailed(formatValue(value, from), "float32", "out of range");
  }
  return narrow;
}

function toDecimal(value: Value, from: DataType, to: Extract<DataType, { kind: "decimal" }>): bigint {
  let unscaled: bigint;
  if (from.kind === "decimal") unscaled = divideRounded(value as bigint, from.scale - to.scale);
  else if (isFloat(from)) {
    const power = powersOfTen[to.scale] as number;
    const scaled = roundAway(
      from.kind === "float32" ? Math.fround((value as number) * Math.fround(power)) : (value as number) * power,
    );
    if (!Number.isFinite(scaled)) throw castFailed(formatValue(value, from), typeName(to));
    unscaled = BigInt(scaled);
  } else unscaled = (from.kind === "bool" ? (value === true ? 1n : 0n) : BigInt(value as number)) * pow10(to.scale);
  const limit = pow10(to.precision);
  if (unscaled >= limit || unscaled <= -limit) throw castFailed(formatValue(value, from), typeName(to), "out of range");
  return unscaled;
}

function toBool(value: Value, from: DataType): boolean {
  if (isNumeric(from)) return typeof value === "bigint" ? value !== 0n : value !== 0;
  throw castFailed(formatValue(value, from), "bool");
}

function toNested(value: Value, from: DataType, to: DataType): Value {
  if (from.kind === "list" && to.kind === "list") {
    return (value as readonly Value[]).map((item) => castValue(item, from.item, to.item));
  }
  if (from.kind === "struct" && to.kind === "struct") {
    const entries = value as { readonly [name: string]: Value };
    return Object.fromEntries(
      from.fields.map((field, i) => [
        field.name,
        castValue(entries[field.name] ?? null, field.type, (to.fields[i] as Field).type),
      ]),
    );
  }
  throw castFailed(typeName(from), typeName(to));
}

/**
 * A value as another type; null stays null. Floats round half to even on the way to integers, decimals half away from zero.
 * @throws RowFailure CAST_FAILED when the value has no counterpart.
 */
export function castValue(value: Value, from: DataType, to: DataType): Value {
  if (value === null || sameType(from, to)) return value;
  if (from.kind === "utf8" && to.kind !== "utf8" && to.kind !== "binary") return parseText(value as string, to);
  switch (to.kind) {
    case "bool":
      return toBool(value, from);
    case "int8":
    case "int16":
    case "int32":
    case "int64":
    case "uint8":
    case "uint16":
    case "uint32":
    case "uint64":
      return toInteger(value, from, to);
    case "float32":
    case "float64":
      return toFloat(value, from, to);
    case "decimal":
      return toDecimal(value, from, to);
    case "utf8":
      return formatValue(value, from);
    case "date":
      return from.kind === "timestamp" ? daysOfMicros(value as bigint) : failCast(from, to);
    case "timestamp":
      return from.kind === "date" ? dateToTimestamp(value as number) : failCast(from, to);
    case "list":
    case "struct":
      return toNested(value, from, to);
    case "binary":
    case "null":
      return failCast(from, to);
    default:
      return assertNever(to, "type");
  }
}

/** Midnight of a day. @throws RowFailure CAST_FAILED beyond what 64-bit microseconds hold. */
export function dateToTimestamp(days: number): bigint {
  const micros = microsOfDays(days);
  if (BigInt.asIntN(64, micros) !== micros) throw castFailed(formatValue(days, { kind: "date" }), "timestamp", "out of range");
  return micros;
}

function failCast(from: DataType, to: DataType): never {
  throw castFailed(typeName(from), typeName(to));
}
