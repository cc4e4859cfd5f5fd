import { planError } from "../common/errors.js";
import { checkReadFormat } from "../functions/time-format.js";
import type { CsvGuessed, CsvOptions, TextFormat } from "./csvSpec.js";
import { type Filled, invalidOption, options } from "./options.js";

/** How a CSV text is read. */
export interface CsvTextOptions {
  /** Whether the first line names the columns; true by default. */
  readonly header?: boolean;
  /** One ASCII character; "," by default. */
  readonly delimiter?: string;
  /** One ASCII character, '"' by default; null when fields are never quoted. */
  readonly quote?: string | null;
  /** Stands before a quote inside a quoted field; the quote itself by default. */
  readonly escape?: string | null;
  /** Unquoted texts that mean null; [""] by default. */
  readonly nullValues?: string | readonly string[];
  /** Lines that begin with this character are left out; none by default. */
  readonly comment?: string | null;
  /** Lines to leave out before the header; 0 by default. */
  readonly skipLines?: number;
  /** "utf-8" by default; also "utf-16le", "utf-16be", "windows-1252", "latin1". A byte order mark of UTF-16 goes before "utf-8". */
  readonly encoding?: string;
  /** "lenient" by default: a misplaced quote is text. "strict" rejects a record that has one, or a line end of another kind. */
  readonly quotes?: "strict" | "lenient";
  /** How declared columns are found: by the header's names (a subset in any order) or by position. */
  readonly columns?: "byName" | "byPosition";
  /**
   * What happens to files of the source with other columns: "fail" (default) is an error. "discard" leaves columns out that the schema,
   * or the first file, does not have, and gives null for those that a file lacks. "evolve" adds the columns of every file instead.
   */
  readonly schemaDrift?: "fail" | "evolve" | "discard";
  /** Longest record in bytes of its text as UTF-8, 1024 to 536870912; a longer one is rejected. 64 MiB by default. */
  readonly maxRecordBytes?: number;
  /** How date columns are written, such as "%d/%m/%Y" (as `parseDate` takes it), for all or by column; ISO's way by default. */
  readonly dateFormat?: TextFormat;
  /** How timestamp columns are written, such as "%d.%m.%Y %H:%M"; ISO's way by default. */
  readonly timestampFormat?: TextFormat;
  /** Every record ends with a delimiter, and no field is behind it; false by default. */
  readonly trailingDelimiter?: boolean;
  /**
   * "auto" guesses what is not given of encoding, delimiter, quote, escape, comment, header, nullValues and the formats of dates from the first
   * file, or what a stream begins with.
   */
  readonly dialect?: "default" | "auto";
}

/** Longest record of a CSV file unless a plan says otherwise. */
const csvRecordBytes = 64 * 1024 * 1024;
const mostRecordBytes = 512 * 1024 * 1024;
const guessable: readonly CsvGuessed[] = [
  "encoding",
  "delimiter",
  "quote",
  "escape",
  "comment",
  "header",
  "nullValues",
  "columns",
];

/** A format for reading, or one by column. */
const timeFormat = {
  fallback: undefined as TextFormat | undefined,
  check: (value: unknown) => {
    const isMap = typeof value === "object" && value !== null && !Array.isArray(value);
    const formats: unknown[] = isMap ? Object.values(value) : [value];
    const wrong = formats.map((format) => (typeof format === "string" ? checkReadFormat(format) : "expects text"));
    const first = wrong.find((found) => found !== null);
    if (first === undefined) return { value: value as TextFormat };
    return { expected: `a format such as "%d/%m/%Y", or one by column (it ${first})` };
  },
};

export const csvTextOptions = {
  header: options.flag(true),
  delimiter: options.character(","),
  quote: options.characterOrNull<string | null>('"'),
  escape: options.characterOrNull<string | null | undefined>(undefined),
  nullValues: options.texts([""]),
  comment: options.characterOrNull<string | null>(null),
  skipLines: options.whole(0, 0),
  encoding: options.text("utf8"),
  quotes: options.oneOf("lenient", ["strict", "lenient"]),
  columns: options.oneOf<"byName" | "byPosition" | "">("", ["byName", "byPosition"]),
  schemaDrift: options.oneOf("fail", ["fail", "evolve", "discard"]),
  maxRecordBytes: options.whole(csvRecordBytes, 1024),
  dialect: options.oneOf("default", ["default", "auto"]),
  dateFormat: timeFormat,
  timestampFormat: timeFormat,
  trailingDelimiter: options.flag(false),
};

/**
 * The rules by which a CSV text is read.
 * @param given as the user wrote them, which tells what is left to be guessed
 * @throws MillraceError Plan/INVALID_OPTION
 */
export function csvRules(filled: Filled<typeof csvTextOptions>, given: CsvTextOptions | undefined, where: string): CsvOptions {
  const { delimiter, quote, header, nullValues, comment, skipLines, encoding, quotes, schemaDrift, maxRecordBytes } = filled;
  // Without a header there are no names to go by.
  const columns = filled.columns === "" ? (header ? "byName" : "byPosition") : filled.columns;
  if (columns === "byName" && !header) {
    throw invalidOption(where, "columns", '"byPosition", because header is false', columns);
  }
  if (quote === delimiter || comment === delimiter || (comment !== null && comment === quote)) {
    throw planError("INVALID_OPTION", `${where}: delimiter, quote and comment must be different characters`);
  }
  if (maxRecordBytes > mostRecordBytes) {
    throw invalidOption(where, "maxRecordBytes", `at most ${mostRecordBytes}`, maxRecordBytes);
  }
  const isGiven = (name: CsvGuessed): boolean => given?.[name] !== undefined;
  return {
    delimiter,
    quote,
    escape: filled.escape === undefined ? quote : filled.escape,
    header,
    nullValues,
    comment,
    skipLines,
    encoding,
    quotes,
    columns,
    schemaDrift,
    maxRecordBytes,
    ...(filled.dateFormat === undefined ? {} : { dateFormat: filled.dateFormat }),
    ...(filled.timestampFormat === undefined ? {} : { timestampFormat: filled.timestampFormat }),
    ...(filled.trailingDelimiter ? { trailingDelimiter: true } : {}),
    guess: filled.dialect === "auto" ? guessable.filter((name) => !isGiven(name)) : [],
  };
}
