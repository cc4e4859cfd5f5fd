import { assertNever } from "../common/assert.js";
import { type DataType, typeName, type Value } from "../schema/types.js";
import { castFailed } from "./failure.js";
import { civilFromDays, daysOfMicros, microsOfDay } from "./civil.js";

export const pad = (value: number, width: number): string => String(value).padStart(width, "0");

/** Unscaled value and scale as exact text; a type all of whose digits stand behind the point has none before it (`.5`). */
export function formatDecimal(unscaled: bigint, precision: number, scale: number): string {
  if (scale === 0) return unscaled.toString();
  const sign = unscaled < 0n ? "-" : "";
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, "0");
  const whole = digits.slice(0, -scale);
  return `${sign}${whole === "0" && precision === scale ? "" : whole}.${digits.slice(-scale)}`;
}

/** The shortest text that reads back as the same double: `1.0`, `0.0001`, `1e-05`, `1e+16`, `nan`, `-inf`. */
export function formatDouble(value: number): string {
  const size = Math.abs(value);
  // In this range the language itself writes the same digits the same way.
  if (size >= 1e-4 && size < 1e16) return Number.isInteger(value) ? `${value}.0` : String(value);
  return formatDigits(value, value.toExponential());
}

/** The same for a 32-bit float: the shortest digits that read back as it. */
export function formatFloat(value: number): string {
  if (!Number.isFinite(value)) return formatDouble(value);
  for (let digits = 0; digits < 9; digits++) {
    const text = value.toExponential(digits);
    if (Math.fround(Number(text)) !== value || isBorder(Number(text), value)) continue;
    // Exactly between two texts of this length, neither is nearer: one more digit says it.
    const longer = value.toExponential(digits + 1);
    const tie = Number(longer) === value && /5e/.test(longer);
    return formatDigits(value, tie ? longer : text);
  }
  return formatDouble(value);
}

const bits = new Int32Array(1);
const float = new Float32Array(bits.buffer);

/** Whether a number lies exactly between a 32-bit float and its neighbour. */
function isBorder(near: number, value: number): boolean {
  if (near === value) return false;
  float[0] = value;
  bits[0] = (bits[0] as number) + (Math.abs(near) > Math.abs(value) ? 1 : -1);
  return near === (value + (float[0] as number)) / 2;
}

function formatDigits(value: number, exponential: string): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const sign = value < 0 ? "-" : "";
  const [mantissa = "", exponentText = "0"] = exponential.replace("-", sign === "-" ? "" : "-").split("e");
  const exponent = Number(exponentText);
  const digits = mantissa.replace(".", "").replace(/0+$/, "") || "0";
  if (exponent < -4 || exponent >= 16) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : "";
    return `${sign}${digits[0]}${fraction}e${exponent < 0 ? "-" : "+"}${pad(Math.abs(exponent), 2)}`;
  }
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return `${sign}${whole}.${digits.slice(exponent + 1) || "0"}`;
}

/** Texts of days, by the last bits of their numbers: most dates of a file are of a few years. */
const keptDays = 2048;
const dayNumbers = new Float64Array(keptDays).fill(Number.NaN);
const dayTexts: string[] = [];

/** `2024-01-05`; years before 1 as `0044-03-15 (BC)`. */
export function formatDate(days: number): string {
  const slot = days & (keptDays - 1);
  if (dayNumbers[slot] === days) return dayTexts[slot] as string;
  dayNumbers[slot] = days;
  const text = dayText(days);
  dayTexts[slot] = text;
  return text;
}

function dayText(days: number): string {
  const { year, month, day } = civilFromDays(days);
  const text = `${pad(year > 0 ? year : 1 - year, 4)}-${pad(month, 2)}-${pad(day, 2)}`;
  return year > 0 ? text : `${text} (BC)`;
}

/** `2024-01-05 10:11:12.5`: as many digits behind the point as needed, at most six. */
export const formatTimestamp = (micros: bigint): string => timestampText(daysOfMicros(micros), microsOfDay(micros));

const dayMicros = 86_400_000_000;

/** The same of microseconds that are an exact double. */
export function formatNearTimestamp(micros: number): string {
  const days = Math.floor(micros / dayMicros);
  return timestampText(days, micros - days * dayMicros);
}

const twoDigits = Array.from({ length: 60 }, (_, value) => pad(value, 2));

function timestampText(days: number, rest: number): string {
  const seconds = Math.floor(rest / 1e6);
  const fraction = rest - seconds * 1e6;
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const clock = `${twoDigits[hours]}:${twoDigits[minutes - hours * 60]}:${twoDigits[seconds - minutes * 60]}`;
  const tail = fraction === 0 ? "" : `.${pad(fraction, 6).replace(/0+$/, "")}`;
  return `${formatDate(days)} ${clock}${tail}`;
}

/** Printable ASCII as it is, every other byte (and the backslash and quotes) as `\xFF`. */
function formatBinary(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) {
    const plain = byte >= 32 && byte < 127 && byte !== 92 && byte !== 39 && byte !== 34;
    text += plain ? String.fromCharCode(byte) : `\\x${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return text;
}

/**
 * The text of a value, the same as DuckDB's CAST to VARCHAR. null gives an empty text (callers write their own null).
 * @throws RowFailure CAST_FAILED for lists and structs, which have no one text.
 */
export function formatValue(value: Value, type: DataType): string {
  if (value === null) return "";
  switch (type.kind) {
    case "bool":
    case "int8":
    case "int16":
    case "int32":
    case "int64":
    case "uint8":
    case "uint16":
    case "uint32":
    case "uint64":
    case "utf8":
      return String(value);
    case "float32":
      return formatFloat(value as number);
    case "float64":
      return formatDouble(value as number);
    case "decimal":
      return formatDecimal(value as bigint, type.precision, type.scale);
    case "date":
      return formatDate(value as number);
    case "timestamp":
      return formatTimestamp(value as bigint);
    case "binary":
      return formatBinary(value as Uint8Array);
    case "null":
      return "";
    case "list":
    case "struct":
      throw castFailed(typeName(type), "utf8");
    default:
      return assertNever(type, "type");
  }
}
