import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { planError } from "../common/errors.js";
import type { FunctionRef } from "../expr/nodes.js";
import { type DataType, parseType } from "../schema/types.js";
import { sha256 } from "./canonical.js";
import { type Captures, shipFunction, shipped } from "./capture.js";
import { columnOf } from "./columnExpr.js";
import type { Column, Expression } from "./columns.js";
import type { FunctionUse } from "./functionSource.js";
import { describe, toExpr } from "./literal.js";
import { fillOptions, options } from "./options.js";
import type { DecimalName, FloatName, IntegerName, IsAny, NameOf, TypeSpec } from "./types.js";

/** What may be given for a parameter of a user's function: the value itself, or a column whose values have that form. */
export type Argument<P> =
  IsAny<P> extends true ? unknown : unknown extends P ? unknown : P | ColumnFor<Exclude<P, null | undefined>>;

type ColumnFor<P> = P extends number
  ? Expression<Exclude<IntegerName, "int64" | "uint64"> | FloatName | "numeric" | "any">
  : P extends bigint
    ? Expression<"int64" | "uint64" | "timestamp" | "numeric" | "any">
    : P extends string
      ? Expression<"utf8" | DecimalName | "any">
      : P extends boolean
        ? Expression<"bool" | "any">
        : P extends Date
          ? Expression<"date" | "any">
          : P extends Uint8Array
            ? Expression<"binary" | "any">
            : Expression;

// biome-ignore lint/suspicious/noExplicitAny: parameters are contravariant, so that no other type admits every function
export type AnyFunction = (...args: any[]) => unknown;

/** A function that carries its shipped form; `map`, `flatMap` and `mapBatches` take it, too. */
export interface ShippedFunction {
  readonly [shipped]: FunctionRef;
}

/** Called with columns or values, it gives a column. */
export interface UserFunction<F extends AnyFunction, T extends string> extends ShippedFunction {
  (...args: Arguments<Parameters<F>>): Column<T>;
}

type Arguments<P extends readonly unknown[]> = { [I in keyof P]: Argument<P[I]> };

export interface UdfOptions<N extends TypeSpec> {
  /** Type of the result. */
  readonly returns: N;
  /** Values that the function takes from around it, by the names it uses. */
  readonly with?: Captures;
  /** Shown in messages and plans; the function's own name by default. */
  readonly name?: string;
}

/**
 * A TypeScript function for use in expressions. It runs in the workers, is shipped as source, and sees null for null.
 * @throws MillraceError Plan/UDF_FREE_VARIABLE for an outer name that is not in `with`, Plan/UDF_NOT_SERIALISABLE,
 * Plan/UDF_CAPTURE_NOT_SERIALISABLE
 */
export function udf<F extends AnyFunction, const N extends TypeSpec>(fn: F, options: UdfOptions<N>): UserFunction<F, NameOf<N>> {
  const given = fillOptions(options, udfOptions, "udf");
  const name = given.name === "" ? nameOfFunction(fn, "udf") : given.name;
  return callable(shipFunction(fn, name, "udf", capturesOf(given.with, "udf")), requireReturns(given.returns, "udf"));
}

const udfOptions = {
  returns: options.other<unknown>(undefined),
  with: options.other<unknown>({}),
  name: options.text(""),
};

function requireReturns(returns: unknown, where: string): DataType {
  if (returns === undefined) {
    throw planError("MISSING_OPTION", `${where}: option "returns" is missing: the type of the function's result`, {
      hint: 'Write udf(fn, { returns: "float64" }).',
    });
  }
  return typeOption(returns, where, "returns");
}

/** A type given as an option. */
export function typeOption(value: unknown, where: string, name: string): DataType {
  if (typeof value === "string" || (typeof value === "object" && value !== null && "kind" in value))
    return parseType(value as DataType);
  throw planError("INVALID_OPTION", `${where}: option ${JSON.stringify(name)}: expected a type, found ${describe(value)}`);
}

function callable<F extends AnyFunction, T extends string>(ref: FunctionRef, returns: DataType | null): UserFunction<F, T> {
  const call = (...args: unknown[]) => {
    if (returns === null) {
      throw planError("MISSING_OPTION", `module ${ref.name}: to be used in an expression it needs the type of its result`, {
        hint: 'Write module(import.meta.url, "name", { returns: "float64" }).',
      });
    }
    return columnOf<T>({ kind: "udf", fn: ref, args: args.map((arg) => toExpr(arg, ref.name)), returns });
  };
  return Object.assign(call, { [shipped]: ref }) as unknown as UserFunction<F, T>;
}

export interface ModuleOptions<N extends TypeSpec> {
  /** Type of the result; needed where the function is used in an expression. */
  readonly returns?: N;
}

/**
 * An exported function of a module, which every worker imports, with everything the module itself imports. `url` is a file URL
 * (usually `import.meta.url`) or a path.
 * @throws MillraceError Plan/UDF_MODULE_NOT_FOUND
 */
export function module<F extends AnyFunction = AnyFunction, const N extends TypeSpec = "utf8">(
  url: string | URL,
  exportName: string,
  options: ModuleOptions<N> = {},
): UserFunction<F, NameOf<N>> {
  const given = fillOptions(options, { returns: udfOptions.returns }, "module");
  const at = moduleUrl(url);
  const ref: FunctionRef = { kind: "module", name: exportName, url: at.href, exportName, hash: moduleHash(at, exportName) };
  return callable(ref, given.returns === undefined ? null : typeOption(given.returns, "module", "returns"));
}

function moduleUrl(url: string | URL): URL {
  const text = String(url);
  if (URL.canParse(text)) return new URL(text);
  if (text.startsWith("/")) return new URL(`file://${encodeURI(text)}`);
  throw planError("UDF_MODULE_NOT_FOUND", `module: expected a file URL or an absolute path, found ${JSON.stringify(text)}`, {
    hint: "Give import.meta.url, or new URL('./functions.ts', import.meta.url).",
  });
}

/** The file's bytes count, so that a changed function makes a changed plan. */
function moduleHash(url: URL, exportName: string): string {
  if (url.protocol !== "file:") throw planError("UDF_MODULE_NOT_FOUND", `module: expected a file URL, found ${url.href}`);
  try {
    return sha256(`${sha256(readFileSync(fileURLToPath(url)))}#${exportName}`);
  } catch (cause) {
    throw planError("UDF_MODULE_NOT_FOUND", `module: ${fileURLToPath(url)} cannot be read`, { cause });
  }
}

export function capturesOf(value: unknown, where: string): Captures {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Captures;
  throw planError("INVALID_OPTION", `${where}: option "with": expected an object of values by name, found ${describe(value)}`, {
    hint: "Write { with: { RATE } }.",
  });
}

export function nameOfFunction(fn: unknown, fallback: string): string {
  const name = typeof fn === "function" ? fn.name : "";
  return name === "" ? fallback : name;
}

/** The function of a `map`, `flatMap` or `mapBatches`, ready to ship. */
export function shipStep(fn: unknown, use: Exclude<FunctionUse, "udf" | "captured">, captures: unknown): FunctionRef {
  return shipFunction(fn, nameOfFunction(fn, use), use, capturesOf(captures ?? {}, use));
}
