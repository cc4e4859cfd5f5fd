import type { Node } from "acorn";
import { planError } from "../common/errors.js";
import type { Bound, FunctionRef } from "../expr/nodes.js";
import { visitBound } from "../expr/walk.js";
import { type DataType, type Schema, typeName } from "../schema/types.js";
import type { BoundNode } from "./bound.js";
import { tryParse } from "./functionSource.js";

/**
 * Refuses a user's function that compares, by `===`, `!==` or `switch`, a column with a number that none of its values can ever be equal to: a
 * 64-bit integer or timestamp arrives as bigint and a decimal as text, so that `q === 3` is false for every row, in silence. Types of
 * TypeScript are no longer there to tell. A function that looks at `typeof`, or assigns to the parameter, knows what it does.
 * @throws MillraceError Plan/UDF_COMPARES_TYPES
 */
export function requireComparable(node: BoundNode): void {
  if (node.kind === "map" || node.kind === "flatMap") requireRows(node.fn, node.input.schema);
  for (const expr of expressionsOf(node)) {
    visitBound(expr, (part) => {
      if (part.kind === "udf") requireArguments(part.fn, part.args);
    });
  }
}

function expressionsOf(node: BoundNode): readonly Bound[] {
  switch (node.kind) {
    case "filter":
      return [node.predicate];
    case "project":
      return node.columns.map((column) => column.expr);
    case "aggregate":
      return [...node.keys.map((key) => key.expr), ...node.aggregates.flatMap((one) => one.args)];
    case "sort":
      return node.keys.map((key) => key.expr);
    default:
      return [];
  }
}

type Form = "number" | "bigint" | "text";

/** What a function compares: a parameter, or a column of its row. */
interface Value {
  readonly what: string;
  readonly type: DataType;
  readonly form: Form;
}

function formOf({ kind }: DataType): Form | null {
  if (kind === "int64" || kind === "uint64" || kind === "timestamp") return "bigint";
  if (kind === "decimal") return "text";
  return /^(u?int(8|16|32)|float(32|64))$/.test(kind) ? "number" : null;
}

/** A syntax node; its children stand under its keys. */
type Syntax = Node & { readonly [key: string]: unknown };
type Values = ReadonlyMap<string, Value>;

function requireArguments(fn: FunctionRef, args: readonly Bound[]): void {
  const root = functionNode(fn);
  if (root === null) return;
  const values = new Map<string, Value>();
  for (const [i, parameter] of (root.params as readonly Syntax[]).entries()) {
    const [arg, form] = [args[i], args[i] === undefined ? null : formOf(args[i].type)];
    if (arg === undefined || form === null || parameter.type !== "Identifier") continue;
    const what = arg.kind === "column" ? `column ${JSON.stringify(arg.name)}` : `argument ${i + 1}`;
    values.set(String(parameter.name), { what, type: arg.type, form });
  }
  refuse(fn, root, values, null);
}

function requireRows(fn: FunctionRef, schema: Schema): void {
  const root = functionNode(fn);
  const parameter = (root?.params as readonly Syntax[] | undefined)?.[0];
  if (root === null || parameter === undefined) return;
  const columns = new Map<string, Value>();
  for (const { name, type } of schema) {
    const form = formOf(type);
    if (form !== null) columns.set(name, { what: `column ${JSON.stringify(name)}`, type, form });
  }
  if (parameter.type === "Identifier") refuse(fn, root, columns, String(parameter.name));
  if (parameter.type !== "ObjectPattern") return;
  const values = new Map<string, Value>();
  for (const { key, value, computed } of parameter.properties as readonly Record<string, Syntax>[]) {
    const column = key?.type === "Identifier" && !computed ? columns.get(String(key.name)) : undefined;
    if (column !== undefined && value?.type === "Identifier") values.set(String(value.name), column);
  }
  refuse(fn, root, values, null);
}

/** null for a module, and for a text that compares nothing. */
function functionNode(fn: FunctionRef): Syntax | null {
  if (fn.kind !== "source" || !/[!=]==|\bswitch\b/.test(fn.source)) return null;
  const statement = tryParse(`(${fn.source})`) as { readonly expression?: Syntax } | null;
  const root = statement?.expression;
  return root !== undefined && Array.isArray(root.params) ? root : null;
}

interface Comparison {
  readonly name: string;
  readonly form: Form;
  readonly literal: string;
  readonly operator: string;
  readonly start: number;
}

/** @param row the parameter whose members are the values; null: the values are parameters themselves. */
function refuse(fn: FunctionRef, root: Syntax, values: Values, row: string | null): void {
  const nameOf = (node: Syntax): string | null => valueName(node, row);
  const found: Comparison[] = [];
  const known = new Set<string>();
  for (const node of nodesOf(root.body as Syntax)) {
    found.push(...comparisonsOf(node, nameOf));
    for (const name of understood(node, nameOf)) known.add(name);
  }
  if (row !== null && known.has(row)) return;
  for (const comparison of found) {
    const value = values.get(comparison.name);
    if (value === undefined || known.has(comparison.name) || comparison.form === value.form) continue;
    if (found.some((other) => other.name === comparison.name && other.form === value.form)) continue;
    throw refusal(fn, value, comparison);
  }
}

function valueName(node: Syntax, row: string | null): string | null {
  if (row === null) return node.type === "Identifier" ? String(node.name) : null;
  if (node.type !== "MemberExpression") return null;
  const [object, property] = [node.object as Syntax, node.property as Syntax];
  if (object.type !== "Identifier" || object.name !== row) return null;
  if (node.computed !== true) return String(property.name);
  return typeof property.value === "string" ? property.value : null;
}

function comparisonsOf(node: Syntax, nameOf: (node: Syntax) => string | null): Comparison[] {
  if (node.type === "BinaryExpression" && (node.operator === "===" || node.operator === "!==")) {
    const [left, right] = [node.left as Syntax, node.right as Syntax];
    return [...compared(left, right, node.operator, nameOf), ...compared(right, left, node.operator, nameOf)];
  }
  if (node.type !== "SwitchStatement") return [];
  const tests = (node.cases as readonly { readonly test: Syntax | null }[]).flatMap(({ test }) => test ?? []);
  return tests.flatMap((test) => compared(node.discriminant as Syntax, test, "case", nameOf));
}

function compared(value: Syntax, other: Syntax, operator: string, nameOf: (node: Syntax) => string | null): Comparison[] {
  const [name, number] = [nameOf(value), numberOf(other)];
  return name === null || number === null ? [] : [{ name, operator, start: value.start, ...number }];
}

/** A number as it is written, with its sign. */
function numberOf(node: Syntax): { readonly form: Form; readonly literal: string } | null {
  if (node.type === "UnaryExpression" && node.operator === "-") {
    const inner = numberOf(node.argument as Syntax);
    return inner === null ? null : { ...inner, literal: `-${inner.literal}` };
  }
  if (node.type !== "Literal") return null;
  if (typeof node.bigint === "string") return { form: "bigint", literal: `${node.bigint}n` };
  return typeof node.value === "number" ? { form: "number", literal: String(node.value) } : null;
}

/** Values whose form the function looks at or changes, and names that it declares anew. */
function understood(node: Syntax, nameOf: (node: Syntax) => string | null): string[] {
  const names = (part: unknown): string[] => {
    const syntax = part as Syntax;
    const own = syntax.type === "Identifier" ? [String(syntax.name)] : [];
    return [...own, ...[nameOf(syntax)].filter((name) => name !== null)];
  };
  switch (node.type) {
    case "UnaryExpression":
      return node.operator === "typeof" ? names(node.argument) : [];
    case "AssignmentExpression":
      return nodesOf(node.left as Syntax).flatMap(names);
    case "VariableDeclarator":
      return nodesOf(node.id as Syntax).flatMap(names);
    case "FunctionExpression":
    case "FunctionDeclaration":
    case "ArrowFunctionExpression":
      return (node.params as readonly Syntax[]).flatMap(nodesOf).flatMap(names);
    default:
      return [];
  }
}

/** A node and all below it. */
function nodesOf(root: Syntax): Syntax[] {
  const found: Syntax[] = [];
  const open: Syntax[] = [root];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    found.push(node);
    for (const child of Object.values(node).flat()) {
      if (typeof child === "object" && child !== null && "type" in child) open.push(child as Syntax);
    }
  }
  return found.sort((a, b) => a.start - b.start);
}

const forms: Readonly<Record<Form, string>> = { number: "number", bigint: "bigint", text: "text" };

/** `column "q"` as it is written in a callback. */
const expressionOf = (what: string): string => /^column "([A-Za-z_$][\w$]*)"$/.exec(what)?.[1]?.replace(/^/, "c.") ?? "column";

function refusal(fn: FunctionRef, { what, type, form }: Value, { operator, literal }: Comparison): Error {
  const never = operator === "!==" ? "always true" : "never true";
  const how = operator === "case" ? `case ${literal}` : `${operator} ${literal}`;
  const digits = literal.replace(/n$/, "");
  const spelled = form === "bigint" ? `${digits}n` : form === "text" ? JSON.stringify(digits) : digits;
  return planError(
    "UDF_COMPARES_TYPES",
    `function ${fn.name}: ${how} is ${never} for ${what}, which is ${typeName(type)}: a function receives its values as ${forms[form]}`,
    {
      hint: `Compare with ${spelled}, or cast it before: ${expressionOf(what)}.cast("${form === "text" ? "float64" : "int32"}").`,
    },
  );
}
