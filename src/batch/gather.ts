import { assertNever } from "../common/assert.js";
import { internalError } from "../common/errors.js";
import type { Schema } from "../schema/types.js";
import { newFixed } from "./builder.js";
import { type Coded, codedColumn, codesOf } from "./coded.js";
import { type Batch, type BytesColumn, type Column, type FixedValues, type RowOrigin, rowCount } from "./column.js";
import { itemRange, listColumn, type ListItems, listItems, takenItems } from "./lists.js";
import { fieldColumns, structColumn } from "./structs.js";
import { copyBytes } from "./text.js";

/** The rows of a column that `rows` lists, in that order, in memory of their own. A row may be listed more than once. */
export function gatherColumn(column: Column, rows: Int32Array): Column {
  const coded = codesOf(column);
  // Where texts begin and end is not worked out for the rows that are left behind.
  if (coded !== null) return gatherColumn(coded.texts, gatherCodes(coded.codes, rows));
  const length = rows.length;
  const valid = gatherValid(column.valid, rows);
  const fields = fieldColumns(column)?.map((field) => gatherColumn(field, rows));
  if (fields !== undefined) return structColumn(column.type, fields, valid, length);
  const lists = listItems(column);
  if (lists !== null) return gatherLists(column, lists, rows, valid);
  switch (column.layout) {
    case "fixed":
      return { ...column, length, values: gatherFixed(column.type, column.values, rows), valid };
    case "wide": {
      const values = new BigInt64Array(length * 2);
      for (let i = 0; i < length; i++) {
        const row = rows[i] as number;
        values[i * 2] = column.values[row * 2] as bigint;
        values[i * 2 + 1] = column.values[row * 2 + 1] as bigint;
      }
      return { ...column, length, values, valid };
    }
    case "bytes":
      return { ...gatherBytes(column, rows), valid };
    case "object":
      return { ...column, length, values: Array.from(rows, (row) => column.values[row]), valid };
    default:
      return assertNever(column, "column layout");
  }
}

function gatherLists({ type, valid }: Column, own: ListItems, rows: Int32Array, gathered: Uint8Array | null): Column {
  const { bounds, taken } = takenItems(own, valid, rows);
  const { length } = rows;
  const items = gatherColumn(own.items, taken);
  return listColumn(type, { starts: bounds.subarray(0, length), ends: bounds.subarray(1), items }, gathered, length);
}

/** By the width of an element: V8 is slow where one loop meets arrays of many kinds. */
function gatherFixed(type: Column["type"], source: FixedValues, rows: Int32Array): FixedValues {
  const values = newFixed(type, rows.length);
  const { buffer, byteOffset, length } = source;
  switch (values.BYTES_PER_ELEMENT) {
    case 8:
      gatherPairs(new Int32Array(buffer, byteOffset, length * 2), rows, new Int32Array(values.buffer));
      return values;
    case 4:
      gatherWords(new Int32Array(buffer, byteOffset, length), rows, new Int32Array(values.buffer));
      return values;
    case 2:
      gatherHalves(new Int16Array(buffer, byteOffset, length), rows, new Int16Array(values.buffer));
      return values;
    default:
      gatherOctets(new Uint8Array(buffer, byteOffset, length), rows, new Uint8Array(values.buffer));
      return values;
  }
}

/** A double might lose bits of a NaN on its way, and a 64-bit integer would be a bigint each. */
function gatherPairs(from: Int32Array, rows: Int32Array, to: Int32Array): void {
  for (let i = 0; i < rows.length; i++) {
    const row = (rows[i] as number) * 2;
    to[i * 2] = from[row] as number;
    to[i * 2 + 1] = from[row + 1] as number;
  }
}

function gatherWords(from: Int32Array, rows: Int32Array, to: Int32Array): void {
  for (let i = 0; i < rows.length; i++) to[i] = from[rows[i] as number] as number;
}

function gatherHalves(from: Int16Array, rows: Int32Array, to: Int16Array): void {
  for (let i = 0; i < rows.length; i++) to[i] = from[rows[i] as number] as number;
}

function gatherOctets(from: Uint8Array, rows: Int32Array, to: Uint8Array): void {
  for (let i = 0; i < rows.length; i++) to[i] = from[rows[i] as number] as number;
}

function gatherValid(valid: Uint8Array | null, rows: Int32Array): Uint8Array | null {
  if (valid === null) return null;
  const out = new Uint8Array(rows.length);
  let nulls = 0;
  for (let i = 0; i < rows.length; i++) {
    const bit = valid[rows[i] as number] as number;
    out[i] = bit;
    nulls |= bit ^ 1;
  }
  return nulls === 0 ? null : out;
}

function gatherCodes(codes: Coded["codes"], rows: Int32Array): Int32Array {
  const places = new Int32Array(rows.length);
  if (codes instanceof Uint8Array) for (let i = 0; i < rows.length; i++) places[i] = codes[rows[i] as number] as number;
  else for (let i = 0; i < rows.length; i++) places[i] = codes[rows[i] as number] as number;
  return places;
}

function gatherBytes(column: BytesColumn, rows: Int32Array): BytesColumn {
  const { starts, ends, valid } = column;
  const length = rows.length;
  const offsets = new Int32Array(length + 1);
  let total = 0;
  for (let i = 0; i < length; i++) {
    const row = rows[i] as number;
    if (valid === null || valid[row] !== 0) total += (ends[row] as number) - (starts[row] as number);
    if (total > 0x7fff_ffff) throw internalError("a gathered column holds more than 2 GiB of bytes");
    offsets[i + 1] = total;
  }
  const bytes = new Uint8Array(total);
  for (let i = 0; i < length; i++) {
    const at = offsets[i] as number;
    const size = (offsets[i + 1] as number) - at;
    if (size === 0) continue;
    const start = starts[rows[i] as number] as number;
    copyBytes(column.bytes, start, start + size, bytes, at);
  }
  return { ...column, length, bytes, starts: offsets.subarray(0, length), ends: offsets.subarray(1, length + 1) };
}

/** The numbers from 0 on, of `length` rows. */
export function everyRow(length: number): Int32Array {
  const rows = new Int32Array(length);
  for (let i = 0; i < length; i++) rows[i] = i;
  return rows;
}

/** The live rows as a batch without a selection. Without a selection it is the batch itself; otherwise it owns its memory. */
export function compactBatch(batch: Batch): Batch {
  const { selection, origin } = batch;
  if (selection === null) return batch;
  return {
    schema: batch.schema,
    length: selection.length,
    columns: batch.columns.map((column) => gatherColumn(column, selection)),
    selection: null,
    origin: origin === null ? null : originThrough(origin, selection),
  };
}

/** The live rows in memory of their own, which stay valid whatever the reader does. Their origin is not kept: it may point into the reader. */
export function copyBatch(batch: Batch): Batch {
  const { schema, selection, length } = batch;
  if (selection === null) return { schema, length, columns: batch.columns.map(copyColumn), selection: null, origin: null };
  const columns = batch.columns.map((column) => gatherColumn(column, selection));
  return { schema, length: selection.length, columns, selection: null, origin: null };
}

/** All rows of a column in memory of their own. */
function copyColumn(column: Column): Column {
  const { length } = column;
  const valid = column.valid?.subarray(0, length).includes(0) === true ? column.valid.slice(0, length) : null;
  const fields = fieldColumns(column)?.map(copyColumn);
  if (fields !== undefined) return structColumn(column.type, fields, valid, length);
  if (listItems(column) !== null) return gatherColumn(column, everyRow(length));
  switch (column.layout) {
    case "fixed":
      return { ...column, values: column.values.slice(0, length), valid };
    case "wide":
      return { ...column, values: column.values.slice(0, length * 2), valid };
    case "bytes":
      return (valid === null ? copyOfOne(column) : null) ?? gatherColumn(column, everyRow(length));
    case "object":
      return { ...column, values: column.values.slice(0, length), valid };
    default:
      return assertNever(column, "column layout");
  }
}

/** A copy of byte strings that lie one after the other from 0 on and have their starts and ends in one array; null for any others. */
function copyOfOne(column: BytesColumn): BytesColumn | null {
  const { starts, ends, length } = column;
  if (starts.buffer !== ends.buffer || ends.byteOffset !== starts.byteOffset + 4 || starts[0] !== 0) return null;
  const bounds = new Int32Array(starts.buffer, starts.byteOffset, length + 1).slice();
  const bytes = column.bytes.slice(0, bounds[length]);
  return { ...column, bytes, starts: bounds.subarray(0, length), ends: bounds.subarray(1), valid: null };
}

/** An origin for rows that were moved: row i of the new batch is row `rows[i]` of the old one. */
export function originThrough(origin: RowOrigin, rows: Int32Array): RowOrigin {
  return {
    place: (row) => origin.place(rows[row] ?? row),
    raw: (row) => origin.raw(rows[row] ?? row),
  };
}

/** Live rows [from, to) of a batch, as views on it. */
export function sliceBatch(batch: Batch, from: number, to: number): Batch {
  const live = rowCount(batch);
  const start = Math.min(Math.max(from, 0), live);
  const end = Math.min(Math.max(to, start), live);
  if (start === 0 && end === live) return batch;
  if (batch.selection !== null) return { ...batch, selection: batch.selection.subarray(start, end) };
  const { origin } = batch;
  return {
    schema: batch.schema,
    length: end - start,
    columns: batch.columns.map((column) => sliceColumn(column, start, end)),
    selection: null,
    origin: origin === null ? null : { place: (row) => origin.place(row + start), raw: (row) => origin.raw(row + start) },
  };
}

/** Physical rows [from, to) of a column, as a view on it. */
export function sliceColumn(column: Column, from: number, to: number): Column {
  const length = to - from;
  const coded = codesOf(column);
  if (coded !== null) return codedColumn({ ...coded, codes: coded.codes.subarray(from, to) }, length);
  const valid = column.valid === null ? null : column.valid.subarray(from, to);
  const fields = fieldColumns(column)?.map((field) => sliceColumn(field, from, to));
  if (fields !== undefined) return structColumn(column.type, fields, valid, length);
  const lists = listItems(column);
  if (lists !== null) return listColumn(column.type, sliceLists(lists, valid, from, to), valid, length);
  switch (column.layout) {
    case "fixed":
      return { ...column, length, values: column.values.subarray(from, to), valid };
    case "wide":
      return { ...column, length, values: column.values.subarray(from * 2, to * 2), valid };
    case "bytes":
      return { ...column, length, starts: column.starts.subarray(from, to), ends: column.ends.subarray(from, to), valid };
    case "object":
      return { ...column, length, values: column.values.slice(from, to), valid };
    default:
      return assertNever(column, "column layout");
  }
}

/** With the items of other rows a slice would keep them alive, and make values of them where one of its own is asked for. */
function sliceLists(own: ListItems, valid: Uint8Array | null, from: number, to: number): ListItems {
  const [starts, ends] = [own.starts.subarray(from, to), own.ends.subarray(from, to)];
  const [low, high] = itemRange(starts, ends, valid);
  if (low === 0 && high === own.items.length) return { starts, ends, items: own.items };
  const items = sliceColumn(own.items, low, high);
  return low === 0 ? { starts, ends, items } : { starts: placesFrom(starts, low), ends: placesFrom(ends, low), items };
}

function placesFrom(places: Int32Array, first: number): Int32Array {
  const out = new Int32Array(places.length);
  for (let i = 0; i < places.length; i++) out[i] = (places[i] as number) - first;
  return out;
}

/** The columns at `indexes`, in that order, by reference. */
export function selectColumns(batch: Batch, indexes: readonly number[]): Batch {
  const pick = <T>(list: readonly T[]): T[] =>
    indexes.map((index) => {
      const item = list[index];
      if (item === undefined) throw internalError(`a batch of ${list.length} columns has no column ${index}`);
      return item;
    });
  const schema: Schema = pick(batch.schema);
  return { ...batch, schema, columns: pick(batch.columns) };
}
