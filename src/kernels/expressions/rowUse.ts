import type * as Acorn from "acorn";
import type { Node } from "acorn";
import { requireLibrary } from "../../common/library.js";

/** How a function uses the row that it is given. */
export interface RowUse {
  /** The columns that it reads, or all of them. */
  readonly columns: ReadonlySet<string> | "all";
  /** Its source with each `...row` of an object literal written out, column by column; the source itself where it has none. */
  readonly source: string;
  /** The names under which the written-out source expects the names of the columns, in their order. */
  readonly parameters: readonly string[];
}

/**
 * What can be said of a function's use of its row from its source: null where the row goes anywhere but into `row.name` and
 * `{ ...row }`. A spread of a row is a slow way of copying it, but written out it is the fastest.
 */
export function rowUse(source: string, columns: readonly string[]): RowUse | null {
  const { parseExpressionAt } = requireLibrary("acorn") as typeof Acorn;
  let root: Node;
  try {
    root = parseExpressionAt(`(${source}\n)`, 0, { ecmaVersion: "latest" });
  } catch {
    // Whether it is a function at all is judged where it is compiled.
    return null;
  }
  const row = rowParameter(root);
  if (row === null) return null;
  const found: Found = { row: row.name, members: new Set(), spreads: [], unclear: false };
  for (const child of row.rest) look(child, found);
  if (found.unclear) return null;
  const spreads = found.spreads.length > 0;
  let prefix = "column$";
  while (source.includes(prefix)) prefix += "$";
  const parameters = spreads ? columns.map((_, i) => `${prefix}${i}`) : [];
  const fields = parameters.map((name) => `[${name}]: ${row.name}[${name}]`).join(", ");
  return { columns: spreads ? "all" : found.members, source: replaced(source, found.spreads, fields), parameters };
}

interface Found {
  readonly row: string;
  readonly members: Set<string>;
  readonly spreads: Node[];
  unclear: boolean;
}

/** A node seen as a bag of children; what is looked for is tested by `type`. */
type Loose = Node & { readonly [key: string]: unknown };

const loose = (node: unknown): Loose | null =>
  typeof node === "object" && node !== null && typeof (node as Node).type === "string" ? (node as Loose) : null;

/** The name of the first parameter, and the nodes in which it may be used. */
function rowParameter(root: Node): { readonly name: string; readonly rest: readonly unknown[] } | null {
  const fn = loose(root);
  if (fn === null || (fn.type !== "ArrowFunctionExpression" && fn.type !== "FunctionExpression")) return null;
  if (fn.generator === true || fn.async === true || fn.id != null) return null;
  const [first, ...others] = fn.params as readonly unknown[];
  const parameter = loose(first);
  if (parameter?.type !== "Identifier" || others.length > 0) return null;
  return { name: parameter.name as string, rest: [fn.body] };
}

/** Walks everything below a node; whatever is not a plain read of a column or a spread of the row makes it unclear. */
function look(value: unknown, found: Found): void {
  if (Array.isArray(value)) {
    for (const item of value) look(item, found);
    return;
  }
  const node = loose(value);
  if (node === null) return;
  if (node.type === "WithStatement" || node.type === "ThisExpression" || changesRow(node, found)) found.unclear = true;
  if (node.type === "Identifier") {
    if (node.name === found.row || node.name === "arguments" || node.name === "eval") found.unclear = true;
    return;
  }
  if (node.type === "MemberExpression" && isRow(node.object, found)) {
    member(node, found);
    return;
  }
  if (node.type === "ObjectExpression") {
    object(node, found);
    return;
  }
  for (const [key, child] of Object.entries(node)) {
    // A name after a point or before a colon is no variable.
    if (key === "property" && node.computed !== true) continue;
    if (key === "key" && node.computed !== true) continue;
    look(child, found);
  }
}

/** Whether a node writes to the row or its properties, or calls one of them, which hands the row on as `this`. */
function changesRow(node: Loose, found: Found): boolean {
  switch (node.type) {
    case "AssignmentExpression":
    case "ForInStatement":
    case "ForOfStatement":
      return mentionsRow(node.left, found);
    case "UpdateExpression":
      return mentionsRow(node.argument, found);
    case "UnaryExpression":
      return node.operator === "delete" && mentionsRow(node.argument, found);
    case "CallExpression":
      return isRow(loose(node.callee)?.object, found);
    case "TaggedTemplateExpression":
      return isRow(loose(node.tag)?.object, found);
    default:
      return false;
  }
}

function mentionsRow(value: unknown, found: Found): boolean {
  if (Array.isArray(value)) return value.some((item) => mentionsRow(item, found));
  const node = loose(value);
  return node !== null && (isRow(node, found) || Object.values(node).some((child) => mentionsRow(child, found)));
}

const isRow = (value: unknown, found: Found): boolean => {
  const node = loose(value);
  return node?.type === "Identifier" && node.name === found.row;
};

function member(node: Loose, found: Found): void {
  const property = loose(node.property);
  if (node.computed !== true && property?.type === "Identifier") found.members.add(property.name as string);
  else if (property?.type === "Literal" && typeof property.value === "string") found.members.add(property.value);
  else found.unclear = true;
}

function object(node: Loose, found: Found): void {
  for (const item of node.properties as readonly unknown[]) {
    const property = loose(item);
    if (property?.type === "SpreadElement" && isRow(property.argument, found)) found.spreads.push(property);
    else look(property, found);
  }
}

/** The source with the nodes' text replaced. Positions count the bracket that was put in front. */
function replaced(source: string, nodes: readonly Node[], by: string): string {
  let text = source;
  for (const node of [...nodes].sort((a, b) => b.start - a.start)) {
    text = `${text.slice(0, node.start - 1)}${by}${text.slice(node.end - 1)}`;
  }
  return text;
}
