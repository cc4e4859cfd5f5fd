import type { Readable, Writable } from "node:stream";
import { planError } from "../common/errors.js";
import { describe } from "./literal.js";
import type { CsvOptions } from "./csvSpec.js";
import { fillOptions, options } from "./options.js";

/** A Node stream whose text is a source of a plan; stands in `Plan.data`. It can be read once. */
export class StreamInput {
  /**
   * @param csv how CSV is read; null: the text is JSON lines
   * @param required columns in which null rejects the record
   */
  constructor(
    readonly readable: Readable,
    readonly csv: CsvOptions | null,
    readonly required: readonly string[],
  ) {}
}

/** A Node stream that takes the rows of a plan. */
export interface StreamTarget {
  readonly writable: Writable;
  readonly format: "csv" | "jsonl";
  /** As for `write.csv`. */
  readonly options: { readonly header: boolean; readonly delimiter: string; readonly quote: string; readonly nullValue: string };
}

/** What the text of a stream is. */
export interface StreamKind {
  /** "csv" or "jsonl". */
  readonly format: "csv" | "jsonl";
}

export interface WriteStreamOptions extends StreamKind {
  /** Whether the first record names the columns; true by default. */
  readonly header?: boolean;
  /** One ASCII character; "," by default. */
  readonly delimiter?: string;
  /** One ASCII character; '"' by default. */
  readonly quote?: string;
  /** How null is written; "" by default. */
  readonly nullValue?: string;
}

export const anyFormat = options.oneOf<"csv" | "jsonl" | "">("", ["csv", "jsonl"]);

const writeOptions = {
  format: anyFormat,
  header: options.flag(true),
  delimiter: options.character(","),
  quote: options.character('"'),
  nullValue: options.text(""),
};

/** @throws MillraceError Plan/INVALID_ARGUMENT */
export function requireReadable(readable: unknown, where: string): void {
  if (hasMethods(readable, ["pipe", "read", "destroy"])) return;
  throw planError("INVALID_ARGUMENT", `${where}: expected a readable Node stream, found ${describe(readable)}`, {
    hint: "Rows that are objects already are read by read.rows; a web stream becomes a Node stream by Readable.fromWeb.",
  });
}

/** The format that options name. @throws MillraceError Plan/MISSING_OPTION, INVALID_OPTION */
export function streamFormat(given: unknown, where: string): "csv" | "jsonl" {
  const named = typeof given === "object" && given !== null && "format" in given ? { format: given.format } : undefined;
  return requireFormat(fillOptions(named, { format: anyFormat }, where).format, where);
}

/** @throws MillraceError Plan/INVALID_ARGUMENT, INVALID_OPTION, MISSING_OPTION */
export function streamTarget(writable: unknown, given: unknown): StreamTarget {
  const where = "write.stream";
  if (!hasMethods(writable, ["write", "end", "destroy"])) {
    throw planError("INVALID_ARGUMENT", `${where}: expected a writable Node stream, found ${describe(writable)}`);
  }
  const { format, ...rest } = fillOptions(given, writeOptions, where);
  return { writable: writable as Writable, format: requireFormat(format, where), options: rest };
}

function requireFormat(format: "csv" | "jsonl" | "", where: string): "csv" | "jsonl" {
  if (format !== "") return format;
  throw planError("MISSING_OPTION", `${where}: option "format" is missing`, {
    hint: 'Write { format: "csv" } or { format: "jsonl" }.',
  });
}

function hasMethods(value: unknown, names: readonly string[]): boolean {
  if (typeof value !== "object" || value === null) return false;
  return names.every((name) => typeof (value as { readonly [name: string]: unknown })[name] === "function");
}
