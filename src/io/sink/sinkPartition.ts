import type { Column } from "../../batch/column.js";
import { columnReader } from "../../batch/reader.js";
import { formatValue } from "../../functions/format.js";

/** The folder name that stands for null. */
export const hiveNull = "__HIVE_DEFAULT_PARTITION__";

/** Text as part of a folder name: everything but letters, digits and `-_.~` is percent-encoded. */
function encodePart(text: string): string {
  const encoded = encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  // A text that looks like the null name must not become it.
  return text === hiveNull ? encoded.replace("_", "%5F") : encoded;
}

/** `name=value`, with both encoded. */
export const partitionFolder = (name: string, value: string | null): string =>
  `${encodePart(name)}=${value === null ? hiveNull : encodePart(value)}`;

/** Order of partitions: value by value, null last, texts by code point. */
export function comparePartitions(a: readonly (string | null)[], b: readonly (string | null)[]): number {
  for (let i = 0; i < a.length; i++) {
    const x = a[i] ?? null;
    const y = b[i] ?? null;
    if (x === y) continue;
    if (x === null) return 1;
    if (y === null) return -1;
    return Buffer.compare(Buffer.from(x), Buffer.from(y));
  }
  return 0;
}

/** The values of a row as text, as folder names have them; null for null. */
export function partitionValues(columns: readonly Column[], row: number): (string | null)[] {
  return columns.map((column) => {
    const value = columnReader(column)(row);
    if (value === null) return null;
    if (typeof value === "string") return value;
    // -0 and 0 are one partition, as they are one group.
    return formatValue(value === 0 ? 0 : value, column.type);
  });
}
