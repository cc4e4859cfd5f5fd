import { assertNever, required } from "../common/assert.js";
import { internalError } from "../common/errors.js";
import { isWholeRow, reversed } from "../optimize/rowOrder.js";
import { type BoundNode, boundInputs } from "../plan/bound.js";
import type { Schema } from "../schema/types.js";
import { carryOrder, QueryBuilder, type QueryContext, type Rel, type Selected, selectList } from "./builder.js";
import { expressionSql } from "./expression.js";
import { globEscape, sqlNames } from "./names.js";
import {
  ascending,
  comesInOrder,
  consumers,
  isCheap,
  type OrderTerm,
  orderedNodes,
  orderSql,
  position,
  rootInOrder,
} from "./order.js";
import type { SqlQuery } from "./query.js";
import { quoteIdent, quoteText, quoteTextList } from "./quote.js";
import { aggregateRel, looksAtOrder } from "./relationAggregate.js";
import { joinRel } from "./relationJoin.js";
import { sortTerms, windowRel } from "./relationWindow.js";
import { typeToSql } from "./types.js";
import { outerOrder, trimStatement, withTotalOrder } from "./userSql.js";

/** Which order the rows of a query come in: as the plan defines it, or as it happens. */
export type Ordering = "defined" | "any";

/**
 * The query for a node, as one SELECT with common table expressions s0, s1, … and the steps before it. Pure: no file is looked at.
 *
 * Row order, the same for any number of threads, any memory and any timing: a scan gives file order, then row order; filter, project,
 * limit and union keep it; an aggregate comes by its keys (ascending, nulls last); distinct keeps first rows in their order; a join comes in the
 * order of left rows, then of right rows, unmatched right rows last; a sort breaks ties by input order. A user's SQL that ends in
 * ORDER BY gives that order (ties by all its columns), any other the order of all its columns.
 * @throws Internal for nodes that DuckDB cannot run (users' functions, text sources, sinks): the planner places those elsewhere.
 */
export function nodeSql(root: BoundNode, context: QueryContext, ordering: Ordering = "defined"): SqlQuery {
  const direct = ordering === "any" || rootInOrder(root);
  const names = inputNames(root);
  const counts = consumers(root);
  const rels = new Map<BoundNode, Rel>();
  const relation = (node: BoundNode): Rel => {
    const known = rels.get(node);
    if (known !== undefined) return known;
    const rel = compile(builder, node);
    if ((counts.get(node) ?? 0) > 1) builder.share(rel, isCheap(node) ? "NOT MATERIALIZED " : "MATERIALIZED ");
    rels.set(node, rel);
    return rel;
  };
  const prefix = [...names].some((name) => /^s\d+$/i.test(name)) ? "__s" : "s";
  const builder = new QueryBuilder(context, orderedNodes(root, !direct, looksAtOrder), prefix, relation);
  const rel = relation(root);
  const columns = root.schema.map((field, i) => ({
    sql: `CAST(${required(rel.columns[i], "column")} AS ${typeToSql(field.type)})`,
    name: quoteIdent(field.name),
  }));
  const order = direct || rel.order.length === 0 ? "" : `\nORDER BY ${orderSql(rel.order, `${rel.from}.`)}`;
  const sql = builder.withDefinitions(`SELECT ${selectList(columns)}\nFROM ${rel.from}${order}`, [rel]);
  return { steps: builder.steps, sql, author: hasUserSql(root) ? "user" : "engine", mayRefuse: builder.mayRefuse };
}

const inputNames = (node: BoundNode): ReadonlySet<string> => {
  const own = node.kind === "sql" ? node.inputs.map((input) => input.name) : [];
  return new Set([...own, ...boundInputs(node).flatMap((input) => [...inputNames(input)])]);
};

const hasUserSql = (node: BoundNode): boolean => node.kind === "sql" || boundInputs(node).some(hasUserSql);

function compile(builder: QueryBuilder, node: BoundNode): Rel {
  switch (node.kind) {
    case "scan":
      return scanRel(builder, node);
    case "stageInput":
      return filesRel(builder, node, builder.context.stageFiles(node.stage), []);
    case "filter":
      return filterRel(builder, node);
    case "project":
      return projectRel(builder, node);
    case "join":
      return joinRel(builder, node);
    case "aggregate":
    case "mergeAggregate":
      return aggregateRel(builder, node);
    case "window":
      return windowRel(builder, node);
    case "distinct":
      return distinctRel(builder, node);
    case "sort":
      return sortRel(builder, node);
    case "limit":
      return limitRel(builder, node);
    case "union":
      return unionRel(builder, node);
    case "sql":
      return userRel(builder, node);
    case "map":
    case "flatMap":
    case "mapBatches":
    case "expect":
    case "number":
    case "sample":
    case "stored":
    case "sink":
      throw internalError(`a ${node.kind} step cannot run inside DuckDB`);
    default:
      return assertNever(node, "plan node");
  }
}

type Node<K extends BoundNode["kind"]> = Extract<BoundNode, { readonly kind: K }>;

function scanRel(builder: QueryBuilder, node: Node<"scan">): Rel {
  const { source } = node;
  if (source.spec.format !== "parquet") throw internalError(`DuckDB does not read ${source.spec.format} here`);
  const folders = source.partitionColumns.map((name, i) => ({
    name,
    values: source.files.map((file) => file.partitionValues[i] ?? null),
  }));
  return filesRel(
    builder,
    node,
    source.files.map((file) => file.path),
    folders,
  );
}

interface FolderColumn {
  readonly name: string;
  /** As text, one for each file. */
  readonly values: readonly (string | null)[];
}

/** Rows a file can have for one number to order file and row: 2^40, which leaves room for 8 million files. */
const fileShift = 40;

function filesRel(builder: QueryBuilder, node: BoundNode, files: readonly string[], folders: readonly FolderColumn[]): Rel {
  const names = sqlNames(node.schema);
  const wanted = builder.wantsOrder(node);
  const hidden = wanted ? builder.hidden() : null;
  const order = hidden === null ? [] : [position(hidden)];
  if (files.length === 0) {
    const columns = node.schema.map((field, i) => ({
      sql: `CAST(NULL AS ${typeToSql(field.type)})`,
      name: required(names[i], "name"),
    }));
    if (hidden !== null) columns.push({ sql: "CAST(NULL AS BIGINT)", name: hidden });
    return { from: builder.define(`SELECT ${selectList(columns)}\nWHERE FALSE`, []), columns: names, order };
  }
  const columns = node.schema.map((field, i): Selected => {
    const folder = folders.find((candidate) => candidate.name === field.name);
    const sql = folder === undefined ? quoteIdent(field.name) : folderSql(folder);
    return { sql: `CAST(${sql} AS ${typeToSql(field.type)})`, name: required(names[i], "name") };
  });
  if (hidden !== null) columns.push({ sql: rowPosition(node.schema, files.length), name: hidden });
  const from = `read_parquet(${quoteTextList(files.map(globEscape))}, hive_partitioning = false)`;
  return { from: builder.define(`SELECT ${selectList(columns)}\nFROM ${from}`, []), columns: names, order };
}

function rowPosition(schema: Schema, files: number): string {
  const shadowed = schema.some((field) => /^file_(index|row_number)$/i.test(field.name));
  if (shadowed) return "row_number() OVER ()";
  return files === 1 ? "file_row_number" : `((CAST(file_index AS BIGINT) << ${fileShift}) | file_row_number)`;
}

function folderSql({ values }: FolderColumn): string {
  const text = (value: string | null) => (value === null ? "NULL" : quoteText(value));
  const [first = null] = values;
  if (values.every((value) => value === first)) return text(first);
  return `list_extract([${values.map(text).join(", ")}], CAST(file_index AS BIGINT) + 1)`;
}

function filterRel(builder: QueryBuilder, node: Node<"filter">): Rel {
  const input = builder.relation(node.input);
  const predicate = expressionSql(node.predicate, (i) => required(input.columns[i], "column"), builder.onQuick);
  return { ...input, from: builder.define(`SELECT *\nFROM ${input.from}\nWHERE ${predicate}`, [input]) };
}

function projectRel(builder: QueryBuilder, node: Node<"project">): Rel {
  const input = builder.relation(node.input);
  const names = sqlNames(node.schema);
  const columns = node.columns.map((column, i) => ({
    sql: expressionSql(column.expr, (index) => required(input.columns[index], "column"), builder.onQuick),
    name: required(names[i], "name"),
  }));
  const { list, order } = carryOrder(builder, columns, builder.wantsOrder(node) ? input.order : []);
  return { from: builder.define(`SELECT ${selectList(list)}\nFROM ${input.from}`, [input]), columns: names, order };
}

function distinctRel(builder: QueryBuilder, node: Node<"distinct">): Rel {
  const input = builder.relation(node.input);
  const keys = node.columns.map((index) => required(input.columns[index], "column"));
  const [first] = input.order;
  if (isWholeRow(node) && !builder.wantsOrder(node)) {
    return {
      from: builder.define(`SELECT DISTINCT ${input.columns.join(", ")}\nFROM ${input.from}`, [input]),
      columns: input.columns,
      order: [],
    };
  }
  if (isWholeRow(node) && input.order.length === 1 && first?.position) {
    const sql = `SELECT ${input.columns.join(", ")}, min(${first.column}) AS ${first.column}\nFROM ${input.from}\nGROUP BY ${keys.join(", ")}`;
    return { from: builder.define(sql, [input]), columns: input.columns, order: input.order };
  }
  const terms = keptFirst(node, input);
  const [term] = terms;
  if (terms.length === 1 && term?.position && isCheap(node.input)) {
    // Two readings, of which the first keeps one number a key, where a window would keep whole rows.
    shareCheap(builder, node.input);
    const group = keys.length === 0 ? "" : `\nGROUP BY ${keys.join(", ")}`;
    const place = `${term.descending ? "max" : "min"}(${term.column}) AS ${term.column}`;
    const places = builder.define(`SELECT ${place}\nFROM ${input.from}${group}`, [input]);
    const sql = `SELECT *\nFROM ${input.from}\nSEMI JOIN ${places} USING (${term.column})`;
    return { ...input, from: builder.define(sql, [input, { ...input, from: places }]) };
  }
  const partition = keys.length === 0 ? "" : `PARTITION BY ${keys.join(", ")} `;
  const order = terms.length === 0 ? "" : `ORDER BY ${orderSql(terms)}`;
  const sql = `SELECT *\nFROM ${input.from}\nQUALIFY row_number() OVER (${partition}${order}) = 1`;
  return { ...input, from: builder.define(sql, [input]) };
}

/** Has DuckDB read a cheap relation again for each that reads it, and all below it. */
function shareCheap(builder: QueryBuilder, node: BoundNode): void {
  builder.share(builder.relation(node), "NOT MATERIALIZED ");
  for (const input of boundInputs(node)) shareCheap(builder, input);
}

/** The order in which the row that is kept comes first. */
function keptFirst({ keep }: Node<"distinct">, input: Rel): readonly OrderTerm[] {
  if (keep === undefined) return input.order;
  const terms = [...sortTerms(keep.order, (index) => required(input.columns[index], "column")), ...input.order];
  return keep.which === "first" ? terms : terms.map(reversed);
}

/** A sort only says what the order is; whoever looks at the order (a limit, a join's output, the root) sorts. */
function sortRel(builder: QueryBuilder, node: Node<"sort">): Rel {
  const input = builder.relation(node.input);
  if (!builder.wantsOrder(node)) return { ...input, order: [] };
  const added: Selected[] = [];
  const terms = node.keys.map(({ expr, descending, nulls }): OrderTerm => {
    const sql = expressionSql(expr, (index) => required(input.columns[index], "column"));
    if (expr.kind === "column") return { column: sql, descending, nulls, position: false };
    const name = builder.hidden();
    added.push({ sql, name });
    return { column: name, descending, nulls, position: false };
  });
  const order = [...terms, ...input.order];
  if (added.length === 0) return { ...input, order };
  const from = builder.define(`SELECT *,\n       ${selectList(added)}\nFROM ${input.from}`, [input]);
  return { from, columns: input.columns, order };
}

function limitRel(builder: QueryBuilder, node: Node<"limit">): Rel {
  const input = builder.relation(node.input);
  const order = comesInOrder(node.input) || input.order.length === 0 ? "" : `\nORDER BY ${orderSql(input.order)}`;
  const bounds = `${Number.isSafeInteger(node.count) ? `LIMIT ${node.count}` : "LIMIT ALL"}${node.offset > 0 ? ` OFFSET ${node.offset}` : ""}`;
  return { ...input, from: builder.define(`SELECT *\nFROM ${input.from}${order}\n${bounds}`, [input]) };
}

function unionRel(builder: QueryBuilder, node: Node<"union">): Rel {
  const names = sqlNames(node.schema);
  const wanted = builder.wantsOrder(node);
  const arm = builder.hidden();
  const row = builder.hidden();
  const used: Rel[] = [];
  const arms = node.inputs.map((child, i) => {
    const input = builder.relation(child);
    const placed = wanted ? builder.withPosition(input) : null;
    const from = placed?.rel ?? input;
    used.push(from);
    const columns = names.map((name, c): Selected => ({ sql: required(from.columns[c], "column"), name }));
    if (placed !== null) columns.push({ sql: `CAST(${i} AS INTEGER)`, name: arm }, { sql: placed.column, name: row });
    return `SELECT ${selectList(columns)}\nFROM ${from.from}`;
  });
  const order = wanted ? [ascending(arm), ascending(row)] : [];
  return { from: builder.define(arms.join("\nUNION ALL\n"), used), columns: names, order };
}

function userRel(builder: QueryBuilder, node: Node<"sql">): Rel {
  const used: Rel[] = [];
  const inputs = node.inputs.map(({ name, node: child }) => {
    const input = builder.relation(child);
    used.push(input);
    const columns = child.schema.map((field, i) => ({ sql: required(input.columns[i], "column"), name: quoteIdent(field.name) }));
    const order = input.order.length === 0 ? "" : `\n  ORDER BY ${orderSql(input.order)}`;
    return `${quoteIdent(name)} AS (\n  SELECT ${selectList(columns)}\n  FROM ${input.from}${order}\n)`;
  });
  const text = trimStatement(node.text);
  const names = sqlNames(node.schema);
  const raw = names.map((_, i) => `u${i}`);
  const columns = node.schema.map(
    (field, i): Selected => ({
      sql: `CAST(${required(raw[i], "column")} AS ${typeToSql(field.type)})`,
      name: required(names[i], "name"),
    }),
  );
  const wanted = builder.wantsOrder(node);
  const ordered = outerOrder(text) !== null;
  const hidden = wanted && ordered ? builder.hidden() : null;
  if (hidden !== null) columns.push({ sql: "row_number() OVER ()", name: hidden });
  const tables = inputs.length === 0 ? "" : `WITH ${inputs.join(",\n")}\n`;
  const body = `${tables}SELECT *\nFROM (\n${withTotalOrder(text, names.length)}\n)`;
  const from = builder.define(`SELECT ${selectList(columns)}\nFROM (\n${body}\n) AS u(${raw.join(", ")})`, used);
  const order = !wanted ? [] : hidden !== null ? [position(hidden)] : names.map(ascending);
  return { from, columns: names, order };
}
