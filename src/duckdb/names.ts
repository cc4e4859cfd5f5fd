import type { Schema } from "../schema/types.js";
import { quoteIdent } from "./quote.js";

/**
 * SQL names (quoted) for the columns of a schema. DuckDB compares names without case and ours are told apart by it, so a name that
 * DuckDB would take for an earlier one, or for a hidden column, gets its position behind it.
 */
export function sqlNames(schema: Schema): readonly string[] {
  const taken = new Set<string>();
  return schema.map((field, i) => {
    let name = field.name;
    while (name === "" || name.toLowerCase().startsWith("__o") || taken.has(name.toLowerCase())) name = `c${i}#${name}`;
    taken.add(name.toLowerCase());
    return quoteIdent(name);
  });
}

/** Paths in `read_parquet` are globs: characters that mean something there are put into brackets. */
export const globEscape = (path: string): string => path.replace(/[*?[]/g, (c) => `[${c}]`);
