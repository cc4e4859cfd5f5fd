import type { Bound } from "../../expr/nodes.js";
import { literalToValue } from "../../functions/literal.js";
import { scalarFunction } from "../../functions/registry.js";
import type { Value } from "../../schema/types.js";
import { type BytePattern, bytePattern } from "./bytePattern.js";
import { literalBytes } from "./codegenText.js";

/** A condition that kernels decide column by column: the rows where it has one outcome, `true` or `false`; null is neither. */
export type MaskNode =
  | { readonly kind: "fill"; readonly value: boolean }
  | { readonly kind: "nulls"; readonly column: number; readonly isNull: boolean }
  /** int32 and dates in 32 bits; int64, timestamps and narrow decimals in 64. Bounds are inclusive. */
  | {
      readonly kind: "interval";
      readonly column: number;
      readonly bits: 32 | 64;
      readonly low: bigint;
      readonly high: bigint;
      readonly inside: boolean;
    }
  /** `negated`: NaN, which is greater than every number, is among the rest. */
  | {
      readonly kind: "order";
      readonly value: DoublesNode;
      readonly order: "lt" | "lte" | "eq";
      readonly to: number;
      readonly negated: boolean;
    }
  | {
      readonly kind: "pattern";
      readonly column: number;
      readonly pattern: BytePattern;
      readonly want: boolean;
      /** For texts that the pattern's bytes do not decide. */
      readonly decide: (text: string) => boolean;
    }
  | { readonly kind: "texts"; readonly column: number; readonly texts: readonly Uint8Array[]; readonly want: boolean }
  | { readonly kind: "and" | "or"; readonly parts: readonly MaskNode[] };

/** Doubles of one column, or of several. */
export type DoublesNode =
  | { readonly kind: "column"; readonly column: number }
  | { readonly kind: "ofInt32"; readonly column: number }
  | { readonly kind: "literal"; readonly value: number }
  | { readonly kind: "binary"; readonly fn: "add" | "sub" | "mul"; readonly a: DoublesNode; readonly b: DoublesNode };

type Call = Extract<Bound, { kind: "call" }>;

/** The rows where a condition is `outcome`; null where kernels have no way to tell. */
export function maskOf(bound: Bound, outcome: boolean): MaskNode | null {
  if (bound.kind === "literal") return { kind: "fill", value: bound.value === outcome };
  if (bound.kind !== "call") return null;
  const [first] = bound.args;
  switch (bound.fn) {
    case "not":
      return first === undefined ? null : maskOf(first, !outcome);
    case "and":
    case "or":
      return several(bound, outcome);
    case "isNull":
    case "isNotNull":
      if (first?.kind !== "column") return null;
      return { kind: "nulls", column: first.index, isNull: (bound.fn === "isNull") === outcome };
    case "regexpMatches":
      return patternMask(bound, outcome);
    case "in":
      return listMask(bound, outcome);
    case "eq":
    case "ne":
    case "lt":
    case "lte":
    case "gt":
    case "gte":
      return orderMask(bound.fn, bound.args, outcome);
    default:
      return null;
  }
}

/** A conjunction is false where one of its terms is, a disjunction where all are. */
function several(call: Call, outcome: boolean): MaskNode | null {
  const parts = call.args.map((arg) => maskOf(arg, outcome));
  const known = parts.filter((part) => part !== null);
  if (known.length < parts.length || known.length === 0) return null;
  return { kind: (call.fn === "and") === outcome ? "and" : "or", parts: known };
}

function patternMask(call: Call, want: boolean): MaskNode | null {
  const [subject, literal] = call.args;
  if (subject?.kind !== "column" || subject.type.kind !== "utf8") return null;
  if (literal?.kind !== "literal" || typeof literal.value !== "string" || call.args.length !== 2) return null;
  const source = literal.value;
  const flags = typeof call.options.flags === "string" ? call.options.flags.replace(/[gc]/g, "") : "";
  const pattern = bytePattern(source, flags);
  if (pattern === null) return null;
  const types = { args: call.args.map((arg) => arg.type), returns: call.type, options: call.options };
  const { evaluate } = scalarFunction(call.fn);
  return { kind: "pattern", column: subject.index, pattern, want, decide: (text) => evaluate([text, source], types) === true };
}

type Order = "eq" | "ne" | "lt" | "lte" | "gt" | "gte";
const turned: { readonly [K in Order]: Order } = { eq: "eq", ne: "ne", lt: "gt", lte: "gte", gt: "lt", gte: "lte" };

function orderMask(order: Order, [a, b]: readonly Bound[], outcome: boolean): MaskNode | null {
  if (a === undefined || b === undefined) return null;
  if (a.kind === "literal") return b.kind === "literal" ? null : orderMask(turned[order], [b, a], outcome);
  if (b.kind !== "literal") return null;
  if (a.type.kind === "utf8") return order === "eq" || order === "ne" ? textsMask(a, [b], (order === "eq") === outcome) : null;
  const to = literalToValue(b.value, b.type);
  if (to === null) return null;
  if (a.type.kind === "float64") return doublesMask(order, a, to, outcome);
  return intervalMask(order, a, to, outcome);
}

const least = { 32: -(2n ** 31n), 64: -(2n ** 63n) } as const;
const most = { 32: 2n ** 31n - 1n, 64: 2n ** 63n - 1n } as const;

function bitsOf(bound: Bound): 32 | 64 | null {
  switch (bound.type.kind) {
    case "int32":
    case "date":
      return 32;
    case "int64":
    case "timestamp":
      return 64;
    case "decimal":
      return bound.type.precision <= 18 ? 64 : null;
    default:
      return null;
  }
}

function intervalMask(order: Order, a: Bound, to: Value, outcome: boolean): MaskNode | null {
  const bits = bitsOf(a);
  if (a.kind !== "column" || bits === null || (typeof to !== "number" && typeof to !== "bigint")) return null;
  const value = BigInt(to);
  const column = a.index;
  const within = (low: bigint, high: bigint, inside: boolean): MaskNode => ({
    kind: "interval",
    column,
    bits,
    low,
    high,
    inside: inside === outcome,
  });
  switch (order) {
    case "eq":
    case "ne":
      return within(value, value, order === "eq");
    case "lt":
    case "gte":
      return within(value, most[bits], order === "gte");
    case "lte":
    case "gt":
      return within(least[bits], value, order === "lte");
  }
}

function doublesMask(order: Order, a: Bound, to: Value, outcome: boolean): MaskNode | null {
  const value = doublesOf(a);
  if (value === null || typeof to !== "number" || Number.isNaN(to)) return null;
  const plain = order === "gte" ? "lt" : order === "gt" ? "lte" : order === "ne" ? "eq" : order;
  return { kind: "order", value, order: plain, to, negated: (plain === order) !== outcome };
}

function doublesOf(bound: Bound): DoublesNode | null {
  if (bound.type.kind !== "float64") return null;
  switch (bound.kind) {
    case "column":
      return { kind: "column", column: bound.index };
    case "literal": {
      const value = literalToValue(bound.value, bound.type);
      return typeof value === "number" ? { kind: "literal", value } : null;
    }
    case "cast":
      if (bound.input.kind !== "column" || bound.input.type.kind !== "int32") return null;
      return { kind: "ofInt32", column: bound.input.index };
    case "call": {
      const [left, right] = bound.args;
      const fn = bound.fn;
      if ((fn !== "add" && fn !== "sub" && fn !== "mul") || left === undefined || right === undefined) return null;
      const [a, b] = [doublesOf(left), doublesOf(right)];
      return a === null || b === null ? null : { kind: "binary", fn, a, b };
    }
    default:
      return null;
  }
}

/** Whole numbers in longer lists are looked up elsewhere. */
const fewValues = 8;

function listMask(call: Call, outcome: boolean): MaskNode | null {
  const [subject, ...list] = call.args;
  if (subject === undefined || list.length === 0) return null;
  if (subject.type.kind === "utf8") return textsMask(subject, list, outcome);
  if (list.length > fewValues || list.some((item) => item.kind !== "literal")) return null;
  const parts = list.map((item) => orderMask("eq", [subject, item], outcome));
  const known = parts.filter((part) => part !== null);
  return known.length < parts.length ? null : { kind: outcome ? "or" : "and", parts: known };
}

function textsMask(subject: Bound, list: readonly Bound[], want: boolean): MaskNode | null {
  if (subject.kind !== "column") return null;
  const texts = list.flatMap((item) => literalBytes(item) ?? []);
  return texts.length < list.length ? null : { kind: "texts", column: subject.index, texts, want };
}

/** FNV-1a, as the kernel computes it. */
export function textHash(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}
