import { planError } from "../../common/errors.js";
import { importProgram } from "../../common/typescript.js";
import type { CapturedValue, FunctionRef, JsonValue } from "../../expr/nodes.js";
import { factoryOf } from "./codeCache.js";

/** A user's function, ready to be called. */
export type UserFunction = (...args: readonly unknown[]) => unknown;

const identifier = /^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u;

/** Some TypeScript loaders wrap functions in calls of `__name`, which is not part of the shipped source. */
const keepName = <T>(value: T): T => value;

/**
 * The function that a reference means. A source is compiled once, with the captured values as parameters of the function around it; a
 * module is imported.
 * @throws MillraceError Plan/FUNCTION_SOURCE, Plan/FUNCTION_MODULE, Plan/FUNCTION_EXPORT
 */
export async function loadFunction(ref: FunctionRef): Promise<UserFunction> {
  return ref.kind === "source" ? compileSource(ref) : await importFunction(ref);
}

function compileSource(ref: Extract<FunctionRef, { kind: "source" }>): UserFunction {
  const names = Object.keys(ref.captured);
  const wrong = names.find((name) => !identifier.test(name));
  if (wrong !== undefined) {
    throw planError("FUNCTION_SOURCE", `function ${JSON.stringify(ref.name)}: ${JSON.stringify(wrong)} is not a variable name`, {
      hint: "Names under `with` must be the names of variables in the function.",
    });
  }
  const values = names.map((name) => capturedValue(ref.captured[name] as CapturedValue));
  const helpers = names.includes("__name") ? [] : ["__name"];
  // Constants, not parameters: their values can be folded into the optimised code.
  let given = "captured$";
  while (names.includes(given)) given += "$";
  const constants = names.map((name, i) => `const ${name} = ${given}[${i}]; `).join("");
  let made: unknown;
  try {
    // The text is the user's own function, compiled on purpose.
    const make = factoryOf([given, ...helpers], `"use strict"; ${constants}return (${ref.source}\n);`);
    made = make(values, ...helpers.map(() => keepName));
  } catch (thrown) {
    throw planError("FUNCTION_SOURCE", `function ${JSON.stringify(ref.name)} cannot be compiled: ${messageOf(thrown)}`, {
      cause: thrown,
      hint: "Give an arrow function or a function expression; methods and native functions have no source that stands alone.",
    });
  }
  if (typeof made !== "function") {
    throw planError("FUNCTION_SOURCE", `function ${JSON.stringify(ref.name)}: its source is a ${typeof made}, not a function`);
  }
  return made as UserFunction;
}

function capturedValue(captured: CapturedValue): unknown {
  switch (captured.kind) {
    case "json":
      return jsonCopy(captured.value);
    case "bigint":
      return BigInt(captured.value);
    case "regexp":
      return new RegExp(captured.source, captured.flags);
    case "date":
      return new Date(captured.value);
    case "map":
      return new Map(captured.entries.map(([key, value]) => [capturedValue(key), capturedValue(value)]));
    case "set":
      return new Set(captured.values.map(capturedValue));
    default:
      return functionNamed(captured.ref);
  }
}

/** A helper that a function captured. It must be a source: a module cannot be had without waiting. */
function functionNamed(ref: FunctionRef): UserFunction {
  if (ref.kind === "source") return compileSource(ref);
  throw planError(
    "FUNCTION_SOURCE",
    `${JSON.stringify(ref.name)} is a function of a module and cannot be captured by another function`,
    {
      hint: "Put both functions into one module and pass the outer one with module(import.meta.url, name).",
    },
  );
}

const jsonCopy = (value: JsonValue): JsonValue => (typeof value === "object" ? structuredClone(value) : value);

async function importFunction(ref: Extract<FunctionRef, { kind: "module" }>): Promise<UserFunction> {
  let loaded: { readonly [name: string]: unknown };
  try {
    loaded = (await importProgram(ref.url)) as { readonly [name: string]: unknown };
  } catch (thrown) {
    throw planError(
      "FUNCTION_MODULE",
      `the module of function ${JSON.stringify(ref.name)} cannot be loaded: ${messageOf(thrown)}`,
      {
        cause: thrown,
        file: ref.url,
      },
    );
  }
  const found = loaded[ref.exportName];
  if (typeof found === "function") return found as UserFunction;
  const names = Object.keys(loaded).filter((name) => typeof loaded[name] === "function");
  throw planError("FUNCTION_EXPORT", `the module exports no function ${JSON.stringify(ref.exportName)}`, {
    file: ref.url,
    hint: names.length === 0 ? "It exports no function at all." : `It exports the functions ${names.join(", ")}.`,
  });
}

const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));
