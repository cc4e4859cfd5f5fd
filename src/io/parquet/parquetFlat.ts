import type { Column } from "../../batch/column.js";
import { fixedOf } from "./parquetFlatFixed.js";
import { type FlatPage, flatPages } from "./parquetFlatPages.js";
import { textsColumn } from "./parquetFlatTexts.js";
import { plainValues } from "./parquetFlatValues.js";
import { physical } from "./parquetSchema.js";
import { numberField, type ThriftStruct } from "./parquetThrift.js";
import type { Tree } from "./parquetTree.js";

/** A decoded leaf. */
export interface DecodedLeaf {
  readonly column: Column;
  readonly pages: readonly FlatPage[];
}

/**
 * Decodes the chunk of a leaf, unless a codec or an encoding is not known here. null for such and for bytes that it cannot make sense of: parquet-wasm
 * takes those, or says what is wrong with them. Loading that takes longer than to read half a million rows of a small table so.
 * @param chunk the bytes of the chunk, from its first page on
 * @param meta its metadata
 */
export function decodeLeaf(
  chunk: Uint8Array,
  meta: ThriftStruct,
  { element, type, level }: Tree,
  rows: number,
): DecodedLeaf | null {
  const isText = type.kind === "utf8" || type.kind === "binary";
  const read = isText ? null : plainValues(element, type);
  if (!isText && read === null) return null;
  const stored = numberField(element, 1) ?? -1;
  const size = stored === physical.fixedLenByteArray ? numberField(element, 2) : 0;
  if (size === undefined) return null;
  const pages = flatPages(chunk, { codec: numberField(meta, 4) ?? 0, level, physical: stored, size }, rows);
  if (pages === null) return null;
  const column = read === null ? textsColumn(type, size, pages, rows) : fixedOf(type, read, pages, rows);
  return column === null ? null : { column, pages };
}
