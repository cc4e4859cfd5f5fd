import { castFailed } from "../../functions/failure.js";
import { daysOfMicros } from "../../functions/civil.js";
import { timeReader } from "../../functions/time-format.js";
import type { CsvOptions } from "../../plan/csvSpec.js";
import { type DataType, type Field, types, type Value } from "../../schema/types.js";

export type TextParser = (text: string) => Value;

/** Values that stand in a file many times are parsed once. */
const mostKnown = 8192;

/** The format in which a column of dates or timestamps is written; null: ISO's way, or a column of another type. */
export function formatOf(csv: CsvOptions, { name, type }: Field): string | null {
  const given = type.kind === "date" ? csv.dateFormat : type.kind === "timestamp" ? csv.timestampFormat : undefined;
  if (given === undefined) return null;
  if (typeof given === "string") return given;
  return Object.hasOwn(given, name) ? (given[name] ?? null) : null;
}

/**
 * Reads the texts of a column by its format; null where it has none. A date leaves out the time that its format may name.
 * The parser throws RowFailure CAST_FAILED for a text that does not follow the format.
 */
export function formatParser(csv: CsvOptions, field: Field): TextParser | null {
  const format = formatOf(csv, field);
  if (format === null) return null;
  const isDate = field.type.kind === "date";
  const read = timeReader(format);
  const known = new Map<string, Value>();
  return (text) => {
    const value = known.get(text);
    if (value !== undefined) return value;
    const micros = read(text);
    if (micros === null) throw castFailed(text, field.type.kind, `expected the format ${JSON.stringify(format)}`);
    const made = isDate ? daysOfMicros(micros) : micros;
    if (known.size < mostKnown) known.set(text, made);
    return made;
  };
}

/** The type of a column that is not declared, given the one that its texts look like and a sample of them. */
export function formattedType(csv: CsvOptions, field: Field, texts: readonly string[]): DataType {
  const { name, type } = field;
  const asDate = formatOf(csv, { ...field, type: types.date });
  const asTimestamp = formatOf(csv, { ...field, type: types.timestamp });
  const isNamed = [csv.dateFormat, csv.timestampFormat].some((given) => typeof given === "object" && Object.hasOwn(given, name));
  const mayBe = isNamed || type.kind === "utf8" || type.kind === "date" || type.kind === "timestamp";
  if (!mayBe || texts.length === 0) return type;
  if (asDate !== null && fits(asDate, texts)) return types.date;
  if (asTimestamp !== null && fits(asTimestamp, texts)) return types.timestamp;
  const isRead = (type.kind === "date" && asDate !== null) || (type.kind === "timestamp" && asTimestamp !== null);
  return isRead ? types.utf8 : type;
}

function fits(format: string, texts: readonly string[]): boolean {
  const read = timeReader(format);
  return texts.every((text) => read(text) !== null);
}
