import { layoutOf } from "../batch/builder.js";
import type { BoundAggregate, BoundNamed } from "../expr/nodes.js";
import { formSchema, type Grouping, stateTypes } from "../kernels/groupForms.js";
import type { BoundNode, ResolvedSource } from "../plan/bound.js";

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
  if (source === null) return usualBuckets;
  const { format } = source.spec;
  const text = format === "csv" || format === "jsonl";
  const bytes = source.files.reduce((sum, file) => sum + file.bytes * (text && !file.path.endsWith(".gz") ? 1 : unpacked), 0);
  const wanted = Math.ceil(bytes / Math.max(1, partitionBytes / 2));
  return Math.min(mostBuckets, 2 ** Math.ceil(Math.log2(Math.max(1, wanted))));
}

/** Words for `explain`. */
export const aggregateReason = (aggregates: readonly BoundAggregate[]): string =>
  aggregates.length === 0 ? "distinct keys of worker rows" : "partial states of worker rows merge bucket by bucket";
