import { layoutOf } from "../batch/builder.js";
import { fitsBlocks } from "../exchange/codec.js";
import { sortedSchema } from "../kernels/groups/groupForms.js";
import { isFallible } from "../functions/bind.js";
import type { BoundNode } from "../plan/bound.js";
import type { Step } from "../task/protocol.js";
import type { Pipe, StageDraft } from "./draft.js";

export type SortNode = Extract<BoundNode, { kind: "sort" }>;

/** Of at most this many rows that are wanted, every partition finds its own first ones. */
const mostTopRows = 10_000;

/**
 * Sorts of which a limit reads the first rows alone, behind projections at most: the sort of each such limit, and how many rows. `consumers`: how
 * many read a node. Keys that workers would have to compute may differ from DuckDB's in the last digit, and nested ones they do not compare.
 */
export function topSorts(order: readonly BoundNode[], consumers: ReadonlyMap<BoundNode, number>) {
  const tops = new Map<BoundNode, { readonly sort: SortNode; readonly count: number }>();
  for (const limit of order) {
    if (limit.kind !== "limit") continue;
    const count = limit.offset + limit.count;
    let at = limit.input;
    while (at.kind === "project" && consumers.get(at) === 1 && !at.columns.some(({ expr }) => isFallible(expr))) at = at.input;
    if (at.kind !== "sort" || consumers.get(at) !== 1 || count === 0 || count > mostTopRows) continue;
    if (sortsInWorkers(at) && at.keys.every(({ expr }) => expr.kind === "column")) tops.set(limit, { sort: at, count });
  }
  return tops;
}

/** What is left of a partition if only `count` rows of a sort are wanted. */
export const topRowsStep = (input: Pipe, { keys, schema }: SortNode, count: number): Step => ({
  op: "topRows",
  input: input.step,
  name: "first rows of partition",
  keys,
  count,
  schema,
});

/** Whether workers can sort these rows: no column and no key is nested. */
export const sortsInWorkers = (node: SortNode): boolean =>
  fitsBlocks(node.schema) && node.keys.every(({ expr }) => layoutOf(expr.type) !== "object");

/**
 * Partitions write their rows as sorted runs; then each task takes the rows of one range of keys from all runs and merges them. Rows with equal keys
 * keep their order, and a key that most rows have is cut into ranges like any other, because a row's place is part of what is compared.
 */
export function sortInWorkers(draft: StageDraft, input: Pipe, node: SortNode): Pipe {
  const schema = sortedSchema(node.schema);
  const runs = draft.newExchange(schema);
  draft.addStep(
    input.stage,
    { op: "sortRuns", input: input.step, name: "sort partition", keys: node.keys, schema, file: "" },
    runs.id,
  );
  return draft.newStage("merge runs", "rows come in the order of their keys", {
    kind: "exchange",
    exchange: runs.id,
    schema: node.schema,
    layout: "runs",
  });
}
