import type { Node } from "acorn";

type Syntax = Node & { readonly [key: string]: unknown };

/** By way of these a function could reach a value unseen, or change what `Number` means. */
const suspicious = new Set(["Number", "arguments", "eval", "globalThis"]);

/**
 * The parameters of a function, by place, that its source uses as `Number(parameter)` and, but for comparisons with null, in no other way: it cannot
 * tell a bigint from the number that `Number` makes of it. Where the source does not show that, as with defaults, patterns or a rest, there are none.
 */
export function numberParameters(root: Node): readonly number[] {
  const { id, params, body } = root as Syntax;
  const names = (params as readonly Syntax[]).map((parameter) => (parameter.type === "Identifier" ? nameOf(parameter) : null));
  if (names.includes(null)) return [];
  const numbers = numberVariables(new Set(names.filter((name) => name !== null)), [id, body]);
  return names.flatMap((name, i) => (name !== null && numbers.has(name) ? [i] : []));
}

/** The same of variables, below some nodes. Who declares them there anew uses them in another way. */
export function numberVariables(names: ReadonlySet<string>, below: readonly unknown[]): ReadonlySet<string> {
  if (names.has("Number")) return new Set();
  return numberValues((node) => (node.type === "Identifier" && names.has(nameOf(node)) ? nameOf(node) : null), below);
}

/** The same of values of any kind; `valueAt` says which one a node is, if it is one. */
export function numberValues(valueAt: (node: Syntax) => string | null, below: readonly unknown[]): ReadonlySet<string> {
  const found: Found = { valueAt, numbers: new Set(), others: new Set(), unclear: false };
  look(below, found);
  return new Set(found.unclear ? [] : [...found.numbers].filter((value) => !found.others.has(value)));
}

interface Found {
  readonly valueAt: (node: Syntax) => string | null;
  /** Values that stand in `Number(value)`. */
  readonly numbers: Set<string>;
  /** Values that stand anywhere else but beside null. */
  readonly others: Set<string>;
  unclear: boolean;
}

function look(part: unknown, found: Found): void {
  if (Array.isArray(part)) {
    for (const item of part) look(item, found);
    return;
  }
  if (!isSyntax(part)) return;
  const value = found.valueAt(part);
  if (value !== null) {
    found.others.add(value);
    return;
  }
  if (part.type === "WithStatement" || (part.type === "Identifier" && suspicious.has(nameOf(part)))) found.unclear = true;
  if (part.type === "CallExpression" && part.optional !== true && isNumber(part.callee)) {
    const args = part.arguments as readonly Syntax[];
    const only = args[0] !== undefined && args.length === 1 ? found.valueAt(args[0]) : null;
    if (only === null) look(args, found);
    else found.numbers.add(only);
    return;
  }
  if (part.type === "BinaryExpression" && isNullTest(part, found)) return;
  for (const [key, child] of Object.entries(part)) {
    // A name after a point or before a colon is no variable, and `Number.isNaN` leaves `Number` as it is.
    if ((key === "property" || key === "key") && part.computed !== true) continue;
    if (key === "object" && isNumber(child)) continue;
    look(child, found);
  }
}

/** Whether a value is compared with null: a bigint is as little null as a number. */
function isNullTest({ operator, left, right }: Syntax, found: Found): boolean {
  if (operator !== "===" && operator !== "!==" && operator !== "==" && operator !== "!=") return false;
  const isValue = (part: unknown): boolean => isSyntax(part) && found.valueAt(part) !== null;
  return (isValue(left) && isNull(right)) || (isNull(left) && isValue(right));
}

const isNull = (part: unknown): boolean => isSyntax(part) && part.type === "Literal" && part.raw === "null";

const isNumber = (part: unknown): boolean => isSyntax(part) && part.type === "Identifier" && nameOf(part) === "Number";

const isSyntax = (value: unknown): value is Syntax =>
  typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string";

const nameOf = (node: unknown): string => (node as { readonly name: string }).name;
