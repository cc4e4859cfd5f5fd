import type { CsvDialect } from "./csvDialect.js";

/** One record, read plainly; for headers, not for the data. */
export interface PlainRecord {
  /** null where the unquoted field is empty. */
  readonly fields: readonly (string | null)[];
  /** First byte of the record. */
  readonly start: number;
  /** First byte after its line end. */
  readonly end: number;
  /** A quote or a line end of another kind stands inside an unquoted field, or text after a closing quote. */
  readonly stray: boolean;
}

/** What stands at `at`: a record, a blank or comment line, or nothing complete. */
export type PlainStep =
  | { readonly kind: "record"; readonly record: PlainRecord }
  | { readonly kind: "skip"; readonly end: number };

/**
 * Reads the line or record at `at`. null when it does not end within `bytes` and `last` is false, or when its quote is never
 * closed: a quoted field that holds a line end and is followed by text was opened by a quote too many.
 * With the dialect's rules for quotes; in both modes text after a closing quote is kept.
 */
export function readPlain(bytes: Uint8Array, at: number, dialect: CsvDialect, last: boolean): PlainStep | null {
  if (dialect.comment >= 0 && bytes[at] === dialect.comment) {
    const end = bytes.indexOf(dialect.newline, at);
    if (end < 0) return last ? { kind: "skip", end: bytes.length } : null;
    return { kind: "skip", end: end + 1 };
  }
  const fields: (string | null)[] = [];
  let p = at;
  let stray = false;
  let strayQuote = false;
  let over = false;
  for (;;) {
    const field = readField(bytes, p, dialect, last);
    if (field === null) return null;
    stray ||= field.stray;
    strayQuote ||= field.strayQuote;
    over ||= field.over;
    const ends = field.end >= bytes.length || bytes[field.end] === dialect.newline;
    if (ends && field.end >= bytes.length && !last) return null;
    const text =
      ends && dialect.newline === 10 && !field.closed && field.text.endsWith("\r") ? field.text.slice(0, -1) : field.text;
    fields.push(text === "" && !field.quoted ? null : text);
    p = field.end + 1;
    if (ends) break;
  }
  // Its quotes are out of step from the line end in quotes on.
  if (dialect.strict && strayQuote && over) return null;
  const end = Math.min(p, bytes.length);
  if (fields.length === 1 && fields[0] === null) return { kind: "skip", end };
  return { kind: "record", record: { fields, start: at, end, stray } };
}

interface PlainField {
  readonly text: string;
  readonly quoted: boolean;
  /** The text ends with the closing quote, so that nothing follows that could be a CR. */
  readonly closed: boolean;
  readonly stray: boolean;
  readonly strayQuote: boolean;
  /** The quoted part holds a line end. */
  readonly over: boolean;
  /** Position of the separator, or the end of the bytes. */
  readonly end: number;
}

function readField(bytes: Uint8Array, at: number, dialect: CsvDialect, last: boolean): PlainField | null {
  const quoted = dialect.quote >= 0 && bytes[at] === dialect.quote;
  const inner: number[] = [];
  const tail = quoted ? readQuoted(bytes, at + 1, dialect, inner) : at;
  if (tail < 0) return null;
  let end = tail;
  while (end < bytes.length && bytes[end] !== dialect.delimiter && bytes[end] !== dialect.newline) end++;
  if (end >= bytes.length && !last) return null;
  const before =
    end > tail && dialect.newline === 10 && bytes[end] !== dialect.delimiter && bytes[end - 1] === 13 ? end - 1 : end;
  const over = quoted && bytes.subarray(at, tail).includes(dialect.newline);
  if (over && before > tail) return null;
  const rest = bytes.subarray(tail, before);
  const strayQuote = dialect.quote >= 0 && (quoted ? rest.length > 0 : rest.includes(dialect.quote));
  const stray = strayQuote || rest.includes(dialect.newline === 10 ? 13 : 10);
  // A character may begin inside the quotes and end behind them: bytes are joined before they become text.
  for (let p = tail; p < end; p++) inner.push(bytes[p] as number);
  return { text: Buffer.from(inner).toString("utf8"), quoted, closed: quoted && end === tail, stray, strayQuote, over, end };
}

/** Collects quoted text; answers the position after the closing quote, or -1. */
function readQuoted(bytes: Uint8Array, at: number, dialect: CsvDialect, out: number[]): number {
  for (let p = at; p < bytes.length; p++) {
    const c = bytes[p] as number;
    const next = bytes[p + 1];
    if (c === dialect.escape && (next === dialect.quote || (next === dialect.escape && dialect.escape !== dialect.quote))) {
      out.push(next as number);
      p++;
    } else if (c === dialect.quote) {
      return p + 1;
    } else {
      out.push(c);
    }
  }
  return -1;
}
