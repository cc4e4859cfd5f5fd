import { assertNever } from "../common/assert.js";
import { type DataType, integerRange, typeName, type Value } from "../schema/types.js";
import { daysFromCivil, daysInMonth, microsOfDays } from "./civil.js";
import { castFailed } from "./failure.js";
import { pow10 } from "./overflow.js";

/** ASCII blanks around a text do not count. */
export const blanks = "[ \\t\\n\\v\\f\\r]*";
export const integerPattern = "[+-]?[0-9]+";
export const floatPattern = "[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?";
export const specialFloatPattern = "[+-]?([iI][nN][fF]([iI][nN][iI][tT][yY])?|[nN][aA][nN])";
export const boolPattern = "([tT]([rR][uU][eE])?|[fF]([aA][lL][sS][eE])?|1|0)";
export const datePattern = "[0-9]{4,6}-[0-9]{1,2}-[0-9]{1,2}";
export const clockPattern = "([01]?[0-9]|2[0-3]):[0-9]{1,2}(:[0-9]{1,2}(\\.[0-9]{1,9})?)?";
export const zonePattern = " ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)";

const around = (pattern: string): RegExp => new RegExp(`^${blanks}(?:${pattern})${blanks}$`);
const integerText = around(integerPattern);
const floatText = around(floatPattern);
const specialText = around(specialFloatPattern);
const boolText = around(boolPattern);
const decimalText = new RegExp(`^${blanks}([+-]?)([0-9]*)\\.?([0-9]*)(?:[eE]([+-]?[0-9]+))?${blanks}$`);
const dateText = /^[ \t\n\v\f\r]*([0-9]{4,6})-([0-9]{1,2})-([0-9]{1,2})[ \t\n\v\f\r]*$/;
const timestampText =
  /^[ \t\n\v\f\r]*([0-9]{4,6})-([0-9]{1,2})-([0-9]{1,2})(?:[ T]([0-9]{1,2}):([0-9]{1,2})(?::([0-9]{1,2})(?:\.([0-9]{1,9}))?)?(?: ?(?:Z|([+-])([0-9]{2})(?::?([0-9]{2}))?))?)?[ \t\n\v\f\r]*$/;

function parseInteger(text: string, type: DataType): Value {
  if (!integerText.test(text)) throw castFailed(text, typeName(type));
  const trimmed = text.trim();
  const small = Number(trimmed);
  const wide = type.kind === "int64" || type.kind === "uint64";
  const { min, max } = integerRange(type);
  if (!wide) {
    if (small < Number(min) || small > Number(max)) throw castFailed(text, typeName(type), "out of range");
    return small + 0;
  }
  const value = BigInt(trimmed.startsWith("+") ? trimmed.slice(1) : trimmed);
  if (value < min || value > max) throw castFailed(text, typeName(type), "out of range");
  return value;
}

function parseFloatText(text: string, type: DataType): number {
  if (floatText.test(text)) return type.kind === "float32" ? Math.fround(Number(text)) : Number(text);
  if (!specialText.test(text)) throw castFailed(text, typeName(type));
  const word = text.trim().toLowerCase();
  if (word.endsWith("nan")) return Number.NaN;
  return word.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

/** Unscaled value of a decimal text, digits beyond the scale rounded half away from zero. null when it is none or does not fit. */
export function parseDecimal(text: string, precision: number, scale: number): bigint | null {
  const match = decimalText.exec(text);
  if (match === null) return null;
  const [, sign = "", whole = "", fraction = "", exponentText = "0"] = match;
  const digits = `${whole}${fraction}`.replace(/^0+(?=.)/, "");
  if (whole === "" && fraction === "") return null;
  const exponent = Number(exponentText);
  if (/^0+$/.test(digits)) return 0n;
  // The text's value is digits * 10^shift in units of the last place kept.
  const shift = exponent - fraction.length + scale;
  if (digits.length + shift > precision + 1) return null;
  let value: bigint;
  if (shift >= 0) value = BigInt(digits) * pow10(shift);
  else if (-shift > digits.length) value = 0n;
  else {
    const kept = digits.slice(0, shift);
    const roundUp = (digits[digits.length + shift] as string) >= "5";
    value = BigInt(kept === "" ? "0" : kept) + (roundUp ? 1n : 0n);
  }
  if (value >= pow10(precision)) return null;
  return sign === "-" ? -value : value;
}

function validDays(year: number, month: number, day: number): number | null {
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return null;
  return daysFromCivil(year, month, day);
}

/** `YYYY-MM-DD`; null when it is none. */
export function parseDate(text: string): number | null {
  const match = dateText.exec(text);
  return match === null ? null : validDays(Number(match[1]), Number(match[2]), Number(match[3]));
}

/**
 * `YYYY-MM-DD[ T]HH:MM[:SS[.ffffff]]` with an optional `Z` or offset (then converted to UTC), or a bare date. Digits beyond
 * microseconds are cut. null when it is none.
 */
export function parseTimestamp(text: string): bigint | null {
  const match = timestampText.exec(text);
  if (match === null) return null;
  const days = validDays(Number(match[1]), Number(match[2]), Number(match[3]));
  if (days === null) return null;
  if (match[4] === undefined) return microsOfDays(days);
  const [hour, minute, second] = [Number(match[4]), Number(match[5]), Number(match[6] ?? 0)];
  if (hour > 23 || minute > 59 || second > 59) return null;
  const fraction = Number((match[7] ?? "0").padEnd(6, "0").slice(0, 6));
  const offset = (Number(match[9] ?? 0) * 60 + Number(match[10] ?? 0)) * (match[8] === "-" ? -60 : 60);
  if (Number(match[9] ?? 0) > 23 || Number(match[10] ?? 0) > 59) return null;
  const micros = microsOfDays(days) + BigInt((hour * 3600 + minute * 60 + second - offset) * 1e6 + fraction);
  return BigInt.asIntN(64, micros) === micros ? micros : null;
}

/**
 * The value that a text stands for: the one definition, used by casts and by every text reader alike. Blanks around it do not count.
 * Nested types are read as JSON elsewhere.
 * @throws RowFailure CAST_FAILED when the text is not of the type or out of its range.
 */
export function parseText(text: string, type: DataType): Value {
  switch (type.kind) {
    case "utf8":
      return text;
    case "bool": {
      if (!boolText.test(text)) throw castFailed(text, "bool");
      return /^[tT1]/.test(text.trim());
    }
    case "int8":
    case "int16":
    case "int32":
    case "int64":
    case "uint8":
    case "uint16":
    case "uint32":
    case "uint64":
      return parseInteger(text, type);
    case "float32":
    case "float64":
      return parseFloatText(text, type);
    case "decimal":
      return parsed(parseDecimal(text, type.precision, type.scale), text, type);
    case "date":
      return parsed(parseDate(text), text, type);
    case "timestamp":
      return parsed(parseTimestamp(text), text, type);
    case "binary":
      return new TextEncoder().encode(text);
    case "null":
    case "list":
    case "struct":
      throw castFailed(text, typeName(type));
    default:
      return assertNever(type, "type");
  }
}

function parsed<T>(value: T | null, text: string, type: DataType): T {
  if (value === null) throw castFailed(text, typeName(type));
  return value;
}
