import { assertNever, required } from "../common/assert.js";
import type { Bound } from "../expr/nodes.js";
import { usesUserFunction } from "../expr/walk.js";
import { isFallible } from "../functions/bind.js";
import { type WantedRows, wantedOfWindows } from "../optimize/firstRows.js";
import { consumerCounts, topological } from "../optimize/rewrite.js";
import { type BoundNode, boundInputs } from "../plan/bound.js";
import { BroadcastRule } from "./broadcast.js";
import { splitDistinct } from "./distinctCounts.js";
import { aggregateReason, groupsInWorkers } from "./groupStages.js";
import { hasManyGroups } from "./manyGroups.js";
import { distinctInWorkers, windowsInWorkers } from "./keyedStages.js";
import { foldedPart } from "./mixedAggregates.js";
import { sortsInWorkers, topSorts } from "./sortStages.js";
import { isRowWise } from "./rowWise.js";
import type { Placement } from "./stages.js";
import { separateVerdicts } from "./verdicts.js";

/**
 * Decides for every node whether workers or DuckDB compute it. Text input and anything with a user's function runs in workers,
 * and so do joins of their rows with a small right side; Parquet whose row-wise steps can all be spelled in SQL stays in DuckDB, unless its rows go to
 * files (many groups of them count as rows), as does everything else that needs more than one row.
 */
export function placeNodes(
  outputs: readonly BoundNode[],
  failures: RowFailures = "failQuery",
  broadcastBytes = defaultBroadcastBytes,
): ReadonlyMap<BoundNode, Placement> {
  const order = topological(outputs);
  const judges = failures === "rejectRows" ? mayRejectRows : () => false;
  const readers = readersOf(order);
  const sorts = sortsForOutput(order, readers);
  const unions = unionsForOutput(order, readers, sorts);
  const groups = groupsForOutput(order, readers, sorts);
  const broadcasts = new BroadcastRule(broadcastBytes);
  const consumers = consumerCounts(outputs);
  const rules = { judges, sorts, unions, groups, broadcasts, firstRows: wantedOfWindows(outputs, consumers) };
  const wanted = scansNeededByWorkers(order, rules);
  const placed = new Map<BoundNode, Placement>();
  for (const node of order) {
    placed.set(node, node.kind === "join" ? broadcasts.place(node, placed) : place(node, placed, wanted, rules));
    broadcasts.note(node, placed);
  }
  for (const [limit, { sort, count }] of topSorts(order, consumers)) {
    if (placed.get(sort.input)?.where !== "worker") continue;
    placed.set(sort, { ...required(placed.get(sort), "placement"), top: count });
    const reason = `limit needs more than one row; workers find the first ${count} of each partition`;
    placed.set(limit, { ...required(placed.get(limit), "placement"), reason });
  }
  return placed;
}

/**
 * Right sides of joins up to about this size go to every worker. The same on every machine and for any memory: where a join runs
 * decides in which order later steps add up floats.
 */
export const defaultBroadcastBytes = 64 * 2 ** 20;

/**
 * What a row means whose value cannot be computed (a cast, an overflow). DuckDB can only fail the whole query, which is faster as long as there is no
 * such row; `rejectRows` has workers compute whatever can fail, so that the row alone is rejected.
 */
export type RowFailures = "failQuery" | "rejectRows";

/** Whether DuckDB computes something that a row can make fail, so that `rejectRows` may give another plan. */
export function queriesMayFail(outputs: readonly BoundNode[], broadcastBytes = defaultBroadcastBytes): boolean {
  const { outputs: separate } = separateVerdicts(outputs);
  const placed = placeNodes(separate, "failQuery", broadcastBytes);
  return topological(separate).some((node) => placed.get(node)?.where === "duckdb" && mayRejectRows(node));
}

/** Whether some row can make a row-wise step or a key fail. What calls a user's function is in workers anyway. */
function mayRejectRows(node: BoundNode): boolean {
  return expressionsOf(node).some((expr) => isFallible(expr) && !usesUserFunction(expr));
}

/** Also what only workers know how to do. */
export function runsUserFunction(node: BoundNode): boolean {
  if (node.kind === "map" || node.kind === "flatMap" || node.kind === "mapBatches") return true;
  if (node.kind === "expect" || node.kind === "sample" || node.kind === "number") return true;
  return expressionsOf(node).some(usesUserFunction);
}

/** What a node computes from single rows. */
function expressionsOf(node: BoundNode): readonly Bound[] {
  switch (node.kind) {
    case "filter":
      return [node.predicate];
    case "project":
      return node.columns.map(({ expr }) => expr);
    case "aggregate":
      return [...node.keys.map((key) => key.expr), ...node.aggregates.flatMap((one) => one.args)];
    case "sort":
      return node.keys.map((key) => key.expr);
    default:
      return [];
  }
}

/** Says of a node whether all its rows go to files or to the program, after steps that `passes` at most. */
function leavesThrough(readers: Readers, passes: (step: BoundNode) => boolean): (node: BoundNode) => boolean {
  const leaves = (node: BoundNode): boolean =>
    readers(node).every((reader) => {
      if (reader.kind === "sink") return reader.sink.format !== "duckdb";
      return passes(reader) && leaves(reader);
    });
  return leaves;
}

/**
 * The sorts whose rows leave after row-wise steps at most. What DuckDB goes on with it sorts itself: a limit keeps only the first rows, and others do
 * not look at the order.
 */
function sortsForOutput(order: readonly BoundNode[], readers: Readers): ReadonlySet<BoundNode> {
  const leaves = leavesThrough(readers, isRowWise);
  return new Set(order.filter((node) => node.kind === "sort" && leaves(node)));
}

/**
 * The unions whose rows leave after row-wise steps and sorts: workers put their inputs behind each other. DuckDB's are those that the program reads as
 * they are, and those in which an input stands twice.
 */
function unionsForOutput(order: readonly BoundNode[], readers: Readers, sorts: ReadonlySet<BoundNode>): ReadonlySet<BoundNode> {
  const leaves = leavesThrough(readers, (step) => isRowWise(step) || sorts.has(step));
  const unions = order.filter((node) => node.kind === "union" && new Set(node.inputs).size === node.inputs.length);
  return new Set(unions.filter((node) => readers(node).length > 0 && leaves(node)));
}

/** The aggregations whose groups leave after steps that keep them all: behind a filter few may be left, which DuckDB has found by then. */
function groupsForOutput(order: readonly BoundNode[], readers: Readers, sorts: ReadonlySet<BoundNode>): ReadonlySet<BoundNode> {
  const keeps = (step: BoundNode) => (isRowWise(step) && step.kind !== "filter" && step.kind !== "sample") || sorts.has(step);
  const leaves = leavesThrough(readers, keeps);
  return new Set(order.filter((node) => node.kind === "aggregate" && leaves(node)));
}

type Readers = (node: BoundNode) => readonly BoundNode[];

/** Who reads each node, among nodes. */
function readersOf(order: readonly BoundNode[]): Readers {
  const readers = new Map<BoundNode, BoundNode[]>();
  for (const node of order) for (const input of boundInputs(node)) readers.set(input, [...(readers.get(input) ?? []), node]);
  return (node) => readers.get(node) ?? [];
}

/**
 * Scans whose row-wise chain ends in a user's function, whose rows or many groups go to files, or of which a window's first rows are wanted: workers read them
 * whatever the format.
 */
function scansNeededByWorkers(order: readonly BoundNode[], rules: PlacementRules): ReadonlySet<BoundNode> {
  const needed = new Set<BoundNode>();
  for (const node of order) {
    const toFile = node.kind === "sink" && node.sink.format !== "duckdb";
    const rows = toFile ? node.input : rules.firstRows.has(node) ? node : null;
    for (const scan of (rows === null ? null : scansOfRows(rows, rules)) ?? []) needed.add(scan);
    if (!runsUserFunction(node) && !rules.judges(node) && !(node.kind === "aggregate" && foldedPart(node) !== null)) continue;
    let at: BoundNode | undefined = boundInputs(node)[0];
    while (at !== undefined && isRowWise(at)) at = boundInputs(at)[0];
    if (at?.kind === "scan") needed.add(at);
  }
  return needed;
}

/** What is known of a whole plan when its nodes are placed one by one. */
interface PlacementRules {
  /** Whether workers compute a node, so that a row of which they cannot is rejected. */
  readonly judges: (node: BoundNode) => boolean;
  /** Sorts, unions and aggregations of which workers may give the rows out. */
  readonly sorts: ReadonlySet<BoundNode>;
  readonly unions: ReadonlySet<BoundNode>;
  readonly groups: ReadonlySet<BoundNode>;
  readonly broadcasts: BroadcastRule;
  readonly firstRows: ReadonlyMap<BoundNode, WantedRows>;
}

/**
 * The scans that workers read so that all of a file's rows come from them; null where some step is DuckDB's. What DuckDB computes goes through one
 * thread on its way to a file.
 */
function scansOfRows(node: BoundNode, rules: PlacementRules): readonly BoundNode[] | null {
  const { sorts, unions, groups, broadcasts } = rules;
  const below = (input: BoundNode) => scansOfRows(input, rules);
  switch (node.kind) {
    case "scan":
      return [node];
    case "sort":
      return sorts.has(node) && sortsInWorkers(node) ? below(node.input) : null;
    case "window":
      return windowsInWorkers(node) ? below(node.input) : null;
    case "distinct":
      return distinctInWorkers(node) ? below(node.input) : null;
    case "aggregate":
      return groups.has(node) && groupsInWorkers(node) && hasManyGroups(node) ? below(node.input) : null;
    case "join": {
      const left = below(node.left);
      if (left === null || broadcasts.fits(node)) return left;
      const right = broadcasts.joinsInBuckets(node) ? below(node.right) : null;
      return right === null ? null : [...left, ...right];
    }
    case "union": {
      const inputs = unions.has(node) ? node.inputs.map(below) : [null];
      return inputs.includes(null) ? null : inputs.flatMap((scans) => scans ?? []);
    }
    default:
      return isRowWise(node) ? below(required(boundInputs(node)[0], "input")) : null;
  }
}

function place(
  node: Exclude<BoundNode, { kind: "join" }>,
  placed: ReadonlyMap<BoundNode, Placement>,
  wanted: ReadonlySet<BoundNode>,
  { judges, sorts, unions, firstRows }: PlacementRules,
): Placement {
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
      if (below?.where !== "worker" && judges(node)) return { where: "worker", reason: "rejects rows that cannot be computed" };
      return below?.where === "worker"
        ? { where: "worker", reason: "row-wise, joins the loop of the step before it" }
        : { where: "duckdb", reason: "row-wise over rows that DuckDB has" };
    case "map":
    case "flatMap":
    case "mapBatches":
      return { where: "worker", reason: "runs a user's function" };
    case "expect":
      return { where: "worker", reason: "checks row by row" };
    case "sample":
      return { where: "worker", reason: "chooses rows by their values" };
    case "number":
      return { where: "worker", reason: "numbers the rows that a check judges" };
    case "stored":
      return { where: "worker", reason: "a check over many rows reads them first" };
    case "sink":
      return below ?? { where: "duckdb", reason: "writes rows" };
    case "aggregate":
      if (below?.where === "worker") {
        if (groupsInWorkers(node)) return { where: "worker", reason: aggregateReason(node.aggregates) };
        if (splitDistinct(node) !== null) return { where: "worker", reason: "different values are grouped, then counted" };
      }
      return { where: "duckdb", reason: "aggregate needs more than one row" };
    case "sort":
      return below?.where === "worker" && sorts.has(node) && sortsInWorkers(node)
        ? { where: "worker", reason: "runs of worker rows are sorted and merged range by range" }
        : { where: "duckdb", reason: "sort needs more than one row" };
    case "distinct":
      return below?.where === "worker" && distinctInWorkers(node)
        ? { where: "worker", reason: "one row of each key is chosen bucket by bucket" }
        : { where: "duckdb", reason: "distinct needs more than one row" };
    case "window":
      if (below?.where !== "worker" || !windowsInWorkers(node))
        return { where: "duckdb", reason: "window needs more than one row" };
      return {
        where: "worker",
        reason: "functions are computed bucket by bucket of the keys",
        first: firstRows.get(node) ?? null,
      };
    case "union":
      return unions.has(node) && node.inputs.every((input) => placed.get(input)?.where === "worker")
        ? { where: "worker", reason: "rows of workers come behind each other" }
        : { where: "duckdb", reason: "union needs more than one row" };
    case "limit":
    case "sql":
    case "mergeAggregate":
      return { where: "duckdb", reason: `${node.kind === "mergeAggregate" ? "aggregate" : node.kind} needs more than one row` };
    default:
      return assertNever(node, "plan node");
  }
}

function placeScan(node: Extract<BoundNode, { kind: "scan" }>, wantedByWorkers: boolean): Placement {
  const { spec } = node.source;
  const { format } = spec;
  if (format === "parquet" && (spec.required ?? []).length > 0)
    return { where: "worker", reason: "rejects rows without a required value" };
  switch (format) {
    case "csv":
    case "jsonl":
      return { where: "worker", reason: "text is scanned by the workers' kernels" };
    case "arrow":
      return { where: "worker", reason: "Arrow batches are read by the workers" };
    case "parquet":
    case "rows":
    case "sql":
      return wantedByWorkers
        ? {
            where: "worker",
            reason:
              "its rows go to a user's function, to files, into many groups or a fold over values, or to a window of which the first are wanted",
          }
        : {
            where: "duckdb",
            reason: `every step over ${format === "parquet" ? "this Parquet" : "its rows"} can be spelled in SQL`,
          };
    default:
      return assertNever(format, "source format");
  }
}
