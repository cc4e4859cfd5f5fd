import type { Bound, BoundAggregate, BoundNamed } from "../expr/nodes.js";
import { columnOf } from "../expr/walk.js";
import { type DataType, type Field, types } from "../schema/types.js";
import { type AggregateNode, groupsInWorkers } from "./groupStages.js";

/** A count of different values as two groupings, of which each can be done bucket by bucket. */
export interface SplitCount {
  /** One row for each value of each group. */
  readonly inner: AggregateNode;
  /** Over the rows of `inner`; its rows are those of the whole. */
  readonly outer: AggregateNode;
}

/** What the other aggregates do with their own results for each value. */
const ofResults: ReadonlyMap<string, string> = new Map([
  ...["sum", "min", "max", "boolAnd", "boolOr"].map((fn) => [fn, fn] as const),
  ["count", "sum"],
]);

/** The two groupings of an aggregation that counts the different values of one expression; null where they would not give the same, or workers cannot do them. */
export function splitDistinct(node: AggregateNode): SplitCount | null {
  const { keys, aggregates, schema } = node;
  const counted = aggregates.filter(({ fn }) => fn === "countDistinct").map(({ args }) => args[0] as Bound);
  const [value] = counted;
  if (value === undefined || !counted.every((one) => one === value || isSameColumn(one, value))) return null;
  const others = aggregates.filter(({ fn }) => fn !== "countDistinct");
  if (!others.every((one) => canRepeat(one, keys.length > 0))) return null;
  const innerKeys: BoundNamed[] = [...keys, { name: "__value", expr: value }];
  const parts = others.map((one, i): BoundAggregate => ({ ...one, name: `__part_${i}` }));
  const innerSchema = [
    ...innerKeys.map(({ name, expr }): Field => ({ name, type: expr.type, nullable: expr.nullable })),
    ...parts.map(({ name, type, nullable }): Field => ({ name, type, nullable })),
  ];
  const inner: AggregateNode = { ...node, keys: innerKeys, aggregates: parts, schema: innerSchema };
  const column = (index: number): Bound => columnOf(innerSchema[index] as Field, index);
  let part = innerKeys.length;
  const outer: AggregateNode = {
    kind: "aggregate",
    input: inner,
    keys: keys.map(({ name }, i) => ({ name, expr: column(i) })),
    aggregates: aggregates.map((one) =>
      one.fn === "countDistinct"
        ? { ...one, fn: "count", args: [column(keys.length)] }
        : { ...one, fn: ofResults.get(one.fn) ?? one.fn, args: [column(part++)] },
    ),
    schema,
  };
  return groupsInWorkers(inner) && groupsInWorkers(outer) ? { inner, outer } : null;
}

const isSameColumn = (a: Bound, b: Bound): boolean => a.kind === "column" && b.kind === "column" && a.index === b.index;

/** A count over no rows is 0, where the sum of no counts is null; a sum of 64-bit integers may fit where a part of it does not. */
function canRepeat({ fn, args }: BoundAggregate, hasKeys: boolean): boolean {
  if (fn === "count") return hasKeys;
  return ofResults.has(fn) && (fn !== "sum" || isSmall(args[0]?.type ?? types.float64));
}

const small: ReadonlySet<DataType["kind"]> = new Set([
  "int8",
  "int16",
  "int32",
  "uint8",
  "uint16",
  "uint32",
  "float32",
  "float64",
]);
const isSmall = ({ kind }: DataType): boolean => small.has(kind);
