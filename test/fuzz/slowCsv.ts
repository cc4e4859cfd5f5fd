import { doubtfulUnits, type SlowUnit } from "./slowDoubt.js";

/**
 * A CSV reader that is slow and plain: RFC 4180, and what docs/SEMANTICS.md says about all that the RFC leaves open. It works byte by
 * byte on the whole file and shares nothing with the reader under test.
 */
export interface SlowDialect {
  readonly delimiter: string;
  readonly quote: string | null;
  readonly escape: string | null;
  readonly comment: string | null;
  readonly header: boolean;
  readonly skipLines: number;
  readonly quotes: "strict" | "lenient";
  /** Every record ends with a delimiter, behind which nothing stands: one field more, which is empty. */
  readonly trailingDelimiter?: true;
}

/** Bytes are kept as text of one character each (latin1). */
export interface SlowField {
  /** As it stands in the file. */
  readonly raw: string;
  /** Without quotes and escapes. */
  readonly text: string;
  readonly quoted: boolean;
}

export interface SlowRecord {
  readonly start: number;
  /** Without the line end. */
  readonly end: number;
  readonly line: number;
  readonly fields: readonly SlowField[];
  readonly reject:
    | "CSV_UNCLOSED_QUOTE"
    | "CSV_STRAY_QUOTE"
    | "CSV_STRAY_LINE_END"
    | "CSV_DOUBTFUL"
    | "CSV_REPEATED_HEADER"
    | "CSV_STRAY_BOM"
    | "CSV_STRAY_NUL"
    | "CSV_TOO_FEW_FIELDS"
    | "CSV_TOO_MANY_FIELDS"
    | null;
}

export interface SlowFile {
  readonly newline: "\n" | "\r";
  /** null: a header was asked for and there is none. */
  readonly header: readonly SlowField[] | null;
  readonly records: readonly SlowRecord[];
  /** Every byte of the file in order: byte order mark, skipped lines, header, comments, blank lines, records with their line ends. */
  readonly pieces: readonly { readonly kind: string; readonly start: number; readonly end: number }[];
}

interface Parsed {
  readonly fields: readonly SlowField[];
  readonly stray: boolean;
  /** An unquoted field holds a line end of the other kind. */
  readonly otherEnd: boolean;
  readonly end: number;
  readonly next: number;
}

/** Reads all of a file. `fieldCount` 0: as many as the header has. */
export function readSlowly(file: string, dialect: SlowDialect, fieldCount: number): SlowFile {
  const newline = !file.includes("\n") && file.includes("\r") ? "\r" : "\n";
  const pieces: { kind: string; start: number; end: number }[] = [];
  const records: SlowRecord[] = [];
  let at = 0;
  const take = (kind: string, end: number): void => {
    pieces.push({ kind, start: at, end });
    at = end;
  };
  if (file.startsWith("\xef\xbb\xbf")) take("mark", 3);
  for (let i = 0; i < dialect.skipLines && at < file.length; i++) take("skipped", afterLine(file, at, newline));
  let header: readonly SlowField[] | null = null;
  while (dialect.header && header === null) {
    if (at >= file.length) return { newline, header, records, pieces };
    if (file[at] === dialect.comment) {
      take("comment", afterLine(file, at, newline));
      continue;
    }
    const parsed = parseRecord(file, at, newline, dialect);
    if ("opened" in parsed) return { newline, header, records, pieces };
    if (isBlank(parsed)) take("blank", parsed.next);
    else {
      header = parsed.fields;
      take("header", parsed.next);
    }
  }
  const trailing = dialect.trailingDelimiter === true ? 1 : 0;
  const count = (fieldCount === 0 ? columnsOf(header ?? [], dialect) : fieldCount) + trailing;
  while (at < file.length) {
    if (file[at] === dialect.comment) {
      take("comment", afterLine(file, at, newline));
      continue;
    }
    const parsed = parseRecord(file, at, newline, dialect);
    const line = file.slice(0, at).split(newline).length;
    if ("opened" in parsed) {
      // The line in which the quote opens is the record's last.
      const next = afterLine(file, parsed.opened, newline);
      const end = withoutEnd(file, at, next, newline);
      records.push({ start: at, end, line, fields: [], reject: "CSV_UNCLOSED_QUOTE" });
      take("record", next);
      continue;
    }
    if (count > 1 && isBlank(parsed)) {
      take("blank", parsed.next);
      continue;
    }
    const { next, end, fields } = parsed;
    const joint = dialect.quotes === "strict" ? jointOf(file.slice(at, end), header, count, dialect) : null;
    records.push({ start: at, end, line, fields, reject: rejectOf(parsed, count, dialect, joint) });
    take("record", next);
  }
  const judged = dialect.quotes === "strict" ? withDoubt(file, records, pieces, dialect, newline, count) : records;
  return { newline, header, records: judged, pieces };
}

/** Columns that a header names: what stands behind a last delimiter that ends every record is none. */
export function columnsOf(header: readonly SlowField[], dialect: SlowDialect): number {
  const endsEmpty = dialect.trailingDelimiter === true && header.length > 1 && header[header.length - 1]?.raw === "";
  return header.length - (endsEmpty ? 1 : 0);
}

function withDoubt(
  file: string,
  records: readonly SlowRecord[],
  pieces: SlowFile["pieces"],
  dialect: SlowDialect,
  newline: string,
  count: number,
): SlowRecord[] {
  const known = new Map(records.map((record) => [record.start, record]));
  const afterHead = pieces.filter(({ kind }, i) => !["mark", "skipped", "header"].includes(kind) && isData(pieces, i, dialect));
  const units = afterHead.map(({ kind, start, end }): SlowUnit => {
    const record = known.get(start);
    if (record === undefined)
      return { kind: kind === "comment" ? kind : "blank", start, text: file.slice(start, end), fields: [], reject: null };
    return { kind: "record", start, text: file.slice(start, record.end), fields: record.fields, reject: record.reject };
  });
  for (const at of doubtfulUnits(units, dialect, newline, count)) {
    const { start } = units[at] as SlowUnit;
    const record = known.get(start) as SlowRecord;
    known.set(start, { ...record, fields: [], reject: "CSV_DOUBTFUL" });
  }
  return [...known.values()];
}

/** Comments and blank lines before the header are not read with the data. */
function isData(pieces: SlowFile["pieces"], at: number, dialect: SlowDialect): boolean {
  return !dialect.header || pieces.slice(0, at).some(({ kind }) => kind === "header");
}

/** What says that another file begins with this record. */
function jointOf(
  raw: string,
  header: readonly SlowField[] | null,
  count: number,
  { delimiter }: SlowDialect,
): SlowRecord["reject"] {
  if (raw.includes("\xef\xbb\xbf")) return "CSV_STRAY_BOM";
  if (raw.includes("\0") && delimiter !== "\0") return "CSV_STRAY_NUL";
  const isHeader = header !== null && count > 1 && raw === header.map((field) => field.raw).join(delimiter);
  return isHeader ? "CSV_REPEATED_HEADER" : null;
}

function rejectOf(parsed: Parsed, count: number, dialect: SlowDialect, joint: SlowRecord["reject"]): SlowRecord["reject"] {
  if (parsed.stray && dialect.quotes === "strict") return "CSV_STRAY_QUOTE";
  if (parsed.otherEnd && dialect.quotes === "strict") return "CSV_STRAY_LINE_END";
  if (joint !== null) return joint;
  if (parsed.fields.length < count) return "CSV_TOO_FEW_FIELDS";
  return parsed.fields.length > count ? "CSV_TOO_MANY_FIELDS" : null;
}

/** Nothing between two line ends: one field without a character. A field of two quotes is a character. */
const isBlank = (parsed: Parsed): boolean => parsed.fields.length === 1 && parsed.fields[0]?.raw === "";

function afterLine(file: string, at: number, newline: string): number {
  const end = file.indexOf(newline, at);
  return end < 0 ? file.length : end + 1;
}

/** Where a line's content ends: before LF, CRLF, or the end of the file (a CR there counts as a line end cut short). */
function withoutEnd(file: string, start: number, next: number, newline: string): number {
  let end = next;
  if (end > start && file[end - 1] === newline) end--;
  if (newline === "\n" && end > start && file[end - 1] === "\r") end--;
  return end;
}

/** A quote that nothing closes, or that is closed in a later line with text behind it. */
interface Unclosed {
  readonly opened: number;
}

function parseRecord(file: string, start: number, newline: string, dialect: SlowDialect): Parsed | Unclosed {
  const { delimiter, quote } = dialect;
  const escaping = dialect.escape ?? quote;
  const fields: SlowField[] = [];
  let stray = false;
  let otherEnd = false;
  /** The first quoted field that holds a line end. */
  let over: number | null = null;
  let at = start;
  for (;;) {
    const first = at;
    let text = "";
    const quoted = quote !== null && file[at] === quote;
    if (quoted) {
      at++;
      for (;;) {
        if (at >= file.length) return { opened: first };
        const c = file[at] as string;
        const next = file[at + 1];
        if (c === escaping && next !== undefined && (next === quote || (escaping !== quote && next === escaping))) {
          text += next;
          at += 2;
        } else if (c === quote) {
          at++;
          break;
        } else {
          text += c;
          at++;
        }
      }
    }
    const tail = at;
    while (at < file.length && file[at] !== delimiter && file[at] !== newline) at++;
    const last = file[at] !== delimiter;
    const end = last && newline === "\n" && at > tail && file[at - 1] === "\r" ? at - 1 : at;
    const rest = file.slice(tail, end);
    if (quoted && rest !== "" && file.slice(first, tail).includes(newline)) return { opened: first };
    if (quoted && over === null && file.slice(first, tail).includes(newline)) over = first;
    if (rest.includes(newline === "\n" ? "\r" : "\n")) otherEnd = true;
    if (quote !== null && (quoted ? rest !== "" : rest.includes(quote))) stray = true;
    fields.push({ raw: file.slice(first, end), text: text + rest, quoted });
    // A stray quote behind it says that its quotes are out of step.
    if (last && stray && over !== null && dialect.quotes === "strict") return { opened: over };
    if (last) return { fields, stray, otherEnd, end, next: Math.min(at + 1, file.length) };
    at++;
  }
}
