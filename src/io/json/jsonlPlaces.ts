import type { DataType, Field } from "../../schema/types.js";

/** A value that the walker looks for in each line: a column's, or that of a struct's field. */
export interface JsonPlace {
  readonly field: Field;
  /** Number of the pair that says where it stands. */
  readonly index: number;
  /** Index of the struct that it is a field of; -1 for a column's. */
  readonly parent: number;
  /** Places of a struct's fields; null where the value is read as a whole. */
  readonly fields: readonly JsonPlace[] | null;
}

/** Structs in structs deeper than this are read as a whole. */
const mostLevels = 8;

/** The places of a reader's columns; a struct stands before its fields. */
export function jsonPlaces(fields: readonly Field[]): readonly JsonPlace[] {
  let count = 0;
  const place = (field: Field, parent: number): JsonPlace => {
    const index = count++;
    const { type } = field;
    const inner = type.kind === "struct" && opens(type, mostLevels) ? type.fields.map((one) => place(one, index)) : null;
    return { field, index, parent, fields: inner };
  };
  return fields.map((field) => place(field, -1));
}

/** All places in the order of their numbers. */
export const everyPlace = (places: readonly JsonPlace[]): readonly JsonPlace[] =>
  places.flatMap((place) => [place, ...everyPlace(place.fields ?? [])]);

/**
 * Whether the fields of a struct can be columns. Not where two have one name, of which the last counts, nor those that the kernels do not read:
 * lists, and bytes, which would be views on the block in an object that may be kept.
 */
function opens(type: DataType, levels: number): boolean {
  if (type.kind !== "struct") return type.kind !== "list" && type.kind !== "binary";
  const names = new Set(type.fields.map((field) => field.name));
  if (levels === 0 || names.size < type.fields.length || names.has("__proto__")) return false;
  return type.fields.every((field) => opens(field.type, levels - 1));
}
