import { type Batch, rowCount } from "../../batch/column.js";
import { compactBatch } from "../../batch/gather.js";
import { isOpened, opened } from "../../batch/opened.js";
import { configError } from "../../common/errors.js";
import type { Field, Schema } from "../../schema/types.js";
import { isOptional, itemField, mostLevels } from "./parquetSchema.js";

/** A leaf of the schema's tree: what has a chunk of its own in every row group. A flat column is one, and every flat field of a struct or of a list's items. */
export interface Leaf {
  /** The column, then on the way the field of each struct and the item of each list, the leaf itself last. */
  readonly path: readonly Field[];
  readonly field: Field;
  /** Where each of the path stands in its struct; the first one in the schema. 0 for an item. */
  readonly places: readonly number[];
  /**
   * The definition level of a value, which is how many of the path may be null or a list without items. Of a null it is how many of those, from the
   * first, are there.
   */
  readonly level: number;
  /** The most that a repetition level can be: the lists on the way. */
  readonly lists: number;
}

/**
 * The leaves of a schema in the order of their chunks.
 * @throws MillraceError Config/UNSUPPORTED_TYPE for structs without fields, which the format does not know, and for more levels than it is written with
 */
export function leavesOf(schema: Schema): readonly Leaf[] {
  const leaves: Leaf[] = [];
  const add = (field: Field, path: readonly Field[], places: readonly number[]): void => {
    const { type } = field;
    if (type.kind === "list") {
      add(itemField(type), [...path, itemField(type)], [...places, 0]);
      return;
    }
    if (type.kind === "struct") {
      if (type.fields.length === 0) throw notStored(path, "a struct without fields");
      for (const [i, inner] of type.fields.entries()) add(inner, [...path, inner], [...places, i]);
      return;
    }
    const lists = path.filter((one) => one.type.kind === "list").length;
    const level = path.filter(isOptional).length + lists;
    if (level > mostLevels) throw notStored(path, `nested in more than ${mostLevels} levels`);
    leaves.push({ path, field, places, level, lists });
  };
  for (const [i, field] of schema.entries()) add(field, [field], [i]);
  return leaves;
}

function notStored(path: readonly Field[], what: string) {
  const column = path[0]?.name ?? "";
  return configError(
    "UNSUPPORTED_TYPE",
    `column ${JSON.stringify(column)} is, or holds, ${what}, which Parquet files cannot hold`,
    {
      column,
      hint: "Leave the column out. Rows that wait between two stages are in such files, too.",
    },
  );
}

/** The batch with a column for every field of its structs and the items of its lists, in place of objects. */
export function withLeaves(batch: Batch): Batch {
  if (batch.columns.every(isOpened) || rowCount(batch) === 0) return batch;
  const live = compactBatch(batch);
  return { ...live, columns: live.columns.map(opened) };
}
