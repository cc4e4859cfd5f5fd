import type { Bound } from "../expr/nodes.js";
import { conjuncts } from "../expr/walk.js";
import { isFallible } from "../functions/bind.js";
import type { BoundNode, WindowCall } from "../plan/bound.js";
import { isFloat, types } from "../schema/types.js";
import { topological } from "./rewrite.js";

type Node<K extends BoundNode["kind"]> = Extract<BoundNode, { readonly kind: K }>;

/** Which rows of each partition of a window are wanted: so many, by their number or by their rank, which ties share. */
export interface WantedRows {
  readonly count: number;
  readonly by: "rowNumber" | "rank";
}

/**
 * What a filter over a window wants of it, as far as one term of the filter says so: `r <= 3`, `r < 4`, `r = 1` for a column that numbers or ranks the
 * rows. null where no term does, where a function of the window looks at rows behind a row, and where rows that are not wanted could fail.
 */
export function wantedRows(filter: Node<"filter">): WantedRows | null {
  const { input: window, predicate } = filter;
  if (window.kind !== "window" || isFallible(predicate)) return null;
  if (window.calls.some((call) => looksAhead(window, call) || mayOverflow(call))) return null;
  const own = window.schema.length - window.calls.length;
  const found = conjuncts(predicate).flatMap((term): WantedRows[] => {
    const bound = boundOf(term);
    const fn = bound === null ? undefined : window.calls[bound.column - own]?.fn;
    return bound !== null && (fn === "rowNumber" || fn === "rank") && bound.most >= 1 ? [{ count: bound.most, by: fn }] : [];
  });
  return found.reduce<WantedRows | null>((least, one) => (least === null || one.count < least.count ? one : least), null);
}

/** As `wantedRows`, of every window that nobody but a filter reads. */
export function wantedOfWindows(
  outputs: readonly BoundNode[],
  consumers: ReadonlyMap<BoundNode, number>,
): ReadonlyMap<BoundNode, WantedRows> {
  const wanted = new Map<BoundNode, WantedRows>();
  for (const node of topological(outputs)) {
    if (node.kind !== "filter" || consumers.get(node.input) !== 1) continue;
    const rows = wantedRows(node);
    if (rows !== null) wanted.set(node.input, rows);
  }
  return wanted;
}

/** Whether what a call gives for a row depends on rows that come behind it and those that are tied with it. */
function looksAhead({ frame, order }: Node<"window">, { fn }: WindowCall): boolean {
  switch (fn) {
    case "rowNumber":
    case "rank":
    case "denseRank":
    case "lag":
      return false;
    case "lead":
      return true;
    default:
      return frame === null ? order.length === 0 : frame.to === null || frame.to > 0;
  }
}

/** Sums of whole numbers fail the run. */
const mayOverflow = ({ fn, args }: WindowCall): boolean =>
  (fn === "sum" || fn === "avg") && !isFloat(args[0]?.type ?? types.null);

const flipped: Readonly<Record<string, string>> = { eq: "eq", gt: "lt", gte: "lte" };

/** The column of whole numbers that a comparison with a literal bounds above, and the largest number that passes. */
function boundOf(term: Bound): { readonly column: number; readonly most: number } | null {
  if (term.kind !== "call" || term.args.length !== 2) return null;
  const [a, b] = term.args as [Bound, Bound];
  const swapped = a.kind === "literal";
  const [column, literal] = swapped ? [b, a] : [a, b];
  const fn = swapped ? flipped[term.fn] : term.fn;
  if (column.kind !== "column" || literal.kind !== "literal") return null;
  const value = Number(literal.value);
  if (literal.value === null || !Number.isSafeInteger(value)) return null;
  if (fn === "lte" || fn === "eq") return { column: column.index, most: value };
  return fn === "lt" ? { column: column.index, most: value - 1 } : null;
}
