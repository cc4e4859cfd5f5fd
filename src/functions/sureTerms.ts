import type { Bound } from "../expr/nodes.js";
import { allOf, conjuncts } from "../expr/walk.js";
import { isFallible } from "./bind.js";

/**
 * What a row must meet, of conditions that follow each other, as far as none of their terms could fail or calls a user's function: behind such a term a
 * row may have become a reject. null for nothing.
 */
export function sureTerms(predicates: readonly Bound[]): Bound | null {
  const all = predicates.flatMap(conjuncts);
  const failing = all.findIndex(isFallible);
  const terms = failing < 0 ? all : all.slice(0, failing);
  return terms.length === 0 ? null : allOf(terms);
}
