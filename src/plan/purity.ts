import type { Node } from "acorn";

type Syntax = Node & { readonly [key: string]: unknown };

/** Standard functions and constants whose results depend on their arguments alone. `Math` is one but for `random`. */
const pureGlobals = new Set(
  `undefined NaN Infinity String Number Boolean BigInt Math JSON Array Map Set Error TypeError RangeError parseInt parseFloat isNaN
  isFinite encodeURI encodeURIComponent decodeURI decodeURIComponent`.split(/\s+/),
);
/** By way of these a function could keep something from call to call, or ask for chance. */
const suspicious = new Set(["random", "constructor", "prototype", "__proto__", "callee", "caller"]);

/**
 * Whether the source of a function shows that its result depends on its arguments alone, given that these are not objects: it takes nothing from
 * around it but standard functions that are so themselves, does not refer to itself, and changes nothing that lasts longer than a call. What cannot be
 * told is not.
 * @param free where the names stand that the function does not declare
 */
export function isPure(root: Node, free: readonly { readonly name: string; readonly start: number }[]): boolean {
  const fn = root as Syntax;
  const own = fn.type === "FunctionExpression" && isSyntax(fn.id) ? nameOf(fn.id) : null;
  if (fn.async === true || fn.generator === true) return false;
  if (free.some(({ name }) => !pureGlobals.has(name))) return false;
  const outer = new Set(free.map(({ start }) => start));
  return allows(fn, [], { outer, own });
}

interface Names {
  readonly outer: ReadonlySet<number>;
  /** The function's own name, which it may not use. */
  readonly own: string | null;
}

function allows(node: Syntax, above: readonly Syntax[], names: Names): boolean {
  const parent = above.at(-1);
  if (node.type === "MemberExpression" && node.computed !== true && suspicious.has(nameOf(node.property))) return false;
  if (node.type === "Literal" && typeof node.value === "string" && suspicious.has(node.value)) return false;
  if (node.type === "TaggedTemplateExpression" || node.type === "ClassExpression" || node.type === "ClassDeclaration")
    return false;
  if (node.type === "Identifier" && parent !== undefined) {
    const isKey = isName(parent, node);
    if (!isKey && nameOf(node) === names.own && parent.id !== node) return false;
    if (!isKey && names.outer.has(node.start) && !isHarmless(node, parent, above.at(-2))) return false;
    if (isKey && parent.type === "Property" && suspicious.has(nameOf(node))) return false;
  }
  const path = [...above, node];
  return Object.values(node).every((value) =>
    (Array.isArray(value) ? value : [value]).every((child) => !isSyntax(child) || allows(child, path, names)),
  );
}

/** A standard name as it may stand: called, made, a value that never changes, or the owner of a method that is called or of a constant. */
function isHarmless(node: Syntax, parent: Syntax, grandparent: Syntax | undefined): boolean {
  if (["undefined", "NaN", "Infinity"].includes(nameOf(node))) return true;
  if ((parent.type === "CallExpression" || parent.type === "NewExpression") && parent.callee === node) return true;
  if (parent.type === "BinaryExpression") return parent.operator === "instanceof";
  // Handed on to be called, such as to `map`.
  if (parent.type === "CallExpression") return ["String", "Number", "Boolean", "BigInt"].includes(nameOf(node));
  if (parent.type !== "MemberExpression" || parent.object !== node || parent.computed === true) return false;
  if (grandparent?.type === "CallExpression" && grandparent.callee === parent) return true;
  const isConstant = /^[A-Z][A-Z0-9_]*$/.test(nameOf(parent.property));
  const isTarget = grandparent?.type === "AssignmentExpression" && grandparent.left === parent;
  return isConstant && !isTarget && grandparent?.type !== "UpdateExpression" && grandparent?.type !== "UnaryExpression";
}

/** Whether an identifier names a property, and refers to nothing. */
function isName(parent: Syntax, node: Syntax): boolean {
  if (parent.type === "MemberExpression") return parent.property === node && parent.computed !== true;
  if (parent.type === "Property") return parent.key === node && parent.computed !== true && parent.value !== node;
  return parent.type === "LabeledStatement" || parent.type === "BreakStatement" || parent.type === "ContinueStatement";
}

const isSyntax = (value: unknown): value is Syntax =>
  typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string";

const nameOf = (node: unknown): string => (node as { readonly name: string }).name;
