import { planError } from "../common/errors.js";
import { didYouMean } from "../common/nearest.js";
import { countAggregates } from "./aggregates/counts.js";
import { extremeAggregates } from "./aggregates/extremes.js";
import { positionAggregates } from "./aggregates/positions.js";
import { spreadAggregates } from "./aggregates/spread.js";
import { sumAggregates } from "./aggregates/sums.js";
import { arithmeticFunctions } from "./arithmetic.js";
import { booleanFunctions } from "./boolean.js";
import { comparisonFunctions } from "./comparison.js";
import { conditionalFunctions } from "./conditional.js";
import { dateFunctions } from "./dates.js";
import type { AggregateFunction, ScalarFunction } from "./definition.js";
import { hashingFunctions } from "./hashing.js";
import { nestedFunctions } from "./nested.js";
import { numberFunctions } from "./numbers.js";
import { regexpFunctions } from "./regexp.js";
import { stringFunctions } from "./strings.js";

/** Every scalar function, by family. A new one is added to its family's list and nowhere else. */
const scalars: ReadonlyMap<string, ScalarFunction> = byName([
  ...arithmeticFunctions,
  ...comparisonFunctions,
  ...booleanFunctions,
  ...conditionalFunctions,
  ...numberFunctions,
  ...stringFunctions,
  ...regexpFunctions,
  ...dateFunctions,
  ...hashingFunctions,
  ...nestedFunctions,
]);

const aggregates: ReadonlyMap<string, AggregateFunction> = byName([
  ...countAggregates,
  ...sumAggregates,
  ...extremeAggregates,
  ...positionAggregates,
  ...spreadAggregates,
]);

function byName<T extends { readonly name: string }>(definitions: readonly T[]): ReadonlyMap<string, T> {
  return new Map(definitions.map((definition) => [definition.name, definition]));
}

/** Functions of `window` (functions/windows.ts) that are no aggregates. */
const windowOnly: ReadonlySet<string> = new Set(["rowNumber", "rank", "denseRank", "lag", "lead"]);

export const scalarNames = (): string[] => [...scalars.keys()];
export const aggregateNames = (): string[] => [...aggregates.keys()];

/** @throws MillraceError Plan/UNKNOWN_FUNCTION with the nearest names. */
export function scalarFunction(name: string): ScalarFunction {
  const found = scalars.get(name);
  if (found !== undefined) return found;
  const hint = aggregates.has(name) ? `${name} is an aggregate; it stands inside agg.` : didYouMean(name, scalarNames());
  throw planError("UNKNOWN_FUNCTION", `there is no function ${JSON.stringify(name)}. ${hint}`);
}

/** Whether there is such an aggregate, and it folds value by value; see `AggregateFunction.folded`. */
export const isFolded = (name: string): boolean => aggregates.get(name)?.folded === true;

/** @throws MillraceError Plan/UNKNOWN_FUNCTION with the nearest names. */
export function aggregateFunction(name: string): AggregateFunction {
  const found = aggregates.get(name);
  if (found !== undefined) return found;
  if (windowOnly.has(name)) {
    throw planError("UNKNOWN_FUNCTION", `${name} is no aggregate: it stands inside window, which looks at the rows around a row`);
  }
  throw planError("UNKNOWN_FUNCTION", `there is no aggregate ${JSON.stringify(name)}. ${didYouMean(name, aggregateNames())}`);
}
