import type * as Acorn from "acorn";
import type { Node } from "acorn";
import { planError } from "../common/errors.js";
import { requireLibrary } from "../common/library.js";
import { type Analysis, analyseFunction, type FreeVariable, type Obstacle } from "./freeVariables.js";
import { numberParameters } from "./numberUse.js";
import { isPure } from "./purity.js";

/** What a function is used for decides which forms it may have. */
export type FunctionUse = "udf" | "map" | "flatMap" | "mapBatches" | "captured";

/** A function's text as an expression, and the outer names it uses. */
export interface FunctionSource {
  readonly source: string;
  /** Without the standard globals; each name once, at its first use. */
  readonly free: readonly FreeName[];
  /** See `isPure`. */
  readonly pure: boolean;
  /** See `numberParameters`; of an expression's function alone, as no other is called with values of columns. */
  readonly numbers: readonly number[];
}

export interface FreeName {
  readonly name: string;
  /** 1-based, within the function's own text. */
  readonly line: number;
}

/** Names that every worker has, too. */
const standardGlobals = new Set(
  `undefined NaN Infinity globalThis Object Function Array Number String Boolean Symbol BigInt Math JSON Date RegExp Map Set WeakMap
  WeakSet WeakRef Promise Proxy Reflect Error TypeError RangeError SyntaxError EvalError URIError ReferenceError AggregateError Intl
  ArrayBuffer SharedArrayBuffer Atomics DataView Int8Array Uint8Array Uint8ClampedArray Int16Array Uint16Array Int32Array Uint32Array
  Float32Array Float64Array BigInt64Array BigUint64Array parseInt parseFloat isNaN isFinite encodeURI encodeURIComponent decodeURI
  decodeURIComponent escape unescape URL URLSearchParams TextEncoder TextDecoder structuredClone Buffer console atob btoa performance
  crypto setTimeout clearTimeout queueMicrotask fetch AbortController AbortSignal __name`.split(/\s+/),
);

/**
 * Reads a function's own text.
 * @throws MillraceError Plan/UDF_NOT_SERIALISABLE with the reason.
 */
export function readFunction(fn: unknown, name: string, use: FunctionUse): FunctionSource {
  if (typeof fn !== "function") {
    throw planError("INVALID_ARGUMENT", `${name}: expected a function, found ${fn === null ? "null" : typeof fn}`);
  }
  const text = Function.prototype.toString.call(fn);
  const { node, source, offset } = parseFunction(text, name, fn.name);
  refuseForm(node, name, use);
  const analysis = analyseFunction(node);
  const lineAt = (start: number) => text.slice(0, Math.max(0, start - offset)).split("\n").length;
  refuseTies(analysis, name, lineAt);
  const free = new Map<string, FreeName>();
  for (const variable of analysis.free) {
    if (standardGlobals.has(variable.name)) continue;
    refuseAssignment(variable, name, lineAt(variable.start));
    if (!free.has(variable.name)) free.set(variable.name, { name: variable.name, line: lineAt(variable.start) });
  }
  const numbers = use === "udf" ? numberParameters(node) : [];
  return { source, free: [...free.values()], pure: isPure(node, analysis.free), numbers };
}

type FunctionNode = Node & { readonly async?: boolean; readonly generator?: boolean };

interface Parsed {
  readonly node: FunctionNode;
  readonly source: string;
  /** Characters that were put before the text to parse it. */
  readonly offset: number;
}

function parseFunction(text: string, name: string, ownName: string): Parsed {
  if (/\{\s*\[native code\]\s*\}\s*$/.test(text)) {
    const bound = ownName.startsWith("bound ");
    throw notSerialisable(
      name,
      bound ? "it is a bound function, whose text is hidden" : "it is built in, and has no text",
      undefined,
    );
  }
  const expression = tryParse(`(${text})`) as { readonly expression: FunctionNode } | null;
  if (expression !== null) {
    const node = expression.expression;
    if (node.type !== "ClassExpression") return { node, source: text, offset: 1 };
    throw notSerialisable(name, "it is a class", "Give a function; a class can live in a module, used through module().");
  }
  // A method is written without the word `function`; as a function expression it has the same meaning.
  const method = tryParse(`({${text}})`) as { readonly expression: { readonly properties: readonly MethodNode[] } } | null;
  const property = method?.expression.properties[0];
  if (property === undefined || property.kind !== "init" || property.value.type !== "FunctionExpression") {
    throw notSerialisable(name, "its text cannot be read as a function", "Accessors and private methods cannot be shipped.");
  }
  const { async, generator, start } = property.value;
  const source = `${async ? "async " : ""}function${generator ? "*" : ""} ${text.slice(start - 2)}`;
  return { node: property.value, source, offset: 2 };
}

interface MethodNode {
  readonly kind: string;
  readonly value: FunctionNode;
}

/** The first statement of the text, or null where it does not parse. */
export function tryParse(text: string): unknown {
  // Loaded with the first function: plans without one start sooner.
  const { parse } = requireLibrary("acorn") as typeof Acorn;
  try {
    return parse(text, { ecmaVersion: "latest" }).body[0] ?? null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function refuseForm(node: FunctionNode, name: string, use: FunctionUse): void {
  if (node.async && use !== "mapBatches" && use !== "captured") {
    throw notSerialisable(name, `it is async, and ${use} calls it once per row`, "mapBatches takes async functions.");
  }
  if (node.generator && use !== "flatMap" && use !== "captured") {
    throw notSerialisable(name, "it is a generator", "flatMap takes generators; it may give any number of rows.");
  }
}

function refuseTies({ obstacles }: Analysis, name: string, lineAt: (start: number) => number): void {
  const first: Obstacle | undefined = obstacles[0];
  if (first === undefined) return;
  throw notSerialisable(
    name,
    `it uses ${first.what} (line ${lineAt(first.start)} of the function), which does not exist in a worker`,
    first.what.startsWith("import") ? moduleHint : "Take the value as a parameter or name it in { with: { … } }.",
  );
}

function refuseAssignment(variable: FreeVariable, name: string, line: number): void {
  if (!variable.assigned) return;
  throw notSerialisable(
    name,
    `it assigns to the outer variable ${variable.name} (line ${line} of the function), which each worker would have for itself`,
    "Results must not depend on which worker computed them: return values, and count with an aggregate.",
  );
}

export const moduleHint = 'A whole module, with its imports, is shipped by module(import.meta.url, "exportName", …).';

function notSerialisable(name: string, reason: string, hint: string | undefined): Error {
  return planError("UDF_NOT_SERIALISABLE", `function ${name} cannot run in a worker: ${reason}`, { hint: hint ?? moduleHint });
}
