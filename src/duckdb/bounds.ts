import { required } from "../common/assert.js";
import type { Bound } from "../expr/nodes.js";
import type { BoundNode } from "../plan/bound.js";
import { rangeOfColumn } from "../plan/statistics.js";
import { type DataType, isInteger } from "../schema/types.js";

/** Every value is null, NaN, or lies between the two. An integer beyond 2^53 does so as it is, not only as the nearest double. */
interface Range {
  readonly min: number;
  readonly max: number;
  /** Whether something was computed: the values may then stay far within the bounds, as those of a column do not. */
  readonly computed: boolean;
}

/** What is known of an argument of a sum: bounds of its values, and of their number. */
export interface SumBounds extends Range {
  readonly rows: number;
}

const nothing: Range = { min: Infinity, max: -Infinity, computed: false };

/** What the statistics of files say of an expression over a node's rows; null for anything but numbers with finite bounds. */
export function boundsOf(node: BoundNode, argument: Bound): SumBounds | null {
  const rows = mostRows(node);
  const range = rangeOf(node, argument);
  return rows === null || range === null || range === nothing ? null : { ...range, rows };
}

/** How many rows a node can have: those of its scan. */
function mostRows(node: BoundNode): number | null {
  if (node.kind === "scan") return node.source.rows;
  return node.kind === "project" || keepsValues(node) ? mostRows(node.input) : null;
}

type Keeping = Extract<BoundNode, { readonly kind: "filter" | "limit" | "window" | "sort" | "distinct" }>;

/** Whether a node's rows are some of its input's, whose columns are its first. */
const keepsValues = (node: BoundNode): node is Keeping =>
  node.kind === "filter" || node.kind === "limit" || node.kind === "window" || node.kind === "sort" || node.kind === "distinct";

/** Ranges of the columns of projects, each of which may use several of the one below. */
const projected = new WeakMap<BoundNode, Map<number, Range | null>>();

function columnRange(node: BoundNode, index: number): Range | null {
  if (node.kind === "scan") {
    const name = node.schema[index]?.name;
    const range = name === undefined ? null : rangeOfColumn(node.source, name);
    return range === null ? null : { ...range, computed: false };
  }
  if (node.kind !== "project") return keepsValues(node) ? columnRange(node.input, index) : null;
  const known = projected.get(node) ?? new Map<number, Range | null>();
  projected.set(node, known);
  if (!known.has(index)) known.set(index, rangeOf(node.input, required(node.columns[index], "column").expr));
  return known.get(index) ?? null;
}

function rangeOf(node: BoundNode, expr: Bound): Range | null {
  switch (expr.kind) {
    case "column":
      return columnRange(node, expr.index);
    case "literal":
      return expr.value === null ? nothing : isReal(expr.type) ? rangeBetween([Number(expr.value)], expr.type, false) : null;
    case "cast":
      return keepsNumbers(expr.input.type, expr.type) ? rangeOf(node, expr.input) : null;
    case "case":
      return oneOf(node, [...expr.branches.map(({ then }) => then), ...(expr.otherwise === null ? [] : [expr.otherwise])]);
    case "call":
      return callRange(node, expr);
    default:
      return null;
  }
}

const isReal = (type: DataType): boolean => isInteger(type) || type.kind === "float64";

/** Integers become doubles by rounding, which leaves them between bounds that are doubles. */
const keepsNumbers = (from: DataType, to: DataType): boolean =>
  (isInteger(from) && isReal(to)) || (from.kind === "float32" && to.kind === "float64");

function callRange(node: BoundNode, { fn, args, type }: Bound & { readonly kind: "call" }): Range | null {
  if (fn === "coalesce" || fn === "greatest" || fn === "least") return oneOf(node, args);
  const compute = corners[fn];
  if (compute === undefined || !isReal(type)) return null;
  const [a = null, b = nothing] = args.map((arg) => rangeOf(node, arg));
  return a === null || b === null ? null : rangeBetween(compute(a, b), type, true);
}

/** Values between which all results lie: rounding keeps the order of numbers, so the results of the bounds are enough. */
const corners: { readonly [fn: string]: (a: Range, b: Range) => readonly number[] } = {
  add: (a, b) => [a.min + b.min, a.max + b.max],
  sub: (a, b) => [a.min - b.max, a.max - b.min],
  mul: (a, b) => [a.min * b.min, a.min * b.max, a.max * b.min, a.max * b.max],
  divide: (a, b) => (b.min <= 0 && b.max >= 0 ? [] : [a.min / b.min, a.min / b.max, a.max / b.min, a.max / b.max]),
  neg: (a) => [-a.min, -a.max],
  abs: (a) => [a.min <= 0 && a.max >= 0 ? 0 : Math.min(Math.abs(a.min), Math.abs(a.max)), Math.abs(a.min), Math.abs(a.max)],
};

/** The range of these values and all between them; null where one is not finite, or is an integer that a double may have rounded. */
function rangeBetween(values: readonly number[], type: DataType, computed: boolean): Range | null {
  const sure = values.length > 0 && values.every(isInteger(type) ? Number.isSafeInteger : Number.isFinite);
  return sure ? { min: Math.min(...values), max: Math.max(...values), computed } : null;
}

/** The range of an expression whose value is that of one of several. */
function oneOf(node: BoundNode, parts: readonly Bound[]): Range | null {
  let range = nothing;
  for (const part of parts) {
    const own = rangeOf(node, part);
    if (own === null) return null;
    if (own === nothing) continue;
    range = {
      min: Math.min(range.min, own.min),
      max: Math.max(range.max, own.max),
      computed: range.computed || own.computed,
    };
  }
  return range;
}
