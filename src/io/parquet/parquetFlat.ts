import { withKernels } from "../../kernels/kernelRoom.js";
import type { ColumnRoom } from "./parquetColumnRoom.js";
import { fixedOf } from "./parquetFlatFixed.js";
import type { FlatColumn } from "./parquetFlatPages.js";
import { textsColumn } from "./parquetFlatTexts.js";
import { plainValues } from "./parquetFlatValues.js";
import { type PageHead, pageHeads } from "./parquetPageHeads.js";
import { physical } from "./parquetSchema.js";
import { numberField, type ThriftStruct } from "./parquetThrift.js";
import type { Tree } from "./parquetTree.js";

/**
 * Decodes the chunk of a leaf, unless a codec or an encoding is not known here. null for such and for bytes that it cannot make sense of: parquet-wasm
 * takes those, or says what is wrong with them. Loading that takes longer than to read half a million rows of a small table so.
 * @param chunk the bytes of the chunk, from its first page on
 * @param meta its metadata
 * @param rows as many as its pages have; see `FlatColumn`
 * @param memory room for the column; null for memory of its own
 */
export function decodeLeaf(
  chunk: Uint8Array,
  meta: ThriftStruct,
  { element, type, level, depth }: Tree,
  rows: number,
  memory: ColumnRoom | null = null,
): FlatColumn | null {
  const isText = type.kind === "utf8" || type.kind === "binary";
  const read = isText ? null : plainValues(element, type);
  if (!isText && read === null) return null;
  const stored = numberField(element, 1) ?? -1;
  const size = stored === physical.fixedLenByteArray ? numberField(element, 2) : 0;
  if (size === undefined) return null;
  const form = { codec: numberField(meta, 4) ?? 0, level, depth, physical: stored, size };
  const heads = pageHeads(chunk, form, rows);
  if (heads === null) return null;
  return withKernels(Math.max(0, ...heads.map(roomOf)), "a large page of Parquet", (kernels) => {
    const pages = { heads, form, kernels, memory };
    return read === null ? textsColumn(type, size, pages, rows) : fixedOf(type, read, pages, rows);
  });
}

/** About the bytes of kernel memory that a page needs: as it is stored, unpacked, and for each row its levels, place and value. */
const roomOf = ({ packed, size, rows }: PageHead): number => packed.length + size + rows * 22;
