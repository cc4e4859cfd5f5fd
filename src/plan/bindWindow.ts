import { planError } from "../common/errors.js";
import type { AggregateExpr, Bound, BoundNamed, BoundSortKey, SortKey } from "../expr/nodes.js";
import { columnOf } from "../expr/walk.js";
import { bindExpr, coerce } from "../functions/bind.js";
import { windowFunction } from "../functions/windows.js";
import { type Field, isNested, requireField, type Schema, typeName } from "../schema/types.js";
import type { BoundNode, WindowCall } from "./bound.js";
import type { LogicalNode } from "./nodes.js";

type Node<K extends LogicalNode["kind"]> = Extract<LogicalNode, { kind: K }>;
type Share = (node: BoundNode) => BoundNode;

const fieldOf = ({ name, expr }: BoundNamed): Field => ({ name, type: expr.type, nullable: expr.nullable });

/** The input with what is computed for a step in columns behind its own, so that the step itself works on columns alone. */
class Prepared {
  private readonly added: BoundNamed[] = [];

  constructor(private readonly input: BoundNode) {}

  column(expr: Bound): Bound {
    if (expr.kind === "column") return expr;
    const index = this.input.schema.length + this.added.length;
    this.added.push({ name: freeName(`__computed_${this.added.length}`, this.input.schema), expr });
    return columnOf({ name: `__computed_${index}`, type: expr.type, nullable: expr.nullable }, index);
  }

  keys(keys: readonly SortKey[], where: string): BoundSortKey[] {
    return keys.map((key) => {
      const expr = bindExpr(key.expr, this.input.schema, where);
      if (isNested(expr.type)) throw planError("TYPE_MISMATCH", `${where}: ${typeName(expr.type)} has no order`);
      return { ...key, expr: this.column(expr) };
    });
  }

  node(share: Share): BoundNode {
    const { input, added } = this;
    if (added.length === 0) return input;
    const columns = [...input.schema.map((field, i): BoundNamed => ({ name: field.name, expr: columnOf(field, i) })), ...added];
    return share({ kind: "project", input, columns, schema: columns.map(fieldOf) });
  }
}

function freeName(wanted: string, schema: Schema): string {
  let name = wanted;
  while (schema.some((field) => field.name === name)) name = `_${name}`;
  return name;
}

function keyColumn(schema: Schema, name: string, where: string): number {
  const index = requireField(schema, name, where);
  const { type } = schema[index] as Field;
  if (!isNested(type)) return index;
  throw planError("TYPE_MISMATCH", `${where}: column ${JSON.stringify(name)} is ${typeName(type)}, which cannot be a key`, {
    column: name,
  });
}

/** New columns come behind the input's, or in place of those of the same name. */
export function bindWindow(node: Node<"window">, input: BoundNode, share: Share): BoundNode {
  const prepared = new Prepared(input);
  const partition = node.partitionBy.map((name) => keyColumn(input.schema, name, "window partitionBy"));
  const order = prepared.keys(node.orderBy, "window orderBy");
  const calls = node.columns.map(({ name, expr }) => bindCall(name, expr, input.schema, prepared, order.length > 0));
  const below = prepared.node(share);
  const named = calls.map((call, i) => ({ ...call, name: freeName(call.name, [...below.schema, ...calls.slice(0, i)]) }));
  const schema = [...below.schema, ...named.map(({ name, type, nullable }) => ({ name, type, nullable }))];
  const window = share({ kind: "window", input: below, partition, order, frame: node.frame, calls: named, schema });
  const made = new Map(calls.map(({ name }, i) => [name, below.schema.length + i]));
  const at = (name: string, index: number): BoundNamed => ({ name, expr: columnOf(schema[index] as Field, index) });
  const kept = input.schema.map(({ name }, i) => at(name, made.get(name) ?? i));
  const own = new Set(input.schema.map(({ name }) => name));
  const columns = [...kept, ...calls.flatMap(({ name }, i) => (own.has(name) ? [] : [at(name, below.schema.length + i)]))];
  const same = columns.length === schema.length && columns.every(({ name }, i) => schema[i]?.name === name);
  return same ? window : { kind: "project", input: window, columns, schema: columns.map(fieldOf) };
}

function bindCall(name: string, expr: AggregateExpr, schema: Schema, prepared: Prepared, ordered: boolean): WindowCall {
  const where = `window ${JSON.stringify(name)}`;
  const fn = windowFunction(expr.fn);
  const options = expr.options ?? {};
  const args = expr.args.map((arg) => bindExpr(arg, schema, where));
  const types = args.map((arg) => arg.type);
  const resolved = fn.resolve(types, options);
  if (typeof resolved === "string") throw planError("TYPE_MISMATCH", `${where}: ${fn.name} ${resolved}`, { column: name });
  if (fn.needsOrder === true && !ordered) {
    throw planError("MISSING_OPTION", `${where}: ${fn.name} needs the option orderBy`, { column: name });
  }
  const cast = args.map((arg, i) => prepared.column(coerce(arg, resolved.args[i] ?? arg.type, where)));
  return { name, fn: fn.name, args: cast, options, type: resolved.returns, nullable: resolved.nullable };
}

/** A distinct that says which of the equal rows stays. */
export function bindDedupe(node: Node<"dedupe">, input: BoundNode, share: Share): BoundNode {
  const columns = node.columns.map((name) => keyColumn(input.schema, name, "dedupe"));
  const prepared = new Prepared(input);
  const order = prepared.keys(node.orderBy, "dedupe orderBy");
  const below = prepared.node(share);
  const kept: BoundNode = { kind: "distinct", input: below, columns, keep: { which: node.keep, order }, schema: below.schema };
  if (below === input) return kept;
  const own = input.schema.map((field, i): BoundNamed => ({ name: field.name, expr: columnOf(field, i) }));
  return { kind: "project", input: share(kept), columns: own, schema: own.map(fieldOf) };
}

export function bindSample(node: Node<"sample">, input: BoundNode): BoundNode {
  const { fraction, seed } = node;
  const all = input.schema.flatMap(({ type }, i) => (isNested(type) ? [] : [i]));
  const columns = node.columns?.map((name) => keyColumn(input.schema, name, "sample by")) ?? all;
  if (columns.length === 0) throw planError("NO_COLUMNS", "sample: every column is nested, and none can decide");
  return { kind: "sample", input, fraction, seed, columns, schema: input.schema };
}
