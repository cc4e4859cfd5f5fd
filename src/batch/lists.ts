import { internalError } from "../common/errors.js";
import type { DataType, Value } from "../schema/types.js";
import { builderFor } from "./builder.js";
import { type Column, lazyColumn, type ObjectColumn } from "./column.js";
import { columnReader } from "./reader.js";

/** Where the items of each row stand: row i has those from `starts[i]` to before `ends[i]`. Anything may stand at a row that is null. */
export interface ListItems {
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly items: Column;
}

// Beside the columns, not in them, as with the fields of structs.
const known = new WeakMap<object, ListItems>();

/** The items of a column that `listColumn` made; null for every other one. */
export const listItems = (column: object): ListItems | null => known.get(column) ?? null;

/**
 * A list column of `length` rows by the column of its items, of which rows may leave some out, share some and have them in any order. Arrays are made
 * when somebody asks for them: a step that goes by the items does without.
 */
export function listColumn(type: DataType, own: ListItems, valid: Uint8Array | null, length: number): ObjectColumn {
  if (type.kind !== "list") throw internalError(`a column of ${type.kind} has no items`);
  const column = lazyColumn(type, length, valid, () => arrayReader(own));
  known.set(column, own);
  return column;
}

/** The items of a list column: those that it was made of, or new ones of its arrays. */
export function itemsOf(column: Column): ListItems {
  const { type, length, valid } = column;
  if (type.kind !== "list" || column.layout !== "object") throw internalError(`a column of ${type.kind} has no items`);
  const own = listItems(column);
  if (own !== null) return own;
  const items = builderFor(type.item, length);
  const bounds = new Int32Array(length + 1);
  for (let row = 0; row < length; row++) {
    if (valid === null || valid[row] !== 0) for (const item of column.values[row] as readonly Value[]) items.append(item);
    bounds[row + 1] = items.length;
  }
  return { starts: bounds.subarray(0, length), ends: bounds.subarray(1), items: items.finish() };
}

function arrayReader({ starts, ends, items }: ListItems): (row: number) => Value[] {
  const read = columnReader(items);
  return (row) => {
    const array: Value[] = [];
    for (let i = starts[row] as number; i < (ends[row] as number); i++) array.push(read(i));
    return array;
  };
}

/** From which item on, and before which one, the lists stand. */
export function itemRange(starts: Int32Array, ends: Int32Array, valid: Uint8Array | null): readonly [from: number, to: number] {
  let [from, to] = [0x7fff_ffff, 0];
  for (let row = 0; row < starts.length; row++) {
    const start = starts[row] as number;
    const end = ends[row] as number;
    if (start >= end || (valid !== null && valid[row] === 0)) continue;
    if (start < from) from = start;
    if (end > to) to = end;
  }
  return to === 0 ? [0, 0] : [from, to];
}

/** Which items the lists of `rows` have, one row's after the other's, and between which `bounds` those of each row stand then. */
export function takenItems(
  own: Pick<ListItems, "starts" | "ends">,
  valid: Uint8Array | null,
  rows: Int32Array,
): { readonly bounds: Int32Array; readonly taken: Int32Array } {
  const bounds = new Int32Array(rows.length + 1);
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as number;
    const count = valid === null || valid[row] !== 0 ? (own.ends[row] as number) - (own.starts[row] as number) : 0;
    bounds[i + 1] = (bounds[i] as number) + count;
  }
  const taken = new Int32Array(bounds[rows.length] as number);
  for (let i = 0; i < rows.length; i++) {
    const end = bounds[i + 1] as number;
    let item = own.starts[rows[i] as number] as number;
    for (let at = bounds[i] as number; at < end; at++) taken[at] = item++;
  }
  return { bounds, taken };
}
