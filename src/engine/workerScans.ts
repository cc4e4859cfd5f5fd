import type { Expr } from "../expr/nodes.js";
import { someExpr } from "../expr/walk.js";
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
    const reached = node.kind === "sink" ? reachesFile : isRowWise;
    const below = needsWorkers(node) ? scanBelow(node, reached) : null;
    if (below !== null) scans.add(below);
  }
  return scans;
}

function needsWorkers(node: LogicalNode): boolean {
  if (node.kind === "sink") return node.sink.format !== "duckdb";
  if (node.kind === "aggregate") return node.aggregates.some(({ expr }) => someExpr(expr, isFoldedCall));
  return leavesSql(node);
}

/** The scan whose rows a node's rows are, behind steps that `passes`; null where there is none. */
function scanBelow(node: Exclude<LogicalNode, Scan>, passes: (step: LogicalNode) => boolean): Scan | null {
  let at = inputOf(node);
  while (at !== undefined && passes(at)) at = inputOf(at);
  return at?.kind === "scan" ? at : null;
}

const inputOf = (node: LogicalNode): LogicalNode | undefined =>
  node.kind === "join" ? node.left : "input" in node ? node.input : undefined;

/** Steps that take rows one by one (or batch by batch): first those that may be part of a query, then those that only workers know how to do. */
const inQueries = ["filter", "select", "withColumns", "rename", "drop"] as const;
const outsideQueries = ["map", "flatMap", "mapBatches", "expect", "sample", "number"] as const;

const forWorkers: ReadonlySet<string> = new Set(outsideQueries);
const rowWise: ReadonlySet<string> = new Set([...inQueries, ...outsideQueries]);
const isRowWise = (node: LogicalNode): boolean => rowWise.has(node.kind);
/** Steps that workers take where the rows go to a file. */
const reachesFile = (node: LogicalNode): boolean =>
  isRowWise(node) || ["sort", "window", "distinct", "dedupe", "join"].includes(node.kind);

/** Whether a step cannot be part of a query. */
export function leavesSql(node: LogicalNode): boolean {
  if (node.kind === "filter") return someExpr(node.predicate, isFunction);
  if (node.kind === "select" || node.kind === "withColumns") return node.columns.some(({ expr }) => someExpr(expr, isFunction));
  return forWorkers.has(node.kind);
}

const isFunction = (expr: Expr): boolean => expr.kind === "udf";
const isFoldedCall = (expr: Expr): boolean => expr.kind === "aggregate" && isFolded(expr.fn);
