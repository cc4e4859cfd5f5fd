import type * as Acorn from "acorn";
import type { Node } from "acorn";
import { requireLibrary } from "../../common/library.js";
import { numberValues, numberVariables } from "../../plan/numberUse.js";

/** How a function uses the row that it is given. */
export interface RowUse {
  /** The columns that it reads, or all of them. */
  readonly columns: ReadonlySet<string> | "all";
  /** Columns of which it takes nothing but `Number(row.name)`: it cannot tell a bigint from the number that `Number` makes of it. */
  readonly numbers: ReadonlySet<string>;
  /** Its source with each `...row` of an object literal written out, column by column; the source itself where it has none. */
  readonly source: string;
  /** The names under which the written-out source expects the names of the columns, in their order. */
  readonly parameters: readonly string[];
}

/**
 * What can be said of a function's use of its row from its source: null where the row goes anywhere but into `row.name`,
 * `{ ...row }` and a pattern of plain names in place of the parameter. A spread of a row is a slow way of copying it, but written out it is the fastest.
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
  const fn = rowFunction(root);
  if (fn === null) return null;
  if (fn.parameter.type === "ObjectPattern") return patternUse(source, fn);
  if (fn.parameter.type !== "Identifier") return null;
  const found = foundIn(fn.body, fn.parameter.name as string);
  if (found.unclear) return null;
  const spreads = found.spreads.length > 0;
  let prefix = "column$";
  while (source.includes(prefix)) prefix += "$";
  const parameters = spreads ? columns.map((_, i) => `${prefix}${i}`) : [];
  const fields = parameters.map((name) => `[${name}]: ${found.row}[${name}]`).join(", ");
  const numbers = numberValues((node) => (isRow(node.object, found) ? memberName(node) : null), spreads ? [] : [fn.body]);
  return { columns: spreads ? "all" : found.members, numbers, source: replaced(source, found.spreads, fields), parameters };
}

/** Of a function that takes its row apart in place of a parameter. */
function patternUse(source: string, { parameter, body }: RowFunction): RowUse | null {
  const columnOf = new Map<string, string>();
  for (const item of parameter.properties as readonly unknown[]) {
    const property = loose(item);
    const variable = loose(property?.value);
    const column = property?.type === "Property" ? keyName(property.key, property.computed) : null;
    if (column === null || variable?.type !== "Identifier") return null;
    columnOf.set(variable.name as string, column);
  }
  if (foundIn(body, null).unclear) return null;
  const numbers = new Set(columnOf.values());
  const variables = numberVariables(new Set(columnOf.keys()), [body]);
  for (const [variable, column] of columnOf) if (!variables.has(variable)) numbers.delete(column);
  return { columns: new Set(columnOf.values()), numbers, source, parameters: [] };
}

interface Found {
  /** Its name; null where it has none. */
  readonly row: string | null;
  readonly members: Set<string>;
  readonly spreads: Node[];
  unclear: boolean;
}

/** A node seen as a bag of children; what is looked for is tested by `type`. */
type Loose = Node & { readonly [key: string]: unknown };

const loose = (node: unknown): Loose | null =>
  typeof node === "object" && node !== null && typeof (node as Node).type === "string" ? (node as Loose) : null;

/** A function of one parameter. */
interface RowFunction {
  readonly parameter: Loose;
  readonly body: unknown;
}

function rowFunction(root: Node): RowFunction | null {
  const fn = loose(root);
  if (fn === null || (fn.type !== "ArrowFunctionExpression" && fn.type !== "FunctionExpression")) return null;
  if (fn.generator === true || fn.async === true || fn.id != null) return null;
  const [first, ...others] = fn.params as readonly unknown[];
  const parameter = loose(first);
  return parameter === null || others.length > 0 ? null : { parameter, body: fn.body };
}

function foundIn(body: unknown, row: string | null): Found {
  const found: Found = { row, members: new Set(), spreads: [], unclear: false };
  look(body, found);
  return found;
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
  const name = memberName(node);
  if (name === null) found.unclear = true;
  else found.members.add(name);
}

const memberName = (node: Loose): string | null =>
  node.type === "MemberExpression" ? keyName(node.property, node.computed) : null;

/** The name that a key or property says without being computed. */
function keyName(value: unknown, computed: unknown): string | null {
  const key = loose(value);
  if (computed !== true && key?.type === "Identifier") return key.name as string;
  return key?.type === "Literal" && typeof key.value === "string" ? key.value : null;
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
