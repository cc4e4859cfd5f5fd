import { globEscape } from "./names.js";
import { quoteIdent, quoteTextList } from "./quote.js";

/** A statement that decodes every value of one column of a Parquet file, and fails where one cannot be. */
export const fileColumnCheck = (file: string, column: string): string =>
  `SELECT max(hash(${quoteIdent(column)})) FROM read_parquet(${quoteTextList([globEscape(file)])}, hive_partitioning = false)`;
