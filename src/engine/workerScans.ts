import type { Expr } from "../expr/nodes.js";
import { exprChildren } from "../expr/walk.js";
import { isFolded } from "../functions/registry.js";
import type { LogicalNode } from "../plan/nodes.js";
import { topological } from "../plan/walk.js";

type Scan = Extract<LogicalNode, { readonly kind: "scan" }>;

/**
 * The scans whose rows workers will most likely read, whatever their format: what `planner/placement` decides, as far as it can be told before a plan is
 * bound. Nothing but what is begun early depends on it.
 */
export function scansForWorkers(outputs: readonly LogicalNode[]): ReadonlySet<Scan> {
  const scans = new Set<Scan>();
  for (const node of topological(outputs)) {
    if (node.kind === "scan") {
      if (node.source.format === "csv" || node.source.format === "jsonl") scans.add(node);
      continue;
    }
    const below = needsWorkers(node) ? scanBelow(node) : null;
    if (below !== null) scans.add(below);
  }
  return scans;
}

function needsWorkers(node: LogicalNode): boolean {
  if (node.kind === "sink") return node.sink.format !== "duckdb";
  if (node.kind === "aggregate") return node.aggregates.some(({ expr }) => holds(expr, isFoldedCall));
  return leavesSql(node);
}

/** The scan that a node's rows come from one by one; null where there is none. */
function scanBelow(node: Exclude<LogicalNode, Scan>): Scan | null {
  let at: LogicalNode | undefined = "input" in node ? node.input : undefined;
  while (at !== undefined && isRowWise(at)) at = at.input;
  return at?.kind === "scan" ? at : null;
}

type RowWise = Extract<
  LogicalNode,
  {
    readonly kind:
      | "filter"
      | "select"
      | "withColumns"
      | "rename"
      | "drop"
      | "map"
      | "flatMap"
      | "mapBatches"
      | "expect"
      | "sample"
      | "number";
  }
>;
const rowWise: ReadonlySet<string> = new Set<RowWise["kind"]>([
  "filter",
  "select",
  "withColumns",
  "rename",
  "drop",
  "map",
  "flatMap",
  "mapBatches",
  "expect",
  "sample",
  "number",
]);
const isRowWise = (node: LogicalNode): node is RowWise => rowWise.has(node.kind);

/** Whether a step cannot be part of a query. */
export function leavesSql(node: LogicalNode): boolean {
  switch (node.kind) {
    case "map":
    case "flatMap":
    case "mapBatches":
    case "expect":
    case "number":
    case "sample":
      return true;
    case "filter":
      return holds(node.predicate, isFunction);
    case "select":
    case "withColumns":
      return node.columns.some(({ expr }) => holds(expr, isFunction));
    default:
      return false;
  }
}

const isFunction = (expr: Expr): boolean => expr.kind === "udf";
const isFoldedCall = (expr: Expr): boolean => expr.kind === "aggregate" && isFolded(expr.fn);

const holds = (expr: Expr, test: (expr: Expr) => boolean): boolean =>
  test(expr) || exprChildren(expr).some((child) => holds(child, test));
