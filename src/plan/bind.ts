import { assertNever, required } from "../common/assert.js";
import { planError } from "../common/errors.js";
import type { BoundNamed, Expr, NamedExpr } from "../expr/nodes.js";
import { bindAggregate, bindExpr } from "../functions/bind.js";
import { commonType } from "../functions/cast.js";
import { type DataType, type Field, isNested, requireField, type Schema, sameType, typeName } from "../schema/types.js";
import { bindExpect, bindNumber } from "./bindExpect.js";
import { bindJoin } from "./bindJoin.js";
import { bindDedupe, bindSample, bindWindow } from "./bindWindow.js";
import { type BoundNode, boundInputs, type ResolvedSource } from "./bound.js";
import { canonicalJson } from "./canonical.js";
import { requireComparable } from "./comparisons.js";
import type { LogicalNode, SinkNode, SourceSpec } from "./nodes.js";
import { sourceKey, stepName, topological } from "./walk.js";

/** Finds the columns of a query over inputs of known columns. */
export type DescribeSql = (
  text: string,
  inputs: readonly { readonly name: string; readonly schema: Schema }[],
) => Promise<Schema>;

type Node<K extends LogicalNode["kind"]> = Extract<LogicalNode, { kind: K }>;

/**
 * Resolves names, decides types and lowers a plan to fewer kinds of nodes. Structurally equal nodes become one object, so that what was
 * written twice is computed once.
 * @throws MillraceError of category Plan, with the step it is about: UNKNOWN_COLUMN, TYPE_MISMATCH, DUPLICATE_COLUMN, UNION_MISMATCH …
 */
export async function bindPlan(
  outputs: readonly LogicalNode[],
  resolve: (source: SourceSpec) => ResolvedSource,
  describeSql: DescribeSql,
): Promise<BoundNode[]> {
  const shared = new SharedNodes();
  const bound = new Map<LogicalNode, BoundNode>();
  const of = (node: LogicalNode) => required(bound.get(node), "bound input");
  for (const node of topological(outputs)) {
    const made =
      node.kind === "sql"
        ? await bindSql(node, of, describeSql, shared)
        : bindNode(node, of, resolve, (made) => shared.one(made));
    requireComparable(made);
    bound.set(node, shared.one(made));
  }
  return outputs.map(of);
}

/** Gives equal nodes one object. Inputs have to be shared nodes already. */
class SharedNodes {
  readonly #byText = new Map<string, BoundNode>();
  readonly #numbers = new Map<BoundNode, number>();

  one(node: BoundNode): BoundNode {
    if (this.#numbers.has(node)) return node;
    const inputs = boundInputs(node).map((input) => required(this.#numbers.get(input), "shared input"));
    // What a source resolved to follows from its spec, and may list thousands of files.
    const {
      input: _input,
      left: _left,
      right: _right,
      inputs: _inputs,
      source,
      ...own
    } = node as { readonly [key: string]: unknown };
    const from = source === undefined ? null : sourceKey((source as ResolvedSource).spec);
    const names = node.kind === "sql" ? node.inputs.map(({ name }) => name) : null;
    const text = canonicalJson([own, inputs, from, names]);
    const known = this.#byText.get(text);
    if (known !== undefined) return known;
    this.#byText.set(text, node);
    this.#numbers.set(node, this.#numbers.size);
    return node;
  }
}

type Of = (node: LogicalNode) => BoundNode;
type Share = (node: BoundNode) => BoundNode;

function bindNode(
  node: Exclude<LogicalNode, Node<"sql">>,
  of: Of,
  resolve: (source: SourceSpec) => ResolvedSource,
  share: Share,
): BoundNode {
  switch (node.kind) {
    case "scan":
      return bindScan(node, resolve(node.source), share);
    case "filter":
      return bindFilter(node, of(node.input));
    case "select": {
      const input = of(node.input);
      return project(input, bindNamed(node.columns, input.schema, "select"), "select");
    }
    case "withColumns":
      return bindWithColumns(node, of(node.input));
    case "rename":
      return bindRename(node, of(node.input));
    case "drop":
      return bindDrop(node, of(node.input));
    case "map":
    case "flatMap":
    case "mapBatches":
      return { kind: node.kind, input: of(node.input), fn: node.fn, schema: uniqueNames(node.schema, node.kind) };
    case "join":
      return bindJoin(node, of(node.left), of(node.right), share);
    case "aggregate":
      return bindAggregation(node, of(node.input));
    case "distinct": {
      const input = of(node.input);
      const columns = node.columns?.map((name) => requireField(input.schema, name, "distinct")) ?? input.schema.map((_, i) => i);
      return { kind: "distinct", input, columns, schema: input.schema };
    }
    case "dedupe":
      return bindDedupe(node, of(node.input), share);
    case "window":
      return bindWindow(node, of(node.input), share);
    case "sample":
      return bindSample(node, of(node.input));
    case "sort": {
      const input = of(node.input);
      const keys = node.keys.map((key) => ({ ...key, expr: bindExpr(key.expr, input.schema, "sort") }));
      return { kind: "sort", input, keys, schema: input.schema };
    }
    case "limit": {
      const input = of(node.input);
      return { kind: "limit", input, count: node.count, offset: node.offset, schema: input.schema };
    }
    case "expect":
      return bindExpect(node, of(node.input), (node.verdicts ?? []).map(of));
    case "number":
      return bindNumber(node.name, of(node.input));
    case "union":
      return bindUnion(node.inputs.map(of), share);
    case "sink":
      return bindSink(node, of(node.input));
    default:
      return assertNever(node, "plan node");
  }
}

function bindScan({ source: spec }: Node<"scan">, source: ResolvedSource, share: Share): BoundNode {
  const where = `read.${spec.format}`;
  const scan: BoundNode = { kind: "scan", source, schema: uniqueNames(source.schema, where) };
  // A query has types of its own; those that are declared are casts, which reject the rows that they cannot be made for.
  if (spec.format !== "sql" || spec.schema === undefined) return scan;
  return project(share(scan), castColumns(source.schema, uniqueNames(spec.schema, where), where), where);
}

function bindFilter(node: Node<"filter">, input: BoundNode): BoundNode {
  const predicate = bindExpr(node.predicate, input.schema, "filter");
  if (predicate.type.kind === "bool") return { kind: "filter", input, predicate, schema: input.schema };
  if (predicate.type.kind !== "null") {
    throw planError("TYPE_MISMATCH", `filter: expected a condition (bool), found ${typeName(predicate.type)}`, {
      hint: "Compare the value with something: c.quantity.gt(0).",
    });
  }
  const asBool: Expr = { kind: "cast", input: node.predicate, to: { kind: "bool" }, safe: false };
  return { kind: "filter", input, predicate: bindExpr(asBool, input.schema, "filter"), schema: input.schema };
}

function bindNamed(columns: readonly NamedExpr[], schema: Schema, step: string): BoundNamed[] {
  return columns.map(({ name, expr }) => {
    const isPlain = expr.kind === "column" && expr.name === name;
    return { name, expr: bindExpr(expr, schema, isPlain ? step : `${step} ${JSON.stringify(name)}`) };
  });
}

/** A projection, or its input where it would change nothing. */
function project(input: BoundNode, columns: readonly BoundNamed[], where: string): BoundNode {
  const same =
    columns.length === input.schema.length &&
    columns.every(({ name, expr }, i) => expr.kind === "column" && expr.index === i && input.schema[i]?.name === name);
  if (same) return input;
  const schema = uniqueNames(columns.map(fieldOf), where);
  if (schema.length === 0) throw planError("NO_COLUMNS", `${where}: no column is left`, { hint: "Keep at least one column." });
  return { kind: "project", input, columns, schema };
}

const fieldOf = ({ name, expr }: BoundNamed): Field => ({ name, type: expr.type, nullable: expr.nullable });

/** The column at an index, under a name. */
function pass(schema: Schema, index: number, name?: string): BoundNamed {
  const field = schema[index] as Field;
  return { name: name ?? field.name, expr: { kind: "column", index, ...field } };
}

function bindWithColumns(node: Node<"withColumns">, input: BoundNode): BoundNode {
  const made = bindNamed(node.columns, input.schema, "withColumns");
  uniqueNames(made.map(fieldOf), "withColumns");
  const byName = new Map(made.map((column) => [column.name, column]));
  const kept = input.schema.map(({ name }, i) => byName.get(name) ?? pass(input.schema, i));
  const names = new Set(input.schema.map(({ name }) => name));
  return project(input, [...kept, ...made.filter(({ name }) => !names.has(name))], "withColumns");
}

function bindRename(node: Node<"rename">, input: BoundNode): BoundNode {
  for (const from of Object.keys(node.names)) requireField(input.schema, from, "rename");
  const columns = input.schema.map(({ name }, i) =>
    pass(input.schema, i, Object.hasOwn(node.names, name) ? (node.names[name] as string) : name),
  );
  return project(input, columns, "rename");
}

function bindDrop(node: Node<"drop">, input: BoundNode): BoundNode {
  const dropped = new Set(node.names.map((name) => requireField(input.schema, name, "drop")));
  const kept = input.schema.flatMap((_, i) => (dropped.has(i) ? [] : [pass(input.schema, i)]));
  return project(input, kept, "drop");
}

function bindAggregation(node: Node<"aggregate">, input: BoundNode): BoundNode {
  const keys = bindNamed(node.keys, input.schema, "groupBy");
  for (const { name, expr } of keys) {
    if (!isNested(expr.type)) continue;
    throw planError("TYPE_MISMATCH", `groupBy: column ${JSON.stringify(name)} is ${typeName(expr.type)}, which cannot be a key`, {
      column: name,
    });
  }
  const aggregates = node.aggregates.map(({ name, expr }) => ({
    ...bindAggregate(expr, input.schema, `agg ${JSON.stringify(name)}`),
    name,
  }));
  const results = aggregates.map(({ name, type, nullable }) => ({ name, type, nullable }));
  const schema = uniqueNames([...keys.map(fieldOf), ...results], "agg");
  if (schema.length === 0) throw planError("NO_COLUMNS", "agg: expected a key or an aggregate");
  return { kind: "aggregate", input, keys, aggregates, schema };
}

function bindUnion(inputs: readonly BoundNode[], share: Share): BoundNode {
  const [first] = inputs;
  const schema = required(first, "union input").schema.map((field): Field => {
    const others = inputs.map((input, i) => matching(input.schema, field, i));
    const type = others.reduce((common, other) => unionType(field.name, common, other.type), field.type);
    return { name: field.name, type, nullable: others.some((other) => other.nullable) };
  });
  inputs.forEach((input, i) => {
    const extra = input.schema.find(({ name }) => !schema.some((field) => field.name === name));
    if (extra !== undefined) throw unionMismatch(extra.name, `input ${i + 1} has it and input 1 has not`);
  });
  const aligned = inputs.map((input) => share(project(input, castColumns(input.schema, schema, "union"), "union")));
  return { kind: "union", inputs: aligned, schema };
}

function matching(schema: Schema, { name }: Field, at: number): Field {
  const found = schema.find((field) => field.name === name);
  if (found === undefined) throw unionMismatch(name, `input 1 has it and input ${at + 1} has not`);
  return found;
}

function unionType(name: string, a: DataType, b: DataType): DataType {
  const common = commonType(a, b);
  if (common !== null) return common;
  throw unionMismatch(name, `${typeName(a)} and ${typeName(b)} have no common type`);
}

function unionMismatch(column: string, problem: string): Error {
  return planError("UNION_MISMATCH", `union: column ${JSON.stringify(column)}: ${problem}`, {
    column,
    hint: "All inputs of a union have the same columns, in any order; select, rename or cast before it.",
  });
}

/** The target's columns, taken by name and cast to the target's types. */
function castColumns(from: Schema, to: Schema, where: string): BoundNamed[] {
  return to.map(({ name, type }) => {
    const index = requireField(from, name, where);
    if (sameType((from[index] as Field).type, type)) return pass(from, index);
    const cast: Expr = { kind: "cast", input: { kind: "column", name }, to: type, safe: false };
    return { name, expr: bindExpr(cast, from, `${where} ${JSON.stringify(name)}`) };
  });
}

async function bindSql(node: Node<"sql">, of: Of, describeSql: DescribeSql, shared: SharedNodes): Promise<BoundNode> {
  const inputs = node.inputs.map(({ name, node: input }) => ({ name, node: of(input) }));
  const described = await describeSql(
    node.text,
    inputs.map(({ name, node: { schema } }) => ({ name, schema })),
  );
  const query = shared.one({ kind: "sql", inputs, text: node.text, schema: uniqueNames(described, "sql") });
  if (node.schema === undefined) return query;
  return project(query, castColumns(described, uniqueNames(node.schema, "sql"), "sql"), "sql");
}

/** Whether a struct without fields is in a type. */
function hasBareStruct(type: DataType): boolean {
  if (type.kind === "list") return hasBareStruct(type.item);
  return type.kind === "struct" && (type.fields.length === 0 || type.fields.some((field) => hasBareStruct(field.type)));
}

function bindSink({ sink, ...node }: SinkNode, input: BoundNode): BoundNode {
  const where = stepName({ sink, ...node });
  const columns = sink.partitionBy.map((name) => input.schema[requireField(input.schema, name, `${where} partitionBy`)] as Field);
  uniqueNames(columns, `${where} partitionBy`);
  const nested = columns.find(({ type }) => isNested(type));
  if (nested !== undefined) {
    throw planError("TYPE_MISMATCH", `${where} partitionBy: column ${JSON.stringify(nested.name)} is ${typeName(nested.type)}`, {
      column: nested.name,
      hint: "A partition column is of a simple type.",
    });
  }
  if (columns.length > 0 && columns.length === input.schema.length) {
    throw planError("NO_COLUMNS", `${where}: every column is in partitionBy, so that files would have none`, {
      hint: "Leave at least one column out of partitionBy.",
    });
  }
  const bare = sink.format === "parquet" ? input.schema.find(({ type }) => hasBareStruct(type)) : undefined;
  if (bare !== undefined) {
    throw planError(
      "TYPE_MISMATCH",
      `${where}: column ${JSON.stringify(bare.name)} is ${typeName(bare.type)}: Parquet has no structs without fields`,
      {
        hint: "Leave the column out, or write JSON lines.",
      },
    );
  }
  if (sink.mode === "overwrite-partitions" && columns.length === 0) {
    throw planError("INVALID_OPTION", `${where}: mode "overwrite-partitions" needs partitionBy`);
  }
  return { kind: "sink", input, sink, schema: input.schema };
}

/** The same schema. @throws MillraceError Plan/DUPLICATE_COLUMN */
export function uniqueNames(schema: Schema, where: string, hint = "Give each column a name of its own."): Schema {
  const seen = new Set<string>();
  for (const { name } of schema) {
    if (seen.has(name))
      throw planError("DUPLICATE_COLUMN", `${where}: two columns are named ${JSON.stringify(name)}`, { column: name, hint });
    seen.add(name);
  }
  return schema;
}
