import { type DataType, types, type Value } from "../schema/types.js";
import { codePoints, like, lower, padTo, reverse, substring, upper } from "./characters.js";
import type { Resolution, ScalarFunction } from "./definition.js";
import { outOfDomain, shown } from "./failure.js";
import { fixed, smallInteger, text, type TypeClass } from "./signatures.js";

type Param = "text" | "count";
const classes: { readonly [K in Param]: readonly [TypeClass, DataType] } = {
  text: [text, types.utf8],
  count: [smallInteger, types.int32],
};

interface TextFunction {
  readonly name: string;
  readonly summary: string;
  readonly params: readonly Param[];
  /** How many of the last parameters may be left out. */
  readonly optional?: number;
  readonly returns: DataType;
  readonly fallible?: true;
  /** Values as declared by `params`; an optional one that was left out is undefined. */
  readonly compute: (...args: never[]) => Value;
  readonly emit?: (args: readonly string[]) => string;
  /** DuckDB's name where it differs, or its whole spelling. */
  readonly sql?: string | ((args: readonly string[]) => string);
}

function define(f: TextFunction): ScalarFunction {
  const { sql = f.name, emit } = f;
  return {
    name: f.name,
    summary: f.summary,
    resolve: fixed(
      f.params.map((param) => classes[param]),
      f.returns,
      f.optional ?? 0,
    ),
    nulls: "propagate",
    ...(f.fallible === undefined ? {} : { fallible: f.fallible }),
    evaluate: (args) => f.compute(...(args as never[])),
    emit: (args, _call, context) =>
      emit === undefined ? `${context.constant(`text ${f.name}`, f.compute)}(${args.join(", ")})` : emit(args),
    sql: (args) => (typeof sql === "string" ? `${sql}(${args.join(", ")})` : sql(args)),
  };
}

/** DuckDB's trim takes spaces of every kind, but neither tabs nor line ends. */
const leading = /^\p{Zs}+/u;
const trailing = /\p{Zs}+$/u;

function splitPart(value: string, separator: string, index: number): string {
  const parts = separator === "" ? Array.from(value) : value.split(separator);
  return parts[index > 0 ? index - 1 : index < 0 ? parts.length + index : -1] ?? "";
}

function padded(name: string, behind: boolean) {
  return (value: string, size: number, fill: string): string => {
    if (fill === "" && size > codePoints(value)) outOfDomain(`${name}: there is nothing to fill up ${shown(value)} with`);
    return padTo(value, size, fill, behind);
  };
}

/** Longer results than this are refused, so that a wrong count cannot take the process's memory. */
const maxLength = 256 * 1024 * 1024;

function repeat(value: string, count: number): string {
  if (count <= 0 || value === "") return "";
  if (value.length * count > maxLength) outOfDomain(`repeat: the result would be longer than ${maxLength} characters`);
  return value.repeat(count);
}

const concat: ScalarFunction = {
  name: "concat",
  summary: "All texts one after the other; a null gives null.",
  resolve(args): Resolution | string {
    const shape = args.map(() => classes.text);
    return args.length === 0 ? "expects at least 1 argument, found 0 arguments" : fixed(shape, types.utf8)(args);
  },
  nulls: "propagate",
  evaluate: (args) => args.join(""),
  emit: (args) => `(${args.length === 1 ? args[0] : args.join(" + ")})`,
  sql: (args) => `(${args.join(" || ")})`,
};

const utf8 = types.utf8;
const bool = types.bool;

export const stringFunctions: readonly ScalarFunction[] = [
  concat,
  ...(
    [
      { name: "lower", summary: "Small letters.", params: ["text"], returns: utf8, compute: lower },
      { name: "upper", summary: "Capital letters.", params: ["text"], returns: utf8, compute: upper },
      {
        name: "trim",
        summary: "Without the spaces at both ends (Unicode spaces, not tabs or line ends).",
        params: ["text"],
        returns: utf8,
        compute: (s: string) => s.replace(leading, "").replace(trailing, ""),
      },
      {
        name: "ltrim",
        summary: "Without the spaces at the start.",
        params: ["text"],
        returns: utf8,
        compute: (s: string) => s.replace(leading, ""),
      },
      {
        name: "rtrim",
        summary: "Without the spaces at the end.",
        params: ["text"],
        returns: utf8,
        compute: (s: string) => s.replace(trailing, ""),
      },
      {
        name: "length",
        summary: "Number of code points (int32).",
        params: ["text"],
        returns: types.int32,
        compute: codePoints,
        sql: ([s]) => `CAST(length(${s}) AS INTEGER)`,
      },
      {
        name: "substring",
        summary: "The part from a 1-based place on (negative: from the end), of a given number of code points if one is given.",
        params: ["text", "count", "count"],
        optional: 1,
        returns: utf8,
        compute: (s: string, start: number, length?: number) => substring(s, start, length ?? null),
      },
      {
        name: "replace",
        summary: "With every occurrence of the second text replaced by the third; an empty one is never found.",
        params: ["text", "text", "text"],
        returns: utf8,
        compute: (s: string, from: string, to: string) => (from === "" ? s : s.split(from).join(to)),
      },
      {
        name: "splitPart",
        summary: "The part with a 1-based number (negative: from the end) between separators; empty where there is none.",
        params: ["text", "text", "count"],
        returns: utf8,
        compute: splitPart,
        sql: "split_part",
      },
      {
        name: "startsWith",
        summary: "Whether a text starts with another.",
        params: ["text", "text"],
        returns: bool,
        compute: (s: string, part: string) => s.startsWith(part),
        emit: ([s, part]) => `${s}.startsWith(${part})`,
        sql: "starts_with",
      },
      {
        name: "endsWith",
        summary: "Whether a text ends with another.",
        params: ["text", "text"],
        returns: bool,
        compute: (s: string, part: string) => s.endsWith(part),
        emit: ([s, part]) => `${s}.endsWith(${part})`,
        sql: "ends_with",
      },
      {
        name: "contains",
        summary: "Whether a text contains another.",
        params: ["text", "text"],
        returns: bool,
        compute: (s: string, part: string) => s.includes(part),
        emit: ([s, part]) => `${s}.includes(${part})`,
      },
      {
        name: "like",
        summary: "Whether a text matches a pattern of % (any run) and _ (any one character); nothing escapes these.",
        params: ["text", "text"],
        returns: bool,
        compute: like,
        sql: ([s, pattern]) => `(${s} LIKE ${pattern})`,
      },
      {
        name: "ilike",
        summary: "The same as like, without regard to case.",
        params: ["text", "text"],
        returns: bool,
        compute: (s: string, pattern: string) => like(lower(s), lower(pattern)),
        sql: ([s, pattern]) => `(lower(${s}) LIKE lower(${pattern}))`,
      },
      { name: "reverse", summary: "Backwards, character by character.", params: ["text"], returns: utf8, compute: reverse },
      {
        name: "lpad",
        summary: "Filled up in front to a number of code points, or cut to it.",
        params: ["text", "count", "text"],
        returns: utf8,
        fallible: true,
        compute: padded("lpad", false),
      },
      {
        name: "rpad",
        summary: "Filled up behind to a number of code points, or cut to it.",
        params: ["text", "count", "text"],
        returns: utf8,
        fallible: true,
        compute: padded("rpad", true),
      },
      {
        name: "repeat",
        summary: "A text so many times.",
        params: ["text", "count"],
        returns: utf8,
        fallible: true,
        compute: repeat,
      },
    ] satisfies TextFunction[]
  ).map((f: TextFunction) => define(f)),
];
