import fc from "fast-check";
import type { Batch } from "../../../src/batch/column.js";
import type { Bound } from "../../../src/expr/nodes.js";
import { castExists } from "../../../src/functions/cast.js";
import { literalToValue, valueToLiteral } from "../../../src/functions/literal.js";
import { scalarFunction } from "../../../src/functions/registry.js";
import { timeUnits } from "../../../src/functions/time-units.js";
import {
  type DataType,
  integerRange,
  isInteger,
  sameType,
  type Schema,
  typeName,
  types,
  type Value,
  valueForm,
} from "../../../src/schema/types.js";
import { arbitraryOf, everyType } from "../batch/values.js";
import { batchOf } from "./expressions.js";

/** One expression over columns of just the types it takes, and batches that differ in nulls, selection and size of values. */
export interface Direct {
  readonly expr: Bound;
  readonly batches: readonly Batch[];
}

/** Choices that a seed makes: far faster than drawing each from the property runner, and the seed says all. */
export class Choices {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** A whole number in [min, max]. */
  int(min: number, max: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return min + Math.floor(((mixed ^ (mixed >>> 14)) >>> 0) * (max - min + 1) * 2 ** -32);
  }

  bool(): boolean {
    return this.int(0, 1) === 1;
  }

  of<T>(list: readonly T[]): T {
    return list[this.int(0, list.length - 1)] as T;
  }

  big(min: bigint, max: bigint): bigint {
    const wide = (BigInt(this.int(0, 2 ** 31)) << 62n) | (BigInt(this.int(0, 2 ** 31)) << 31n) | BigInt(this.int(0, 2 ** 31));
    return min + (wide % (max - min + 1n));
  }
}

const smallTypes = new Map<string, readonly Value[]>();

/** Some values of a type of no special interest here. */
function sampled(type: DataType): readonly Value[] {
  const name = typeName(type);
  const known = smallTypes.get(name) ?? fc.sample(arbitraryOf(type), { numRuns: 60, seed: 7 });
  smallTypes.set(name, known);
  return known;
}

/** Whole numbers around the widths that loops are made for. */
function bigs(g: Choices, min: bigint, max: bigint): Value {
  const bits = BigInt(g.of([3, 8, 16, 24, 31, 32, 40, 46, 52, 53, 54, 63, 64]));
  const edge = 1n << bits;
  const value = g.bool()
    ? g.big(-edge, edge)
    : g.of([edge, edge - 1n, edge + 1n, -edge, -edge - 1n, 0n, 1n, -1n, 10n, 15n, 25n, -25n]);
  return clamped(value as bigint, min, max);
}

function clamped(value: bigint, min: bigint, max: bigint): bigint {
  if (value < min) return min;
  return value > max ? max : value;
}

const asciiTexts = ["", " ", "a", "A-b-C", "  two words  ", "a,b,,c", "%a%", "aaa", "2024-02-29", "Zz9 ", "x".repeat(60)];
const otherTexts = ["é", " ñ ", "\u3000x\u3000", "日本-語", "😀x", "a\u00a0", "ẞß", "\ufffd", "a,é,b"];

/** Values that a loop for small numbers, or for ASCII, must and must not take. */
function valuesOf(g: Choices, type: DataType, length: number): Value[] {
  const nullable = g.bool();
  const wide = g.int(0, 3) === 0;
  const ascii = g.bool();
  const range = rangeOfType(type);
  const one = (): Value => {
    if (nullable && g.int(0, 3) === 0) return null;
    if (range !== null && !wide) {
      const value = g.bool() ? g.big(-50n, 50n) : (bigs(g, -(1n << 40n), 1n << 40n) as bigint);
      return clamped(value, range.min, range.max);
    }
    if (range !== null) return bigs(g, range.min, range.max);
    if (type.kind === "utf8") return g.of(ascii ? asciiTexts : [...asciiTexts, ...otherTexts]);
    return g.of(sampled(type));
  };
  return Array.from({ length }, one);
}

function rangeOfType(type: DataType): { readonly min: bigint; readonly max: bigint } | null {
  if (valueForm(type) !== "bigint") return null;
  if (type.kind === "decimal") return { min: 1n - 10n ** BigInt(type.precision), max: 10n ** BigInt(type.precision) - 1n };
  return isInteger(type) ? integerRange(type) : { min: -(2n ** 63n), max: 2n ** 63n - 1n };
}

const argumentTypes = [...everyType.filter((type) => type.kind !== "list" && type.kind !== "struct"), types.decimal(15, 3)];
/** What most functions take; and what some take alone. */
const usualTypes = [types.utf8, types.utf8, types.int32, types.timestamp];
const allTypes = [...everyType, ...usualTypes];

/** A call of a function on columns and literals; null where the types that were tried do not suit it. */
export function directCall(g: Choices, name: string): Direct | null {
  const fn = scalarFunction(name);
  const unit = g.of(timeUnits);
  const options = { unit, format: "%Y-%m-%d", separator: ",", algorithm: "sha256", name: "b" };
  for (let tries = 0; tries < 60; tries++) {
    const one = g.of(argumentTypes);
    const count = g.int(1, 4);
    const same = g.bool();
    const from = g.of([argumentTypes, usualTypes, allTypes]);
    const wanted = Array.from({ length: count }, () => (same ? one : g.of(from)));
    const resolved = fn.resolve(wanted, options);
    if (typeof resolved === "string") continue;
    const fixed = fn.literalArgs ?? [];
    const last = fixed.at(-1) ?? Number.POSITIVE_INFINITY;
    const schema: Schema = resolved.args.map((type, i) => ({ name: `c${i}`, type, nullable: true }));
    const args = schema.map((field, index): Bound => {
      const literal = fixed.includes(index) || index > last || (index > 0 && g.int(0, 2) === 0);
      if (literal || (growing.has(name) && field.type.kind === "int32")) return literalOf(g, field.type);
      return { kind: "column", index, name: field.name, type: field.type, nullable: true };
    });
    const values = args.map((arg) => (arg.kind === "literal" ? literalToValue(arg.value, arg.type) : undefined));
    if (typeof fn.checkLiterals?.(values, options) === "string") continue;
    const expr: Bound = { kind: "call", fn: name, args, options, type: resolved.returns, nullable: true };
    return { expr, batches: batchesOf(g, schema) };
  }
  return null;
}

const growing: ReadonlySet<string> = new Set(["lpad", "rpad", "repeat"]);

function literalOf(g: Choices, type: DataType): Bound {
  const value: Value =
    type.kind === "int32"
      ? g.int(-3, 6)
      : type.kind === "utf8"
        ? g.of(["", "a", ",", "-", "%a%", "a%", "%-%C", "_", "é", "ab", "(a|b)", "2024-02-29"])
        : (valuesOf(g, type, 1)[0] ?? null);
  return { kind: "literal", value: valueToLiteral(value, type), type, nullable: value === null };
}

/** A cast of a column from one type to another. */
export function directCast(g: Choices): Direct | null {
  const from = g.of(argumentTypes);
  const to = g.of(argumentTypes);
  if (sameType(from, to) || !castExists(from, to)) return null;
  const schema: Schema = [{ name: "c0", type: from, nullable: true }];
  const input: Bound = { kind: "column", index: 0, name: "c0", type: from, nullable: true };
  const expr: Bound = { kind: "cast", input, safe: g.bool(), type: to, nullable: true };
  return { expr, batches: batchesOf(g, schema) };
}

const batchesOf = (g: Choices, schema: Schema): readonly Batch[] =>
  Array.from({ length: 3 }, () => {
    const length = g.int(1, 9);
    const selection = g.bool() ? [...Array(length).keys()].filter(() => g.bool()) : null;
    return batchOf(
      schema,
      schema.map((field) => valuesOf(g, field.type, length)),
      selection,
    );
  });
