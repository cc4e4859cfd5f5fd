import type { Column } from "./column.js";
import { itemsOf, listColumn, listItems } from "./lists.js";
import { fieldColumns, fieldsOf, structColumn } from "./structs.js";

/** Whether a column has columns for all fields of its structs and the items of its lists. */
export function isOpened(column: Column): boolean {
  if (column.layout !== "object") return true;
  const inner = column.type.kind === "list" ? listItems(column) : fieldColumns(column);
  return inner !== null && ("items" in inner ? isOpened(inner.items) : inner.every(isOpened));
}

/** The column with such columns, in place of objects and arrays. */
export function opened(column: Column): Column {
  const { type, valid, length } = column;
  if (isOpened(column)) return column;
  if (type.kind !== "list") return structColumn(type, fieldsOf(column).map(opened), valid, length);
  const own = itemsOf(column);
  return listColumn(type, { ...own, items: opened(own.items) }, valid, length);
}
