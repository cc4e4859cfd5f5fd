import type { Column } from "../../batch/column.js";
import { structColumn } from "../../batch/structs.js";
import { decodeLeaf } from "./parquetFlat.js";
import { reached } from "./parquetFlatPages.js";
import type { FileColumn } from "./parquetReadSchema.js";
import type { ThriftStruct } from "./parquetThrift.js";
import { type Tree, treeOf } from "./parquetTree.js";

/** A column chunk: its bytes, from its first page on, and its metadata. */
export interface Chunk {
  readonly bytes: Uint8Array;
  readonly meta: ThriftStruct;
}

/** Decodes a column from the chunks of its leaves: a flat one, or a struct of such. null where parquet-wasm must; see `decodeLeaf`. */
export function decodeColumn(chunks: readonly Chunk[], { elements, leaves }: FileColumn, rows: number): Column | null {
  const tree = chunks.length === leaves ? treeOf(elements) : null;
  if (tree === null) return null;
  let next = 0;
  return decodeTree(tree, () => chunks[next++], rows)?.column ?? null;
}

interface Decoded {
  readonly column: Column;
  /** Definition levels of one of its leaves; null where that has a value in every row. Above its own level they say nothing of it. */
  readonly levels: Uint8Array | null;
}

function decodeTree(tree: Tree, next: () => Chunk | undefined, rows: number): Decoded | null {
  if (tree.fields.length === 0) {
    const chunk = next();
    const leaf = chunk === undefined ? null : decodeLeaf(chunk.bytes, chunk.meta, tree, rows);
    return leaf === null ? null : { column: leaf.column, levels: tree.level > 1 ? leaf.levels : leaf.column.valid };
  }
  const fields: Column[] = [];
  let first: Decoded | null = null;
  for (const field of tree.fields) {
    const decoded = decodeTree(field, next, rows);
    if (decoded === null) return null;
    first ??= decoded;
    // Leaves that differ in where their struct is null: whoever is asked next says so.
    if (!agree(first.levels, decoded.levels, tree.level, rows)) return null;
    fields.push(decoded.column);
  }
  const levels = first?.levels ?? null;
  const valid = levels === null || tree.level === 0 ? null : reached(levels, tree.level);
  return { column: structColumn(tree.type, fields, valid?.includes(0) === true ? valid : null, rows), levels };
}

/** Whether levels are the same up to `level`; null stands for ones that all reach it. */
function agree(a: Uint8Array | null, b: Uint8Array | null, level: number, rows: number): boolean {
  if (a === b) return true;
  for (let i = 0; i < rows; i++) {
    if (Math.min(a === null ? level : (a[i] as number), level) !== Math.min(b === null ? level : (b[i] as number), level))
      return false;
  }
  return true;
}
