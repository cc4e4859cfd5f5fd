import { dataError } from "../common/errors.js";
import type { SourceFile } from "../plan/bound.js";
import type { CsvOptions } from "../plan/nodes.js";
import { type CsvDialect, csvDialect } from "./csvDialect.js";
import { type PlainRecord, readPlain } from "./csvRecords.js";
import { readHeadBytes } from "./textBytes.js";

/** What the beginning of a CSV file says about the rest. */
export interface CsvHead {
  readonly dialect: CsvDialect;
  /** Column names, or null without a header. */
  readonly names: readonly string[] | null;
  /** Fields of the header, or of the first record without one; 0 for a file without either. */
  readonly fields: number;
  /** First byte after byte order mark, skipped lines and header. */
  readonly dataStart: number;
  /** Line ends before `dataStart`. */
  readonly lines: number;
}

const firstRead = 65_536;
const lastRead = 64 * 1024 * 1024;

/**
 * Reads the head of a file. Lines end with LF (a CR before it belongs to the line end); a file whose beginning has CR and no LF at all
 * has lines that end with CR. @throws MillraceError Data/CSV_NO_HEADER, Config/INVALID_CSV_OPTION
 */
export function readCsvHead(file: SourceFile, options: CsvOptions): CsvHead {
  for (let length = firstRead; ; length *= 8) {
    const { bytes, whole } = readHeadBytes(file.path, length);
    const head = parseHead(bytes, options, whole);
    if (head !== null) return head;
    if (whole || length >= lastRead) {
      throw dataError("CSV_NO_HEADER", `${file.path}: the header does not end within ${bytes.length} bytes`, {
        file: file.path,
        byte: 0,
        hint: "Check quote and skipLines, or set header: false.",
      });
    }
  }
}

/** The head found in a file's first bytes; null when they do not hold all of it. */
export function parseHead(bytes: Uint8Array, options: CsvOptions, whole: boolean): CsvHead | null {
  const newline = !bytes.includes(10) && bytes.includes(13) ? 13 : 10;
  const dialect = csvDialect(options, newline);
  let at = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  for (let i = 0; i < options.skipLines; i++) {
    const end = bytes.indexOf(newline, at);
    if (end < 0 && !whole) return null;
    at = end < 0 ? bytes.length : end + 1;
  }
  const first = firstRecord(bytes, at, dialect, whole);
  if (first === "incomplete") return null;
  const fields = first === null ? 0 : first.fields.length;
  const dataStart = options.header ? (first === null ? bytes.length : first.end) : at;
  const names = options.header && first !== null ? first.fields.map((name, i) => name ?? `column${i}`) : null;
  return { dialect, names, fields, dataStart, lines: countLines(bytes, dataStart, newline) };
}

function firstRecord(bytes: Uint8Array, from: number, dialect: CsvDialect, whole: boolean): PlainRecord | null | "incomplete" {
  let at = from;
  while (at < bytes.length) {
    const step = readPlain(bytes, at, dialect, whole);
    if (step === null) return whole ? null : "incomplete";
    if (step.kind === "record") return step.record;
    at = step.end;
  }
  return whole ? null : "incomplete";
}

function countLines(bytes: Uint8Array, end: number, newline: number): number {
  let count = 0;
  for (let i = bytes.indexOf(newline); i >= 0 && i < end; i = bytes.indexOf(newline, i + 1)) count++;
  return count;
}
