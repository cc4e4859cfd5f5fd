import type { Column } from "../../batch/column.js";
import { fixedOf } from "./parquetFlatFixed.js";
import { flatPages } from "./parquetFlatPages.js";
import { textsColumn } from "./parquetFlatTexts.js";
import { plainValues } from "./parquetFlatValues.js";
import { leafType } from "./parquetLeafType.js";
import type { FileColumn } from "./parquetReadSchema.js";
import { physical, repetition } from "./parquetSchema.js";
import { numberField, type ThriftStruct } from "./parquetThrift.js";

/**
 * Decodes the chunk of a flat column: plain or by a dictionary, uncompressed, snappy or gzip. null for every other one and for bytes that it cannot
 * make sense of: parquet-wasm takes those, or says what is wrong with them. Loading that takes longer than to read half a million rows of a small
 * table so.
 * @param chunk the bytes of the chunk, from its first page on
 * @param meta its metadata
 */
export function decodeFlat(chunk: Uint8Array, meta: ThriftStruct, column: FileColumn, rows: number): Column | null {
  const [element, ...others] = column.elements;
  const type = element === undefined || others.length > 0 ? null : leafType(element);
  if (element === undefined || type === null) return null;
  const isText = type.kind === "utf8" || type.kind === "binary";
  const read = isText ? null : plainValues(element, type);
  if (!isText && read === null) return null;
  const levels = numberField(element, 3) !== repetition.required;
  const runs = type.kind === "bool";
  const pages = flatPages(chunk, numberField(meta, 4) ?? 0, levels, runs, rows);
  if (pages === null) return null;
  if (read !== null) return fixedOf(type, read, pages, rows);
  const size = numberField(element, 1) === physical.fixedLenByteArray ? numberField(element, 2) : 0;
  return size === undefined ? null : textsColumn(type, size, pages, rows);
}
