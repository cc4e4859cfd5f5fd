import { builderFor } from "../../../src/batch/builder.js";
import type { Batch } from "../../../src/batch/column.js";
import { columnReader } from "../../../src/batch/reader.js";
import type { Schema, Value } from "../../../src/schema/types.js";

export function batchOf(of: Schema, rows: readonly (readonly Value[])[]): Batch {
  const columns = of.map((field, i) => {
    const builder = builderFor(field.type);
    for (const row of rows) builder.append(row[i] ?? null);
    return builder.finish();
  });
  return { schema: of, length: rows.length, columns, selection: null, origin: null };
}

export const rowsOf = (batch: Batch): Value[][] => {
  const readers = batch.columns.map(columnReader);
  return Array.from({ length: batch.length }, (_, row) => readers.map((read) => read(row)));
};
