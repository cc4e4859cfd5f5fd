import { isUtf8 } from "node:buffer";
import type { SourceFile } from "../../plan/bound.js";
import type { CsvGuessed, CsvOptions } from "../../plan/csvSpec.js";
import { csvDialect, csvEncoding } from "./csvDialect.js";
import { cellShare, looksLikeHeader, nullWords } from "./csvGuessCells.js";
import { dateFormatOf } from "./csvGuessDates.js";
import { readCsvHead } from "./csvHead.js";
import { readPlain } from "./csvRecords.js";
import { sampleTexts } from "./csvSample.js";
import { markedEncoding, type TextEncoding } from "../text/encoding.js";
import { transcodeHead } from "../text/encodingSource.js";
import { readHeadBytes } from "../text/textBytes.js";

/** A dialect guessed from the beginning of a file. */
export interface CsvGuess {
  readonly options: CsvOptions;
  /** How sure each guess is, 0 to 1. */
  readonly sure: { readonly [K in CsvGuessed]?: number };
}

type Cells = readonly (string | null)[];

interface Candidate {
  readonly delimiter: string;
  readonly quote: string | null;
  readonly escape: string | null;
  readonly records: readonly Cells[];
  readonly score: number;
}

const sampleBytes = 128 * 1024;
const sampleRecords = 500;
/** In the order in which they win when two fit equally well. */
const delimiters = [",", ";", "\t", "|", ":", "^", "~", " "];

/** The options with every one that is to be guessed filled in from the first file that has bytes. */
export function guessOptions(options: CsvOptions, files: readonly SourceFile[]): CsvOptions {
  if (options.guess.length === 0) return options;
  const file = files.find((candidate) => candidate.bytes > 0);
  if (file === undefined) return { ...options, guess: [] };
  const guess = guessCsv(file, options).options;
  return { ...guess, ...guessFormats(file, guess), guess: [] };
}

/**
 * How the columns of a file write dates and timestamps that are not ISO's, where nothing is said of that. A column in which day and month could
 * as well stand the other way around stays what it is: a wrong guess would be a wrong date.
 */
function guessFormats(file: SourceFile, options: CsvOptions): Pick<CsvOptions, "dateFormat" | "timestampFormat"> {
  if (options.dateFormat !== undefined || options.timestampFormat !== undefined) return {};
  const head = readCsvHead(file, options);
  const texts = sampleTexts(file, head, options, head.fields);
  const dates: [column: string, format: string][] = [];
  const timestamps: [column: string, format: string][] = [];
  texts.forEach((column, i) => {
    const found = dateFormatOf(column);
    if (found === null || found.ambiguous || found.format.startsWith("%Y-%m-%d")) return;
    (found.hasTime ? timestamps : dates).push([head.names?.[i] ?? `column${i}`, found.format]);
  });
  return {
    ...(dates.length === 0 ? {} : { dateFormat: Object.fromEntries(dates) }),
    ...(timestamps.length === 0 ? {} : { timestampFormat: Object.fromEntries(timestamps) }),
  };
}

/** Guesses what `options.guess` names from the first 128 KiB of a file. */
export function guessCsv(file: SourceFile, options: CsvOptions): CsvGuess {
  const { bytes, whole } = readHeadBytes(file, sampleBytes);
  return guessFromBytes(bytes, whole, options);
}

/**
 * Guesses a dialect. Each pair of delimiter and quote is scored by how even its records are and by how many of its cells look like values,
 * after van den Burg, Nazabal and Sutton, "Wrangling messy CSV files by detecting row and type patterns" (2019).
 */
export function guessFromBytes(bytes: Uint8Array, whole: boolean, options: CsvOptions): CsvGuess {
  const open = new Set(options.guess);
  const sure: { [K in CsvGuessed]?: number } = {};
  const encoding = guessEncoding(bytes, whole, options, open.has("encoding"));
  if (open.has("encoding")) sure.encoding = encoding.sure;
  const text = transcodeHead(bytes, markedEncoding(encoding.encoding, bytes), whole);
  let guess: CsvOptions = { ...options, encoding: encoding.name };
  if (open.has("comment")) {
    const comment = guessComment(text);
    guess = { ...guess, comment };
    sure.comment = 0.9;
  }
  const candidates = candidatesOf(text, whole, guess, open);
  const [best] = candidates;
  if (best === undefined) return { options: { ...guess, guess: [] }, sure };
  guess = { ...guess, delimiter: best.delimiter, quote: best.quote, escape: best.escape };
  for (const name of ["delimiter", "quote", "escape"] as const) {
    if (!open.has(name)) continue;
    // Compared with the best candidate that says otherwise and agrees in what stands before.
    const others = candidates.filter(
      (one) => one[name] !== best[name] && (name === "delimiter" || one.delimiter === best.delimiter),
    );
    sure[name] = certainty(best.score, others[0]?.score ?? 0);
  }
  if (open.has("nullValues")) {
    const words = nullWords(best.records);
    guess = { ...guess, nullValues: words };
    sure.nullValues = words.length > 1 ? 0.8 : 1;
  }
  if (open.has("header")) {
    const header = looksLikeHeader(best.records, guess.nullValues);
    guess = { ...guess, header: header.found };
    sure.header = header.sure;
  }
  if (open.has("columns")) guess = { ...guess, columns: guess.header ? "byName" : "byPosition" };
  return { options: { ...guess, guess: [] }, sure };
}

/** 0.5 where another dialect fits as well, near 1 where none does. */
function certainty(best: number, second: number): number {
  if (best <= 0) return 0;
  return Math.round((1 - 0.5 * Math.min(1, second / best)) * 100) / 100;
}

interface EncodingGuess {
  readonly encoding: TextEncoding;
  readonly name: string;
  readonly sure: number;
}

function guessEncoding(bytes: Uint8Array, whole: boolean, options: CsvOptions, open: boolean): EncodingGuess {
  const declared = csvEncoding(options);
  if (!open) return { encoding: declared, name: options.encoding, sure: 1 };
  const marked = markedEncoding("utf8", bytes);
  if (marked === "utf16le") return { encoding: marked, name: "utf-16le", sure: 1 };
  if (marked === "utf16be") return { encoding: marked, name: "utf-16be", sure: 1 };
  const zeros = [0, 0];
  for (let i = 0; i < bytes.length; i++) if (bytes[i] === 0) zeros[i & 1] = (zeros[i & 1] as number) + 1;
  const half = bytes.length / 2;
  if ((zeros[1] as number) > half * 0.4 && (zeros[0] as number) < half * 0.1) {
    return { encoding: "utf16le", name: "utf-16le", sure: 0.9 };
  }
  if ((zeros[0] as number) > half * 0.4 && (zeros[1] as number) < half * 0.1) {
    return { encoding: "utf16be", name: "utf-16be", sure: 0.9 };
  }
  if (isUtf8(whole ? bytes : bytes.subarray(0, wholeCharacters(bytes)))) return { encoding: "utf8", name: "utf-8", sure: 0.95 };
  // A few bytes that are no UTF-8 in a text that otherwise is are damage; one that has no longer character at all is of a byte encoding.
  return hasLongCharacter(bytes)
    ? { encoding: "utf8", name: "utf-8", sure: 0.6 }
    : { encoding: "windows1252", name: "windows-1252", sure: 0.7 };
}

/** Length without a character that the end of the bytes may have cut. */
function wholeCharacters(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] as number;
    if (byte >= 0xc0) return bytes.length - back;
    if (byte < 0x80) break;
  }
  return bytes.length;
}

function hasLongCharacter(bytes: Uint8Array): boolean {
  for (let i = 0; i + 1 < bytes.length; i++) {
    const lead = bytes[i] as number;
    const size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0;
    if (size > 0 && isUtf8(bytes.subarray(i, i + size)) && i + size <= bytes.length) return true;
  }
  return false;
}

/** "#" where lines at the beginning or in between start with it and the first record does not look like data of its own. */
function guessComment(text: Uint8Array): string | null {
  const start = text[0] === 0xef ? 3 : 0;
  return text[start] === 35 && (text[start + 1] === 32 || text[start + 1] === 33 || text[start + 1] === 35) ? "#" : null;
}

function candidatesOf(text: Uint8Array, whole: boolean, options: CsvOptions, open: ReadonlySet<CsvGuessed>): Candidate[] {
  const seps = open.has("delimiter")
    ? delimiters.filter((d) => text.includes(d.charCodeAt(0)) || d === ",")
    : [options.delimiter];
  const quotes = open.has("quote") ? ['"', "'", null] : [options.quote];
  const out: Candidate[] = [];
  for (const delimiter of seps) {
    for (const quote of quotes) {
      if (quote === delimiter) continue;
      if (quote !== null && quote !== '"' && open.has("quote") && !text.includes(quote.charCodeAt(0))) continue;
      const escapes = open.has("escape") && quote !== null && text.includes(92) ? [quote, "\\"] : [quote];
      for (const escaping of open.has("escape") ? escapes : [options.escape]) {
        out.push(score(text, whole, { ...options, delimiter, quote, escape: escaping }));
      }
    }
  }
  // The sort is stable: of equals the first wins.
  return out.sort((a, b) => b.score - a.score);
}

/** What a candidate's quotes cost: `null` does without any, so it must not win where nothing is quoted. */
const withoutQuotes = 0.999;

function score(text: Uint8Array, whole: boolean, options: CsvOptions): Candidate {
  const { records, wrong } = sampleOf(text, whole, options);
  const { delimiter, quote, escape: escaping } = options;
  const total = records.length + wrong;
  if (total === 0) return { delimiter, quote, escape: escaping, records, score: 0 };
  const lengths = new Map<number, number>();
  for (const record of records) lengths.set(record.length, (lengths.get(record.length) ?? 0) + 1);
  let even = 0;
  for (const [length, count] of lengths) even += (count * Math.max(0.001, length - 1)) / length;
  const pattern = even / Math.max(1, lengths.size) / total;
  const rank = 1 - delimiters.indexOf(delimiter) * 1e-6;
  const quoting = quote === null ? withoutQuotes : quote === '"' ? 1 : withoutQuotes * withoutQuotes;
  return { delimiter, quote, escape: escaping, records, score: pattern * cellShare(records, quote) * rank * quoting };
}

/** The records of the sample, and how many of them have quotes where none belong. */
function sampleOf(text: Uint8Array, whole: boolean, options: CsvOptions): { records: Cells[]; wrong: number } {
  const firstLf = text.indexOf(10);
  const newline = firstLf < 0 && text.includes(13) ? 13 : 10;
  const dialect = csvDialect({ ...options, encoding: "utf-8" }, newline);
  const records: Cells[] = [];
  let wrong = 0;
  let at = text[0] === 0xef && text[1] === 0xbb && text[2] === 0xbf ? 3 : 0;
  for (let i = 0; i < options.skipLines && at < text.length; i++) {
    const end = text.indexOf(newline, at);
    at = end < 0 ? text.length : end + 1;
  }
  while (at < text.length && records.length + wrong < sampleRecords) {
    const step = readPlain(text, at, dialect, whole);
    if (step === null) {
      const end = text.indexOf(newline, at);
      if (end < 0) break;
      wrong++;
      at = end + 1;
    } else if (step.kind === "skip") at = step.end;
    else {
      if (step.record.stray) wrong++;
      else records.push(step.record.fields);
      at = step.record.end;
    }
  }
  return { records, wrong };
}
