import type { Readable } from "node:stream";
import { required } from "../common/assert.js";
import { planError } from "../common/errors.js";
import { Dataset } from "./dataset.js";
import { describe } from "./literal.js";
import { csvRules, type CsvTextOptions, csvTextOptions } from "./csvOptions.js";
import type { FileSource, OnReject, RejectLimits, SourceSpec } from "./nodes.js";
import { fillOptions, invalidOption, options } from "./options.js";
import { parseSchema } from "./schemaSpec.js";
import { anyFormat, requireReadable, streamFormat, StreamInput, type StreamKind } from "./stream.js";
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

/** Options of files, and of streams that are text. */
export interface ReadFileOptions<S extends SchemaSpec = SchemaSpec> extends ReadOptions<S> {
  /** Columns that must have a value: a record in which one is null or missing is rejected (`REQUIRED_MISSING`). */
  readonly required?: string | readonly string[];
}

export interface ReadCsvOptions<S extends SchemaSpec = SchemaSpec> extends ReadFileOptions<S>, CsvTextOptions {}

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

const ruled = { ...common, required: options.texts([]) };
const csvOptions = { ...ruled, ...csvTextOptions };

function csv<const S extends SchemaSpec>(paths: Paths, options: ReadCsvOptions<S> & Declared<S>): Dataset<SchemaColumns<S>>;
function csv(paths: Paths, options?: ReadCsvOptions): Dataset<Loose>;
function csv(paths: Paths, options?: ReadCsvOptions): Dataset<Loose> {
  const where = "read.csv";
  const given = fillOptions(options, csvOptions, where);
  const csv = csvRules(given, options, where);
  return scan({ format: "csv", csv, ...fileSource(paths, given, where) });
}

function fileFormat(format: "jsonl" | "parquet" | "arrow") {
  function readFiles<const S extends SchemaSpec>(
    paths: Paths,
    options: ReadFileOptions<S> & Declared<S>,
  ): Dataset<SchemaColumns<S>>;
  function readFiles(paths: Paths, options?: ReadFileOptions): Dataset<Loose>;
  function readFiles(paths: Paths, options?: ReadFileOptions): Dataset<Loose> {
    const where = `read.${format}`;
    return scan({ format, ...fileSource(paths, fillOptions(options, ruled, where), where) });
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

type StreamOptions<S extends SchemaSpec = SchemaSpec> = ReadCsvOptions<S> & StreamKind;

function stream<const S extends SchemaSpec>(
  readable: Readable,
  options: StreamOptions<S> & Declared<S>,
): Dataset<SchemaColumns<S>>;
function stream(readable: Readable, options: StreamOptions): Dataset<Loose>;
function stream(readable: Readable, options: StreamOptions): Dataset<Loose> {
  const where = "read.stream";
  requireReadable(readable, where);
  const format = streamFormat(options, where);
  const given = fillOptions(options, { ...csvOptions, format: anyFormat }, where);
  if (format === "jsonl") fillOptions(options, { ...ruled, format: anyFormat }, where);
  const { onReject, rejectLimits, schema, required = [] } = rules(given, where);
  const input = new StreamInput(readable, format === "csv" ? csvRules(given, options, where) : null, required);
  const id = rowsId(readable);
  const source: SourceSpec = { format: "rows", id, onReject, rejectLimits, ...(schema === undefined ? {} : { schema }) };
  return new Dataset({ kind: "scan", source }, new Map([[id, input]]));
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
  readonly required?: readonly string[];
}

function fileSource(paths: Paths, given: Common, where: string): FileSource {
  return { paths: toPaths(paths, where), ...rules(given, where) };
}

function rules(given: Common, where: string): Omit<FileSource, "paths"> {
  const { onReject, required = [] } = given;
  const rejectLimits = toLimits(given.rejectLimits, where);
  const common = { onReject, rejectLimits, ...(required.length === 0 ? {} : { required }) };
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
  jsonl: fileFormat("jsonl"),
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
  /**
   * CSV or JSON lines from a Node stream, by the rules and with the options of `read.csv` and `read.jsonl`, read no faster than the run takes them.
   * Types that are not declared come from what it begins with. A stream can be read once; one that is compressed is unpacked by the program.
   */
  stream,
} as const;
