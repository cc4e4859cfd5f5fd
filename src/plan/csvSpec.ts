/** A CSV dialect and how a source is read by it, as plain data. */
export interface CsvOptions {
  readonly delimiter: string;
  readonly quote: string | null;
  /** Inside a quoted field this stands before a quote; the quote itself by default. */
  readonly escape: string | null;
  readonly header: boolean;
  readonly nullValues: readonly string[];
  readonly comment: string | null;
  /** Lines to leave out before the header. */
  readonly skipLines: number;
  readonly encoding: string;
  readonly quotes: "strict" | "lenient";
  readonly columns: "byName" | "byPosition";
  /** What happens when the files of a source have different columns. */
  readonly schemaDrift: "fail" | "evolve" | "discard";
  /** Longest record, in bytes of the text as UTF-8. */
  readonly maxRecordBytes: number;
  /** How dates and timestamps are written, as `parseDate` takes it, of all columns or by name; ISO's way where left out. */
  readonly dateFormat?: TextFormat;
  readonly timestampFormat?: TextFormat;
  /** Every record ends with a delimiter. */
  readonly trailingDelimiter?: true;
  /** Options to be guessed from the first file when the source is resolved. */
  readonly guess: readonly CsvGuessed[];
}

export type TextFormat = string | { readonly [column: string]: string };

/** What can be guessed of a CSV dialect. */
export type CsvGuessed = "encoding" | "delimiter" | "quote" | "escape" | "comment" | "header" | "nullValues" | "columns";
