import { type DataType, types } from "../../schema/types.js";
import { leafType } from "./parquetLeafType.js";
import { repetition } from "./parquetSchema.js";
import { numberField, textField, type ThriftStruct } from "./parquetThrift.js";

/** A column of a file, or a field of a struct, by its schema elements. */
export interface Tree {
  readonly name: string;
  readonly type: DataType;
  readonly nullable: boolean;
  readonly element: ThriftStruct;
  /** Its definition level: how many on the way to it may be null, itself included. */
  readonly level: number;
  /** Of a struct its fields; empty for a leaf. */
  readonly fields: readonly Tree[];
}

/** Deeper schemas are the other decoder's. */
const deepest = 64;

/** The column that the elements describe; null where the decoder must be asked about it: lists, maps, and annotations that are not known here. */
export function treeOf(elements: readonly ThriftStruct[]): Tree | null {
  let next = 0;
  const read = (above: number, depth: number): Tree | null => {
    const element = elements[next++];
    const repeats = element === undefined ? undefined : numberField(element, 3);
    if (element === undefined || repeats === repetition.repeated || depth > deepest) return null;
    const nullable = repeats !== repetition.required;
    const level = above + (nullable ? 1 : 0);
    const common = { name: textField(element, 4) ?? "", nullable, element, level };
    const count = numberField(element, 5) ?? 0;
    if (count === 0) {
      const type = leafType(element);
      return type === null ? null : { ...common, type, fields: [] };
    }
    if (element.has(1) || element.has(6) || element.has(10)) return null;
    const fields: Tree[] = [];
    for (let i = 0; i < count; i++) {
      const field = read(level, depth + 1);
      if (field === null) return null;
      fields.push(field);
    }
    const names = new Set(fields.map((field) => field.name));
    // As properties of an object, and by their names, these are not what they are by their places.
    if (names.size < count || names.has("__proto__")) return null;
    const type = types.struct(fields.map((field) => ({ name: field.name, type: field.type, nullable: field.nullable })));
    return { ...common, type, fields };
  };
  const tree = read(0, 0);
  return next === elements.length ? tree : null;
}
