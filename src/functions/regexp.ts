import { types, type Value } from "../schema/types.js";
import { sqlText } from "./cast-sql.js";
import type { CallTypes, EmitContext, ScalarFunction } from "./definition.js";
import { outOfDomain } from "./failure.js";
import { translatePattern } from "./pattern.js";
import { fixed, smallInteger, text } from "./signatures.js";
import type { CallOptions } from "../expr/nodes.js";

const known = new Map<string, RegExp>();

/** The compiled pattern; compiled once, since the same few patterns meet every row. */
function compiled(pattern: string, flags: string): RegExp {
  const key = `${flags}/${pattern}`;
  const found = known.get(key);
  if (found !== undefined) return found;
  const translated = translatePattern(pattern, flags);
  if (typeof translated === "string") outOfDomain(translated);
  const regexp = new RegExp(translated.source, `${translated.flags}g`);
  if (known.size > 500) known.clear();
  known.set(key, regexp);
  return regexp;
}

/** `options.flags` without `g`: `i`, `s`, and `c`, which is the default. */
const flagsOf = (options: CallOptions): string => (typeof options.flags === "string" ? options.flags : "");
const matchFlags = (options: CallOptions): string => flagsOf(options).replace(/[gc]/g, "");

function checkFlags(options: CallOptions, allowed: string): string | null {
  const wrong = [...flagsOf(options)].find((flag) => !allowed.includes(flag));
  return wrong === undefined ? null : `expects flags out of ${JSON.stringify(allowed)}, found ${JSON.stringify(wrong)}`;
}

function checkPattern(value: Value | undefined, options: CallOptions): string | null {
  if (typeof value !== "string") return null;
  const translated = translatePattern(value, matchFlags(options));
  return typeof translated === "string" ? translated : null;
}

/** Groups of a pattern; 0 when it cannot be read. */
function groupCount(pattern: string): number {
  const translated = translatePattern(pattern);
  if (typeof translated === "string") return 0;
  return (new RegExp(`${translated.source}|`, translated.flags).exec("")?.length ?? 1) - 1;
}

function matches(value: string, regexp: RegExp): boolean {
  regexp.lastIndex = 0;
  return regexp.test(value);
}

function extract(value: string, regexp: RegExp, group: number): string {
  regexp.lastIndex = 0;
  return regexp.exec(value)?.[group] ?? "";
}

type Piece = string | number;

/** A replacement in RE2's form: `\0` to `\9` are groups, `\\` is a backslash. null when it is none. */
export function replacementPieces(replacement: string): Piece[] | null {
  const pieces: Piece[] = [];
  for (const part of replacement.match(/\\[\s\S]?|[^\\]+/g) ?? []) {
    if (!part.startsWith("\\")) pieces.push(part);
    else if (/\d/.test(part)) pieces.push(Number(part[1]));
    else if (part === "\\\\") pieces.push("\\");
    else return null;
  }
  return pieces;
}

function replaceMatches(value: string, regexp: RegExp, replacement: string, all: boolean): string {
  const pieces = replacementPieces(replacement) ?? [replacement];
  let result = "";
  let end = 0;
  let lastMatchEnd = -1;
  regexp.lastIndex = 0;
  for (const match of all ? value.matchAll(regexp) : firstMatch(value, regexp)) {
    const whole = match[0];
    // RE2 finds no empty match right behind another match.
    if (whole === "" && match.index === lastMatchEnd) continue;
    result += value.slice(end, match.index);
    for (const piece of pieces) result += typeof piece === "string" ? piece : (match[piece] ?? "");
    end = match.index + whole.length;
    lastMatchEnd = end;
  }
  return result + value.slice(end);
}

function firstMatch(value: string, regexp: RegExp): readonly RegExpExecArray[] {
  regexp.lastIndex = 0;
  const match = regexp.exec(value);
  return match === null ? [] : [match];
}

const flagArgument = (call: CallTypes): string => {
  const flags = flagsOf(call.options);
  return flags === "" ? "" : `, ${sqlText(flags)}`;
};

/** The pattern as a constant of the loop, when the emitter knows how; patterns are literals, so their text is the key. */
function emitCall(
  name: string,
  fn: (...args: never[]) => Value,
  args: readonly string[],
  call: CallTypes,
  context: EmitContext,
): string {
  const { options } = call;
  const flags = matchFlags(options);
  let lastPattern = "";
  let regexp = compiled("", flags);
  const bound = (value: string, pattern: string, ...rest: unknown[]): Value => {
    if (pattern !== lastPattern) {
      regexp = compiled(pattern, flags);
      lastPattern = pattern;
    }
    return fn(...([value, regexp, ...rest] as never[]));
  };
  return `${context.constant(`${name} ${JSON.stringify(options)}`, bound)}(${args.join(", ")})`;
}

const regexpMatches: ScalarFunction = {
  name: "regexpMatches",
  summary: "Whether a pattern (RE2 syntax, a literal) matches anywhere in a text. Option flags: i, s.",
  resolve: (args, options) =>
    checkFlags(options, "ics") ??
    fixed(
      [
        [text, types.utf8],
        [text, types.utf8],
      ],
      types.bool,
    )(args),
  nulls: "propagate",
  literalArgs: [1],
  checkLiterals: ([, pattern], options) => checkPattern(pattern, options),
  evaluate: ([value, pattern], { options }) => matches(value as string, compiled(pattern as string, matchFlags(options))),
  emit: (args, call, context) => emitCall("regexpMatches", matches, args, call, context),
  sql: ([value, pattern], call) => `regexp_matches(${value}, ${pattern}${flagArgument(call)})`,
};

const regexpExtract: ScalarFunction = {
  name: "regexpExtract",
  summary: "The first match of a pattern, or one of its groups; empty where there is none. Option flags: i, s.",
  resolve: (args, options) =>
    checkFlags(options, "ics") ??
    fixed(
      [
        [text, types.utf8],
        [text, types.utf8],
        [smallInteger, types.int32],
      ],
      types.utf8,
      1,
    )(args),
  nulls: "propagate",
  literalArgs: [1, 2],
  checkLiterals([, pattern, group], options) {
    const wrong = checkPattern(pattern, options);
    if (wrong !== null || typeof pattern !== "string" || typeof group !== "number") return wrong;
    const count = groupCount(pattern);
    return group >= 0 && group <= count ? null : `the pattern has ${count} groups, but group ${group} is asked for`;
  },
  evaluate: ([value, pattern, group], { options }) =>
    extract(value as string, compiled(pattern as string, matchFlags(options)), (group ?? 0) as number),
  emit: ([value, pattern, group = "0"], call, context) =>
    emitCall("regexpExtract", extract, [value as string, pattern as string, group], call, context),
  sql: ([value, pattern, group = "0"], call) => `regexp_extract(${value}, ${pattern}, ${group}${flagArgument(call)})`,
};

const regexpReplace: ScalarFunction = {
  name: "regexpReplace",
  summary:
    "With the first match (flag g: every match) replaced; \\1 to \\9 in the replacement are groups. Option flags: g, i, s.",
  resolve: (args, options) =>
    checkFlags(options, "gics") ??
    fixed(
      [
        [text, types.utf8],
        [text, types.utf8],
        [text, types.utf8],
      ],
      types.utf8,
    )(args),
  nulls: "propagate",
  literalArgs: [1, 2],
  checkLiterals([, pattern, replacement], options) {
    const wrong = checkPattern(pattern, options);
    if (wrong !== null || typeof pattern !== "string" || typeof replacement !== "string") return wrong;
    const pieces = replacementPieces(replacement);
    if (pieces === null) return `expects \\0 to \\9 or \\\\ in the replacement, found ${JSON.stringify(replacement)}`;
    const highest = Math.max(0, ...pieces.map((piece) => (typeof piece === "number" ? piece : 0)));
    const count = groupCount(pattern);
    return highest <= count ? null : `the pattern has ${count} groups, but the replacement names group ${highest}`;
  },
  evaluate([value, pattern, replacement], { options }) {
    const regexp = compiled(pattern as string, matchFlags(options));
    return replaceMatches(value as string, regexp, replacement as string, flagsOf(options).includes("g"));
  },
  emit(args, call, context) {
    const all = flagsOf(call.options).includes("g");
    const replace = (value: string, regexp: RegExp, replacement: string) => replaceMatches(value, regexp, replacement, all);
    return emitCall("regexpReplace", replace, args, call, context);
  },
  sql: ([value, pattern, replacement], call) => `regexp_replace(${value}, ${pattern}, ${replacement}${flagArgument(call)})`,
};

export const regexpFunctions: readonly ScalarFunction[] = [regexpMatches, regexpExtract, regexpReplace];
