import { planError } from "../common/errors.js";
import { didYouMean, nearestNames } from "../common/nearest.js";
import type { CapturedValue, FunctionRef, JsonValue } from "../expr/nodes.js";
import { canonicalJson, sha256 } from "./canonical.js";
import { type FreeName, type FunctionUse, moduleHint, readFunction } from "./functionSource.js";
import { describe } from "./literal.js";

/** Values that a function takes from around it, by name. */
export interface Captures {
  readonly [name: string]: unknown;
}

/** Where a function already carries its shipped form (made by `udf` or `module`). */
export const shipped: unique symbol = Symbol("millrace.function");

export function shippedRef(fn: unknown): FunctionRef | undefined {
  return typeof fn === "function" && shipped in fn ? (fn as { readonly [shipped]: FunctionRef })[shipped] : undefined;
}

/**
 * A function as data: its text, and the values that were named for it. Functions among them are shipped the same way, and may use the
 * same names.
 * @throws MillraceError Plan/UDF_FREE_VARIABLE, Plan/UDF_NOT_SERIALISABLE, Plan/UDF_CAPTURE_NOT_SERIALISABLE
 */
export function shipFunction(fn: unknown, name: string, use: FunctionUse, captures: Captures): FunctionRef {
  return ship(fn, name, use, captures, []);
}

function ship(fn: unknown, name: string, use: FunctionUse, captures: Captures, above: readonly unknown[]): FunctionRef {
  const ready = shippedRef(fn);
  if (ready !== undefined) return ready;
  const { source, free, pure, numbers } = readFunction(fn, name, use);
  const captured: { [name: string]: CapturedValue } = {};
  let recursive: string | null = null;
  for (const variable of free) {
    const given = Object.hasOwn(captures, variable.name);
    const value = given ? captures[variable.name] : undefined;
    if (given ? value === fn : variable.name === (fn as { readonly name: string }).name) {
      recursive = variable.name;
    } else {
      if (!given) throw freeVariable(name, variable, Object.keys(captures));
      captured[variable.name] = capture(value, variable.name, { name, captures, above: [...above, fn] });
    }
  }
  // A function that calls itself by the name of the constant that holds it gets that constant back.
  const text = recursive === null ? source : `(() => { const ${recursive} = ${source}; return ${recursive}; })()`;
  const hash = sha256(canonicalJson({ source: text, captured }));
  const known = { ...(pure ? { pure } : {}), ...(numbers.length > 0 ? { numbers } : {}) };
  return { kind: "source", name, source: text, captured, hash, ...known };
}

function freeVariable(name: string, variable: FreeName, given: readonly string[]): Error {
  const near = nearestNames(variable.name, given).length > 0 ? ` ${didYouMean(variable.name, given)}` : "";
  return planError(
    "UDF_FREE_VARIABLE",
    `function ${name} uses ${variable.name} (line ${variable.line} of the function), which it does not declare itself: it will not exist in a worker.${near}`,
    { hint: `Name it: { with: { ${variable.name} } }. ${moduleHint}` },
  );
}

interface CaptureContext {
  readonly name: string;
  readonly captures: Captures;
  /** Functions that are being shipped, outermost first. */
  readonly above: readonly unknown[];
}

function capture(value: unknown, path: string, context: CaptureContext): CapturedValue {
  if (typeof value === "function") {
    if (context.above.includes(value))
      throw refused(context, path, "a function that calls back the one that captured it", moduleHint);
    const ref = ship(value, path, "captured", context.captures, context.above);
    if (ref.kind === "module") throw refused(context, path, "a function of a module", moduleFunctionHint);
    return { kind: "function", ref };
  }
  if (typeof value === "bigint") return { kind: "bigint", value: value.toString() };
  if (value instanceof RegExp) return { kind: "regexp", source: value.source, flags: value.flags };
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw refused(context, path, "an invalid Date", "Check how the Date was made.");
    return { kind: "date", value: value.getTime() };
  }
  if (value instanceof Map || value instanceof Set) {
    if (context.above.includes(value)) throw refused(context, path, "a cycle", cycleHint);
    return collection(value, path, { ...context, above: [...context.above, value] });
  }
  return { kind: "json", value: json(value, path, context, []) };
}

function collection(value: Map<unknown, unknown> | Set<unknown>, path: string, context: CaptureContext): CapturedValue {
  if (value instanceof Set) return { kind: "set", values: [...value].map((item, i) => capture(item, `${path}[${i}]`, context)) };
  const entries = [...value].map(([key, item], i) => {
    const at = typeof key === "string" ? JSON.stringify(key) : `entry ${i}`;
    return [capture(key, `${path}[key of ${at}]`, context), capture(item, `${path}[${at}]`, context)] as const;
  });
  return { kind: "map", entries };
}

const moduleFunctionHint = "Put both functions into one module and ship the outer one by module().";
const cycleHint = "Capture data without references back to itself.";

function json(value: unknown, path: string, context: CaptureContext, above: readonly unknown[]): JsonValue {
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number") {
    if (Number.isFinite(value)) return value;
    throw refused(context, path, String(value), `Write ${value} in the function itself.`);
  }
  if (typeof value !== "object") throw refused(context, path, describe(value), kindsHint);
  if (above.includes(value)) throw refused(context, path, "a cycle", cycleHint);
  const inside = [...above, value];
  if (Array.isArray(value)) return Array.from(value, (item, i) => json(item, `${path}[${i}]`, context, inside));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw refused(context, path, describe(value), kindsHint);
  if (Object.getOwnPropertySymbols(value).length > 0) throw refused(context, path, "an object with symbols as keys", kindsHint);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, json(item, `${path}.${key}`, context, inside)]));
}

const kindsHint =
  "A captured value is JSON data, a bigint, RegExp, Date, Map, Set or function; those other than JSON stand alone or in a Map or Set, not inside an object.";

function refused(context: CaptureContext, path: string, found: string, hint: string): Error {
  return planError("UDF_CAPTURE_NOT_SERIALISABLE", `function ${context.name}: the captured value ${path} is ${found}`, { hint });
}
