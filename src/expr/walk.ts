import { assertNever } from "../common/assert.js";
import { type Field, types } from "../schema/types.js";
import type { Bound, Expr } from "./nodes.js";

/** A column of a node's rows as an expression over them. */
export const columnOf = ({ name, type, nullable }: Field, index: number): Bound => ({
  kind: "column",
  index,
  name,
  type,
  nullable,
});

/** The direct parts of an expression as written. */
export function exprChildren(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case "column":
    case "literal":
      return [];
    case "call":
    case "udf":
    case "aggregate":
      return expr.args;
    case "cast":
      return [expr.input];
    case "case": {
      const parts = expr.branches.flatMap((branch) => [branch.when, branch.then]);
      return expr.otherwise === null ? parts : [...parts, expr.otherwise];
    }
    default:
      return assertNever(expr, "expression");
  }
}

/** Whether any node of an expression as written satisfies the test. */
export function someExpr(expr: Expr, test: (node: Expr) => boolean): boolean {
  return test(expr) || exprChildren(expr).some((child) => someExpr(child, test));
}

/** The direct parts of a bound expression, in the order in which they are written. The one child table that all walking uses. */
export function boundChildren(bound: Bound): readonly Bound[] {
  switch (bound.kind) {
    case "column":
    case "literal":
      return [];
    case "call":
    case "udf":
      return bound.args;
    case "cast":
      return [bound.input];
    case "case": {
      const parts = bound.branches.flatMap((branch) => [branch.when, branch.then]);
      return bound.otherwise === null ? parts : [...parts, bound.otherwise];
    }
    default:
      return assertNever(bound, "bound expression");
  }
}

/** The same node over other parts; an untouched node stays the same object. */
function withChildren(bound: Bound, map: (child: Bound) => Bound): Bound {
  switch (bound.kind) {
    case "column":
    case "literal":
      return bound;
    case "call":
    case "udf": {
      const args = bound.args.map(map);
      return args.every((arg, i) => arg === bound.args[i]) ? bound : { ...bound, args };
    }
    case "cast": {
      const input = map(bound.input);
      return input === bound.input ? bound : { ...bound, input };
    }
    case "case": {
      // biome-ignore lint/suspicious/noThenProperty: a branch is plain data
      const branches = bound.branches.map((branch) => ({ when: map(branch.when), then: map(branch.then) }));
      const otherwise = bound.otherwise === null ? null : map(bound.otherwise);
      const same =
        otherwise === bound.otherwise &&
        branches.every((b, i) => b.when === bound.branches[i]?.when && b.then === bound.branches[i]?.then);
      return same ? bound : { ...bound, branches, otherwise };
    }
    default:
      return assertNever(bound, "bound expression");
  }
}

/** Rewrites bottom-up: `fn` sees each node after its parts were rewritten. Types must not change. */
export function mapBound(bound: Bound, fn: (node: Bound) => Bound): Bound {
  return fn(withChildren(bound, (child) => mapBound(child, fn)));
}

/** Calls `visit` for every node, parents first. */
export function visitBound(bound: Bound, visit: (node: Bound) => void): void {
  visit(bound);
  for (const child of boundChildren(bound)) visitBound(child, visit);
}

/** Whether any node of the expression satisfies the test. */
export function someBound(bound: Bound, test: (node: Bound) => boolean): boolean {
  return test(bound) || boundChildren(bound).some((child) => someBound(child, test));
}

/** Indexes of the input columns that an expression reads. */
export function columnsUsed(bound: Bound): Set<number> {
  const used = new Set<number>();
  visitBound(bound, (node) => {
    if (node.kind === "column") used.add(node.index);
  });
  return used;
}

/** The same expression over an input whose columns stand elsewhere. */
export function remapColumns(bound: Bound, newIndex: (index: number) => number): Bound {
  return mapBound(bound, (node) => {
    if (node.kind !== "column") return node;
    const index = newIndex(node.index);
    return index === node.index ? node : { ...node, index };
  });
}

/** Whether a user's function stands anywhere in the expression. */
export const usesUserFunction = (bound: Bound): boolean => someBound(bound, (node) => node.kind === "udf");

/** The terms of which all must hold. */
export function conjuncts(predicate: Bound): Bound[] {
  if (predicate.kind === "call" && predicate.fn === "and") return predicate.args.flatMap(conjuncts);
  return [predicate];
}

/** The condition that all of these hold, of which there is one at least. */
export function allOf(terms: readonly Bound[]): Bound {
  const [first, ...rest] = terms as [Bound, ...Bound[]];
  return rest.reduce<Bound>(
    (left, right) => ({
      kind: "call",
      fn: "and",
      args: [left, right],
      options: {},
      type: types.bool,
      nullable: left.nullable || right.nullable,
    }),
    first,
  );
}
