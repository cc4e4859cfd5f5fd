import { isUtf8 } from "node:buffer";
import { dataError } from "../../common/errors.js";
import type { SourceFile } from "../../plan/bound.js";
import type { CsvOptions } from "../../plan/csvSpec.js";
import { type CsvDialect, csvDialect, csvEncoding } from "./csvDialect.js";
import { type PlainRecord, readPlain } from "./csvRecords.js";
import { markedEncoding, type TextEncoding } from "../text/encoding.js";
import { transcodeHead } from "../text/encodingSource.js";
import { isGzip, readHeadBytes, readStart } from "../text/textBytes.js";

/** What the beginning of a CSV file says about the rest. */
export interface CsvHead {
  readonly dialect: CsvDialect;
  /** As declared, or as a byte order mark says. Positions count bytes of the text as UTF-8. */
  readonly encoding: TextEncoding;
  /** Column names, or null without a header. */
  readonly names: readonly string[] | null;
  /** Fields of the header, or of the first record without one; 0 for a file without either. */
  readonly fields: number;
  /** There is a first record, but a quote in it is never closed, or not within the bytes that are read for it. */
  readonly unclosed: boolean;
  /** What is wrong with the first record, under strict rules for quotes or under all. */
  readonly damage: "quotes" | "utf8" | "nul" | null;
  /** The text looks like UTF-16 that is not declared and has no byte order mark. */
  readonly looksWide: boolean;
  /** The header as it stands in the text, without its line end. */
  readonly header: Uint8Array | null;
  /** First byte after byte order mark, skipped lines and header. */
  readonly dataStart: number;
  /** Line ends before `dataStart`. */
  readonly lines: number;
}

/** Nearly every head ends within so much. One room for all: what is kept of a head is copied. */
const quickRoom = new Uint8Array(8192);
const firstRead = 65_536;
const lastRead = 32 * 1024 * 1024;
/** Without a header only inference asks for the first record; a partition must not read megabytes for it. */
const lastReadWithoutHeader = 512 * 1024;

/**
 * Reads the head of a file. Lines end with LF (a CR before it belongs to the line end); a file whose beginning has CR and no LF at all
 * has lines that end with CR. @throws MillraceError Data/CSV_NO_HEADER, Config/INVALID_CSV_OPTION
 */
export function readCsvHead(file: SourceFile, options: CsvOptions): CsvHead {
  const head = quickHead(file, options) ?? wholeHead(file, options);
  encodings.set(file, head.encoding);
  return head;
}

/** Of files whose heads were read. */
const encodings = new WeakMap<SourceFile, TextEncoding>();

function wholeHead(file: SourceFile, options: CsvOptions): CsvHead {
  for (let length = firstRead; ; length *= 8) {
    const { bytes, whole } = readHeadBytes(file, length);
    const head = headIn(bytes, whole, length, options);
    if (head !== null) return head;
    if (whole || length >= lastRead) {
      throw dataError(
        "CSV_NO_HEADER",
        `${file.path}: the ${options.skipLines} lines to skip do not end within ${bytes.length} bytes`,
        {
          file: file.path,
          byte: 0,
          hint: "Check skipLines.",
        },
      );
    }
  }
}

/** What more of the file would say the same of: whether its lines end with LF or CR is known once there is an LF. */
function quickHead(file: SourceFile, options: CsvOptions): CsvHead | null {
  if (isGzip(file.path)) return null;
  const { bytes, whole } = readStart(file, quickRoom);
  const known = sameHead(bytes, options);
  if (known !== null) return known;
  if (!whole && !bytes.includes(10)) return null;
  const head = headIn(bytes, whole, quickRoom.length, options);
  if (head === null || (!whole && head.encoding !== "utf8")) return null;
  const { names, dataStart, encoding, damage, unclosed, looksWide, dialect } = head;
  const isUsual = encoding === "utf8" && damage === null && !unclosed && !looksWide && dialect.newline === 10;
  // A header that ends with a line feed: whatever stands behind it says nothing of it.
  if (names !== null && isUsual && bytes[dataStart - 1] === 10) last = { options, start: bytes.slice(0, dataStart), head };
  return head;
}

/** The head that was found last, and the bytes that say all of it: files that are read together mostly begin with the same ones. */
let last: { readonly options: CsvOptions; readonly start: Uint8Array; readonly head: CsvHead } | null = null;

function sameHead(bytes: Uint8Array, options: CsvOptions): CsvHead | null {
  if (last === null || last.options !== options || bytes.length < last.start.length) return null;
  const isSame = Buffer.compare(bytes.subarray(0, last.start.length), last.start) === 0;
  return isSame && !isWide(bytes) ? last.head : null;
}

/** As `parseHead`, of bytes in the file's encoding: all that `length` asked for, or all there are. */
function headIn(bytes: Uint8Array, whole: boolean, length: number, options: CsvOptions): CsvHead | null {
  const most = options.header ? lastRead : lastReadWithoutHeader;
  const encoding = markedEncoding(csvEncoding(options), bytes);
  return parseHead(transcodeHead(bytes, encoding, whole), options, whole, whole || length >= most, encoding);
}

/** How much of a text the head is looked for in at first, then, and so on, until it is found. */
export function* headLengths(): Generator<number> {
  for (let length = firstRead; length <= lastRead; length *= 8) yield length;
}

/** Whether the first `length` bytes, or all there are, hold the head. */
export const holdsHead = (bytes: Uint8Array, whole: boolean, length: number, options: CsvOptions): boolean =>
  headIn(bytes, whole, length, options) !== null;

/** A file's encoding: as declared, unless a byte order mark says otherwise. */
export function csvFileEncoding(file: SourceFile, options: CsvOptions): TextEncoding {
  const declared = csvEncoding(options);
  // A compressed file is one piece whatever it holds, and these have no mark.
  if (isGzip(file.path) || declared === "latin1" || declared === "windows1252") return declared;
  return encodings.get(file) ?? markedEncoding(declared, readHeadBytes(file, 4).bytes);
}

/**
 * The head found in a file's first bytes; null when they do not hold all of it. `final`: no more will be read, and a first record that
 * does not end counts as one whose quote is never closed.
 */
export function parseHead(
  bytes: Uint8Array,
  options: CsvOptions,
  whole: boolean,
  final: boolean = whole,
  encoding: TextEncoding = "utf8",
): CsvHead | null {
  const cr = bytes.includes(10) ? -1 : bytes.indexOf(13);
  // The LF of the only CR may be the next byte.
  if (!final && cr >= 0 && cr === bytes.length - 1) return null;
  const newline = cr >= 0 ? 13 : 10;
  const dialect = csvDialect(options, newline);
  let at = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  for (let i = 0; i < options.skipLines; i++) {
    const end = bytes.indexOf(newline, at);
    if (end < 0 && !whole) return null;
    at = end < 0 ? bytes.length : end + 1;
  }
  const first = firstRecord(bytes, at, dialect, whole);
  if (first === "incomplete" && !final) return null;
  const found = typeof first === "string" ? null : first;
  const dataStart = options.header ? (found?.end ?? bytes.length) : at;
  const names = options.header && found !== null ? namesIn(found, options) : null;
  const fields = names?.length ?? (found?.fields ?? []).length - (found !== null && endsEmpty(found, options) ? 1 : 0);
  const lines = countLines(bytes, dataStart, newline);
  const unclosed = typeof first === "string";
  const damage = damageOf(found, bytes, dialect);
  const looksWide = encoding === "utf8" && dialect.delimiter !== 0 && isWide(bytes);
  const header = options.header && found !== null ? withoutEnd(bytes.slice(found.start, found.end), newline) : null;
  return { dialect, encoding, names, fields, unclosed, damage, looksWide, header, dataStart, lines };
}

function namesIn(found: PlainRecord, options: CsvOptions): readonly string[] {
  const names = found.fields.map((name, i) => name ?? `column${i}`);
  return endsEmpty(found, options) ? names.slice(0, -1) : names;
}

/** The record ends with a delimiter that is part of its end. */
const endsEmpty = ({ fields }: PlainRecord, options: CsvOptions): boolean =>
  options.trailingDelimiter === true && fields.length > 1 && fields[fields.length - 1] === null;

function damageOf(found: PlainRecord | null, bytes: Uint8Array, dialect: CsvDialect): CsvHead["damage"] {
  if (found === null) return null;
  if (!isUtf8(bytes.subarray(found.start, found.end))) return "utf8";
  if (dialect.delimiter !== 0 && bytes.subarray(found.start, found.end).includes(0)) return "nul";
  return dialect.strict && found.stray ? "quotes" : null;
}

/** Every other byte is NUL, as in Latin text in UTF-16. */
function isWide(bytes: Uint8Array): boolean {
  const seen = bytes.subarray(0, 256);
  if (!seen.includes(0)) return false;
  const nuls = [0, 0];
  seen.forEach((byte, i) => {
    if (byte === 0) nuls[i % 2] = (nuls[i % 2] ?? 0) + 1;
  });
  const [even = 0, odd = 0] = nuls;
  const half = Math.floor(seen.length / 2);
  return seen.length >= 8 && Math.max(even, odd) > half * 0.8 && Math.min(even, odd) < half * 0.2;
}

function withoutEnd(record: Uint8Array, newline: number): Uint8Array {
  let end = record.length;
  if (record[end - 1] === newline) end--;
  if (newline === 10 && record[end - 1] === 13) end--;
  return record.subarray(0, end);
}

type FirstRecord = PlainRecord | null | "incomplete" | "unclosed";

function firstRecord(bytes: Uint8Array, from: number, dialect: CsvDialect, whole: boolean): FirstRecord {
  let at = from;
  while (at < bytes.length) {
    const step = readPlain(bytes, at, dialect, whole);
    if (step === null) return whole ? "unclosed" : "incomplete";
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
