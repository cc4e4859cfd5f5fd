import { internalError } from "../common/errors.js";
import type { DataType, Field, Value } from "../schema/types.js";
import { builderFor } from "./builder.js";
import { type Column, lazyColumn, type ObjectColumn } from "./column.js";
import { listColumn, listItems } from "./lists.js";
import { columnReader } from "./reader.js";

// Beside the columns, not in them, as with codes: whoever makes a column of another one must not take over its fields unseen.
const known = new WeakMap<object, readonly Column[]>();

/** The columns of a struct's fields, in their order, for a column that `structColumn` made; null for every other one. */
export const fieldColumns = (column: object): readonly Column[] | null => known.get(column) ?? null;

/**
 * A struct column of `length` rows by its fields, each of which is null wherever the struct is. Objects are made when somebody asks for them: a step
 * that goes by the fields does without.
 */
export function structColumn(type: DataType, fields: readonly Column[], valid: Uint8Array | null, length: number): ObjectColumn {
  if (type.kind !== "struct") throw internalError(`a column of ${type.kind} has no fields`);
  const names = type.fields.map((field) => field.name);
  const column = lazyColumn(type, length, valid, () => objectReader(names, fields));
  known.set(column, fields);
  return column;
}

/** The columns of a struct's fields: those that it was made of, or new ones of its objects' values. */
export function fieldsOf(column: Column): readonly Column[] {
  const { type, length, valid } = column;
  if (type.kind !== "struct" || column.layout !== "object") throw internalError(`a column of ${type.kind} has no fields`);
  return fieldColumns(column) ?? type.fields.map((field) => builtField(field, column.values, valid, length));
}

/** Whether the fields of a struct can be columns: where two have one name, or one that objects have of their own, they are not what their places say. */
export function haveOwnNames(fields: readonly Pick<Field, "name">[]): boolean {
  const names = new Set(fields.map((field) => field.name));
  return names.size === fields.length && !names.has("__proto__");
}

/** The column with null wherever `valid` is 0, as the field of a struct that is null there. */
export function nullWhere(column: Column, valid: Uint8Array | null): Column {
  if (valid === null) return column;
  const { type, length } = column;
  const both = valid.slice(0, length);
  if (column.valid !== null)
    for (let row = 0; row < length; row++) both[row] = (both[row] as number) & (column.valid[row] as number);
  const fields = fieldColumns(column)?.map((field) => nullWhere(field, both));
  if (fields !== undefined) return structColumn(type, fields, both, length);
  const lists = listItems(column);
  return lists === null ? { ...column, valid: both } : listColumn(type, lists, both, length);
}

function builtField({ name, type }: Field, values: readonly unknown[], valid: Uint8Array | null, length: number): Column {
  const builder = builderFor(type, length);
  for (let row = 0; row < length; row++) {
    const isNull = valid !== null && valid[row] === 0;
    builder.append(isNull ? null : ((values[row] as { readonly [name: string]: Value })[name] ?? null));
  }
  return builder.finish();
}

function objectReader(names: readonly string[], fields: readonly Column[]): (row: number) => unknown {
  const readers = fields.map(columnReader);
  return (row) => {
    const object: { [name: string]: unknown } = {};
    for (let k = 0; k < names.length; k++) object[names[k] as string] = readers[k]?.(row) ?? null;
    return object;
  };
}
