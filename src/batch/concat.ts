import { assertNever, required } from "../common/assert.js";
import type { MillraceError } from "../common/errors.js";
import { builderFor, newFixed } from "./builder.js";
import type { BytesColumn, Column, FixedColumn, ObjectColumn, WideColumn } from "./column.js";
import { listColumn, type ListItems, listItems } from "./lists.js";
import { fieldColumns, structColumn } from "./structs.js";

type DataType = Column["type"];

/**
 * One column of the rows of several, one after the other, in memory of its own where they are more than one.
 * @throws what `tooLong` gives where its texts have more than 2 GiB
 */
export function concatColumn(type: DataType, parts: readonly Column[], tooLong: () => MillraceError): Column {
  const [first] = parts;
  if (first === undefined) return builderFor(type, 0).finish();
  if (parts.length === 1) return first;
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const valid = concatValid(parts, length);
  const { layout } = first;
  switch (layout) {
    case "fixed":
      return concatFixed(type, parts as readonly FixedColumn[], length, valid);
    case "wide":
      return concatWide(type, parts as readonly WideColumn[], length, valid);
    case "bytes":
      return concatBytes(type, parts as readonly BytesColumn[], length, valid, tooLong);
    case "object":
      return concatObjects(type, parts as readonly ObjectColumn[], length, valid, tooLong);
    default:
      return assertNever(layout, "column layout");
  }
}

/** The validity of all rows; null where none of them is null. */
function concatValid(parts: readonly Column[], length: number): Uint8Array | null {
  if (parts.every((part) => part.valid === null)) return null;
  const valid = new Uint8Array(length).fill(1);
  let at = 0;
  for (const part of parts) {
    if (part.valid !== null) valid.set(part.valid.subarray(0, part.length), at);
    at += part.length;
  }
  return valid;
}

function concatFixed(type: DataType, parts: readonly FixedColumn[], length: number, valid: Uint8Array | null): FixedColumn {
  const values = newFixed(type, length) as Float64Array;
  let at = 0;
  for (const part of parts) {
    values.set(part.values as Float64Array, at);
    at += part.length;
  }
  return { layout: "fixed", type, length, values, valid };
}

function concatWide(type: DataType, parts: readonly WideColumn[], length: number, valid: Uint8Array | null): WideColumn {
  const values = new BigInt64Array(length * 2);
  let at = 0;
  for (const part of parts) {
    values.set(part.values, at);
    at += part.length * 2;
  }
  return { layout: "wide", type, length, values, valid };
}

function concatBytes(
  type: DataType,
  parts: readonly BytesColumn[],
  length: number,
  valid: Uint8Array | null,
  tooLong: () => MillraceError,
): BytesColumn {
  // A slice has all bytes of the column that it is of.
  const ranges = parts.map(textRange);
  const total = ranges.reduce((sum, [from, to]) => sum + to - from, 0);
  if (total > 0x7fff_ffff) throw tooLong();
  const bytes = new Uint8Array(total);
  const starts = new Int32Array(length);
  const ends = new Int32Array(length);
  let at = 0;
  let row = 0;
  for (const [i, part] of parts.entries()) {
    const [from, to] = required(ranges[i], "range");
    bytes.set(part.bytes.subarray(from, to), at);
    moved(part.starts, part.length, at - from, starts, row);
    moved(part.ends, part.length, at - from, ends, row);
    row += part.length;
    at += to - from;
  }
  return { layout: "bytes", type, length, bytes, starts, ends, valid };
}

/** The bytes that the texts lie in, empty ones too. */
function textRange({ starts, ends, length, bytes }: BytesColumn): readonly [from: number, to: number] {
  let [from, to] = [bytes.length, 0];
  for (let i = 0; i < length; i++) {
    const [start, end] = [starts[i] as number, ends[i] as number];
    if (start < from) from = start;
    if (end > to) to = end;
  }
  // Anything may stand at a row that is null.
  from = Math.max(0, from);
  return [from, Math.max(from, Math.min(to, bytes.length))];
}

/** A function of its own: what V8 compiles for a long loop is the whole function around it. */
function moved(places: Int32Array, length: number, by: number, out: Int32Array, at: number): void {
  for (let i = 0; i < length; i++) out[at + i] = (places[i] as number) + by;
}

function concatObjects(
  type: DataType,
  parts: readonly ObjectColumn[],
  length: number,
  valid: Uint8Array | null,
  tooLong: () => MillraceError,
): Column {
  const fields = parts.map(fieldColumns).filter((own) => own !== null);
  if (type.kind === "struct" && fields.length === parts.length) {
    const joined = type.fields.map((field, k) =>
      concatColumn(
        field.type,
        fields.map((own) => required(own[k], `field ${k}`)),
        tooLong,
      ),
    );
    return structColumn(type, joined, valid, length);
  }
  const lists = parts.map(listItems).filter((own) => own !== null);
  if (type.kind === "list" && lists.length === parts.length) {
    const items = concatColumn(
      type.item,
      lists.map((own) => own.items),
      tooLong,
    );
    return listColumn(type, { ...joinedBounds(parts, lists, length), items }, valid, length);
  }
  return { layout: "object", type, length, values: parts.flatMap((part) => part.values), valid };
}

/** Where the items of all rows stand once those of the parts stand one part's behind the other's. */
function joinedBounds(parts: readonly Column[], lists: readonly ListItems[], length: number): Pick<ListItems, "starts" | "ends"> {
  const starts = new Int32Array(length);
  const ends = new Int32Array(length);
  let row = 0;
  let item = 0;
  for (const [i, own] of lists.entries()) {
    const rows = required(parts[i], "part").length;
    moved(own.starts, rows, item, starts, row);
    moved(own.ends, rows, item, ends, row);
    row += rows;
    item += own.items.length;
  }
  return { starts, ends };
}
