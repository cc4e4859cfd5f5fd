import { assertNever } from "../common/assert.js";
import { usesUserFunction } from "../expr/walk.js";
import { topological } from "../optimize/rewrite.js";
import { type BoundNode, boundInputs } from "../plan/bound.js";

/** Who computes a node, and why; `explain` prints the reason. */
export interface Placement {
  readonly where: "worker" | "duckdb";
  readonly reason: string;
}

/**
 * Decides for every node whether workers or DuckDB compute it. Text input and anything with a user's function runs in workers;
 * Parquet whose row-wise steps can all be spelled in SQL stays in DuckDB, as does everything that needs more than one row.
 */
export function placeNodes(outputs: readonly BoundNode[]): ReadonlyMap<BoundNode, Placement> {
  const order = topological(outputs);
  const wanted = scansNeededByWorkers(order);
  const placed = new Map<BoundNode, Placement>();
  for (const node of order) placed.set(node, place(node, placed, wanted));
  return placed;
}

export const isRowWise = (node: BoundNode): boolean =>
  node.kind === "filter" ||
  node.kind === "project" ||
  node.kind === "map" ||
  node.kind === "flatMap" ||
  node.kind === "mapBatches";

export function runsUserFunction(node: BoundNode): boolean {
  switch (node.kind) {
    case "filter":
      return usesUserFunction(node.predicate);
    case "project":
      return node.columns.some(({ expr }) => usesUserFunction(expr));
    case "map":
    case "flatMap":
    case "mapBatches":
      return true;
    case "aggregate":
      return [...node.keys.map((key) => key.expr), ...node.aggregates.flatMap((one) => one.args)].some(usesUserFunction);
    case "sort":
      return node.keys.some((key) => usesUserFunction(key.expr));
    default:
      return false;
  }
}

/** Scans whose row-wise chain ends in a user's function or in a file: their rows go through workers whatever the format. */
function scansNeededByWorkers(order: readonly BoundNode[]): ReadonlySet<BoundNode> {
  const needed = new Set<BoundNode>();
  for (const node of order) {
    const toFile = node.kind === "sink" && node.sink.format !== "duckdb" && (isRowWise(node.input) || node.input.kind === "scan");
    if (!runsUserFunction(node) && !toFile) continue;
    let at: BoundNode | undefined = boundInputs(node)[0];
    while (at !== undefined && isRowWise(at)) at = boundInputs(at)[0];
    if (at?.kind === "scan") needed.add(at);
  }
  return needed;
}

function place(node: BoundNode, placed: ReadonlyMap<BoundNode, Placement>, wanted: ReadonlySet<BoundNode>): Placement {
  const input = boundInputs(node)[0];
  const below = input === undefined ? undefined : placed.get(input);
  switch (node.kind) {
    case "scan":
      return placeScan(node, wanted.has(node));
    case "stageInput":
      return { where: "duckdb", reason: "reads an earlier stage" };
    case "filter":
    case "project":
      if (runsUserFunction(node)) return { where: "worker", reason: "calls a user's function" };
      return below?.where === "worker"
        ? { where: "worker", reason: "row-wise, joins the loop of the step before it" }
        : { where: "duckdb", reason: "row-wise over rows that DuckDB has" };
    case "map":
    case "flatMap":
    case "mapBatches":
      return { where: "worker", reason: "runs a user's function" };
    case "sink":
      return below ?? { where: "duckdb", reason: "writes rows" };
    case "join":
    case "aggregate":
    case "distinct":
    case "sort":
    case "limit":
    case "union":
    case "sql":
    case "mergeAggregate":
      return { where: "duckdb", reason: `${node.kind === "mergeAggregate" ? "aggregate" : node.kind} needs more than one row` };
    default:
      return assertNever(node, "plan node");
  }
}

function placeScan(node: Extract<BoundNode, { kind: "scan" }>, wantedByWorkers: boolean): Placement {
  const { format } = node.source.spec;
  switch (format) {
    case "csv":
    case "jsonl":
      return { where: "worker", reason: "text is scanned by the workers' kernels" };
    case "arrow":
      return { where: "worker", reason: "Arrow batches are read by the workers" };
    case "parquet":
    case "rows":
      return wantedByWorkers
        ? { where: "worker", reason: "its rows go to a user's function or straight to files" }
        : { where: "duckdb", reason: "every step over this Parquet can be spelled in SQL" };
    default:
      return assertNever(format, "source format");
  }
}
