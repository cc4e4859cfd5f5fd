import { layoutOf } from "../batch/builder.js";
import { fitsBlocks } from "../exchange/codec.js";
import { sortedSchema } from "../kernels/groupForms.js";
import type { BoundNode } from "../plan/bound.js";
import type { Pipe, StageDraft } from "./draft.js";

export type SortNode = Extract<BoundNode, { kind: "sort" }>;

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
