import { MillraceError } from "../../common/errors.js";
import { userFailure } from "../../functions/border.js";
import { RowFailure } from "../../functions/definition.js";

/** Why a row cannot be computed, as a reject tells it. */
export interface RowFailureData {
  readonly code: string;
  readonly message: string;
  /** The output column that was being computed; null in a filter. */
  readonly column: string | null;
  /** The user's function that failed, if it was one. */
  readonly functionName: string | null;
}

/** Told of each row that fails, by its physical number. */
export type RowFail = (row: number, failure: RowFailureData) => void;

/** A place that may fail. */
export interface Site {
  readonly column: string | null;
  readonly functionName: string | null;
}

/**
 * What was thrown at a site, as data. Whatever a user's function throws rejects its row.
 * @throws what was thrown, when it is neither a RowFailure nor came from a user's function: that is a bug, not bad data.
 */
export function failureOf(thrown: unknown, site: Site): RowFailureData {
  if (thrown instanceof RowFailure) return { code: thrown.code, message: thrown.message, ...site };
  if (site.functionName === null || (thrown instanceof MillraceError && thrown.category === "Resource")) throw thrown;
  const { code, message } = userFailure(thrown, `function ${site.functionName}`);
  return { code, message, ...site };
}
