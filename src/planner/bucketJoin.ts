import { required } from "../common/assert.js";
import { topological } from "../optimize/rewrite.js";
import type { BoundNode, JoinOutput } from "../plan/bound.js";
import { type Schema, types } from "../schema/types.js";
import type { BesideHow, Step } from "../task/protocol.js";
import { broadcastHow, type JoinNode } from "./broadcast.js";
import type { Pipe, StageDraft } from "./draft.js";
import { bucketsFor, sourceBytes } from "./groupStages.js";
import { UsedColumns } from "./keyedStages.js";

/**
 * Both sides write their rows in buckets of the keys' hash; each run of buckets is joined by itself, its right rows in memory; then left rows go back
 * to their places, with their matches beside them.
 */
export function joinInBuckets(
  draft: StageDraft,
  left: Pipe,
  right: Pipe,
  node: JoinNode,
  reason: string,
  partitionBytes: number,
): Pipe {
  const { on, output } = node;
  const how = required(broadcastHow(node), "kind of a join in buckets");
  const bytes = [node.left, node.right].map((side) => sourceBytes(sourcesBelow(side)));
  const buckets = bucketsFor(Math.max(...bytes), partitionBytes);
  const part = (pipe: Pipe, schema: Schema, keys: readonly number[], places: boolean): number => {
    const exchange = draft.newExchange(schema);
    const name = places ? "left rows by key" : "right rows by key";
    draft.addStep(
      pipe.stage,
      { op: "keyExchange", input: pipe.step, name, keys, buckets, places, schema, file: "" },
      exchange.id,
    );
    return exchange.id;
  };
  const leftRows = part(
    left,
    node.left.schema,
    on.map((pair) => pair.left),
    true,
  );
  const rightRows = part(
    right,
    node.right.schema,
    on.map((pair) => pair.right),
    false,
  );
  const [leftUsed, rightUsed] = [new UsedColumns(node.left.schema), new UsedColumns(node.right.schema)];
  const pairs = on.map((pair) => ({
    left: leftUsed.columns([pair.left])[0] ?? 0,
    right: rightUsed.columns([pair.right])[0] ?? 0,
  }));
  const taken = rightColumns(output);
  const isHalf = how === "semi" || how === "anti";
  const matches = taken.map((index, i) => ({
    ...required(node.right.schema[index], "column"),
    name: `__right_${i}`,
    nullable: true,
  }));
  const step = {
    op: "bucketJoin",
    input: -1,
    name: `${how} join`,
    how,
    on: pairs,
    right: rightUsed.columns(taken),
    schema: isHalf ? [{ name: "__keep", type: types.bool, nullable: false }] : matches,
    file: "",
  } satisfies Step;
  const work = draft.newStage("join", reason, {
    kind: "exchange",
    exchange: leftRows,
    schema: leftUsed.schema,
    layout: "keyed",
    beside: { exchange: rightRows, how: { kind: "build", schema: rightUsed.schema } },
  });
  const results = draft.newExchange(step.schema);
  draft.addStep(work.stage, step, results.id);
  const joined = isHalf ? node.left.schema : node.schema;
  const beside: BesideHow = isHalf ? { kind: "keep" } : { kind: "join", output: output.map((one) => placed(one, taken)) };
  const rows = draft.newStage("rows in order", "left rows go back to their places", {
    kind: "exchange",
    exchange: leftRows,
    schema: joined,
    layout: "placed",
    beside: { exchange: results.id, how: beside },
  });
  return isHalf ? chooseLeft(draft, rows, node) : rows;
}

/** The columns of left rows that a semi or anti join gives. */
function chooseLeft(draft: StageDraft, rows: Pipe, { output, left, schema }: JoinNode): Pipe {
  const columns = output.map((one, i) => {
    const index = one.side === "left" ? one.index : 0;
    const { name, type, nullable } = required(left.schema[index], "column");
    return { name: schema[i]?.name ?? name, expr: { kind: "column", index, name, type, nullable } as const };
  });
  const same =
    columns.length === left.schema.length && columns.every(({ name, expr }, i) => expr.index === i && name === expr.name);
  if (same) return rows;
  const ops = [{ kind: "project", columns } as const];
  return draft.addStep(rows.stage, { op: "rows", input: rows.step, name: "project", ops, schema });
}

const rightColumns = (output: readonly JoinOutput[]): number[] => [
  ...new Set(output.flatMap((one) => (one.side === "right" ? [one.index] : []))),
];

/** A right column by its place among those that go with a match. */
const placed = (one: JoinOutput, taken: readonly number[]): JoinOutput =>
  one.side === "right" ? { side: "right", index: taken.indexOf(one.index) } : one;

const sourcesBelow = (node: BoundNode) => topological([node]).flatMap((one) => (one.kind === "scan" ? [one.source] : []));
