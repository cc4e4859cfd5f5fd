import type { AggregateExpr, Expr, NamedExpr } from "../expr/nodes.js";

/** Small parts of the plans that decide checks. */
export const column = (name: string): Expr => ({ kind: "column", name });
export const call = (fn: string, ...args: Expr[]): Expr => ({ kind: "call", fn, args });
export const literal = (value: string | number | boolean): Expr => ({ kind: "literal", value });
export const aggregateOf = (fn: string, ...args: Expr[]): AggregateExpr => ({ kind: "aggregate", fn, args });
export const and = (terms: readonly Expr[]): Expr => (terms.length > 1 ? call("and", ...terms) : (terms[0] ?? literal(true)));
/** None of the columns is null. */
export const present = (columns: readonly string[]): Expr => and(columns.map((name) => call("isNotNull", column(name))));
/** The columns as `v0`, `v1` … */
export const keyed = (columns: readonly string[]): NamedExpr[] =>
  columns.map((name, i) => ({ name: `v${i}`, expr: column(name) }));

export const when = (condition: Expr, value: Expr, otherwise: Expr | null): Expr => ({
  kind: "case",
  // biome-ignore lint/suspicious/noThenProperty: the name that branches have everywhere
  branches: [{ when: condition, then: value }],
  otherwise,
});
