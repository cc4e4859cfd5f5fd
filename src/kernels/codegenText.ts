import { Buffer } from "node:buffer";
import type { Bound } from "../expr/nodes.js";
import { literalToValue } from "../functions/literal.js";
import type { Piece, RowStatements } from "./codegenPiece.js";

/** Whether a row's bytes are exactly `wanted`. */
export function bytesEqual(bytes: Uint8Array, start: number, end: number, wanted: Uint8Array): boolean {
  if (end - start !== wanted.length) return false;
  for (let i = 0; i < wanted.length; i++) if (bytes[start + i] !== wanted[i]) return false;
  return true;
}

function bytesStart(bytes: Uint8Array, start: number, end: number, wanted: Uint8Array): boolean {
  return end - start >= wanted.length && bytesEqual(bytes, start, start + wanted.length, wanted);
}

function bytesEnd(bytes: Uint8Array, start: number, end: number, wanted: Uint8Array): boolean {
  return end - start >= wanted.length && bytesEqual(bytes, end - wanted.length, end, wanted);
}

function bytesAmong(bytes: Uint8Array, start: number, end: number, wanted: readonly Uint8Array[]): boolean {
  for (let i = 0; i < wanted.length; i++) if (bytesEqual(bytes, start, end, wanted[i] as Uint8Array)) return true;
  return false;
}

const tests: { readonly [fn: string]: { readonly test: unknown; readonly not: string } } = {
  eq: { test: bytesEqual, not: "" },
  ne: { test: bytesEqual, not: "!" },
  startsWith: { test: bytesStart, not: "" },
  endsWith: { test: bytesEnd, not: "" },
};

/** Tests of a text column of the batch against literals, made on its bytes without decoding them; null for other calls. */
export function textCall(row: RowStatements, call: Extract<Bound, { kind: "call" }>): Piece | null {
  const [subject, ...others] = call.args;
  if (subject?.kind !== "column" || subject.type.kind !== "utf8" || others.length === 0) return null;
  const column = row.columns[subject.index];
  if (column?.column === undefined) return null;
  const wanted = others.map(literalBytes);
  if (wanted.some((bytes) => bytes === null)) return null;
  const { bytes, starts, ends } = row.input.bytes(column.column);
  const place = `${bytes}, ${starts}[i], ${ends}[i]`;
  const simple = tests[call.fn];
  const isNull = column.isNull;
  if (simple !== undefined && wanted.length === 1) {
    const test = row.scope.constant(`bytes ${call.fn}`, simple.test);
    return named(row, `${simple.not}${test}(${place}, ${row.scope.parameter(wanted[0])})`, isNull);
  }
  if (call.fn !== "in" || wanted.length > 16) return null;
  return named(row, `${row.scope.constant("bytes in", bytesAmong)}(${place}, ${row.scope.parameter(wanted)})`, isNull);
}

function named(row: RowStatements, text: string, isNull: string | null): Piece {
  const value = row.scope.fresh("v");
  row.line(isNull === null ? `const ${value} = ${text};` : `const ${value} = !${isNull} && ${text};`);
  return { value, isNull };
}

function literalBytes(bound: Bound): Uint8Array | null {
  if (bound.kind !== "literal" || bound.type.kind !== "utf8") return null;
  const value = literalToValue(bound.value, bound.type);
  if (typeof value !== "string" || value.includes("\ufffd")) return null;
  const bytes = Buffer.from(value);
  // A lone surrogate has no bytes of its own, and malformed data decodes to U+FFFD: both need decoded text.
  return bytes.toString() === value ? new Uint8Array(bytes) : null;
}
