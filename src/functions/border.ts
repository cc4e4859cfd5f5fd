import { assertNever } from "../common/assert.js";
import { type DataType, integerRange, isInteger, typeName, type Value, valueForm } from "../schema/types.js";
import { daysOfMicros } from "./civil.js";
import { RowFailure } from "./definition.js";
import { shown } from "./failure.js";
import { formatDecimal, formatDouble } from "./format.js";
import { pow10 } from "./overflow.js";
import { parseDate, parseDecimal, parseTimestamp } from "./parse.js";

/** Where values go to a user's function and come back. */

const dayMs = 86_400_000;

/**
 * A value as a user's function gets it: numbers, booleans and text as they are, 64-bit integers as bigint, decimals as exact text, dates
 * as Date at midnight UTC, timestamps as bigint microseconds, binary as Uint8Array, lists as arrays, structs as objects.
 */
export function toUser(value: Value, type: DataType): unknown {
  if (value === null) return null;
  switch (type.kind) {
    case "decimal":
      return formatDecimal(value as bigint, 39, type.scale);
    case "date":
      return new Date((value as number) * dayMs);
    case "list":
      return (value as readonly Value[]).map((item) => toUser(item, type.item));
    case "struct": {
      const entries = value as { readonly [name: string]: Value };
      return Object.fromEntries(type.fields.map((field) => [field.name, toUser(entries[field.name] ?? null, field.type)]));
    }
    default:
      return value;
  }
}

/** Whether `toUser` gives the value itself, so that a loop may leave the call out. */
export function passesUnchanged(type: DataType): boolean {
  return type.kind !== "decimal" && type.kind !== "date" && type.kind !== "list" && type.kind !== "struct";
}

/** What came, for a message. */
function describe(result: unknown): string {
  if (result === null) return "null";
  if (result instanceof Date) return Number.isNaN(result.getTime()) ? "an invalid Date" : `Date ${result.toISOString()}`;
  if (typeof result === "object") {
    return Array.isArray(result) ? "an array" : `an object of class ${(result as object).constructor?.name ?? "null"}`;
  }
  if (typeof result === "function" || typeof result === "symbol") return `a ${typeof result}`;
  return `${typeof result} ${shown(result)}`;
}

/** @throws RowFailure UDF_WRONG_TYPE */
export function wrongResult(result: unknown, type: DataType, where: string, why = ""): never {
  throw new RowFailure("UDF_WRONG_TYPE", `${where} must return ${typeName(type)}, but returned ${describe(result)}${why}`);
}

function integerFrom(result: unknown, type: DataType, where: string): Value {
  const { min, max } = integerRange(type);
  if (typeof result !== "bigint" && typeof result !== "number") return wrongResult(result, type, where);
  if (typeof result === "number" && !Number.isSafeInteger(result)) return wrongResult(result, type, where);
  if (result < min || result > max) return wrongResult(result, type, where, ", which is out of range");
  return valueForm(type) === "bigint" ? BigInt(result) : Number(result) + 0;
}

function decimalFrom(result: unknown, type: Extract<DataType, { kind: "decimal" }>, where: string): Value {
  let text: string;
  if (typeof result === "number") text = formatDouble(result);
  else if (typeof result === "bigint" || typeof result === "string") text = String(result);
  else return wrongResult(result, type, where);
  const unscaled = parseDecimal(text, type.precision, type.scale);
  if (unscaled === null || unscaled >= pow10(type.precision)) return wrongResult(result, type, where);
  return unscaled;
}

function dateFrom(result: unknown, type: DataType, where: string): Value {
  if (result instanceof Date && !Number.isNaN(result.getTime())) return Math.floor(result.getTime() / dayMs);
  if (typeof result !== "string") return wrongResult(result, type, where);
  const days = parseDate(result);
  if (days !== null) return days;
  const micros = parseTimestamp(result);
  return micros === null ? wrongResult(result, type, where) : daysOfMicros(micros);
}

function timestampFrom(result: unknown, type: DataType, where: string): Value {
  if (typeof result === "bigint") {
    return BigInt.asIntN(64, result) === result ? result : wrongResult(result, type, where, ", which is out of range");
  }
  if (result instanceof Date && !Number.isNaN(result.getTime())) return BigInt(result.getTime()) * 1000n;
  const micros = typeof result === "string" ? parseTimestamp(result) : null;
  return micros ?? wrongResult(result, type, where);
}

function structFrom(result: unknown, type: Extract<DataType, { kind: "struct" }>, where: string): Value {
  if (typeof result !== "object" || result === null || Array.isArray(result)) return wrongResult(result, type, where);
  const entries = result as { readonly [name: string]: unknown };
  return Object.fromEntries(
    type.fields.map((field) => [
      field.name,
      fromUser(entries[field.name], field.type, `${where}, field ${JSON.stringify(field.name)},`),
    ]),
  );
}

/**
 * What a user's function returned, as a value of its declared type. null and undefined are null. Integers: whole numbers in range, or
 * bigint. Floats: any number. Decimals: text, number or bigint, rounded to the scale. Dates: Date (its day in UTC) or ISO text.
 * Timestamps: bigint microseconds, Date or ISO text.
 * @throws RowFailure UDF_WRONG_TYPE that says what came; `where` begins its message (`function discount`).
 */
export function fromUser(result: unknown, type: DataType, where = "the function"): Value {
  if (result === null || result === undefined) return null;
  if (isInteger(type)) return integerFrom(result, type, where);
  switch (type.kind) {
    case "bool":
      return typeof result === "boolean" ? result : wrongResult(result, type, where);
    case "float64":
      return typeof result === "number" ? result : wrongResult(result, type, where);
    case "float32":
      return typeof result === "number" ? Math.fround(result) : wrongResult(result, type, where);
    case "utf8":
      return typeof result === "string" ? result : wrongResult(result, type, where);
    case "binary":
      return result instanceof Uint8Array ? result : wrongResult(result, type, where);
    case "decimal":
      return decimalFrom(result, type, where);
    case "date":
      return dateFrom(result, type, where);
    case "timestamp":
      return timestampFrom(result, type, where);
    case "list":
      if (!Array.isArray(result)) return wrongResult(result, type, where);
      return result.map((item, i) => fromUser(item, type.item, `${where}, item ${i},`));
    case "struct":
      return structFrom(result, type, where);
    case "null":
      return wrongResult(result, type, where);
    default:
      return assertNever(type as never, "type");
  }
}

/** A user's function that threw, as the reason of a reject. */
export function userFailure(thrown: unknown, where: string): RowFailure {
  if (thrown instanceof RowFailure) return thrown;
  const message = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : describe(thrown);
  return new RowFailure("UDF_THREW", `${where} threw ${message}`);
}

const fastTests: { readonly [kind: string]: (text: string) => string } = {
  bool: (x) => `typeof ${x} === "boolean"`,
  float64: (x) => `typeof ${x} === "number"`,
  utf8: (x) => `typeof ${x} === "string"`,
  int32: (x) => `(${x} | 0) === ${x}`,
  int16: (x) => `(${x} << 16) >> 16 === ${x}`,
  int8: (x) => `(${x} << 24) >> 24 === ${x}`,
  uint8: (x) => `(${x} & 255) === ${x}`,
  uint16: (x) => `(${x} & 65535) === ${x}`,
  uint32: (x) => `${x} >>> 0 === ${x}`,
};

/**
 * JavaScript text of a test that a result can be used as it is; where it does not hold, `fromUser` decides. The `|` tests must not
 * meet a bigint or symbol, so they stand behind a typeof. null for types that always need `fromUser`.
 */
export function emitFastResultTest(text: string, type: DataType): string | null {
  const test = fastTests[type.kind];
  if (test === undefined) return null;
  return isInteger(type) ? `(typeof ${text} === "number" && ${test(text)})` : `(${test(text)})`;
}
