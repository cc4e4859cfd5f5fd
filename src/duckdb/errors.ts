import { dataError, externalError, internalError, MillraceError, planError, resourceError } from "../common/errors.js";

/** Whose text a statement was: only a user's own SQL can be wrong by the user's doing. */
export type SqlAuthor = "engine" | "user";

const memoryHint = "Raise the option `memory` of the engine, or work on fewer columns and groups at a time.";

/** What DuckDB says of an integer sum, or a sum of partial sums, that does not fit into int64. */
const integerSum =
  /Type (INT128|HUGEINT) with value .* out of range for the destination type (INT64|BIGINT)|Failed to cast decimal value .* to type INT64 when casting from source column sum\(/i;

/**
 * What DuckDB threw, as our error. The text of DuckDB is kept, with its position marker and its own "did you mean".
 * A message that names no known kind is an internal error when the engine wrote the SQL, and SQL_FAILED when the user did.
 */
export function fromDuckDbError(thrown: unknown, author: SqlAuthor): MillraceError {
  if (thrown instanceof MillraceError) return thrown;
  const message = (thrown instanceof Error ? thrown.message : String(thrown)).replace(/^Failed to extract statements: /, "");
  const options = { cause: thrown };
  if (/^INTERRUPT|Interrupted!/i.test(message))
    return new MillraceError("Cancelled", "CANCELLED", "the query was interrupted", options);
  if (/max_temp_directory_size|failed to offload/i.test(message)) {
    return resourceError("DISK_LIMIT", `a query has to spill more than it may: ${message}`, {
      ...options,
      hint: "Raise the option `maxDisk`; where it is not set, free space in the state folder or point `stateDir` at a larger disk.",
    });
  }
  if (/No space left|disk is full/i.test(message)) {
    return resourceError("DISK_FULL", `DuckDB ran out of disk space: ${message}`, {
      ...options,
      hint: "Free space in the scratch folder, or point it at a larger disk.",
    });
  }
  if (/Out of Memory|could not allocate|failed to (allocate|pin)/i.test(message)) {
    return resourceError("OUT_OF_MEMORY", `DuckDB ran out of its memory limit: ${message}`, { ...options, hint: memoryHint });
  }
  if (integerSum.test(message)) {
    return dataError("SUM_OVERFLOW", `an integer sum does not fit into int64: ${message}`, {
      ...options,
      hint: "Cast the column to float64 or decimal(38,0) before it is summed.",
    });
  }
  if (/^Out of Range Error: Overflow in .*INT/i.test(message)) {
    return dataError("INTEGER_OVERFLOW", message, { ...options, hint: "Cast to a wider type first." });
  }
  if (/^(Conversion Error|Out of Range Error)/i.test(message)) return dataError("CONVERSION_FAILED", message, options);
  if (/^(Parser|Binder|Catalog|Syntax) Error/i.test(message)) {
    if (author === "user") return planError("SQL_INVALID", message, options);
    return internalError(`DuckDB refused a query that the engine wrote: ${message}`, options);
  }
  if (/^(IO|HTTP|Permission) Error/i.test(message)) return externalError("IO_FAILED", message, options);
  if (/^Invalid Input Error/i.test(message)) return dataError("INVALID_INPUT", message, options);
  if (author === "user") return planError("SQL_FAILED", message, options);
  return internalError(`DuckDB: ${message}`, options);
}
