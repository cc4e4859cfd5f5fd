import type { Readable } from "node:stream";
import { required } from "../common/assert.js";
import { planError } from "../common/errors.js";
import { checkReadFormat } from "../functions/time-format.js";
import { Dataset } from "./dataset.js";
import { describe } from "./literal.js";
import type { CsvGuessed, CsvOptions, FileSource, OnReject, RejectLimits, SourceSpec, TextFormat } from "./nodes.js";
import { fillOptions, invalidOption, options } from "./options.js";
import { parseSchema } from "./schemaSpec.js";
import { type ReadStreamOptions, streamInput, streamReadNames } from "./stream.js";
import type { Loose, SchemaColumns, SchemaSpec } from "./types.js";

/** Options of every source. */
export interface ReadOptions<S extends SchemaSpec = SchemaSpec> {
  /** Columns with their types; inferred from the files when left out. */
  readonly schema?: S;
  /** What happens to a record that cannot be read; "fail" by default. */
  readonly onReject?: OnReject;
  /** How many rejects are too many; no limit by default. */
  readonly rejectLimits?: RejectLimits;
}

/** Options of JSON lines. */
export interface ReadJsonlOptions<S extends SchemaSpec = SchemaSpec> extends ReadOptions<S> {
  /** Columns that must have a value: a record in which one is null or missing is rejected (`REQUIRED_MISSING`). */
  readonly required?: string | readonly string[];
}

export interface ReadCsvOptions<S extends SchemaSpec = SchemaSpec> extends ReadJsonlOptions<S> {
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
   * file.
   */
  readonly dialect?: "default" | "auto";
}

/** Options of a query. */
export interface ReadSqlOptions<S extends SchemaSpec = SchemaSpec> extends ReadOptions<S> {
  /** A DuckDB database file, which is only read. Left out: the query names no tables but what it reads itself, such as `range(10)`. */
  readonly database?: string | URL;
}

interface Declared<S> {
  readonly schema: S;
}

/** A file, a glob or a folder, or a list of them. */
export type Paths = string | URL | readonly (string | URL)[];

const common = {
  schema: options.other<unknown>(undefined),
  onReject: options.oneOf("fail", ["fail", "skip", "quarantine"]),
  rejectLimits: options.other<unknown>({}),
};

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

const csvOptions = {
  ...common,
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
  required: options.texts([]),
  dateFormat: timeFormat,
  timestampFormat: timeFormat,
  trailingDelimiter: options.flag(false),
};

function csv<const S extends SchemaSpec>(paths: Paths, options: ReadCsvOptions<S> & Declared<S>): Dataset<SchemaColumns<S>>;
function csv(paths: Paths, options?: ReadCsvOptions): Dataset<Loose>;
function csv(paths: Paths, options?: ReadCsvOptions): Dataset<Loose> {
  const where = "read.csv";
  const given = fillOptions(options, csvOptions, where);
  const { delimiter, quote, header, nullValues, comment, skipLines, encoding, quotes, schemaDrift, maxRecordBytes } = given;
  // Without a header there are no names to go by.
  const columns = given.columns === "" ? (header ? "byName" : "byPosition") : given.columns;
  if (columns === "byName" && !header) {
    throw invalidOption(where, "columns", '"byPosition", because header is false', columns);
  }
  if (quote === delimiter || comment === delimiter || (comment !== null && comment === quote)) {
    throw planError("INVALID_OPTION", `${where}: delimiter, quote and comment must be different characters`);
  }
  if (maxRecordBytes > mostRecordBytes) {
    throw invalidOption(where, "maxRecordBytes", `at most ${mostRecordBytes}`, maxRecordBytes);
  }
  const isGiven = (name: CsvGuessed): boolean => options?.[name] !== undefined;
  const csv: CsvOptions = {
    delimiter,
    quote,
    escape: given.escape === undefined ? quote : given.escape,
    header,
    nullValues,
    comment,
    skipLines,
    encoding,
    quotes,
    columns,
    schemaDrift,
    maxRecordBytes,
    ...(given.dateFormat === undefined ? {} : { dateFormat: given.dateFormat }),
    ...(given.timestampFormat === undefined ? {} : { timestampFormat: given.timestampFormat }),
    ...(given.trailingDelimiter ? { trailingDelimiter: true } : {}),
    guess: given.dialect === "auto" ? guessable.filter((name) => !isGiven(name)) : [],
  };
  return scan({ format: "csv", csv, ...fileSource(paths, given, where), ...requiredOf(given.required) });
}

const requiredOf = (names: readonly string[]) => (names.length === 0 ? {} : { required: names });

const jsonlOptions = { ...common, required: options.texts([]) };

function jsonl<const S extends SchemaSpec>(paths: Paths, options: ReadJsonlOptions<S> & Declared<S>): Dataset<SchemaColumns<S>>;
function jsonl(paths: Paths, options?: ReadJsonlOptions): Dataset<Loose>;
function jsonl(paths: Paths, options?: ReadJsonlOptions): Dataset<Loose> {
  const given = fillOptions(options, jsonlOptions, "read.jsonl");
  return scan({ format: "jsonl", ...fileSource(paths, given, "read.jsonl"), ...requiredOf(given.required) });
}

function fileFormat(format: "parquet" | "arrow") {
  function readFiles<const S extends SchemaSpec>(paths: Paths, options: ReadOptions<S> & Declared<S>): Dataset<SchemaColumns<S>>;
  function readFiles(paths: Paths, options?: ReadOptions): Dataset<Loose>;
  function readFiles(paths: Paths, options?: ReadOptions): Dataset<Loose> {
    const where = `read.${format}`;
    return scan({ format, ...fileSource(paths, fillOptions(options, common, where), where) });
  }
  return readFiles;
}

type RowsGiven = Iterable<unknown> | AsyncIterable<unknown>;

function rows<const S extends SchemaSpec>(rows: RowsGiven, options: ReadOptions<S> & Declared<S>): Dataset<SchemaColumns<S>>;
function rows(rows: RowsGiven, options?: ReadOptions): Dataset<Loose>;
function rows(rows: RowsGiven, options?: ReadOptions): Dataset<Loose> {
  const where = "read.rows";
  const iterable = typeof rows === "object" && rows !== null && (Symbol.iterator in rows || Symbol.asyncIterator in rows);
  if (!iterable) {
    throw planError(
      "INVALID_ARGUMENT",
      `${where}: expected an array or another iterable of row objects, found ${describe(rows)}`,
    );
  }
  const given = fillOptions(options, common, where);
  const id = rowsId(rows);
  const source: SourceSpec = { format: "rows", id, ...rules(given, where) };
  return new Dataset({ kind: "scan", source }, new Map([[id, rows]]));
}

function stream<const S extends SchemaSpec>(
  readable: Readable,
  options: ReadOptions<S> & ReadStreamOptions & Declared<S>,
): Dataset<SchemaColumns<S>>;
function stream(readable: Readable, options: ReadOptions & ReadStreamOptions): Dataset<Loose>;
function stream(readable: Readable, given: ReadOptions & ReadStreamOptions): Dataset<Loose> {
  const where = "read.stream";
  const isText = ([name]: readonly [string, unknown]) => streamReadNames.includes(name);
  const entries = Object.entries(given ?? {});
  const input = streamInput(readable, Object.fromEntries(entries.filter(isText)), where);
  const own = fillOptions(Object.fromEntries(entries.filter((entry) => !isText(entry))), common, where);
  const id = rowsId(readable);
  return new Dataset({ kind: "scan", source: { format: "rows", id, ...rules(own, where) } }, new Map([[id, input]]));
}

const sqlOptions = { ...common, database: options.other<unknown>(undefined) };

function sql<const S extends SchemaSpec>(query: string, options: ReadSqlOptions<S> & Declared<S>): Dataset<SchemaColumns<S>>;
function sql(query: string, options?: ReadSqlOptions): Dataset<Loose>;
function sql(query: string, given?: ReadSqlOptions): Dataset<Loose> {
  const where = "read.sql";
  if (typeof query !== "string" || query.trim() === "") {
    throw planError("INVALID_ARGUMENT", `${where}: expected a query, found ${describe(query)}`, {
      hint: 'Write for example read.sql("select * from sales", { database: "shop.duckdb" }).',
    });
  }
  const filled = fillOptions(given, sqlOptions, where);
  const { database: file } = filled;
  const database = file === undefined ? null : required(toPaths(file as Paths, where)[0], "path");
  if (Array.isArray(file)) throw invalidOption(where, "database", "one file", file);
  return scan({ format: "sql", text: query, database, ...rules(filled, where) });
}

const ids = new WeakMap<object, string>();
let lastId = 0;

/** One iterable has one id, so that reading it twice is one source. */
function rowsId(rows: object): string {
  const known = ids.get(rows);
  if (known !== undefined) return known;
  const id = `rows-${++lastId}`;
  ids.set(rows, id);
  return id;
}

interface Common {
  readonly schema: unknown;
  readonly onReject: OnReject;
  readonly rejectLimits: unknown;
}

function fileSource(paths: Paths, given: Common, where: string): FileSource {
  return { paths: toPaths(paths, where), ...rules(given, where) };
}

function rules(given: Common, where: string): Omit<FileSource, "paths"> {
  const { onReject } = given;
  const rejectLimits = toLimits(given.rejectLimits, where);
  const common = { onReject, rejectLimits };
  return given.schema === undefined ? common : { ...common, schema: parseSchema(given.schema, where) };
}

function toPaths(paths: Paths, where: string): readonly string[] {
  const list = typeof paths === "string" || paths instanceof URL ? [paths] : paths;
  if (!Array.isArray(list) || list.length === 0) {
    throw planError("INVALID_ARGUMENT", `${where}: expected a path, a glob or a list of them, found ${describe(paths)}`);
  }
  return (list as unknown[]).map((path) => {
    if (path instanceof URL && path.protocol === "file:") return decodeURIComponent(path.pathname);
    if (typeof path === "string" && path !== "") return path;
    throw planError("INVALID_ARGUMENT", `${where}: expected a path, found ${describe(path)}`);
  });
}

const optionalNumber = (accepts: (value: number) => boolean, expected: string) => ({
  fallback: undefined as number | undefined,
  check: (value: unknown) => (typeof value === "number" && accepts(value) ? { value } : { expected }),
});
const optionalCount = optionalNumber((value) => Number.isSafeInteger(value) && value >= 0, "a whole number, at least 0");
const limitOptions = {
  count: optionalCount,
  rate: optionalNumber((value) => value >= 0 && value <= 1, "a share from 0 to 1"),
  minRows: optionalCount,
  perFile: optionalCount,
  perColumn: optionalCount,
};

function toLimits(value: unknown, where: string): RejectLimits {
  const filled = fillOptions(value, limitOptions, `${where} rejectLimits`);
  return Object.fromEntries(Object.entries(filled).filter(([, limit]) => limit !== undefined));
}

function scan(source: SourceSpec): Dataset<Loose> {
  return new Dataset({ kind: "scan", source }, new Map());
}

/** Where datasets begin. Paths are a file, a list, a glob or a folder; `.gz` text files are read as they are. */
export const read = {
  csv,
  /** One JSON object per line. */
  jsonl,
  parquet: fileFormat("parquet"),
  arrow: fileFormat("arrow"),
  /**
   * What one SELECT of DuckDB's gives, of a database file or of no file. It runs once; its rows are kept for the run, so that everything after it
   * sees the same ones. They come in the order of the query's outermost `order by`, and where that leaves rows equal, or there is none, ordered by
   * all columns. With `schema` the columns are cast to it, by name; a row that cannot be cast is rejected.
   * @throws MillraceError when the plan is bound: Config/SOURCE_NOT_FOUND, External/SOURCE_UNREADABLE, External/DATABASE_LOCKED, Plan/SQL_INVALID
   */
  sql,
  /** Row objects that the program has or makes. */
  rows,
  /** CSV or JSON lines from a Node stream, read no faster than the run takes them. */
  stream,
} as const;
