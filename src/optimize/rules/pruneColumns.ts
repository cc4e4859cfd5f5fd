import { assertNever } from "../../common/assert.js";
import { columnsUsed, remapColumns } from "../../expr/walk.js";
import type { Bound, BoundSortKey } from "../../expr/nodes.js";
import { type BoundNode, boundInputs, type JoinOutput } from "../../plan/bound.js";
import type { Field, Schema } from "../../schema/types.js";
import { topological } from "../rewrite.js";

type Needs = ReadonlySet<number>;
type WindowNode = Extract<BoundNode, { readonly kind: "window" }>;
interface Pruned {
  readonly node: BoundNode;
  /** Old output index to new output index, for the columns that were kept. */
  readonly map: ReadonlyMap<number, number>;
}

/** Reads and carries only the columns that something above uses. What all consumers of a shared node need is kept. */
export function pruneColumns(outputs: readonly BoundNode[]): BoundNode[] {
  const order = topological(outputs);
  const needs = new Map<BoundNode, Set<number>>(order.map((node) => [node, new Set<number>()]));
  const need = (node: BoundNode, columns: Iterable<number>) => {
    const set = needs.get(node) as Set<number>;
    for (const column of columns) set.add(column);
  };
  for (const output of outputs) need(output, output.schema.keys());
  for (const node of [...order].reverse()) {
    const wanted = keepAtLeastOne(node, needs.get(node) as Set<number>);
    const inputs = boundInputs(node);
    for (const [i, columns] of inputNeeds(node, wanted).entries()) need(inputs[i] as BoundNode, columns);
  }
  const done = new Map<BoundNode, Pruned>();
  for (const node of order) {
    const inputs = boundInputs(node).map((input) => done.get(input) as Pruned);
    done.set(node, prune(node, needs.get(node) as Set<number>, inputs));
  }
  return outputs.map((output) => (done.get(output) as Pruned).node);
}

/** A relation without columns cannot be written down, so counting rows keeps the narrowest column. */
function keepAtLeastOne(node: BoundNode, needs: Set<number>): Needs {
  if (needs.size === 0 && node.schema.length > 0) needs.add(narrowest(node.schema));
  return needs;
}

function narrowest(schema: Schema): number {
  const width = (field: Field) => {
    if (field.type.kind === "utf8" || field.type.kind === "binary") return 2;
    return field.type.kind === "list" || field.type.kind === "struct" ? 3 : 1;
  };
  let best = 0;
  schema.forEach((field, i) => {
    if (width(field) < width(schema[best] as Field)) best = i;
  });
  return best;
}

const all = (node: BoundNode): Needs => new Set(node.schema.keys());
const usedBy = (expressions: Iterable<Bound>): Set<number> => {
  const used = new Set<number>();
  for (const expression of expressions) for (const column of columnsUsed(expression)) used.add(column);
  return used;
};
const union = (a: Iterable<number>, b: Iterable<number>): Set<number> => new Set([...a, ...b]);

/** What a node reads of each of its inputs when `wanted` of its own columns are read. */
function inputNeeds(node: BoundNode, wanted: Needs): Needs[] {
  switch (node.kind) {
    case "scan":
    case "stageInput":
      return [];
    case "filter":
      return [union(wanted, columnsUsed(node.predicate))];
    case "project":
      return [usedBy([...wanted].map((i) => (node.columns[i] as { expr: Bound }).expr))];
    case "map":
    case "flatMap":
    case "mapBatches":
    case "mergeAggregate":
    case "sink":
      return [all(node.input)];
    case "join": {
      const left = new Set(node.on.map((pair) => pair.left));
      const right = new Set(node.on.map((pair) => pair.right));
      for (const i of wanted) {
        const from = node.output[i] as JoinOutput;
        if (from.side === "coalesce") {
          left.add(from.left);
          right.add(from.right);
        } else (from.side === "left" ? left : right).add(from.index);
      }
      return [left, right];
    }
    case "aggregate": {
      const kept = node.aggregates.filter((_, i) => wanted.has(node.keys.length + i));
      return [usedBy([...node.keys.map((key) => key.expr), ...kept.flatMap((aggregate) => aggregate.args)])];
    }
    case "distinct":
      return [union(union(wanted, node.columns), usedBy((node.keep?.order ?? []).map((key) => key.expr)))];
    case "sample":
      return [union(wanted, node.columns)];
    case "window":
      return [windowNeeds(node, wanted)];
    case "expect": {
      const conditions = usedBy(node.checks.flatMap(({ condition }) => condition ?? []));
      const columns = node.checks.flatMap((check) => check.columns);
      return [union(wanted, union(conditions, columns)), ...node.verdicts.map(all)];
    }
    case "number":
      return [new Set([...wanted].filter((index) => index < node.input.schema.length))];
    case "sort":
      return [union(wanted, usedBy(node.keys.map((key) => key.expr)))];
    case "limit":
    case "stored":
      return [wanted];
    case "union":
      return node.inputs.map(() => wanted);
    case "sql":
      return node.inputs.map((input) => all(input.node));
    default:
      return assertNever(node, "plan node");
  }
}

function kept<T>(items: readonly T[], wanted: Needs): { items: T[]; map: Map<number, number> } {
  const map = new Map<number, number>();
  const out: T[] = [];
  items.forEach((item, i) => {
    if (!wanted.has(i)) return;
    map.set(i, out.length);
    out.push(item);
  });
  return { items: out, map };
}

const through = (input: Pruned) => (index: number) => input.map.get(index) as number;

function prune(node: BoundNode, wanted: Needs, inputs: readonly Pruned[]): Pruned {
  const [first] = inputs as [Pruned, ...Pruned[]];
  const identity = () => new Map(node.schema.map((_, i) => [i, i]));
  switch (node.kind) {
    case "scan": {
      const { items, map } = kept(node.schema, wanted);
      return { node: { ...node, schema: items }, map };
    }
    case "stageInput":
      return { node, map: identity() };
    case "filter":
      return {
        node: { ...node, input: first.node, predicate: remapColumns(node.predicate, through(first)), schema: first.node.schema },
        map: first.map,
      };
    case "project": {
      const { items, map } = kept(node.columns, wanted);
      const columns = items.map(({ name, expr }) => ({ name, expr: remapColumns(expr, through(first)) }));
      return { node: { ...node, input: first.node, columns, schema: kept(node.schema, wanted).items }, map };
    }
    case "map":
    case "flatMap":
    case "mapBatches":
    case "mergeAggregate":
    case "sink":
      return { node: { ...node, input: first.node }, map: identity() };
    case "join":
      return pruneJoin(node, wanted, inputs);
    case "aggregate": {
      const keys = node.keys.map(({ name, expr }) => ({ name, expr: remapColumns(expr, through(first)) }));
      const withKeys = union(wanted, node.keys.keys());
      const aggregates = node.aggregates
        .filter((_, i) => wanted.has(node.keys.length + i))
        .map((aggregate) => ({ ...aggregate, args: aggregate.args.map((arg) => remapColumns(arg, through(first))) }));
      const { items, map } = kept(node.schema, withKeys);
      return { node: { ...node, input: first.node, keys, aggregates, schema: items }, map };
    }
    case "distinct": {
      const columns = node.columns.map(through(first));
      const keep = node.keep === undefined ? {} : { keep: { ...node.keep, order: remapKeys(node.keep.order, first) } };
      return { node: { ...node, input: first.node, columns, ...keep, schema: first.node.schema }, map: first.map };
    }
    case "sample":
      return {
        node: { ...node, input: first.node, columns: node.columns.map(through(first)), schema: first.node.schema },
        map: first.map,
      };
    case "window":
      return pruneWindow(node, wanted, first);
    case "expect": {
      const checks = node.checks.map((check) => ({
        ...check,
        condition: check.condition === null ? null : remapColumns(check.condition, through(first)),
        columns: check.columns.map(through(first)),
      }));
      const verdicts = inputs.slice(1).map((verdict) => verdict.node);
      return { node: { ...node, input: first.node, checks, verdicts, schema: first.node.schema }, map: first.map };
    }
    case "number": {
      const schema = [...first.node.schema, ...node.schema.slice(-1)];
      const map = new Map([...first.map, [node.input.schema.length, first.node.schema.length] as const]);
      return { node: { ...node, input: first.node, schema }, map };
    }
    case "sort": {
      const keys = remapKeys(node.keys, first);
      return { node: { ...node, input: first.node, keys, schema: first.node.schema }, map: first.map };
    }
    case "limit":
    case "stored":
      return { node: { ...node, input: first.node, schema: first.node.schema }, map: first.map };
    case "union": {
      const { items, map } = kept(node.schema, wanted);
      const aligned = inputs.map((input) => align(input, [...map.keys()]));
      return { node: { ...node, inputs: aligned, schema: items }, map };
    }
    case "sql":
      return {
        node: { ...node, inputs: node.inputs.map(({ name }, i) => ({ name, node: (inputs[i] as Pruned).node })) },
        map: identity(),
      };
    default:
      return assertNever(node, "plan node");
  }
}

const remapKeys = (keys: readonly BoundSortKey[], input: Pruned): BoundSortKey[] =>
  keys.map((key) => ({ ...key, expr: remapColumns(key.expr, through(input)) }));

function windowNeeds(node: WindowNode, wanted: Needs): Needs {
  const own = node.input.schema.length;
  const calls = node.calls.filter((_, i) => wanted.has(own + i));
  const passed = [...wanted].filter((index) => index < own);
  const used = usedBy([...node.order.map((key) => key.expr), ...calls.flatMap((call) => call.args)]);
  return union(union(passed, node.partition), used);
}

function pruneWindow(node: WindowNode, wanted: Needs, input: Pruned): Pruned {
  const own = node.input.schema.length;
  const calls = kept(node.calls, new Set([...wanted].map((index) => index - own)));
  const width = input.node.schema.length;
  const map = new Map([...input.map, ...[...calls.map].map(([from, to]): [number, number] => [own + from, width + to])]);
  if (calls.items.length === 0) return { node: input.node, map: input.map };
  const added = calls.items.map((call) => ({ ...call, args: call.args.map((arg) => remapColumns(arg, through(input))) }));
  const schema = [...input.node.schema, ...added.map(({ name, type, nullable }) => ({ name, type, nullable }))];
  const partition = node.partition.map(through(input));
  return { node: { ...node, input: input.node, partition, order: remapKeys(node.order, input), calls: added, schema }, map };
}

function pruneJoin(node: Extract<BoundNode, { kind: "join" }>, wanted: Needs, inputs: readonly Pruned[]): Pruned {
  const [left, right] = inputs as [Pruned, Pruned];
  const { items, map } = kept(node.output, wanted);
  const output = items.map((from): JoinOutput => {
    if (from.side === "coalesce") return { ...from, left: through(left)(from.left), right: through(right)(from.right) };
    return { ...from, index: through(from.side === "left" ? left : right)(from.index) };
  });
  const on = node.on.map((pair) => ({ left: through(left)(pair.left), right: through(right)(pair.right) }));
  return { node: { ...node, left: left.node, right: right.node, on, output, schema: kept(node.schema, wanted).items }, map };
}

/** Puts exactly these old columns in this order. */
function align(input: Pruned, columns: readonly number[]): BoundNode {
  const indexes = columns.map(through(input));
  const { node } = input;
  if (indexes.length === node.schema.length && indexes.every((index, i) => index === i)) return node;
  const fields = indexes.map((index) => node.schema[index] as Field);
  return {
    kind: "project",
    input: node,
    columns: fields.map((field, i) => ({
      name: field.name,
      expr: { kind: "column", index: indexes[i] as number, name: field.name, type: field.type, nullable: field.nullable },
    })),
    schema: fields,
  };
}
