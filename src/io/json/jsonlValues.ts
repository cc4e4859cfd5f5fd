import { parseText } from "../../functions/cast.js";
import { RowFailure } from "../../functions/definition.js";
import { type DataType, integerRange, isFloat, isInteger, typeName, type Value, valueForm } from "../../schema/types.js";
import { exactText, JsonNumber } from "./jsonText.js";

/** Thrown when a value needs the text of its numbers: the line is read again with `parseExact`. */
export class NeedsExactNumbers extends Error {}

const ranges = new Map<string, ReturnType<typeof integerRange>>();

function rangeOf(type: DataType): ReturnType<typeof integerRange> {
  const known = ranges.get(type.kind) ?? integerRange(type);
  ranges.set(type.kind, known);
  return known;
}

/** Whether reading a value of the type from a double could lose digits. */
export function needsDigits(type: DataType): boolean {
  if (type.kind === "list") return needsDigits(type.item);
  if (type.kind === "struct") return type.fields.some((field) => needsDigits(field.type));
  return type.kind === "int64" || type.kind === "uint64" || type.kind === "decimal";
}

const loneSurrogate = /[\ud800-\udfff]/u;

/**
 * A JSON value as a value of a type. Texts are read as the type's text form; a number or nested value becomes its JSON text in a utf8 column, as it
 * stands but for blanks between its parts. @throws RowFailure CAST_FAILED when it does not fit.
 */
export function jsonValue(json: unknown, type: DataType, exact: boolean): Value {
  if (json === null || json === undefined) return null;
  if (typeof json === "string" && type.kind !== "list" && type.kind !== "struct") return fromText(json, type);
  if (type.kind === "utf8") {
    if (!exact && typeof json !== "boolean") throw new NeedsExactNumbers();
    return exactText(json as never);
  }
  if (type.kind === "bool" && typeof json === "boolean") return json;
  if (json instanceof JsonNumber || typeof json === "number") return fromNumber(json, type);
  if (type.kind === "list" && Array.isArray(json)) return json.map((item) => jsonValue(item, type.item, exact));
  if (type.kind === "struct" && typeof json === "object" && !Array.isArray(json)) {
    const entries = type.fields.map((field) => [field.name, jsonValue(member(json, field.name), field.type, exact)] as const);
    return Object.fromEntries(entries);
  }
  throw misfit(json, type);
}

/** An own member of a parsed object; never what the prototype has. */
export function member(json: object, name: string): unknown {
  return Object.hasOwn(json, name) ? (json as { readonly [key: string]: unknown })[name] : undefined;
}

function fromText(text: string, type: DataType): Value {
  if (type.kind !== "utf8" && type.kind !== "binary") return parseText(text, type);
  if (type.kind === "binary") {
    if (!isBase64(text)) throw new RowFailure("CAST_FAILED", `expected base64, found ${shown(text)}`);
    return Buffer.from(text, "base64");
  }
  if (loneSurrogate.test(text)) throw new RowFailure("CAST_FAILED", "the text has half of a surrogate pair");
  return text;
}

/** Whether a text is base64 with its padding and nothing else (RFC 4648, section 4), as `write.jsonl` writes it. */
export const isBase64 = (text: string): boolean => text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);

function fromNumber(json: JsonNumber | number, type: DataType): Value {
  if (isFloat(type)) {
    const value = typeof json === "number" ? json : Number(json.text);
    return type.kind === "float32" ? Math.fround(value) : value;
  }
  if (type.kind === "decimal") return parseText(typeof json === "number" ? String(json) : json.text, type);
  if (!isInteger(type)) throw misfit(json, type);
  const value = whole(json);
  if (value === null) throw misfit(json, type);
  const { min, max } = rangeOf(type);
  if (value < min || value > max) throw new RowFailure("CAST_FAILED", `${shown(json)} is out of range for ${typeName(type)}`);
  return valueForm(type) === "bigint" ? BigInt(value) : Number(value) + 0;
}

/** The integer that a number is, exactly; null when it is none. */
function whole(json: JsonNumber | number): number | bigint | null {
  if (typeof json === "number") return Number.isInteger(json) ? json : null;
  if (/^-?[0-9]+$/.test(json.text)) return BigInt(json.text);
  const value = Number(json.text);
  return Number.isSafeInteger(value) ? value : null;
}

const shown = (json: unknown): string => {
  const text = json instanceof JsonNumber ? json.text : (JSON.stringify(json) ?? String(json));
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
};

const misfit = (json: unknown, type: DataType): RowFailure =>
  new RowFailure("CAST_FAILED", `expected ${typeName(type)}, found ${shown(json)}`);
