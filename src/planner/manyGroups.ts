import { conjuncts } from "../expr/walk.js";
import type { BoundNode, ResolvedSource } from "../plan/bound.js";
import { distinctOfColumn } from "../plan/statistics.js";
import type { AggregateNode } from "./groupStages.js";

/**
 * From so many groups on, and where each is of no more rows than this on average, workers have them in a file sooner than DuckDB: they take longer to
 * read and group a row, and there each group passes one thread. Both take about as long for a million groups of 1 to 4 million rows, and for 1.6 of 16.
 */
const fewest = 1_000_000;
const mostRowsEach = 8;
/** Taken to be left by a term of a filter: one in so many rows. */
const rowsPerTerm = 3;

/**
 * Whether an aggregation of Parquet probably has many groups, by what its files say alone: the same on every machine. Keys are taken to go together in
 * all ways, but for a column that stands twice and for two with as many values (an id and its name); of a computed one nothing is known.
 */
export function hasManyGroups({ input, keys }: AggregateNode): boolean {
  const source = sourceBelow(input);
  if (source === null || source.spec.format !== "parquet" || source.rows === null) return false;
  const columns = new Set(keys.map(({ expr }) => (expr.kind === "column" ? columnBelow(input, expr.index) : null)));
  const counts = new Set<number>();
  let together = 1;
  for (const column of columns) {
    const distinct = column === null ? null : distinctOfColumn(source, column);
    if (distinct === null || counts.has(distinct.least)) continue;
    if (distinct.counted) counts.add(distinct.least);
    together *= Math.max(1, distinct.least);
  }
  const groups = Math.min(together, source.rows / rowsPerTerm ** termsBelow(input));
  return groups >= fewest && groups * mostRowsEach >= source.rows;
}

/** What is read below filters and projections. */
function sourceBelow(node: BoundNode): ResolvedSource | null {
  if (node.kind === "scan") return node.source;
  return node.kind === "filter" || node.kind === "project" ? sourceBelow(node.input) : null;
}

function termsBelow(node: BoundNode): number {
  if (node.kind === "filter") return conjuncts(node.predicate).length + termsBelow(node.input);
  return node.kind === "project" ? termsBelow(node.input) : 0;
}

/** The column of the source that a column is; null for what is computed. */
function columnBelow(node: BoundNode, index: number): string | null {
  if (node.kind === "scan") return node.schema[index]?.name ?? null;
  if (node.kind === "filter") return columnBelow(node.input, index);
  const expr = node.kind === "project" ? node.columns[index]?.expr : undefined;
  return node.kind === "project" && expr?.kind === "column" ? columnBelow(node.input, expr.index) : null;
}
