import { haveOwnNames } from "../../batch/structs.js";
import type { DataType, Field } from "../../schema/types.js";

/** A value that the walker looks for in each line, or in each item of a list: a column's, that of a struct's field, or the item itself. */
export interface JsonPlace {
  readonly field: Field;
  /** Number of the pair that says where it stands. */
  readonly index: number;
  /** Index of the struct that it is a field of; -1 for a column's. */
  readonly parent: number;
  /** Places of a struct's fields; null where the value is read as a whole. */
  readonly fields: readonly JsonPlace[] | null;
  /** The place of a list's items, whose pairs are numbered on their own; null where the value is read as a whole. */
  readonly item: JsonPlace | null;
}

/** Structs and lists in one another deeper than this are read as a whole. */
const mostLevels = 8;

/** The places of a reader's columns; a struct stands before its fields. */
export function jsonPlaces(fields: readonly Field[]): readonly JsonPlace[] {
  let count = 0;
  const place = (field: Field, parent: number): JsonPlace => {
    const index = count++;
    const { type } = field;
    const open = opens(type, mostLevels);
    const inner = type.kind === "struct" && open ? type.fields.map((one) => place(one, index)) : null;
    return { field, index, parent, fields: inner, item: type.kind === "list" && open ? itemPlace(type.item) : null };
  };
  return fields.map((field) => place(field, -1));
}

const itemPlace = (type: DataType): JsonPlace | null => jsonPlaces([{ name: "item", type, nullable: true }])[0] ?? null;

/** All places in the order of their numbers; none of lists' items. */
export const everyPlace = (places: readonly JsonPlace[]): readonly JsonPlace[] =>
  places.flatMap((place) => [place, ...everyPlace(place.fields ?? [])]);

/**
 * Whether the fields of a struct, or the items of a list, can be columns. Not where two fields have one name, of which the last counts, nor where there
 * are bytes in it, which would be views on the block in an object or array that may be kept.
 */
function opens(type: DataType, levels: number): boolean {
  if (type.kind === "list") return levels > 0 && opens(type.item, levels - 1);
  if (type.kind !== "struct") return type.kind !== "binary";
  if (levels === 0 || !haveOwnNames(type.fields)) return false;
  return type.fields.every((field) => opens(field.type, levels - 1));
}
