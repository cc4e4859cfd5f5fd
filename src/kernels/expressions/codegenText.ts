import { Buffer } from "node:buffer";
import { copyBytes } from "../../batch/text.js";
import type { Bound } from "../../expr/nodes.js";
import { lower } from "../../functions/characters.js";
import { literalToValue } from "../../functions/literal.js";
import { scalarFunction } from "../../functions/registry.js";
import type { Value } from "../../schema/types.js";
import { lowerEquals, lowerSlice, sliceIlike, upperEquals, upperSlice } from "./byteCase.js";
import { md5Slice, sha256Slice } from "./byteDigest.js";
import { bytePattern, sliceMatches } from "./bytePattern.js";
import { replaceRuns, runReplacement } from "./byteRuns.js";
import { ByteSet, sliceInSet } from "./byteSet.js";
import { padSlice, repeatSlice, reverseSlice } from "./byteShape.js";
import {
  partEnd,
  partStart,
  placeOfPoint,
  replaceSlice,
  sliceAmong,
  sliceContains,
  sliceEnds,
  sliceEquals,
  sliceLike,
  slicePoints,
  sliceStarts,
  substringFrom,
  substringTo,
  trimmedEnd,
  trimmedStart,
  undecided,
} from "./byteText.js";
import { timeByFormat } from "./byteTimes.js";
import { decodedText } from "./codegenMerge.js";
import { anyNull, type Call, type Piece, type RowStatements, type TextPiece } from "./codegenPiece.js";
import { isExact, narrowOf } from "./codegenRange.js";
import { writesText } from "./codegenTextCast.js";

/** Whether the bytes of an expression can be had without making a string of it. */
export function isTextual(row: RowStatements, bound: Bound): boolean {
  if (bound.type.kind !== "utf8") return false;
  switch (bound.kind) {
    case "column":
      return row.columns[bound.index]?.text !== undefined;
    case "literal":
      return bound.value === null || literalBytes(bound) !== null;
    case "call":
      return makesText(row, bound);
    case "cast":
      return writesText(bound);
    case "case":
      return [...bound.branches.map((branch) => branch.then), ...(bound.otherwise === null ? [] : [bound.otherwise])].every(
        (result) => isTextual(row, result),
      );
    default:
      return false;
  }
}

function makesText(row: RowStatements, call: Call): boolean {
  if (call.fn === "formatDate") return true;
  if (call.fn === "coalesce" || call.fn === "concat" || choosesText(call)) return call.args.every((arg) => isTextual(row, arg));
  if (call.fn === "regexpReplace" && runReplacement(call) === null) return false;
  const [subject, ...others] = call.args;
  return subject !== undefined && Object.hasOwn(makers, call.fn) && isTextual(row, subject) && others.every(isFixed);
}

/** Whether a call gives one of its two arguments, as comparing them says. */
export const choosesText = ({ fn, args, type }: Call): boolean => type.kind === "utf8" && choosing.has(fn) && args.length === 2;

const choosing: ReadonlySet<string> = new Set(["nullIf", "greatest", "least"]);

/** Literals that have bytes or are numbers. */
const isFixed = (bound: Bound): boolean => (bound.type.kind === "utf8" ? literalBytes(bound) !== null : isNumber(bound));
const isNumber = (bound: Bound): boolean => bound.kind === "literal" && typeof bound.value === "number";

/** The bytes of a literal that stands for the same text whatever it is compared with; null for others. */
export function literalBytes(bound: Bound): Uint8Array | null {
  if (bound.kind !== "literal" || bound.type.kind !== "utf8") return null;
  const value = literalToValue(bound.value, bound.type);
  if (typeof value !== "string" || value.includes("\ufffd")) return null;
  const bytes = Buffer.from(value);
  // A lone surrogate has no bytes of its own, and malformed data decodes to U+FFFD: both need decoded text.
  return bytes.toString() === value ? new Uint8Array(bytes) : null;
}

type Test = (bytes: Uint8Array, start: number, end: number, wanted: Uint8Array) => boolean;

const tests: { readonly [fn: string]: { readonly test: Test; readonly not: string } } = {
  eq: { test: sliceEquals, not: "" },
  ne: { test: sliceEquals, not: "!" },
  startsWith: { test: sliceStarts, not: "" },
  endsWith: { test: sliceEnds, not: "" },
  contains: { test: sliceContains, not: "" },
};

/** Tests of a text against literals, and its length, made on its bytes without decoding them; null for other calls. */
export function textTest(row: RowStatements, call: Call): Piece | null {
  const [subject, ...others] = call.args;
  if (subject === undefined || !isTextual(row, subject) || (others.length === 0 && call.fn !== "length")) return null;
  const wanted = others.flatMap((other) => literalBytes(other) ?? []);
  if (wanted.length !== others.length) return null;
  const { of, make } = turnedTest(row, call, wanted) ?? { of: subject, make: textTestOf(row, call, wanted) };
  if (make === null) return null;
  const piece = row.emit(of, "text");
  const { text, isNull } = piece;
  if (text === undefined) return null;
  const result = text.few === undefined || call.fn === "length" ? make(text, piece) : testOfFew(row, text.few, text, piece, make);
  return { value: row.name(isNull === null || call.fn === "length" ? result : `!${isNull} && ${result}`), isNull };
}

type MakeTest = (text: TextPiece, piece: Piece) => string;

/** Where the rows of a batch repeat a few texts, each of those is tested once. */
function testOfFew(row: RowStatements, few: Few, text: TextPiece, piece: Piece, make: MakeTest): string {
  const answers = row.scope.first(`new Uint8Array(${few.texts}.length)`);
  const answer = row.scope.fresh("v");
  row.line(`let ${answer} = ${answers}[${few.code}];`);
  // 0: not asked yet. A row that is null for another reason has a text, but must not be asked for it.
  row.line(`if (${answer} === 0${piece.isNull === null ? "" : ` && !${piece.isNull}`}) {`);
  row.line(`${answer} = ${answers}[${few.code}] = ${make(text, piece)} ? 2 : 1;`);
  row.line("}");
  return `${answer} === 2`;
}

type Few = NonNullable<TextPiece["few"]>;

/** Whether a text in one case is a literal is seen in the text `of` itself: the one in the other case need not be made. */
function turnedTest(row: RowStatements, call: Call, [wanted]: readonly Uint8Array[]): { of: Bound; make: MakeTest } | null {
  const [subject] = call.args;
  if ((call.fn !== "eq" && call.fn !== "ne") || subject?.kind !== "call") return null;
  const { scope } = row;
  const [of] = subject.args;
  const test = Object.hasOwn(turnedTests, subject.fn) ? turnedTests[subject.fn] : undefined;
  if (of === undefined || test === undefined) return null;
  const name = scope.constant(`equals ${subject.fn}`, test);
  const not = call.fn === "ne" ? "!" : "";
  return { of, make: ({ bytes, start, end }) => `${not}${name}(${bytes}, ${start}, ${end}, ${scope.parameter(wanted)})` };
}

const turnedTests: { readonly [fn: string]: Test } = { lower: lowerEquals, upper: upperEquals };

function textTestOf(row: RowStatements, call: Call, wanted: readonly Uint8Array[]): MakeTest | null {
  const { scope } = row;
  const simple = tests[call.fn];
  if (simple !== undefined && wanted.length === 1) {
    const test = scope.constant(`slice ${call.fn}`, simple.test);
    return (text) => `${simple.not}${test}(${place(text)}, ${scope.parameter(wanted[0])})`;
  }
  if (call.fn === "in") {
    if (wanted.length <= fewTexts)
      return (text) => `${scope.constant("sliceAmong", sliceAmong)}(${place(text)}, ${scope.parameter(wanted)})`;
    const set = new ByteSet(wanted);
    return (text) => `${scope.constant("sliceInSet", sliceInSet)}(${place(text)}, ${scope.parameter(set)})`;
  }
  if (call.fn === "regexpMatches") return patternTest(row, call);
  if (call.fn === "ilike") return ilikeTest(row, call);
  const parts = call.fn === "like" ? likeParts(call.args[1]) : null;
  if (parts !== null) return (text) => `${scope.constant("sliceLike", sliceLike)}(${place(text)}, ${scope.parameter(parts)})`;
  if (call.fn !== "length") return null;
  const count = scope.constant("slicePoints", slicePoints);
  return (text, { isNull }) => `${isNull === null ? "" : `${isNull} ? 0 : `}${count}(${place(text)})`;
}

/** Up to so many texts are compared one after the other. */
const fewTexts = 4;

/** A pattern as a table of states; texts beyond ASCII, and patterns that make too many states, take the way over a string. */
function patternTest(row: RowStatements, call: Call): MakeTest | null {
  const { scope } = row;
  const literal = call.args[1];
  if (literal?.kind !== "literal" || typeof literal.value !== "string") return null;
  const flags = typeof call.options.flags === "string" ? call.options.flags.replace(/[gc]/g, "") : "";
  const states = bytePattern(literal.value, flags);
  if (states === null) return null;
  return decided(row, call, literal.value, scope.constant("sliceMatches", sliceMatches), scope.parameter(states));
}

/** The same as `like` of small letters. */
function ilikeTest(row: RowStatements, call: Call): MakeTest | null {
  const { scope } = row;
  const literal = call.args[1];
  if (literal?.kind !== "literal" || typeof literal.value !== "string") return null;
  const parts = likeParts({ ...literal, value: lower(literal.value) });
  return parts === null
    ? null
    : decided(row, call, literal.value, scope.constant("sliceIlike", sliceIlike), scope.parameter(parts));
}

/** A test of bytes that may be undecided; then the way over a string says. */
function decided(row: RowStatements, call: Call, wanted: string, test: string, by: string): MakeTest {
  const { scope } = row;
  return (text, piece) => {
    const found = scope.fresh("v");
    // Null rows have no bytes that mean anything.
    row.line(`const ${found} = ${piece.isNull === null ? "" : `${piece.isNull} ? 0 : `}${test}(${place(text)}, ${by});`);
    const types = { args: call.args.map((arg) => arg.type), returns: call.type, options: call.options };
    const evaluate = (value: string): Value => scalarFunction(call.fn).evaluate([value, wanted], types);
    const slow = `${scope.parameter(evaluate)}(${piece.value})`;
    return `(${found} === ${undecided} ? ${slow} : ${found} === 1)`;
  };
}

/** The parts of a pattern between its `%`; null where it has an `_`, which is a whole character. */
function likeParts(pattern: Bound | undefined): readonly Uint8Array[] | null {
  if (pattern?.kind !== "literal" || typeof pattern.value !== "string" || pattern.value.includes("_")) return null;
  return pattern.value.split("%").map((part) => new Uint8Array(Buffer.from(part)));
}

/** A call that makes a text from one of which we have the bytes, on bytes; `isTextual` said that it can be. */
export function textCall(row: RowStatements, call: Call): Piece {
  const args = call.args.map((arg) => row.emit(arg, "text"));
  const isNull = anyNull(args);
  if (isNull === "true") return { value: '""', isNull };
  const made = declareText(row);
  row.line(isNull === null ? "{" : `if (!${isNull}) {`);
  const sink = row.scope.sink();
  const output: Output = { sink, ...made };
  const make = call.fn === "concat" ? concat : makers[call.fn];
  const sunk = make?.(row, output, args, call) ?? false;
  row.line("}");
  const text: TextPiece = sunk ? { ...made, bytes: `${sink}.bytes`, sink } : made;
  return { value: decodedText(row, text), isNull, text };
}

interface Output extends TextPiece {
  readonly sink: string;
}

function declareText(row: RowStatements): TextPiece {
  const { scope } = row;
  const made = { bytes: scope.fresh("b_"), start: scope.fresh("s_"), end: scope.fresh("e_") };
  row.line(`let ${made.bytes} = ${scope.constant("no bytes", new Uint8Array(0))}, ${made.start} = 0, ${made.end} = 0;`);
  return made;
}

/** Makes the text; true where it always lies in the sink, so that the bytes need not be named. */
type Maker = (row: RowStatements, output: Output, args: readonly Piece[], call: Call) => boolean;

const makers: { readonly [fn: string]: Maker } = {
  lower: appending(lowerSlice),
  upper: appending(upperSlice),
  md5: appending(md5Slice),
  sha256: appending(sha256Slice),
  reverse: appending(reverseSlice),
  lpad: padding(false),
  rpad: padding(true),
  repeat: appending(repeatSlice, (_, args) => [args[1]?.value ?? "0"]),
  formatDate,
  trim: trimming(true, true),
  ltrim: trimming(true, false),
  rtrim: trimming(false, true),
  substring: cut,
  replace,
  regexpReplace: appending(replaceRuns, (row, _, call) => [row.scope.parameter(runReplacement(call))]),
  splitPart,
};

const place = (text: TextPiece | undefined): string => `${text?.bytes}, ${text?.start}, ${text?.end}`;

/** Statements that write a string to the sink and make it the result. */
const sinkString = ({ sink, bytes, start, end }: Output, value: string): string =>
  `${start} = ${sink}.length; ${sink}.writeText(${value}); ${end} = ${sink}.length; ${bytes} = ${sink}.bytes;`;

/** A function that appends the text to the sink, or answers false where the way over a string has to. `more`: its arguments behind the text. */
function appending(
  onBytes: unknown,
  more: (row: RowStatements, args: readonly Piece[], call: Call) => readonly string[] = () => [],
): Maker {
  return (row, { sink, start, end }, args, call) => {
    if (scalarFunction(call.fn).fallible === true) row.enterSite();
    const values = [sink, place(args[0]?.text), ...more(row, args, call)];
    row.line(`${start} = ${sink}.length;`);
    const fast = `${row.scope.constant(`slice ${call.fn}`, onBytes)}(${values.join(", ")})`;
    row.line(`if (!${fast}) ${sink}.writeText(${whole(row, call, args)});`);
    row.line(`${end} = ${sink}.length;`);
    return true;
  };
}

function padding(behind: boolean): Maker {
  return appending(padSlice, (row, args, call) => {
    const fill = call.args[2] === undefined ? null : literalBytes(call.args[2]);
    const isPlain = fill?.every((byte) => byte < 128) === true;
    return [args[1]?.value ?? "0", row.scope.parameter(isPlain ? fill : new Uint8Array(0)), String(behind)];
  });
}

/** A time by a format. */
function formatDate(row: RowStatements, output: Output, args: readonly Piece[], call: Call): boolean {
  const narrow = narrowOf(args[0], call.args[0]?.type);
  if (narrow === null || !isExact(narrow.min, narrow.max)) row.line(sinkString(output, whole(row, call, args)));
  else {
    const { sink, start, end } = output;
    const write = row.scope.parameter(timeByFormat(String(call.options.format)));
    row.line(`${start} = ${sink}.length; ${write}(${sink}, ${narrow.text}); ${end} = ${sink}.length;`);
  }
  return true;
}

function trimming(front: boolean, behind: boolean): Maker {
  return (row, output, [subject], call) => {
    const { scope } = row;
    const { bytes, start, end } = output;
    const text = subject?.text;
    row.line(`${bytes} = ${text?.bytes}; ${start} = ${text?.start}; ${end} = ${text?.end};`);
    if (front) row.line(`${start} = ${scope.constant("trimmedStart", trimmedStart)}(${bytes}, ${start}, ${end});`);
    const begin = front ? `(${start} < 0 ? ${text?.start} : ${start})` : start;
    if (behind) row.line(`${end} = ${scope.constant("trimmedEnd", trimmedEnd)}(${bytes}, ${begin}, ${end});`);
    row.line(`if (${front ? `${start} < 0` : "false"} || ${end} < 0) { ${sinkString(output, whole(row, call, [subject]))} }`);
    return false;
  };
}

/** The call on strings. */
function whole(row: RowStatements, call: Call, args: readonly (Piece | undefined)[]): string {
  const types = { args: call.args.map((arg) => arg.type), returns: call.type, options: call.options };
  const definition = scalarFunction(call.fn);
  const run = row.scope.parameter((...values: readonly Value[]): Value => definition.evaluate(values, types));
  return `${run}(${args.map((arg) => arg?.value ?? "null").join(", ")})`;
}

function cut(row: RowStatements, { bytes, start, end }: Output, args: readonly Piece[]): boolean {
  const { scope } = row;
  const [subject, from, length] = args;
  const text = subject?.text;
  const size = row.name(`${scope.constant("slicePoints", slicePoints)}(${place(text)})`);
  const parameters = `${size}, ${from?.value}, ${length?.value ?? "Infinity"}`;
  const at = scope.constant("placeOfPoint", placeOfPoint);
  row.line(`${bytes} = ${text?.bytes};`);
  row.line(`${start} = ${at}(${place(text)}, ${size}, ${scope.constant("substringFrom", substringFrom)}(${parameters}));`);
  row.line(`${end} = ${at}(${place(text)}, ${size}, ${scope.constant("substringTo", substringTo)}(${parameters}));`);
  return false;
}

function replace(row: RowStatements, { sink, start, end }: Output, args: readonly Piece[], call: Call): boolean {
  const [wanted, by] = [call.args[1], call.args[2]].map((arg) =>
    row.scope.parameter(arg === undefined ? null : literalBytes(arg)),
  );
  row.line(`${start} = ${sink}.length;`);
  row.line(`${row.scope.constant("replaceSlice", replaceSlice)}(${sink}, ${place(args[0]?.text)}, ${wanted}, ${by});`);
  row.line(`${end} = ${sink}.length;`);
  return true;
}

function splitPart(row: RowStatements, output: Output, args: readonly Piece[], call: Call): boolean {
  const { scope } = row;
  const { bytes, start, end } = output;
  const text = args[0]?.text;
  const separator = call.args[1] === undefined ? null : literalBytes(call.args[1]);
  if (separator === null || separator.length === 0) {
    row.line(sinkString(output, whole(row, call, args)));
    return true;
  }
  const by = scope.parameter(separator);
  row.line(`${start} = ${scope.constant("partStart", partStart)}(${place(text)}, ${by}, ${args[2]?.value});`);
  row.line(`if (${start} < 0) { ${start} = 0; } else {`);
  row.line(`${bytes} = ${text?.bytes};`);
  row.line(`${end} = ${scope.constant("partEnd", partEnd)}(${bytes}, ${start}, ${text?.end}, ${by}); }`);
  return false;
}

function concat(row: RowStatements, { sink, start, end }: Output, args: readonly Piece[]): boolean {
  const { scope } = row;
  const parts = args.map(({ text }) => ({
    bytes: text?.bytes,
    start: row.name(`${text?.start}`),
    end: row.name(`${text?.end}`),
  }));
  const [to, at] = [scope.fresh("b_"), scope.fresh("v")];
  row.line(`${start} = ${sink}.length; ${sink}.reserve(${parts.map((part) => `${part.end} - ${part.start}`).join(" + ")});`);
  row.line(`const ${to} = ${sink}.bytes; let ${at} = ${start};`);
  const copy = scope.constant("copyBytes", copyBytes);
  for (const part of parts)
    row.line(`${copy}(${part.bytes}, ${part.start}, ${part.end}, ${to}, ${at}); ${at} += ${part.end} - ${part.start};`);
  row.line(`${sink}.length = ${end} = ${at};`);
  return true;
}
