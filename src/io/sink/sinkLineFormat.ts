import type { Column } from "../../batch/column.js";
import type { Schema } from "../../schema/types.js";
import type { CellWriter, TextOut } from "./sinkText.js";

/** How a format writes rows as lines. */
export interface LineFormat {
  readonly schema: Schema;
  /** What a file begins with; null for nothing. */
  readonly header: Uint8Array | null;
  /** What stands before each value. */
  readonly heads: readonly Uint8Array[];
  /** What ends a line; at most 16 bytes. */
  readonly tail: Uint8Array;
  /** What stands for null. */
  readonly none: Uint8Array;
  readonly json: boolean;
  /** Byte codes, of CSV. */
  readonly delimiter: number;
  readonly quote: number;
  /** Whether the kernel may write the values of a column, where it can. */
  takes(column: Column): boolean;
  /** A writer of the values of a column that are not null. */
  cell(column: Column, out: TextOut): CellWriter;
}
