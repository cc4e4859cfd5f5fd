import type { ColumnRange } from "../../plan/bound.js";
import type { FileColumn } from "./parquetReadSchema.js";
import { physical } from "./parquetSchema.js";
import { binaryField, numberField, structField, structsField, type ThriftStruct } from "./parquetThrift.js";
import type { Footer } from "./parquetFooter.js";

/**
 * Smallest and largest value of the float64 columns by the statistics of every row group; a column is left out where one group does not
 * tell, or tells of no finite numbers. NaN stands outside of statistics: a column with a range may hold some.
 */
export function columnRanges(
  footers: readonly { readonly footer: Footer; readonly columns: readonly FileColumn[] }[],
): ColumnRange[] {
  const [first] = footers;
  return (first?.columns ?? []).flatMap(({ name }): ColumnRange[] => {
    let [min, max] = [Infinity, -Infinity];
    for (const { footer, columns } of footers) {
      const column = columns.find((candidate) => candidate.name === name);
      if (column === undefined || !isDouble(column)) return [];
      for (const group of footer.rowGroups) {
        const range = chunkRange(group, column.firstLeaf);
        if (range === null) return [];
        min = Math.min(min, range.min);
        max = Math.max(max, range.max);
      }
    }
    return Number.isFinite(min) && Number.isFinite(max) ? [{ name, min, max }] : [];
  });
}

const isDouble = ({ elements }: FileColumn): boolean => {
  const [element] = elements;
  return elements.length === 1 && element !== undefined && numberField(element, 1) === physical.double;
};

/** An empty range for a chunk without values; null where the chunk does not tell. */
function chunkRange(group: ThriftStruct, leaf: number): { readonly min: number; readonly max: number } | null {
  const chunk = structsField(group, 1)[leaf];
  const meta = chunk === undefined ? undefined : structField(chunk, 3);
  const statistics = meta === undefined ? undefined : structField(meta, 12);
  if (meta === undefined || statistics === undefined) return null;
  if (numberField(statistics, 3) === numberField(meta, 5)) return { min: Infinity, max: -Infinity };
  const max = doubleOf(binaryField(statistics, 5));
  const min = doubleOf(binaryField(statistics, 6));
  return min === null || max === null || !(min <= max) ? null : { min, max };
}

const doubleOf = (bytes: Uint8Array | undefined): number | null =>
  bytes?.length === 8 ? new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0, true) : null;
