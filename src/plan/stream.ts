import type { Readable, Writable } from "node:stream";
import { planError } from "../common/errors.js";
import { describe } from "./literal.js";
import { fillOptions, options } from "./options.js";

/** How the text of a stream is read. */
export interface StreamFormat {
  readonly format: "csv" | "jsonl";
  readonly header: boolean;
  readonly delimiter: string;
  readonly quote: string;
  readonly nullValues: readonly string[];
  readonly comment: string | null;
}

/** A Node stream whose bytes are a source of a plan; stands in `Plan.data`. It can be read once. */
export class StreamInput {
  constructor(
    readonly readable: Readable,
    readonly format: StreamFormat,
  ) {}
}

/** A Node stream that takes the rows of a plan. */
export interface StreamTarget {
  readonly writable: Writable;
  readonly format: "csv" | "jsonl";
  /** As for `write.csv`. */
  readonly options: { readonly header: boolean; readonly delimiter: string; readonly quote: string; readonly nullValue: string };
}

export interface StreamTextOptions {
  /** "csv" or "jsonl". */
  readonly format: "csv" | "jsonl";
  /** Whether the first record names the columns; true by default. */
  readonly header?: boolean;
  /** One ASCII character; "," by default. */
  readonly delimiter?: string;
  /** One ASCII character; '"' by default. */
  readonly quote?: string;
}

export interface ReadStreamOptions extends StreamTextOptions {
  /** Unquoted texts that mean null; [""] by default. */
  readonly nullValues?: string | readonly string[];
  /** Records that begin with this character are left out; none by default. */
  readonly comment?: string | null;
}

export interface WriteStreamOptions extends StreamTextOptions {
  /** How null is written; "" by default. */
  readonly nullValue?: string;
}

const formats = options.oneOf<"csv" | "jsonl" | "">("", ["csv", "jsonl"]);
const text = {
  format: formats,
  header: options.flag(true),
  delimiter: options.character(","),
  quote: options.character('"'),
};
const readOptions = {
  ...text,
  nullValues: options.texts([""]),
  comment: options.characterOrNull<string | null>(null),
};
export const streamReadNames: readonly string[] = Object.keys(readOptions);

/** @throws MillraceError Plan/INVALID_ARGUMENT, INVALID_OPTION, MISSING_OPTION */
export function streamInput(readable: unknown, given: object, where: string): StreamInput {
  if (!hasMethods(readable, ["pipe", "read", "destroy"])) {
    throw planError("INVALID_ARGUMENT", `${where}: expected a readable Node stream, found ${describe(readable)}`, {
      hint: "Rows that are objects already are read by read.rows; a web stream becomes a Node stream by Readable.fromWeb.",
    });
  }
  const { format, ...rest } = fillOptions(given, readOptions, where);
  return new StreamInput(readable as Readable, { format: requireFormat(format, where), ...rest });
}

/** @throws MillraceError Plan/INVALID_ARGUMENT, INVALID_OPTION, MISSING_OPTION */
export function streamTarget(writable: unknown, given: unknown): StreamTarget {
  const where = "write.stream";
  if (!hasMethods(writable, ["write", "end", "destroy"])) {
    throw planError("INVALID_ARGUMENT", `${where}: expected a writable Node stream, found ${describe(writable)}`);
  }
  const { format, ...rest } = fillOptions(given, { ...text, nullValue: options.text("") }, where);
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
