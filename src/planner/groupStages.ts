import { layoutOf } from "../batch/builder.js";
import type { BoundAggregate, BoundNamed } from "../expr/nodes.js";
import { aggregateFunction } from "../functions/registry.js";
import { formSchema, type Grouping, sortedSchema, stateTypes } from "../kernels/groups/groupForms.js";
import type { BoundNode, ResolvedSource } from "../plan/bound.js";
import type { Field, Schema } from "../schema/types.js";
import type { Step } from "../task/protocol.js";
import type { Pipe, StageDraft } from "./draft.js";
import { followingKeys } from "./followingKeys.js";
import type { WorkerStage } from "./stages.js";

export type AggregateNode = Extract<BoundNode, { kind: "aggregate" }>;

/** Buckets are at most this many: each costs a sorted file, and all of them are merged at once. */
const mostBuckets = 1024;
/** Where nothing is known about the input's size. */
const usualBuckets = 32;
/** How much larger rows are than the bytes that hold them in a compressed file. */
const unpacked = 4;

/**
 * Whether workers can do the whole aggregation: every aggregate has states that can be merged, and no key, argument or state is nested
 * (those go to DuckDB, partly aggregated where that is possible).
 */
export function groupsInWorkers(node: AggregateNode): boolean {
  if (!node.aggregates.every((one) => stateTypes(one) !== null)) return false;
  const grouping: Grouping = node;
  const keys = node.keys.map((key) => key.expr.type);
  const columns = (["rows", "states"] as const).flatMap((form) => formSchema(grouping, form).map((field) => field.type));
  return [...keys, ...columns].every((type) => layoutOf(type) !== "object");
}

/**
 * How many buckets the final aggregation is cut into: about one for every half partition of input, a power of two. It depends on the input and the
 * plan, so the order in which floats are added does too.
 */
export function bucketCount(source: ResolvedSource | null, partitionBytes: number, keys: readonly BoundNamed[]): number {
  if (keys.length === 0) return 1;
  return source === null ? usualBuckets : bucketsFor(sourceBytes([source]), partitionBytes);
}

/** Bytes that sources hold, about, once nothing is compressed. */
export const sourceBytes = (sources: readonly ResolvedSource[]): number =>
  sources.reduce((all, { spec: { format }, files }) => {
    const text = format === "csv" || format === "jsonl";
    return all + files.reduce((sum, file) => sum + file.bytes * (text && !file.path.endsWith(".gz") ? 1 : unpacked), 0);
  }, 0);

/** About one bucket for every half partition of this many bytes of input, a power of two. */
export function bucketsFor(bytes: number, partitionBytes: number): number {
  const wanted = Math.ceil(bytes / Math.max(1, partitionBytes / 2));
  return Math.min(mostBuckets, 2 ** Math.ceil(Math.log2(Math.max(1, wanted))));
}

/**
 * Partitions write their rows or partial states in buckets of the keys' hash; then each run of buckets is aggregated and sorted; then the sorted
 * runs are merged, so that groups come in the order of their keys. One bucket is in that order by itself, and where nobody sees it (`ordered`), the
 * rest of the plan goes on with each run.
 */
export function aggregateInWorkers(
  draft: StageDraft,
  input: Pipe,
  node: AggregateNode,
  reason: string,
  partitionBytes: number,
  ordered: boolean,
): Pipe {
  const { keys, aggregates, schema } = node;
  const source = input.stage.input.kind === "source" ? input.stage.input.source : null;
  const buckets = bucketCount(source, partitionBytes, keys);
  const name = "group partition";
  const grouped = draft.newExchange(formSchema(node, "states"));
  const following = followingKeys(input.stage, input.step, keys);
  const follows = following === null ? {} : { follows: following };
  draft.addStep(
    input.stage,
    { op: "groupExchange", input: input.step, name, keys, aggregates, buckets, ...follows, file: "" },
    grouped.id,
  );
  const merge = draft.newStage("aggregate", reason, readBlocks(grouped.id, grouped.schema, "buckets"));
  const order = !ordered ? "met" : buckets > 1 ? "mergeable" : "sorted";
  const sorted = order === "mergeable" ? sortedSchema(schema) : schema;
  const step: Step = {
    op: "finalAggregate",
    input: -1,
    name: "aggregate buckets",
    keys,
    aggregates,
    order,
    schema: sorted,
  };
  const final = draft.addStep(merge.stage, step);
  if (order !== "mergeable") return final;
  const runs = draft.writeExchange(final, sorted, "blocks");
  return draft.newStage("merge groups", "groups come in the order of their keys", readBlocks(runs, schema, "runs"));
}

const readBlocks = (exchange: number, schema: Schema, layout: "buckets" | "runs"): WorkerStage["input"] => {
  return { kind: "exchange", exchange, schema, layout };
};

/** Whether DuckDB can merge what workers aggregated of their partitions. */
export const mergesInDuckDb = (node: AggregateNode): boolean =>
  node.aggregates.every((one) => aggregateFunction(one.fn).partial !== undefined);

/** Workers aggregate their partitions first; what is left for DuckDB. */
export function partialInWorkers(draft: StageDraft, input: Pipe, node: AggregateNode): BoundNode {
  const { keys, aggregates } = node;
  const schema = [...node.schema.slice(0, keys.length), ...aggregates.flatMap(stateFields)];
  const step: Step = { op: "partialAggregate", input: input.step, name: "aggregate partition", keys, aggregates, schema };
  const stage = draft.writeExchange(draft.addStep(input.stage, step), schema);
  const states: BoundNode = { kind: "stageInput", stage, schema };
  return { kind: "mergeAggregate", input: states, keyCount: keys.length, aggregates, schema: node.schema };
}

/** State columns of one aggregate, as kernels write and DuckDB merges them. */
function stateFields(aggregate: BoundAggregate, index: number): Field[] {
  const call = { args: aggregate.args.map((arg) => arg.type), returns: aggregate.type, options: aggregate.options };
  const states = aggregateFunction(aggregate.fn).partial?.states(call) ?? [];
  return states.map((type, i) => ({ name: `__state_${index}_${i}`, type, nullable: true }));
}

/** Words for `explain`. */
export const aggregateReason = (aggregates: readonly BoundAggregate[]): string =>
  aggregates.length === 0 ? "distinct keys of worker rows" : "partial states of worker rows merge bucket by bucket";
