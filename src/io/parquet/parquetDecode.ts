import type { Column } from "../../batch/column.js";
import { listColumn } from "../../batch/lists.js";
import { structColumn } from "../../batch/structs.js";
import type { ColumnRoom } from "./parquetColumnRoom.js";
import { decodeLeaf } from "./parquetFlat.js";
import { agree, listRows, type RowLevels, validOf } from "./parquetListRows.js";
import type { FileColumn } from "./parquetReadSchema.js";
import { numberField, type ThriftStruct } from "./parquetThrift.js";
import { type Tree, treeOf } from "./parquetTree.js";

/** A column chunk: its bytes, from its first page on, and its metadata. */
export interface Chunk {
  readonly bytes: Uint8Array;
  readonly meta: ThriftStruct;
}

/**
 * Decodes a column from the chunks of its leaves: a flat one, or structs and lists of such. null where parquet-wasm must; see `decodeLeaf`.
 * @param memory room for the column; null for memory of its own, which structs, lists and binary columns always have: what is made of their values
 * may be a view on it
 */
export function decodeColumn(
  chunks: readonly Chunk[],
  { elements, leaves }: FileColumn,
  rows: number,
  memory: ColumnRoom | null = null,
): Column | null {
  const tree = chunks.length === leaves ? treeOf(elements) : null;
  if (tree === null) return null;
  let next = 0;
  const isFlat = tree.item === null && tree.fields.length === 0 && tree.type.kind !== "binary";
  const column = decodeTree(tree, () => chunks[next++], rows, isFlat ? memory : null)?.column;
  return column?.length === rows ? column : null;
}

interface Decoded extends RowLevels {
  readonly column: Column;
}

/** `rows`: of the row group. In lists there are others; see `FlatColumn`. */
function decodeTree(tree: Tree, next: () => Chunk | undefined, rows: number, memory: ColumnRoom | null): Decoded | null {
  if (tree.item !== null) return decodeList(tree, tree.item, next, rows);
  return tree.fields.length > 0 ? decodeStruct(tree, next, rows) : decodeValues(tree, next(), rows, memory);
}

function decodeValues(tree: Tree, chunk: Chunk | undefined, rows: number, memory: ColumnRoom | null): Decoded | null {
  const count = chunk === undefined || tree.depth === 0 ? rows : numberField(chunk.meta, 5);
  if (chunk === undefined || count === undefined || count < 0 || count > 0x7fff_ffff) return null;
  const leaf = decodeLeaf(chunk.bytes, chunk.meta, tree, count, memory);
  if (leaf === null) return null;
  if (tree.level > 1) return leaf;
  const { column, repeats } = leaf;
  // Only a struct or a list around it asks, and a column of codes works it out then.
  return {
    column,
    get levels() {
      return column.valid;
    },
    repeats,
  };
}

function decodeStruct(tree: Tree, next: () => Chunk | undefined, rows: number): Decoded | null {
  const fields: Column[] = [];
  let first: Decoded | null = null;
  for (const field of tree.fields) {
    const decoded = decodeTree(field, next, rows, null);
    if (decoded === null) return null;
    first ??= decoded;
    // Leaves that differ in where their struct is null, or where lists begin: whoever is asked next says so.
    if (decoded.column.length !== first.column.length || !agree(first, decoded, tree.level)) return null;
    fields.push(decoded.column);
  }
  if (first === null) return null;
  const { column, levels, repeats } = first;
  return { column: structColumn(tree.type, fields, validOf(levels, tree.level), column.length), levels, repeats };
}

function decodeList(tree: Tree, item: Tree, next: () => Chunk | undefined, rows: number): Decoded | null {
  const items = decodeTree(item, next, rows, null);
  if (items === null || items.repeats === null) return null;
  const own = listRows(items.repeats, items.levels, tree.level, tree.depth);
  if (own === null) return null;
  const { starts, ends, valid, length, levels, repeats } = own;
  return { column: listColumn(tree.type, { starts, ends, items: items.column }, valid, length), levels, repeats };
}
