import { isUtf8 } from "node:buffer";
import { RowFailure } from "../functions/definition.js";
import { parseText } from "../functions/cast.js";
import type { StreamFormat } from "../plan/stream.js";
import type { Schema, Value } from "../schema/types.js";
import type { LineRead } from "./jsonlExact.js";
import type { TextRecord } from "./streamRecords.js";

/** A record's fields; null is an unquoted null text. */
export type Fields =
  | { readonly kind: "fields"; readonly fields: readonly (string | null)[] }
  | (LineRead & { readonly kind: "failure" });

/** Fields of records, by fast-csv: all at once, and one by one where one of them does not parse. */
export async function parseFields(records: readonly TextRecord[], format: StreamFormat): Promise<Fields[]> {
  const texts = records.map(({ bytes }) => (isUtf8(bytes) ? bytes.toString("utf8") : null));
  const whole = await attempt(texts.map((text) => text ?? "-").join("\n"), format);
  if (whole !== null && whole.length === records.length)
    return whole.map((fields, i) => fieldsOf(texts[i] ?? null, fields, format));
  const made: Fields[] = [];
  for (const text of texts) made.push(fieldsOf(text, text === null ? [] : await alone(text, format), format));
  return made;
}

async function alone(text: string, format: StreamFormat): Promise<readonly string[] | null> {
  const rows = await attempt(text, format);
  return rows?.length === 1 ? (rows[0] ?? null) : null;
}

/** null where fast-csv finds an error. */
async function attempt(text: string, { delimiter, quote }: StreamFormat): Promise<(readonly string[])[] | null> {
  // Loaded with the first stream: it takes a tenth of a small job.
  const { parseString } = await import("fast-csv");
  const rows: (readonly string[])[] = [];
  return new Promise((resolve) => {
    parseString<string[], string[]>(text, { headers: false, delimiter, quote, escape: quote, ignoreEmpty: false })
      .on("error", () => resolve(null))
      .on("data", (row: string[]) => rows.push(row))
      .on("end", () => resolve(rows));
  });
}

function fieldsOf(text: string | null, fields: readonly string[] | null, format: StreamFormat): Fields {
  if (text === null) return failure("INVALID_UTF8", "the record is not well-formed UTF-8", null);
  if (fields === null) return quoteFailure(text, format);
  const { nullValues, quote } = format;
  const mayBeNull = fields.some((field) => nullValues.includes(field));
  if (!mayBeNull) return { kind: "fields", fields };
  const quoted = text.includes(quote) ? quotedFields(text, format) : null;
  return {
    kind: "fields",
    fields: fields.map((field, i) => (nullValues.includes(field) && quoted?.has(i) !== true ? null : field)),
  };
}

function quoteFailure(text: string, { quote }: StreamFormat): Fields {
  const quotes = text.split(quote).length - 1;
  return quotes % 2 === 1
    ? failure("CSV_UNCLOSED_QUOTE", "a quoted field never ends", null)
    : failure("CSV_STRAY_QUOTE", "text follows a closing quote", null);
}

/** Which fields of a well-formed record begin with a quote. */
function quotedFields(text: string, { quote, delimiter }: StreamFormat): ReadonlySet<number> {
  const quoted = new Set<number>();
  let field = 0;
  let inside = false;
  for (let at = 0; at < text.length; at++) {
    const begins = at === 0 || (!inside && text[at - 1] === delimiter);
    if (begins && text[at] === quote) quoted.add(field);
    if (text[at] === quote && (inside || begins)) inside = !inside;
    else if (text[at] === quote && quoted.has(field)) inside = !inside;
    else if (text[at] === delimiter && !inside) field++;
  }
  return quoted;
}

/** Values of a record's fields by the schema; `places`: the field of each column, -1 where there is none. */
export function fieldValues(read: Fields, schema: Schema, places: readonly number[], width: number): LineRead {
  if (read.kind === "failure") return read;
  const { fields } = read;
  if (fields.length !== width) {
    const code = fields.length < width ? "CSV_TOO_FEW_FIELDS" : "CSV_TOO_MANY_FIELDS";
    return failure(code, `expected ${width} fields, found ${fields.length}`, null);
  }
  const values: Value[] = [];
  for (const [i, { name, type }] of schema.entries()) {
    const text = fields[places[i] ?? -1] ?? null;
    try {
      values.push(text === null ? null : parseText(text, type));
    } catch (thrown) {
      if (!(thrown instanceof RowFailure)) throw thrown;
      return failure(thrown.code, thrown.message, name);
    }
  }
  return { kind: "values", values };
}

function failure(code: string, message: string, column: string | null): LineRead & { readonly kind: "failure" } {
  return { kind: "failure", code, message, column };
}
