import { type Batch, type Column, rowCount } from "../../batch/column.js";
import { compactBatch } from "../../batch/gather.js";
import { fieldColumns, fieldsOf, structColumn } from "../../batch/structs.js";
import { required } from "../../common/assert.js";
import type { Field, Schema } from "../../schema/types.js";
import { isOptional, mostLevels } from "./parquetSchema.js";

/** A leaf of the schema's tree: what has a chunk of its own in every row group. A flat column is one, and every flat field of a struct. */
export interface Leaf {
  /** The column, then the field of each struct on the way, the leaf itself last. */
  readonly path: readonly Field[];
  readonly field: Field;
  /** Where each of the path stands in its struct; the first one in the schema. */
  readonly places: readonly number[];
  /** The definition level of a value, which is how many of the path may be null. Of a null it is how many of them, from the first, are there. */
  readonly level: number;
}

/** The leaves of a schema in the order of their chunks; null where it has lists, or structs without fields, whose pages are not made here. */
export function leavesOf(schema: Schema): readonly Leaf[] | null {
  const leaves: Leaf[] = [];
  const add = (field: Field, path: readonly Field[], places: readonly number[]): boolean => {
    const { type } = field;
    if (type.kind === "list") return false;
    if (type.kind === "struct") {
      const { fields } = type;
      return fields.length > 0 && fields.every((inner, i) => add(inner, [...path, inner], [...places, i]));
    }
    const level = path.filter(isOptional).length;
    leaves.push({ path, field, places, level });
    return level <= mostLevels;
  };
  return schema.every((field, i) => add(field, [field], [i])) ? leaves : null;
}

/** The batch with a column for every field of its structs, in place of objects. */
export function withFields(batch: Batch): Batch {
  if (batch.columns.every(hasFields) || rowCount(batch) === 0) return batch;
  const live = compactBatch(batch);
  return { ...live, columns: live.columns.map(opened) };
}

const isStruct = (column: Column): boolean => column.layout === "object" && column.type.kind === "struct";

const hasFields = (column: Column): boolean => !isStruct(column) || (fieldColumns(column)?.every(hasFields) ?? false);

function opened(column: Column): Column {
  if (hasFields(column)) return column;
  return structColumn(column.type, fieldsOf(column).map(opened), column.valid, column.length);
}

/** The columns that `leaf` goes through, those of structs first. */
export function columnsTo(leaf: Leaf, columns: readonly Column[]): readonly Column[] {
  const found: Column[] = [];
  let siblings = columns;
  for (const place of leaf.places) {
    const column = required(siblings[place], "column of a leaf");
    found.push(column);
    siblings = fieldColumns(column) ?? [];
  }
  return found;
}
